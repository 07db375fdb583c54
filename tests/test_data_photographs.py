"""CelebA and Stanford Dogs from local files: forms, splits, attributes, and the cache of decoded pictures."""

import os
import zipfile
from itertools import chain

import numpy as np
import pytest
import torch
from photographs import ATTRIBUTES, number_of, picture, write_celeba, write_dogs, write_partition

from vae_course.data.images import DataError
from vae_course.data.loading import load
from vae_course.data.own_images import decode

SPLITS = ("train", "validation", "test")


@pytest.fixture(autouse=True)
def caches(monkeypatch):
    monkeypatch.delenv("VAE_COURSE_CACHE", raising=False)


def local(name, split="train", root=None, **more):
    return load(name, split, root=root, download=False, **more)


@pytest.mark.parametrize("form", ["official", "own"])
@pytest.mark.parametrize("archive", [True, False])
def test_celeba_in_every_form_gives_the_same_pictures_attributes_and_parts(tmp_path, form, archive):
    write_celeba(tmp_path, form=form, archive=archive)
    seen = []
    for split in SPLITS:
        data = local("celeba", split, tmp_path)
        assert data.shape == (3, 64, 64) and data.labels is None and data.attribute_names == ATTRIBUTES
        numbers = number_of(data.images)
        assert data.attribute("Smiling").tolist() == [i >> 1 & 1 for i in numbers]
        assert data.attribute("Young").tolist() == [i >> 2 & 1 for i in numbers]
        seen.append({i // 3 for i in numbers})  # people
        assert len(numbers) == 3 * len(seen[-1])  # all pictures of a person together
    assert not (seen[0] & seen[1] or seen[0] & seen[2] or seen[1] & seen[2])
    assert sorted(seen[0] | seen[1] | seen[2]) == list(range(20))
    assert len(seen[0]) > 10 and [len(s) for s in seen[1:]] == [4, 2]  # the same in every form
    both = local("celeba", "train+validation", tmp_path)
    assert len(both) == 3 * (len(seen[0]) + len(seen[1]))


def test_the_official_parts_are_used_when_pictures_of_all_three_are_there(tmp_path):
    folder = write_celeba(tmp_path, 60)
    write_partition(folder, [0] * 30 + [1] * 12 + [2] * 18)
    assert [number_of(local("celeba", s, tmp_path).images) for s in SPLITS] == [
        list(range(30)),
        list(range(30, 42)),
        list(range(42, 60)),
    ]
    write_partition(folder, [0] * 60)  # only the training part was copied: divide by person
    assert 30 < len(local("celeba", "train", tmp_path)) < 60


def test_celeba_without_identities_or_parts_is_refused(tmp_path):
    folder = write_celeba(tmp_path)
    (folder / "identity_CelebA.txt").unlink()
    with pytest.raises(DataError, match=r"who is on each picture.*identity_CelebA\.txt"):
        local("celeba", root=tmp_path)


def test_celeba_tables_that_do_not_fit_are_sentences(tmp_path):
    folder = write_celeba(tmp_path, form="own")
    table = folder / "attributes.csv"
    good = table.read_text()
    table.write_text(good.replace("0000", "1111"))
    with pytest.raises(DataError, match="do not belong together"):
        local("celeba", root=tmp_path)
    table.write_text(good.replace(",1,", ",yes,"))
    with pytest.raises(DataError, match="is damaged: expected 1 and 0"):
        local("celeba", root=tmp_path)
    table.write_text(good + "000061.png,1\n")
    with pytest.raises(DataError, match="is not a table of pictures"):
        local("celeba", root=tmp_path)


def test_an_unknown_attribute_names_the_known_ones(tmp_path):
    write_celeba(tmp_path)
    with pytest.raises(DataError, match=r"has no attribute 'smiling'.*Smiling"):
        local("celeba", root=tmp_path).attribute("smiling")


@pytest.mark.parametrize("form", ["tar", "folder", "zip", "own"])
def test_dogs_in_every_form_give_the_same_pictures_and_breeds(tmp_path, form):
    write_dogs(tmp_path, form)
    everything = []
    for split in SPLITS:
        data = local("stanford_dogs", split, tmp_path)
        numbers = number_of(data.images)
        names = [data.class_names[label] for label in data.labels]
        breeds = ("chihuahua", "maltese_dog", "african_hunting_dog")
        expected = ["unknown" if form == "own" and i % 5 == 0 else breeds[i % 3] for i in numbers]
        assert names == expected
        assert data.class_names == (*sorted(breeds), *(["unknown"] if form == "own" else []))
        everything.append(numbers)
    assert sorted(chain(*everything)) == list(range(60))
    assert [len(part) for part in everything] == [
        46,
        5,
        9,
    ]  # the file names decide, so in every form the same


def test_a_part_without_pictures_is_a_sentence(tmp_path):
    write_dogs(tmp_path, "folder", n=2)
    with pytest.raises(DataError, match=r"part of .* is empty: 2 pictures are too few"):
        [local("stanford_dogs", split, tmp_path) for split in SPLITS]


def test_decoding_cuts_a_square_out_of_the_middle():
    pixels = decode(picture(3), 64, share=148 / 178)
    assert pixels.shape == (3, 64, 64) and (pixels[1] == 0).all()  # no green frame
    assert decode(picture(3), 148, share=148 / 178)[0].min() == 13
    whole = decode(picture(3, kind="JPEG"), 64)
    assert whole.dtype == np.uint8 and abs(int(whole[0].mean()) - 13) < 3


def test_the_second_load_opens_no_picture(tmp_path, monkeypatch, capsys):
    write_dogs(tmp_path, "zip")
    first = local("stanford_dogs", root=tmp_path)
    assert "decoding 60 pictures, once" in capsys.readouterr().err
    monkeypatch.setattr("vae_course.data.own_images.decode", None)  # calling it would fail
    again = local("stanford_dogs", root=tmp_path)
    assert torch.equal(first.images, again.images) and capsys.readouterr().err == ""
    again.images.zero_()  # the file keeps what was decoded
    assert torch.equal(first.images, local("stanford_dogs", root=tmp_path).images)


def test_the_cache_is_made_anew_when_pictures_change_or_it_is_damaged(tmp_path):
    folder = write_dogs(tmp_path, "folder")
    before = local("stanford_dogs", "train+validation", tmp_path)
    (folder / "Images/n02085936-Maltese_dog/new.png").write_bytes(picture(77, 160, 120))
    parts = [number_of(local("stanford_dogs", s, tmp_path).images) for s in SPLITS]
    assert 77 in chain(*parts) and len(list(chain(*parts))) == 61
    caches = sorted((tmp_path / "cache").iterdir(), key=os.path.getmtime)
    assert len(caches) == 2
    for cache in caches:
        cache.write_bytes(cache.read_bytes()[:-1])
    assert [number_of(local("stanford_dogs", s, tmp_path).images) for s in SPLITS] == parts
    assert len(before) > 40


def test_an_interruption_leaves_no_half_cache(tmp_path, monkeypatch):
    write_dogs(tmp_path, "zip")
    calls = iter(range(100))

    def stop(*arguments, **more):
        if next(calls) == 30:
            raise KeyboardInterrupt
        return np.zeros((3, 64, 64), np.uint8)

    monkeypatch.setattr("vae_course.data.own_images.decode", stop)
    with pytest.raises(KeyboardInterrupt):
        local("stanford_dogs", root=tmp_path)
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_damaged_picture_is_named(tmp_path):
    folder = write_dogs(tmp_path, "folder")
    bad = folder / "Images/n02085936-Maltese_dog/n00001.png"
    bad.write_bytes(bad.read_bytes()[:60])
    with pytest.raises(DataError, match=r"n00001\.png in .* is not a whole picture.*fetch it anew"):
        local("stanford_dogs", root=tmp_path)


def test_a_damaged_archive_is_a_sentence(tmp_path):
    folder = write_dogs(tmp_path, "zip")
    archive = folder / "archive.zip"
    archive.write_bytes(archive.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"archive\.zip cannot be opened.*fetch it anew"):
        local("stanford_dogs", root=tmp_path)


def test_the_cache_lies_beside_the_data_or_where_one_may_write(tmp_path, monkeypatch):
    def cached():
        local("stanford_dogs", root=tmp_path / "data")
        return [path.parent for path in tmp_path.rglob("*.npy")]

    write_dogs(tmp_path / "data", "zip")
    monkeypatch.setenv("HOME", str(tmp_path / "own"))
    (tmp_path / "data").chmod(0o555)
    assert cached() == [tmp_path / "own" / ".cache" / "vae_course"]
    (tmp_path / "data").chmod(0o755)
    assert sorted(cached()) == [tmp_path / "data" / "cache", tmp_path / "own" / ".cache" / "vae_course"]
    monkeypatch.setenv("VAE_COURSE_CACHE", str(tmp_path / "chosen"))
    assert tmp_path / "chosen" in cached()


def test_no_room_is_a_sentence(tmp_path, monkeypatch):
    write_dogs(tmp_path, "zip")
    (tmp_path / "file").touch()
    monkeypatch.setenv("VAE_COURSE_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(
        DataError, match=r"cannot write the decoded pictures to .*: 1 MB are needed; make room"
    ):
        local("stanford_dogs", root=tmp_path)


def test_the_real_faces(data_root):
    data = [load("celeba", split, root=data_root, download=False) for split in SPLITS]
    assert sum(map(len, data)) in (9_499, 202_599) and data[0].shape == (3, 64, 64)
    smiling = torch.cat([d.attribute("Smiling") for d in data]).float().mean()
    assert abs(smiling - 0.48) < 0.01 and len(data[0].attribute_names) == 40


def test_the_real_dogs(data_root):
    data = [load("stanford_dogs", split, root=data_root, download=False) for split in SPLITS]
    assert sum(map(len, data)) in (1_800, 20_580)
    assert len([name for name in data[0].class_names if name != "unknown"]) == 120


def test_cifar_from_folders_in_an_archive(tmp_path):
    (tmp_path / "cifar10").mkdir()
    with zipfile.ZipFile(tmp_path / "cifar10" / "some.zip", "w") as archive:
        for part, n in (("train", 20), ("test", 3)):
            for i in range(n):
                kind = "cat" if i % 2 else "airplane"
                archive.writestr(f"{part}/{kind}/{i:04d}.png", picture(i, 32, 32))
    parts = {split: local("cifar10", split, tmp_path) for split in (*SPLITS, "train+validation")}
    assert [len(data) for data in parts.values()] == [18, 2, 3, 20]
    train, validation, test, both = (set(number_of(data.images)) for data in parts.values())
    assert not train & validation and train | validation == both == set(range(20)) and test == {0, 1, 2}
    data = parts["test"]
    assert data.shape == (3, 32, 32) and data.class_names == ("airplane", "cat")
    assert data.labels.tolist() == [number % 2 for number in number_of(data.images)]
