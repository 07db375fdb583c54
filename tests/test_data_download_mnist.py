"""Downloads of MNIST through torchvision, from a local server that fails in every way and at last works."""

import gzip
import hashlib
import socket
import struct
import sys

import numpy as np
import pytest
import torch
from failing_server import FAILURES, LocalServer, failing, files_below, patience

from vae_course.data.images import DataError
from vae_course.data.loading import load
from vae_course.data.mnist import MnistLike


@pytest.fixture
def mnist(server, monkeypatch):
    """MNIST of 60 + 20 images on the server; torchvision and the loader told to expect it."""
    import torchvision.datasets

    rng = np.random.RandomState(0)
    for part, n in (("train", 60), ("t10k", 20)):
        images, labels = (
            rng.randint(0, 256, (n, 28, 28)).astype(np.uint8),
            (np.arange(n) % 10).astype(np.uint8),
        )
        for name, array in ((f"{part}-images-idx3-ubyte", images), (f"{part}-labels-idx1-ubyte", labels)):
            header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
            server.files[name + ".gz"] = gzip.compress(header + array.tobytes(), mtime=0)
    resources = [(name, hashlib.md5(content).hexdigest()) for name, content in server.files.items()]
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [server.url])
    monkeypatch.setattr(torchvision.datasets.MNIST, "resources", resources)
    spec = MnistLike("mnist", "MNIST", tuple("0123456789"), train=60, test=20, validation=10)
    monkeypatch.setattr("vae_course.data.loading.MNIST", spec)
    return torchvision.datasets.MNIST


MNIST_FILES = [
    f"MNIST/raw/{part}-{kind}-ubyte" for part in ("t10k", "train") for kind in ("images-idx3", "labels-idx1")
]


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failed_mnist_download_leaves_nothing_and_the_second_try_works(mnist, server, tmp_path, failure):
    server.mode = failure
    with patience(failure):
        failing(tmp_path, "mnist", f"cannot download MNIST from {server.url}", *FAILURES[failure])
    assert files_below(tmp_path) == []
    server.mode = "work"
    assert len(load("mnist", "test", root=tmp_path)) == 20
    assert files_below(tmp_path) == ["MNIST", "MNIST/raw", *MNIST_FILES]


@pytest.mark.parametrize("failure", FAILURES)
def test_a_mnist_download_that_fails_at_the_last_file_leaves_nothing(mnist, server, tmp_path, failure):
    server.modes["t10k-labels-idx1-ubyte.gz"] = failure
    with patience(failure):
        failing(tmp_path, "mnist", *FAILURES[failure])
    assert files_below(tmp_path) == []


def test_the_sentence_tells_a_cut_from_a_wrong_checksum(mnist, server, tmp_path):
    server.mode = "cut"
    half = len(server.files["train-images-idx3-ubyte.gz"]) // 2
    failing(tmp_path, "mnist", f"cut after {half:,} bytes of train-images-idx3-ubyte.gz")
    server.mode = "lie"
    failing(tmp_path, "mnist", "train-images-idx3-ubyte.gz has the wrong checksum", mnist.resources[0][1])


def test_mnist_without_a_network(mnist, monkeypatch, dead_url, tmp_path):
    monkeypatch.setattr(mnist, "mirrors", [dead_url])
    failing(tmp_path / "new", "mnist", "no connection to the server (")
    assert files_below(tmp_path) == []


@pytest.mark.parametrize("failure", ["refuse", "cut", "reset", "lie"])
def test_the_second_mirror_is_used_when_the_first_fails(mnist, server, monkeypatch, tmp_path, failure):
    with LocalServer(server.files, mode=failure) as other:
        monkeypatch.setattr(mnist, "mirrors", [other.url, server.url])
        assert len(load("mnist", root=tmp_path)) == 50


def test_all_failed_mirrors_are_named_each_with_its_reason(mnist, server, monkeypatch, dead_url, tmp_path):
    server.mode = "busy"
    monkeypatch.setattr(mnist, "mirrors", [dead_url, server.url])
    text = failing(tmp_path, "mnist", dead_url, "no connection", "503 Service Unavailable")
    assert text.index("no connection") < text.index(server.url) < text.index("503")


def test_downloaded_mnist_is_what_the_server_had(mnist, server, tmp_path):
    data = load("mnist", "train+validation", root=tmp_path)
    pixels = gzip.decompress(server.files["train-images-idx3-ubyte.gz"])[16:]
    assert data.images.numpy().tobytes() == pixels and data.labels.tolist() == [n % 10 for n in range(60)]
    asked = len(server.asked)
    again = load("mnist", "train+validation", root=tmp_path)
    assert torch.equal(again.images, data.images) and len(server.asked) == asked  # nothing fetched twice


def test_download_false_never_asks_the_server(mnist, server, tmp_path):
    with pytest.raises(DataError, match="download=False"):
        load("mnist", root=tmp_path, download=False)
    assert server.asked == []


def test_a_nonsense_argument_is_found_before_the_download(mnist, server, tmp_path):
    with pytest.raises(DataError, match="subset"):
        load("mnist", root=tmp_path, subset=-1)
    assert server.asked == []


def test_missing_torchvision_is_a_sentence(mnist, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torchvision.datasets", None)
    with pytest.raises(DataError, match=r"needs torchvision.*pip install torchvision.*digits"):
        load("mnist", root=tmp_path)


def test_an_interrupted_mnist_download_leaves_nothing(mnist, monkeypatch, tmp_path):
    def interrupted(self):
        (tmp_path / "seen").write_text(self.raw_folder)
        raise KeyboardInterrupt

    monkeypatch.setattr(mnist, "download", interrupted)
    with pytest.raises(KeyboardInterrupt):
        load("mnist", root=tmp_path)
    assert (
        (tmp_path / "seen").read_text().startswith(str(tmp_path))
    )  # beside the target: same disk, plain rename
    assert files_below(tmp_path) == ["seen"]


def test_the_socket_timeout_is_put_back(mnist, server, tmp_path):
    before = socket.getdefaulttimeout()
    load("mnist", root=tmp_path)
    assert socket.getdefaulttimeout() == before


def test_a_folder_that_cannot_be_written_is_a_sentence(mnist, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=r"cannot write in .*root=.*VAE_COURSE_DATA.*digits") as caught:
        load("mnist", root=tmp_path / "file")
    assert caught.value.__context__ is None or caught.value.__suppress_context__
