"""MNIST, Fashion-MNIST, binarized MNIST, and the digits of scikit-learn."""

import http.client
import io
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vae_course.data.download import obtain, way_out
from vae_course.data.images import DataError, ImageData, stratified_index
from vae_course.files import write_atomically

DIGITS = tuple("0123456789")
GARMENTS = (*"T-shirt/top Trouser Pullover Dress Coat Sandal Shirt Sneaker Bag".split(), "Ankle boot")


def load_digits(name: str, split: str, *_) -> ImageData:
    """One split of the digits: train 1,197, validation 300, test 300; fixed and stratified; 28x28.

    Scikit-learn's digits (Alpaydin & Kaynak 1998, UCI, CC BY 4.0), in MNIST's format by `recipes/digits.py`.
    """
    images, labels = _all_digits()
    rng = np.random.RandomState(1797)
    held_out = stratified_index(labels.numpy(), 600, rng)
    test = held_out[stratified_index(labels.numpy()[held_out], 300, rng)]
    rest = np.setdiff1d(np.arange(len(labels)), test)
    rows = {"train": np.setdiff1d(rest, held_out), "validation": np.intersect1d(rest, held_out)}
    chosen = torch.from_numpy({**rows, "test": np.sort(test), "train+validation": rest}[split])
    return ImageData(name, split, images[chosen], labels[chosen], DIGITS)


@lru_cache(maxsize=1)
def _all_digits() -> tuple[Tensor, Tensor]:
    """Images uint8 (1797, 1, 28, 28) and labels int64 (1797,)."""
    with np.load(Path(__file__).with_name("digits.npz")) as file:
        return torch.from_numpy(file["images"][:, None]), torch.from_numpy(file["labels"]).long()


# MNIST and Fashion-MNIST: four IDX files each, in the folders that torchvision uses.

COUNTS = {"train": 60_000, "t10k": 10_000}
HELD_OUT = 10_000  # the last so many of the training files are the validation part


def load_mnist(name: str, split: str, root: Path, download: bool) -> ImageData:
    """One split from `<root>/MNIST/raw` or `<root>/FashionMNIST/raw`, in the order of the files.

    With all of them there torchvision, which knows where they come from, is not imported.
    """
    kind, class_names = {"mnist": ("MNIST", DIGITS), "fashion_mnist": ("FashionMNIST", GARMENTS)}[name]
    folder, part = root / kind / "raw", "t10k" if split == "test" else "train"
    paths = [folder / f"{part}-{what}-ubyte" for what in ("images-idx3", "labels-idx1")]
    if missing := [path for path in paths if not path.is_file()]:
        if not download:
            obtain(missing[0], "", None, kind, download=False)  # says what is missing
        from torchvision import datasets

        try:
            getattr(datasets, kind)(root, download=True)
        except (OSError, EOFError, RuntimeError, http.client.HTTPException) as error:
            found = f"cannot download {kind} into {folder.absolute()} ({str(error).splitlines()[-1]})"
            raise DataError(
                f"{found}; try again later, or put its files there yourself; {way_out()}."
            ) from None
    n = COUNTS[part]
    images, labels = read_idx(paths[0], (n, 28, 28), name), read_idx(paths[1], (n,), name)
    kept = {"train": slice(n - HELD_OUT), "validation": slice(n - HELD_OUT, n)}.get(split, slice(n))
    images, labels = torch.from_numpy(images[kept, None]), torch.from_numpy(labels[kept]).long()
    return ImageData(name, split, images, labels, class_names)


def read_idx(path: Path, shape: tuple[int, ...], name: str) -> np.ndarray:
    """Read an IDX file of unsigned bytes: uint8 of that shape, writable. DataError: anything else.

    Format: two zero bytes, type code 0x08, number of dimensions, sizes as big-endian uint32, data (LeCun,
    Cortes & Burges, "The MNIST database of handwritten digits").
    """
    content = path.read_bytes()
    header = bytes([0, 0, 8, len(shape)]) + np.array(shape, ">u4").tobytes()
    if not content.startswith(header) or len(content) != len(header) + np.prod(shape):
        raise DataError(
            f"{path} is damaged, or not the file of {name}: it has {len(content):,} bytes, which begin with "
            f'{content[:16].hex(" ") or "nothing"}; delete it and call load("{name}") again to download it '
            f"anew; {way_out()}."
        )
    return np.frombuffer(bytearray(content), np.uint8, offset=len(header)).reshape(shape)


# Binarized MNIST: the fixed binarization that published log-likelihoods refer to. Each pixel was drawn once
# from Bernoulli(value / 255) (Salakhutdinov & Murray 2008); H. Larochelle publishes the draws as three text
# files. They are fetched once and kept as one .npz with `train`, `valid`, `test`, uint8 (n, 784) of 0 and 1,
# and, where somebody added them, `train_labels` and so on. The original has no labels.

BASE_URL = "http://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/"
AMAT = {"train": 50_000, "valid": 10_000, "test": 10_000}  # images
SHA256 = {
    "train": "ad693b29f94c14277b095f5238ddefbbdaaae0939789dd2f4f0205278cee3e4d",
    "valid": "1de3d397c40fe8eeb33dafd4099a1f665ec01e96d9be234aaeeac8a34930e2e2",
    "test": "e6687bfea3f820c174f33b7865140b2a2dd2930ef786f35d45795fc193b5ab2c",
}


def load_binarized_mnist(name: str, split: str, root: Path, download: bool) -> ImageData:
    """One split from `<root>/binarized_mnist/binarized_mnist.npz`, made if missing; 0 or 255."""
    path = (root / "binarized_mnist" / "binarized_mnist.npz").absolute()
    if not path.is_file():
        _make_npz(path, download)
    parts = {"validation": ["valid"], "train+validation": ["train", "valid"]}.get(split, [split])
    try:
        with np.load(path) as archive:
            images = np.concatenate([archive[part] for part in parts])
            known = all(f"{part}_labels" in archive for part in parts)
            labels = np.concatenate([archive[f"{part}_labels"] for part in parts]) if known else None
        if images.shape != (sum(AMAT[part] for part in parts), 784) or images.max() > 1:
            raise ValueError(f"its images are {images.dtype} {images.shape}")
    except Exception as error:  # a damaged file can raise nearly anything
        raise DataError(
            f"{path} is damaged ({error}): expected uint8 (n, 784) of 0 and 1 as train, valid and test; "
            f'delete it and call load("{name}") again to download it anew; {way_out()}.'
        ) from None
    pixels = torch.from_numpy(images.astype(np.uint8) * np.uint8(255)).reshape(-1, 1, 28, 28)
    labels = torch.from_numpy(labels.astype(np.int64)) if known else None
    return ImageData(name, split, pixels, labels, DIGITS)


def _make_npz(path: Path, download: bool) -> None:
    """Write the .npz from the three text files, which are fetched beside it and then removed."""
    files = {part: path.with_name(f"binarized_mnist_{part}.amat") for part in AMAT}
    arrays = {}
    for part, file in files.items():
        obtain(file, BASE_URL + file.name, SHA256[part], "binarized MNIST", download=download)
        digits = np.frombuffer(file.read_bytes(), np.uint8)[::2]  # a space or the line's end after each
        arrays[part] = (digits - np.uint8(ord("0"))).reshape(AMAT[part], 784)
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    write_atomically(path, content.getvalue())
    for file in files.values():
        file.unlink()
