"""Reading data files: whole ones, and every way in which they can be damaged."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vae_course.data.images import DataError
from vae_course.data.loading import load
from vae_course.data.mnist import MnistLike, read_idx


def idx_bytes(array):
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def small_set(seed=0):
    """The four files of a set of 60 + 20 images, as bytes."""
    rng = np.random.RandomState(seed)
    files = {}
    for part, n in (("train", 60), ("t10k", 20)):
        files[f"{part}-images-idx3-ubyte"] = idx_bytes(rng.randint(0, 256, (n, 28, 28)).astype(np.uint8))
        files[f"{part}-labels-idx1-ubyte"] = idx_bytes((np.arange(n) % 10).astype(np.uint8))
    return files


@pytest.fixture
def small_mnist(monkeypatch, tmp_path):
    """A whole small MNIST on disk, and the loader told to expect that size."""
    spec = MnistLike("mnist", "MNIST", tuple("0123456789"), train=60, test=20, validation=10)
    monkeypatch.setattr("vae_course.data.loading.MNIST", spec)
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, content in small_set().items():
        (raw / name).write_bytes(content)
    return tmp_path


@pytest.fixture
def small_binarized(monkeypatch, tmp_path):
    """A whole small binarized MNIST on disk, with labels; returns the root and its arrays."""
    counts = {"train": 30, "valid": 10, "test": 20}
    monkeypatch.setattr("vae_course.data.mnist.COUNTS", counts)
    rng = np.random.RandomState(0)
    arrays = {part: rng.randint(0, 2, (n, 784)).astype(np.uint8) for part, n in counts.items()}
    arrays |= {f"{part}_labels": (np.arange(n) % 10).astype(np.uint8) for part, n in counts.items()}
    save_npz(tmp_path, arrays)
    return tmp_path, arrays


def save_npz(root, arrays):
    (root / "binarized_mnist").mkdir(exist_ok=True)
    np.savez_compressed(root / "binarized_mnist" / "binarized_mnist.npz", **arrays)


def assert_helpful(caught, *words):
    """One sentence with the words in it, the way out named, and no second traceback above it."""
    text = str(caught.value)
    assert all(word in text for word in (*words, 'load("digits") needs no files and no network')), text
    assert "\n" not in text and text.endswith("."), text
    assert caught.value.__context__ is None or caught.value.__suppress_context__


@settings(deadline=None, max_examples=30)
@given(shape=st.lists(st.integers(0, 6), min_size=1, max_size=4), packed=st.booleans())
def test_idx_reads_what_was_written(tmp_path_factory, shape, packed):
    array = np.random.RandomState(0).randint(0, 256, shape).astype(np.uint8)
    path = tmp_path_factory.mktemp("idx") / ("file.gz" if packed else "file")
    path.write_bytes(gzip.compress(idx_bytes(array)) if packed else idx_bytes(array))
    back = read_idx(path, ndim=array.ndim)
    assert back.dtype == np.uint8 and np.array_equal(back, array)


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_an_idx_file_of_any_other_length_is_refused(tmp_path_factory, data):
    whole = idx_bytes(np.arange(24, dtype=np.uint8).reshape(2, 3, 4))
    length = data.draw(st.integers(0, len(whole) + 20).filter(lambda n: n != len(whole)))
    path = tmp_path_factory.mktemp("idx") / "file"
    path.write_bytes((whole + bytes(20))[:length])
    with pytest.raises(DataError, match="damaged"):
        read_idx(path, ndim=3)


def test_the_files_on_disk_become_the_splits(small_mnist):
    parts = {
        split: load("mnist", split, root=small_mnist, download=False) for split in ("train", "validation")
    }
    both, test = (
        load("mnist", split, root=small_mnist, download=False) for split in ("train+validation", "test")
    )
    assert [len(part) for part in (*parts.values(), both, test)] == [50, 10, 60, 20]
    assert torch.equal(torch.cat([part.images for part in parts.values()]), both.images)
    assert both.images.numpy().tobytes() == small_set()["train-images-idx3-ubyte"][16:]
    assert both.labels.tolist() == [n % 10 for n in range(60)]


def test_compressed_files_are_read_too(small_mnist):
    plain = load("mnist", "test", root=small_mnist, download=False)
    for path in (small_mnist / "MNIST" / "raw").iterdir():
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert torch.equal(load("mnist", "test", root=small_mnist, download=False).images, plain.images)


def test_the_environment_names_the_root(small_mnist, monkeypatch):
    monkeypatch.setenv("VAE_COURSE_DATA", str(small_mnist))
    assert len(load("mnist", "test", download=False)) == 20


IMAGES = "t10k-images-idx3-ubyte"
LABELS = "t10k-labels-idx1-ubyte"
WHOLE = small_set()
DAMAGE = {
    "truncated": (IMAGES, WHOLE[IMAGES][:5000], ["5,000 bytes", "promises 15,696"]),
    "inside the header": (IMAGES, WHOLE[IMAGES][:9], ["9 bytes", "header"]),
    "empty": (IMAGES, b"", ["(none)"]),
    "too long": (IMAGES, WHOLE[IMAGES] + b"x", ["15,697 bytes", "promises 15,696"]),
    "an error page": (IMAGES, b"<html>403 Forbidden</html>", ["3c 68 74 6d", "00 00 08 03"]),
    "labels in place of images": (IMAGES, WHOLE[LABELS], ["00 00 08 01", "00 00 08 03"]),
    "another count": (IMAGES, WHOLE["train-images-idx3-ubyte"], ["(60, 28, 28)", "(20, 28, 28)"]),
    "another size": (IMAGES, idx_bytes(np.zeros((20, 32, 32), np.uint8)), ["(20, 32, 32)", "(20, 28, 28)"]),
    "absurd sizes": (IMAGES, b"\0\0\x08\x03" + b"\xff" * 12, ["16 bytes", "promises"]),
    "a label too large": (LABELS, idx_bytes(np.full(20, 11, np.uint8)), ["label 11"]),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_idx_file_is_named_with_what_is_wrong(small_mnist, damage):
    name, content, words = DAMAGE[damage]
    path = small_mnist / "MNIST" / "raw" / name
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        load("mnist", "test", root=small_mnist)
    assert_helpful(caught, str(path), "delete it", 'load("mnist")', *words)
    assert len(load("mnist", "train", root=small_mnist)) == 50  # the other files are still good


@pytest.mark.parametrize(
    "content",
    [gzip.compress(WHOLE[IMAGES])[:3000], b"not gzip", gzip.compress(WHOLE[IMAGES])[:-8] + bytes(8)],
)
def test_a_damaged_gz_file_is_named(small_mnist, content):
    path = small_mnist / "MNIST" / "raw" / IMAGES
    path.with_name(path.name + ".gz").write_bytes(content)
    path.unlink()
    with pytest.raises(DataError) as caught:
        load("mnist", "test", root=small_mnist, download=False)
    assert_helpful(caught, str(path) + ".gz", "not a whole gzip file", "delete it")


def test_missing_files_name_the_folder_as_it_was_given(small_mnist, monkeypatch):
    monkeypatch.chdir(small_mnist.parent)
    (small_mnist / "MNIST" / "raw" / LABELS).unlink()
    with pytest.raises(DataError) as caught:
        load("mnist", root=small_mnist.name, download=False)
    assert_helpful(caught, f"{LABELS} is not in {Path(small_mnist.name, 'MNIST', 'raw')}", "download=False")
    assert str(small_mnist.parent) not in str(caught.value)


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "binarized_mnist"])
def test_an_empty_folder_without_download(tmp_path, name):
    with pytest.raises(DataError) as caught:
        load(name, root=tmp_path / "nowhere", download=False)
    assert_helpful(caught, str(tmp_path / "nowhere"), "download=False")
    assert not (tmp_path / "nowhere").exists()


def test_binarized_mnist_from_an_npz(small_binarized):
    root, arrays = small_binarized
    both = load("binarized_mnist", "train+validation", root=root, download=False)
    assert both.images.shape == (40, 1, 28, 28) and both.images.dtype == torch.uint8
    assert np.array_equal(
        both.floats().flatten(1).numpy(), np.concatenate((arrays["train"], arrays["valid"]))
    )
    assert both.labels.tolist() == [*(n % 10 for n in range(30)), *range(10)]


def test_binarized_mnist_without_labels(small_binarized):
    root, arrays = small_binarized
    save_npz(root, {part: arrays[part] for part in ("train", "valid", "test")})
    data = load("binarized_mnist", "test", subset=5, root=root, download=False)
    assert data.labels is None and len(data) == 5


NPZ_DAMAGE = {
    "garbage": (lambda content: b"garbage" * 100, "not a whole .npz"),
    "empty": (lambda content: b"", "not a whole .npz"),
    "truncated": (lambda content: content[: len(content) // 2], "not a whole .npz"),
    "a changed byte": (
        lambda content: content[:200] + bytes([content[200] ^ 255]) + content[201:],
        "not a whole .npz",
    ),
}


@pytest.mark.parametrize("damage", NPZ_DAMAGE)
def test_a_damaged_npz_is_named(small_binarized, damage):
    root, _ = small_binarized
    path = root / "binarized_mnist" / "binarized_mnist.npz"
    spoil, words = NPZ_DAMAGE[damage]
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(DataError) as caught:
        load("binarized_mnist", "train", root=root)
    assert_helpful(caught, str(path), words, "delete it", 'load("binarized_mnist")')


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"test": np.zeros((20, 28, 28), np.uint8)}, "(20, 28, 28)"),
        ({"test": np.zeros((19, 784), np.uint8)}, "(19, 784)"),
        ({"test": np.zeros((20, 784), np.float32)}, "float32"),
        ({"test": np.full((20, 784), 255, np.uint8)}, "up to 255"),
        ({"test": np.full((20, 784), "0")}, "<U1"),
        ({"test": np.array([None])}, "not a whole .npz"),  # objects would need pickle, which can run code
        ({"test_labels": np.zeros(19, np.uint8)}, '"test_labels"'),
        ({"test_labels": np.full(20, 10, np.uint8)}, '"test_labels"'),
        ({"test": None}, 'no array "test"'),
    ],
)
def test_an_npz_with_other_arrays_is_refused(small_binarized, change, words):
    root, arrays = small_binarized
    save_npz(root, {key: value for key, value in {**arrays, **change}.items() if value is not None})
    with pytest.raises(DataError) as caught:
        load("binarized_mnist", "test", root=root)
    assert_helpful(caught, "binarized_mnist.npz is damaged", words)
