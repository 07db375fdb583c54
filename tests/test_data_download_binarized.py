"""Downloads of binarized MNIST from a local server that fails in every way and at last works."""

import hashlib

import numpy as np
import pytest
from failing_server import FAILURES, failing, files_below, patience

from vae_course.data.images import DataError
from vae_course.data.loading import load


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
    monkeypatch.setattr("vae_course.data.mnist.SHA256", sums)
    monkeypatch.setattr("vae_course.data.mnist.COUNTS", {part: len(a) for part, a in arrays.items()})
    monkeypatch.setattr("vae_course.data.mnist.BASE_URL", server.url)
    return arrays


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
    monkeypatch.setattr("vae_course.data.mnist.BASE_URL", dead_url)
    failing(tmp_path / "new", "binarized_mnist", "no connection to the server (")
    assert files_below(tmp_path) == []


def test_an_interrupted_binarized_download_leaves_nothing(binarized, monkeypatch, tmp_path):
    def interrupted(url, part, *more):
        part.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr("vae_course.data.download._stream", interrupted)
    with pytest.raises(KeyboardInterrupt):
        load("binarized_mnist", root=tmp_path)
    assert files_below(tmp_path) == []


def test_progress_is_visible(binarized, server, tmp_path, capsys):
    load("binarized_mnist", root=tmp_path)
    shown = capsys.readouterr().err
    assert "binarized_mnist_train.amat: downloading 0.0 MB" in shown
    assert "binarized_mnist_train.amat: 100 % of 0.0 MB" in shown


def test_a_folder_that_cannot_be_written_is_a_sentence(binarized, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=r"cannot write in .*root=.*VAE_COURSE_DATA.*digits") as caught:
        load("binarized_mnist", root=tmp_path / "file")
    assert caught.value.__context__ is None or caught.value.__suppress_context__
