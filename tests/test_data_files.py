"""Reading data files: whole ones, and every way in which they can be damaged."""

import numpy as np
import pytest
import torch
from failing_server import refused
from hypothesis import given, settings
from hypothesis import strategies as st
from small_sets import idx_bytes, small_mnist_files, small_mnist_sizes

from vae_course.data.images import DataError
from vae_course.data.loading import load
from vae_course.data.mnist import read_idx


@pytest.fixture
def small_mnist(monkeypatch, tmp_path):
    """A whole small MNIST on disk, and the loader told to expect that size."""
    for name, value in small_mnist_sizes().items():
        monkeypatch.setattr(f"vae_course.data.mnist.{name}", value)
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, content in small_mnist_files().items():
        (raw / name).write_bytes(content)
    return tmp_path


@pytest.fixture
def small_binarized(monkeypatch, tmp_path):
    """A whole small binarized MNIST on disk, with labels; returns the root and its arrays."""
    counts = {"train": 30, "valid": 10, "test": 20}
    monkeypatch.setattr("vae_course.data.mnist.AMAT", counts)
    rng = np.random.RandomState(0)
    arrays = {part: rng.randint(0, 2, (n, 784)).astype(np.uint8) for part, n in counts.items()}
    arrays |= {f"{part}_labels": (np.arange(n) % 10).astype(np.uint8) for part, n in counts.items()}
    save_npz(tmp_path, arrays)
    return tmp_path, arrays


def save_npz(root, arrays):
    (root / "binarized_mnist").mkdir(exist_ok=True)
    np.savez_compressed(root / "binarized_mnist" / "binarized_mnist.npz", **arrays)


@settings(deadline=None, max_examples=30)
@given(shape=st.lists(st.integers(0, 6), min_size=1, max_size=4))
def test_idx_reads_what_was_written(tmp_path_factory, shape):
    array = np.random.RandomState(0).randint(0, 256, shape).astype(np.uint8)
    path = tmp_path_factory.mktemp("idx") / "file"
    path.write_bytes(idx_bytes(array))
    back = read_idx(path, array.shape, "mnist")
    assert back.dtype == np.uint8 and np.array_equal(back, array)


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_an_idx_file_of_any_other_length_is_refused(tmp_path_factory, data):
    whole = idx_bytes(np.arange(24, dtype=np.uint8).reshape(2, 3, 4))
    length = data.draw(st.integers(0, len(whole) + 20).filter(lambda n: n != len(whole)))
    path = tmp_path_factory.mktemp("idx") / "file"
    path.write_bytes((whole + bytes(20))[:length])
    with pytest.raises(DataError, match="damaged"):
        read_idx(path, (2, 3, 4), "mnist")


def test_the_files_on_disk_become_the_splits(small_mnist):
    parts = {
        split: load("mnist", split, root=small_mnist, download=False) for split in ("train", "validation")
    }
    both, test = (
        load("mnist", split, root=small_mnist, download=False) for split in ("train+validation", "test")
    )
    assert [len(part) for part in (*parts.values(), both, test)] == [50, 10, 60, 20]
    assert torch.equal(torch.cat([part.images for part in parts.values()]), both.images)
    assert both.images.numpy().tobytes() == small_mnist_files()["train-images-idx3-ubyte"][16:]
    assert both.labels.tolist() == [n % 10 for n in range(60)]


def test_the_environment_names_the_root(small_mnist, monkeypatch):
    monkeypatch.setenv("VAE_COURSE_DATA", str(small_mnist))
    assert len(load("mnist", "test", download=False)) == 20


IMAGES = "t10k-images-idx3-ubyte"
LABELS = "t10k-labels-idx1-ubyte"
WHOLE = small_mnist_files()
HEADER = "00 00 08 03 00 00 00 14 00 00 00 1c 00 00 00 1c"
DAMAGE = {
    "truncated": (IMAGES, WHOLE[IMAGES][:5000], f"it has 5,000 bytes, which begin with {HEADER}"),
    "inside the header": (IMAGES, WHOLE[IMAGES][:9], "it has 9 bytes, which begin with 00 00 08 03 "),
    "empty": (IMAGES, b"", "it has 0 bytes, which begin with nothing"),
    "too long": (IMAGES, WHOLE[IMAGES] + b"x", "it has 15,697 bytes"),
    "an error page": (IMAGES, b"<html>403 Forbidden</html>", "begin with 3c 68 74 6d"),
    "labels in place of images": (IMAGES, WHOLE[LABELS], "begin with 00 00 08 01"),
    "another count": (IMAGES, WHOLE["train-images-idx3-ubyte"], "it has 47,056 bytes"),
    "another size": (IMAGES, idx_bytes(np.zeros((20, 32, 32), np.uint8)), "00 00 00 20 00 00 00 20"),
    "absurd sizes": (IMAGES, b"\0\0\x08\x03" + b"\xff" * 12, "it has 16 bytes"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_idx_file_is_named_with_what_is_wrong(small_mnist, damage):
    name, content, words = DAMAGE[damage]
    path = small_mnist / "MNIST" / "raw" / name
    path.write_bytes(content)
    text = refused("mnist", small_mnist, split="test")
    assert text.startswith(f"{path} is damaged, or not the file of mnist: ") and words in text
    assert 'delete it and call load("mnist") again' in text
    assert len(load("mnist", "train", root=small_mnist)) == 50  # the other files are still good


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
    "garbage": lambda content: b"garbage" * 100,
    "empty": lambda content: b"",
    "truncated": lambda content: content[: len(content) // 2],
    "a changed byte": lambda content: content[:200] + bytes([content[200] ^ 255]) + content[201:],
}


@pytest.mark.parametrize("damage", NPZ_DAMAGE)
def test_a_damaged_npz_is_named(small_binarized, damage):
    root, _ = small_binarized
    path = root / "binarized_mnist" / "binarized_mnist.npz"
    path.write_bytes(NPZ_DAMAGE[damage](path.read_bytes()))
    text = refused("binarized_mnist", root)
    assert text.startswith(f"{path} is damaged (") and 'delete it and call load("binarized_mnist")' in text


@pytest.mark.parametrize(
    "change",
    [
        {"test": np.zeros((20, 28, 28), np.uint8)},
        {"test": np.zeros((19, 784), np.uint8)},
        {"test": np.full((20, 784), 255, np.uint8)},
        {"test": np.full((20, 784), "0")},
        {"test": np.array([None])},  # objects would need pickle, which can run code
        {"test": None},
    ],
)
def test_an_npz_with_other_arrays_is_refused(small_binarized, change):
    root, arrays = small_binarized
    save_npz(root, {key: value for key, value in {**arrays, **change}.items() if value is not None})
    text = refused("binarized_mnist", root, split="test")
    assert "expected uint8 (n, 784) of 0 and 1 as train, valid and test" in text
