"""Downloads of CelebA and Stanford Dogs from a local server: refusals word for word, broken downloads."""

import hashlib
import sys
from pathlib import Path

import pytest
from failing_server import files_below, patience
from photographs import dog_files, dog_tar, number_of, write_celeba

from vae_course.data.images import DataError
from vae_course.data.loading import load
from vae_course.data.photographs import LISTS, NEEDED

ARCHIVE = "img_align_celeba.zip"


@pytest.fixture
def faces(server, monkeypatch, tmp_path):
    """CelebA of 60 pictures on the server; returns the folder where it should arrive."""
    from torchvision.datasets import CelebA

    made = write_celeba(tmp_path / "made")
    (made / "list_eval_partition.txt").write_text("".join(f"{i + 1:06d}.png 0\n" for i in range(60)))
    server.files = {name: (made / name).read_bytes() for name in NEEDED}
    listed = [(name, hashlib.md5(content).hexdigest(), name) for name, content in server.files.items()]
    monkeypatch.setattr(CelebA, "file_list", listed)
    monkeypatch.setattr("vae_course.data.photographs.ADDRESS", server.url + "{id}")
    return tmp_path / "data" / "celeba"


@pytest.fixture
def dogs(server, monkeypatch, tmp_path):
    """Stanford Dogs of 60 pictures on the server; returns the folder where it should arrive."""
    server.files = {"images.tar": dog_tar(dog_files())}
    monkeypatch.setattr("vae_course.data.photographs.URL", server.url + "images.tar")
    digest = hashlib.sha256(server.files["images.tar"]).hexdigest()
    monkeypatch.setattr("vae_course.data.photographs.SHA256", digest)
    return tmp_path / "data" / "stanford_dogs"


def refused(name, folder):
    with pytest.raises(DataError) as caught:
        load(name, root=folder.parent)
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    return str(caught.value)


def celeba_remedy(folder):
    return (
        "Google lets a file be fetched only so often a day: try again tomorrow, or download "
        "img_align_celeba.zip and the three lists (list_attr_celeba.txt, identity_CelebA.txt, "
        "list_eval_partition.txt) with a browser from https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html and "
        f'put them into {folder}; load("faces_synthetic") needs no files and no network.'
    )


def dogs_remedy(folder):
    return (
        "try again later, or download images.tar with a browser from "
        'http://vision.stanford.edu/aditya86/ImageNetDogs/ (or Kaggle\'s "stanford-dogs-dataset" as a .zip) '
        f'and put it into {folder}; load("faces_synthetic") needs no files and no network.'
    )


def test_celeba_arrives_and_is_read(faces, server, capsys):
    data = load("celeba", root=faces.parent)
    assert {i >> 1 & 1 for i in number_of(data.images)} == {0, 1}
    assert data.attribute("Smiling").tolist() == [i >> 1 & 1 for i in number_of(data.images)]
    assert server.asked == list(NEEDED)
    assert sorted(NEEDED) == [name for name in files_below(faces) if not name.startswith("cache")]
    shown = capsys.readouterr().err
    assert shown.startswith(
        "CelebA is for non-commercial research and teaching only, and no part of it may be passed on or "
        "published: by going on you accept its terms, https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html\n"
    )
    assert "img_align_celeba.zip: downloading 0.0 MB" in shown and "img_align_celeba.zip: 100 %" in shown
    load("celeba", "validation", root=faces.parent)
    assert server.asked == list(NEEDED)  # nothing is fetched twice


def test_googles_quota_page_word_for_word(faces, server):
    server.modes[ARCHIVE] = "page"
    assert refused("celeba", faces) == (
        f"cannot download CelebA's img_align_celeba.zip: {server.url}img_align_celeba.zip answered with a "
        f"web page instead of the file (too many downloads today); {celeba_remedy(faces)}"
    )
    assert files_below(faces) == sorted(LISTS)
    server.modes.clear()
    server.asked.clear()
    assert len(load("celeba", root=faces.parent)) > 20 and server.asked == [ARCHIVE]


def test_googles_question_about_large_files_is_answered(faces, server):
    server.modes[ARCHIVE] = "ask"
    assert len(load("celeba", root=faces.parent)) > 20
    assert server.asked == [*NEEDED, ARCHIVE]


def test_a_refusal_by_code_word_for_word(faces, server):
    server.mode = "refuse"
    assert refused("celeba", faces) == (
        f"cannot download CelebA's list_attr_celeba.txt from {server.url}list_attr_celeba.txt: the server "
        f"refused with 403 Forbidden, perhaps because of too many downloads; {celeba_remedy(faces)}"
    )


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("refuse", "the server refused with 403 Forbidden, perhaps because of too many downloads; "),
        ("busy", "the server refused with 503 Service Unavailable; "),
    ],
)
def test_dogs_refused_word_for_word(dogs, server, mode, reason):
    server.mode = mode
    url = f"{server.url}images.tar"
    assert refused("stanford_dogs", dogs) == (
        f"cannot download Stanford Dogs from {url}: {reason}{dogs_remedy(dogs)}"
    )


def test_no_network_word_for_word(dogs, monkeypatch, dead_url):
    monkeypatch.setattr("vae_course.data.photographs.URL", dead_url + "images.tar")
    text = refused("stanford_dogs", dogs)
    assert text.startswith(
        f"cannot download Stanford Dogs from {dead_url}images.tar: no connection to the server ("
    )
    assert text.endswith(f"); or {dogs_remedy(dogs)}")


@pytest.mark.parametrize("mode", ["cut", "reset", "silent"])
def test_a_broken_download_goes_on_where_it_stopped(dogs, server, mode, capsys):
    whole = server.files["images.tar"]
    server.mode = mode
    with patience(mode):
        text = refused("stanford_dogs", dogs)
    assert "the connection was cut" in text or "the server sent nothing for 0.5 seconds" in text
    kept = dogs / "images.tar.part"
    if mode != "reset":  # a reset may discard what was on its way
        assert (
            f"; the first {len(whole) / 2e6:.1f} MB are kept, call load again to go on from there; or try"
            in text
        )
        assert kept.read_bytes() == whole[: len(whole) // 2]
    done = kept.stat().st_size
    server.mode = "work"
    capsys.readouterr()
    assert sorted(files_below(dogs)) == ["images.tar.part"]
    assert len(load("stanford_dogs", root=dogs.parent)) == 46
    assert server.continued == ([done] if done else [])
    assert (dogs / "images.tar").read_bytes() == whole and not kept.exists()
    if done:
        assert (
            f"images.tar: going on after {done / 1e6:.1f} of {len(whole) / 1e6:.1f} MB"
            in capsys.readouterr().err
        )


def test_a_server_that_cannot_continue_sends_the_whole_file(dogs, server):
    dogs.mkdir(parents=True)
    (dogs / "images.tar.part").write_bytes(b"of an older file")
    server.mode = "whole"
    load("stanford_dogs", root=dogs.parent)
    assert (dogs / "images.tar").read_bytes() == server.files["images.tar"]


@pytest.mark.parametrize("extra", [b"", b"more than the file has"])
def test_a_part_that_is_complete_or_too_long(dogs, server, extra):
    dogs.mkdir(parents=True)
    (dogs / "images.tar.part").write_bytes(server.files["images.tar"] + extra)
    load("stanford_dogs", root=dogs.parent)
    assert (dogs / "images.tar").read_bytes() == server.files["images.tar"]
    assert len(server.asked) == (2 if extra else 1)


def test_a_wrong_checksum_is_thrown_away(dogs, server):
    good = server.files["images.tar"]
    server.mode = "lie"
    bad = hashlib.sha256(good[:-1] + bytes([good[-1] ^ 1])).hexdigest()
    expected = hashlib.sha256(good).hexdigest()
    assert refused("stanford_dogs", dogs) == (
        f"the download of Stanford Dogs from {server.url}images.tar has the wrong checksum and was thrown "
        f"away: SHA-256 {bad} where {expected} was expected; {dogs_remedy(dogs)}"
    )
    assert files_below(dogs) == []


def test_a_folder_that_cannot_be_written_is_a_sentence(dogs):
    dogs.parent.write_text("in the way")
    assert refused("stanford_dogs", dogs).startswith(f"cannot write in {dogs} (")


def test_without_torchvision_the_sentence_says_what_to_put_where(faces, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision.datasets", None)
    text = refused("celeba", faces)
    assert "come from torchvision, which cannot be imported" in text and f"into {faces}" in text


def test_the_addresses_are_those_of_torchvision_and_tensorflow_datasets():
    from torchvision.datasets import CelebA

    assert set(NEEDED) <= {name for _, _, name in CelebA.file_list}
    tfds = pytest.importorskip("tensorflow_datasets")
    import vae_course.data.photographs as ours

    known = Path(tfds.__file__).parent / "datasets" / "stanford_dogs" / "checksums.tsv"
    assert f"{ours.URL}\t793579520\t{ours.SHA256}" in known.read_text()
