"""Downloads from a local server that fails in every way and at last works: whole, continued, or not there."""

import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest
from failing_server import FAILURES, LocalServer, files_below, patience, refused
from photographs import dog_files, dog_tar, number_of, write_celeba
from small_sets import small_binarized, small_mnist_files, small_mnist_sizes

from vae_course.data.download import obtain
from vae_course.data.images import DataError
from vae_course.data.loading import load
from vae_course.data.photographs import LISTS, NEEDED

CONTENT = bytes(range(256)) * 40
MD5 = hashlib.md5(CONTENT).hexdigest()
ARCHIVE = "img_align_celeba.zip"


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failed_download_is_a_sentence_leaves_nothing_and_the_next_one_works(
    server, tmp_path, failure, capsys
):
    server.files["file"], server.mode, target = CONTENT, failure, tmp_path / "new" / "file"
    with patience(failure), pytest.raises(DataError) as caught:
        obtain(target, server.url + "file", MD5, "the set", download=True)
    text = str(caught.value)
    assert text.startswith(f"cannot download the set from {server.url}file into {target.parent} (")
    assert FAILURES[failure] in text and "\n" not in text
    assert f"; try again later, or put file into {target.parent} yourself; " in text
    assert files_below(tmp_path) == []
    server.mode = "work"
    assert obtain(target, server.url + "file", MD5, "the set", download=True) == target
    assert target.read_bytes() == CONTENT and files_below(tmp_path) == ["new/file"]
    assert "file: 100 % of 0.0 MB" in capsys.readouterr().err
    asked = len(server.asked)
    obtain(target, server.url + "file", MD5, "the set", download=True)
    assert len(server.asked) == asked  # nothing is fetched twice


def test_no_network_is_a_sentence(dead_url, tmp_path):
    with pytest.raises(DataError, match=f"cannot download the set from {dead_url}file"):
        obtain(tmp_path / "file", dead_url + "file", MD5, "the set", download=True)
    assert files_below(tmp_path) == []


@pytest.fixture
def sets(server, monkeypatch, tmp_path):
    """Every data set of files, small, on the server, for `load` to fetch; a dict of files for each."""
    import torchvision.datasets

    files = {"mnist": {f"{name}.gz": gzip.compress(c) for name, c in small_mnist_files().items()}}
    for name, value in small_mnist_sizes().items():
        monkeypatch.setattr(f"vae_course.data.mnist.{name}", value)
    resources = [(name, hashlib.md5(content).hexdigest()) for name, content in files["mnist"].items()]
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [server.url])
    monkeypatch.setattr(torchvision.datasets.MNIST, "resources", resources)
    files["binarized_mnist"], sizes = small_binarized()
    sums = {name[16:-5]: hashlib.sha256(c).hexdigest() for name, c in files["binarized_mnist"].items()}
    monkeypatch.setattr("vae_course.data.mnist.SHA256", sums)
    monkeypatch.setattr("vae_course.data.mnist.AMAT", sizes)
    monkeypatch.setattr("vae_course.data.mnist.BASE_URL", server.url)
    made = write_celeba(tmp_path / "made")
    (made / "list_eval_partition.txt").write_text("".join(f"{i + 1:06d}.png 0\n" for i in range(60)))
    files["celeba"] = {name: (made / name).read_bytes() for name in NEEDED}
    listed = [(name, hashlib.md5(content).hexdigest(), name) for name, content in files["celeba"].items()]
    monkeypatch.setattr(torchvision.datasets.CelebA, "file_list", listed)
    monkeypatch.setattr("vae_course.data.photographs.ADDRESS", server.url + "{id}")
    files["stanford_dogs"] = {"images.tar": dog_tar(dog_files())}
    monkeypatch.setattr("vae_course.data.photographs.URL", server.url + "images.tar")
    digest = hashlib.sha256(files["stanford_dogs"]["images.tar"]).hexdigest()
    monkeypatch.setattr("vae_course.data.photographs.SHA256", digest)
    for group in files.values():
        server.files.update(group)
    return files


def test_mnist_arrives_is_unpacked_and_is_what_the_server_had(sets, server, tmp_path):
    root = tmp_path / "data"
    server.modes["train-labels-idx1-ubyte.gz"] = "cut"
    assert "cannot download MNIST into" in refused("mnist", root)
    server.modes.clear()
    data = load("mnist", "train+validation", root=root)
    assert len(load("mnist", "test", root=root)) == 20
    pixels = gzip.decompress(server.files["train-images-idx3-ubyte.gz"])[16:]
    assert data.images.numpy().tobytes() == pixels and data.labels.tolist() == [n % 10 for n in range(60)]


def test_the_second_mirror_is_used_when_the_first_fails(sets, server, monkeypatch, tmp_path):
    import torchvision.datasets

    with LocalServer(server.files, mode="refuse") as other:
        monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [other.url, server.url])
        assert len(load("mnist", root=tmp_path)) == 50


def test_binarized_mnist_arrives_as_one_file(sets, server, tmp_path):
    root = tmp_path / "data"
    server.modes["binarized_mnist_test.amat"] = "refuse"
    assert "403" in refused("binarized_mnist", root)
    server.modes.clear()
    server.asked.clear()
    data = load("binarized_mnist", "train+validation", root=root)
    assert server.asked == ["binarized_mnist_test.amat"]  # the others had arrived
    rows = b"".join(sets["binarized_mnist"][f"binarized_mnist_{part}.amat"] for part in ("train", "valid"))
    bits = np.array(rows.split(), np.float32).reshape(40, 784)
    assert np.array_equal(data.floats().flatten(1).numpy(), bits) and data.labels is None
    left = files_below(root)
    assert left == ["binarized_mnist/binarized_mnist.npz"]


def test_celeba_arrives_and_is_read_after_its_terms(sets, server, tmp_path, capsys):
    root = tmp_path / "data"
    server.modes[ARCHIVE] = "page"
    text = refused("celeba", root)
    assert text == (
        f"cannot download CelebA from {server.url}{ARCHIVE} into {root / 'celeba'} ("
        f"{FAILURES['page']}, perhaps after too many downloads today); try again later, or "
        f"download {ARCHIVE} and the three lists (list_attr_celeba.txt, identity_CelebA.txt, "
        "list_eval_partition.txt) with a browser from https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html and "
        f"put them into {root / 'celeba'} (Google lets a file be fetched only so often a day); "
        'load("faces_synthetic") needs no files and no network; for a whole chapter set OFFLINE = True.'
    )
    assert files_below(root) == sorted(f"celeba/{name}" for name in LISTS)
    server.modes.clear()
    server.asked.clear()
    data = load("celeba", root=root)
    assert data.attribute("Smiling").tolist() == [i >> 1 & 1 for i in number_of(data.images)]
    assert server.asked == [ARCHIVE]
    assert capsys.readouterr().err.startswith(
        "CelebA is for non-commercial research and teaching only, and no part of it may be passed on or "
        "published: by going on you accept its terms, https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html\n"
    )


def test_dogs_arrive(sets, server, tmp_path):
    assert len(load("stanford_dogs", root=tmp_path / "data")) == 46


STAND_IN = {
    "cifar10": "faces_synthetic",
    "celeba": "faces_synthetic",
    "stanford_dogs": "faces_synthetic",
    "names": "invented_names",
    "sentences": "invented_sentences",
    "spoken_digits": "spoken_digits_synthetic",
}
PLACES = {
    "mnist": "MNIST/raw",
    "fashion_mnist": "FashionMNIST/raw",
    "binarized_mnist": "binarized_mnist",
    "cifar10": "cifar10",
    "celeba": "celeba",
    "stanford_dogs": "stanford_dogs",
    "names": "text",
    "sentences": "text",
    "spoken_digits": "audio",
}


@pytest.mark.parametrize("name", PLACES)
def test_a_missing_set_says_where_it_belongs_and_what_needs_no_network(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    text = refused(name, "nowhere", download=False)  # a relative folder is named in full
    assert f"is not in {tmp_path / 'nowhere' / PLACES[name]} (" in text
    assert "download=False forbids fetching it: allow the download, or " in text
    assert f'; load("{STAND_IN.get(name, "digits")}") needs no files and no network; ' in text
    assert not (tmp_path / "nowhere").exists()


def test_a_folder_that_cannot_be_written_is_a_sentence(sets, tmp_path):
    (tmp_path / "file").write_text("in the way")
    text = refused("binarized_mnist", tmp_path / "file")
    assert f"into {tmp_path / 'file' / 'binarized_mnist'} (" in text


def test_the_addresses_are_those_of_torchvision_and_tensorflow_datasets():
    from torchvision.datasets import CelebA

    assert set(NEEDED) <= {name for _, _, name in CelebA.file_list}
    tfds = pytest.importorskip("tensorflow_datasets")
    import vae_course.data.photographs as ours

    known = Path(tfds.__file__).parent / "datasets" / "stanford_dogs" / "checksums.tsv"
    assert f"{ours.URL}\t793579520\t{ours.SHA256}" in known.read_text()
