"""Downloads against a local server that refuses, breaks off, lies, falls silent, and at last works."""

import contextlib
import gzip
import hashlib
import socket
import struct
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from unittest import mock

import numpy as np
import pytest
import torch

from vae_course.data import DataError, load
from vae_course.data.mnist import MnistLike

# what the server does -> words that the sentence must have
FAILURES = {
    "refuse": ["the server refused with 403 Forbidden"],
    "busy": ["the server refused with 503 Service Unavailable"],
    "cut": ["the connection was cut"],
    "reset": ["the connection was cut"],
    "lie": ["wrong checksum"],
    "silent": ["the server sent nothing for 0.5 seconds"],
}

LINGER = "hh" if sys.platform == "win32" else "ii"


class Handler(BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def answer(self, body):
        name = self.path.rsplit("/", 1)[-1]
        mode = self.server.modes.get(name, self.server.mode)
        content = self.server.files[name]
        if body:
            self.server.asked.append(name)
        if mode in ("refuse", "busy"):
            return self.send_error(403 if mode == "refuse" else 503)
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if not body:
            return None
        if mode == "lie":
            content = content[:-1] + bytes([content[-1] ^ 1])
        elif mode in ("cut", "reset", "silent"):
            content = content[: len(content) // 2]
        self.wfile.write(content)
        self.wfile.flush()
        if mode == "reset":  # closing with this option set sends a reset instead of an orderly end
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(LINGER, 1, 0))
            self.connection.close()
        elif mode == "silent":
            self.server.released.wait(20)
        self.close_connection = True
        return None

    def finish(self):
        with contextlib.suppress(OSError, ValueError):
            super().finish()

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.daemon_threads = True
    running.handle_error = lambda *arguments: None
    running.mode, running.modes, running.asked, running.files = "work", {}, [], {}
    running.released = threading.Event()
    running.url = f"http://127.0.0.1:{running.server_port}/"
    threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
    yield running
    running.released.set()
    running.shutdown()
    running.server_close()


@pytest.fixture
def dead_url():
    """An address where nobody listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{unused.getsockname()[1]}/"


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


@pytest.fixture
def binarized(server, monkeypatch):
    """Binarized MNIST of 30 + 10 + 20 images as text on the server; returns the arrays."""
    rng = np.random.RandomState(1)
    arrays = {}
    for part, n in (("train", 30), ("valid", 10), ("test", 20)):
        arrays[part] = rng.randint(0, 2, (n, 784)).astype(np.uint8)
        text = "".join(" ".join(map(str, row)) + "\n" for row in arrays[part])
        server.files[f"binarized_mnist_{part}.amat"] = text.encode()
    sums = {part: hashlib.sha256(server.files[f"binarized_mnist_{part}.amat"]).hexdigest() for part in arrays}
    monkeypatch.setattr("vae_course.data.binarized_mnist.SHA256", sums)
    monkeypatch.setattr(
        "vae_course.data.binarized_mnist.COUNTS", {part: len(a) for part, a in arrays.items()}
    )
    monkeypatch.setattr("vae_course.data.binarized_mnist.BASE_URL", server.url)
    return arrays


def patience(failure):
    """A short timeout where the server will fall silent, the ordinary one elsewhere."""
    if failure == "silent":
        return mock.patch("vae_course.data.fetch.TIMEOUT", 0.5)
    return contextlib.nullcontext()


def files_below(root):
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*"))


def failing(root, name, *words):
    """Load, expect one sentence with these words and the way out, and return it."""
    with pytest.raises(DataError) as caught:
        load(name, root=root)
    text = str(caught.value)
    for word in (*words, "try again later", 'load("digits") needs no files and no network'):
        assert word in text, text
    assert "\n" not in text and text.endswith("."), text
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    return text


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
    other = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    other.daemon_threads, other.handle_error = True, lambda *arguments: None
    other.mode, other.modes, other.asked, other.files = failure, {}, [], server.files
    threading.Thread(target=other.serve_forever, args=(0.02,), daemon=True).start()
    try:
        monkeypatch.setattr(mnist, "mirrors", [f"http://127.0.0.1:{other.server_port}/", server.url])
        assert len(load("mnist", root=tmp_path)) == 50
    finally:
        other.shutdown()
        other.server_close()


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


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failed_binarized_download_leaves_nothing_and_the_second_try_works(
    binarized, server, tmp_path, failure
):
    server.mode = failure
    with patience(failure):
        failing(tmp_path, "binarized_mnist", server.url, *FAILURES[failure])
    assert files_below(tmp_path) == []
    server.mode = "work"
    data = load("binarized_mnist", "train+validation", root=tmp_path)
    assert files_below(tmp_path) == ["binarized_mnist", "binarized_mnist/binarized_mnist.npz"]
    bits = np.concatenate((binarized["train"], binarized["valid"]))
    assert np.array_equal(data.floats().flatten(1).numpy(), bits)
    assert data.labels is None


def test_a_broken_binarized_download_goes_on_where_it_stopped(binarized, server, tmp_path):
    server.modes["binarized_mnist_test.amat"] = "cut"
    failing(tmp_path, "binarized_mnist", "binarized_mnist_test.amat", "cut", "bytes short")
    kept = [f"binarized_mnist/download/binarized_mnist_{part}.amat" for part in ("train", "valid")]
    assert files_below(tmp_path) == ["binarized_mnist", "binarized_mnist/download", *kept]
    server.modes.clear()
    server.asked.clear()
    load("binarized_mnist", root=tmp_path)
    assert server.asked == ["binarized_mnist_test.amat"]
    assert files_below(tmp_path) == ["binarized_mnist", "binarized_mnist/binarized_mnist.npz"]


def test_amat_files_put_there_by_hand_need_no_network(binarized, server, tmp_path):
    (tmp_path / "binarized_mnist").mkdir()
    for name, content in server.files.items():
        (tmp_path / "binarized_mnist" / name).write_bytes(content)
    data = load("binarized_mnist", "test", root=tmp_path, download=False)
    assert np.array_equal(data.floats().flatten(1).numpy(), binarized["test"]) and server.asked == []
    for name, content in server.files.items():  # they are not ours to remove
        assert (tmp_path / "binarized_mnist" / name).read_bytes() == content


def test_a_damaged_amat_file_is_named(binarized, server, tmp_path):
    (tmp_path / "binarized_mnist").mkdir()
    for name, content in server.files.items():
        (tmp_path / "binarized_mnist" / name).write_bytes(content)
    damaged = tmp_path / "binarized_mnist" / "binarized_mnist_valid.amat"
    damaged.write_bytes(damaged.read_bytes()[:-2])
    with pytest.raises(DataError) as caught:
        load("binarized_mnist", root=tmp_path)
    assert f"{damaged} is damaged" in str(caught.value) and "delete it" in str(caught.value)
    damaged.unlink()
    assert len(load("binarized_mnist", root=tmp_path)) == 30


def test_binarized_mnist_without_a_network(binarized, monkeypatch, dead_url, tmp_path):
    monkeypatch.setattr("vae_course.data.binarized_mnist.BASE_URL", dead_url)
    failing(tmp_path / "new", "binarized_mnist", "no connection to the server (")
    assert files_below(tmp_path) == []


def test_an_interrupted_binarized_download_leaves_nothing(binarized, monkeypatch, tmp_path):
    def interrupted(url, part):
        part.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr("vae_course.data.fetch._stream", interrupted)
    with pytest.raises(KeyboardInterrupt):
        load("binarized_mnist", root=tmp_path)
    assert files_below(tmp_path) == []


def test_progress_is_visible(binarized, server, tmp_path, capsys):
    load("binarized_mnist", root=tmp_path)
    shown = capsys.readouterr().err
    assert "binarized_mnist_train.amat: downloading 0.0 MB" in shown
    assert "binarized_mnist_train.amat: 100 % of 0.0 MB" in shown


@pytest.mark.parametrize("name", ["mnist", "binarized_mnist"])
def test_a_folder_that_cannot_be_written_is_a_sentence(mnist, binarized, tmp_path, name):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=r"cannot write in .*root=.*VAE_COURSE_DATA.*digits") as caught:
        load(name, root=tmp_path / "file")
    assert caught.value.__context__ is None or caught.value.__suppress_context__
