"""MNIST, Fashion-MNIST, binarized MNIST, and the digits of scikit-learn."""

import gzip
import io
import zlib
from functools import lru_cache
from pathlib import Path
from zipfile import BadZipFile

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
    """One split from four IDX files, plain or compressed, in `<root>/MNIST/raw` or `<root>/FashionMNIST/raw`.

    Images keep the order of the files. With all of them there, torchvision is not asked where they come from.
    """
    kind, class_names = {"mnist": ("MNIST", DIGITS), "fashion_mnist": ("FashionMNIST", GARMENTS)}[name]
    folder = root / kind / "raw"
    part, n = ("t10k", COUNTS["t10k"]) if split == "test" else ("train", COUNTS["train"])
    roles = {f"{part}-images-idx3-ubyte": (n, 28, 28), f"{part}-labels-idx1-ubyte": (n,)}
    files = ((_present(folder, role, kind, download), shape) for role, shape in roles.items())
    images, labels = (read_idx(file, shape, name) for file, shape in files)
    if labels.max() >= len(class_names):
        raise DataError(f"the labels in {folder} are damaged: one is {labels.max()}; delete their file.")
    kept = {"train": slice(n - HELD_OUT), "validation": slice(n - HELD_OUT, n)}.get(split, slice(n))
    images, labels = torch.from_numpy(images[kept, None]), torch.from_numpy(labels[kept]).long()
    return ImageData(name, split, images, labels, class_names)


def _present(folder: Path, role: str, kind: str, download: bool) -> Path:
    """The unpacked file if there is one, else the compressed one, else what is fetched and unpacked."""
    plain, packed = folder / role, folder / f"{role}.gz"
    if plain.is_file() or packed.is_file():
        return plain if plain.is_file() else packed
    if not download:
        obtain(packed, (), None, kind, download=False)  # says what is missing
    from torchvision import datasets  # for the addresses and checksums alone

    source = getattr(datasets, kind)
    urls = [mirror + packed.name for mirror in source.mirrors]
    obtain(packed, urls, dict(source.resources)[packed.name], kind, download=download)
    write_atomically(plain, gzip.decompress(packed.read_bytes()))
    packed.unlink()
    return plain


def read_idx(path: Path, shape: tuple[int, ...], name: str) -> np.ndarray:
    """Read an IDX file of unsigned bytes, plain or (.gz) compressed: uint8 of that shape, writable.

    Format: two zero bytes, type code 0x08, number of dimensions, sizes as big-endian uint32, data (LeCun,
    Cortes & Burges, "The MNIST database of handwritten digits"). DataError: anything else.
    """
    try:
        content = path.read_bytes()
        content = gzip.decompress(content) if path.suffix == ".gz" else content
    except (OSError, EOFError, zlib.error) as error:
        content, found = b"", f"it cannot be read ({error})"
    else:
        found = f"it has {len(content):,} bytes and begins with {content[:16].hex(' ') or 'nothing'}"
    header = bytes([0, 0, 8, len(shape)]) + np.array(shape, ">u4").tobytes()
    expected = len(header) + int(np.prod(shape))
    if not content.startswith(header) or len(content) != expected:
        raise DataError(
            f"{path} is damaged, or not the file of {name}: {found}, where {expected:,} bytes beginning with "
            f'{header.hex(" ")} are expected; delete it and call load("{name}") again to download it anew; '
            f"{way_out()}."
        )
    return np.frombuffer(bytearray(content), np.uint8, offset=len(header)).reshape(shape)


# Binarized MNIST: the fixed binarization that published log-likelihoods refer to. Each pixel was drawn once
# from Bernoulli(value / 255) (Salakhutdinov & Murray 2008); H. Larochelle publishes the draws as three text
# files. They are fetched once and kept as one .npz with `train`, `valid`, `test`, uint8 (n, 784) of 0 and 1,
# and, where somebody added them, `train_labels` and so on. The original has no labels.

NOT_AN_NPZ = (KeyError, ValueError, EOFError, OSError, AttributeError, TypeError, BadZipFile, zlib.error)
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
        with np.load(path, allow_pickle=False) as archive:
            images = np.concatenate([archive[part] for part in parts])
            known = all(f"{part}_labels" in archive for part in parts)
            labels = np.concatenate([archive[f"{part}_labels"] for part in parts]) if known else None
        if images.dtype != np.uint8 or images.shape != (sum(AMAT[part] for part in parts), 784):
            raise ValueError(f"its images are {images.dtype} {images.shape}")
        if images.max() > 1 or (known and (labels.shape != images.shape[:1] or not (labels < 10).all())):
            raise ValueError("its values are not 0 and 1, or its labels not a digit for each image")
    except NOT_AN_NPZ as error:
        raise DataError(
            f"{path} is damaged ({error}): expected uint8 (n, 784) of 0 and 1 as train, valid and test; "
            f'delete it and call load("{name}") again to download it anew; {way_out()}.'
        ) from None
    pixels = torch.from_numpy(images * np.uint8(255)).reshape(-1, 1, 28, 28)
    labels = torch.from_numpy(labels.astype(np.int64)) if known else None
    return ImageData(name, split, pixels, labels, DIGITS)


def _make_npz(path: Path, download: bool) -> None:
    """Write the .npz from the three text files beside it; those that are fetched for it are removed again."""
    files = {part: path.with_name(f"binarized_mnist_{part}.amat") for part in AMAT}
    fetched = [file for file in files.values() if not file.is_file()]
    arrays = {}
    for part, file in files.items():
        obtain(file, BASE_URL + file.name, SHA256[part], "binarized MNIST", download=download)
        digits = np.frombuffer(file.read_bytes(), np.uint8)[::2] - np.uint8(ord("0"))
        if digits.size != AMAT[part] * 784:  # a row of digits with a space or the line's end after each
            raise DataError(f"{file} is damaged: it has not {AMAT[part]:,} rows of 784 digits; delete it.")
        arrays[part] = digits.reshape(-1, 784)
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    write_atomically(path, content.getvalue())
    for file in fetched:
        file.unlink()
