"""Binarized MNIST: the fixed binarization that published log-likelihoods refer to.

Each pixel was drawn once from Bernoulli(value / 255) (Salakhutdinov & Murray 2008); H. Larochelle publishes
the draws as three text files. They are fetched once and kept as one .npz with `train`, `valid`, `test`, uint8
(n, 784) of 0 and 1, and, where somebody added them, `train_labels` and so on. The original has no labels.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import zipfile
import zlib
from pathlib import Path

import numpy as np
import torch

from vae_course.data.errors import OFFLINE_ALTERNATIVE, DataError
from vae_course.data.fetch import fetch
from vae_course.files import write_atomically

BASE_URL = "http://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/"
COUNTS = {"train": 50_000, "valid": 10_000, "test": 10_000}
SHA256 = {
    "train": "ad693b29f94c14277b095f5238ddefbbdaaae0939789dd2f4f0205278cee3e4d",
    "valid": "1de3d397c40fe8eeb33dafd4099a1f665ec01e96d9be234aaeeac8a34930e2e2",
    "test": "e6687bfea3f820c174f33b7865140b2a2dd2930ef786f35d45795fc193b5ab2c",
}
_PIXELS = 28 * 28
# what numpy raises for garbage, half a file, a changed byte, objects, and a single array in place of several
_NOT_AN_NPZ = (ValueError, EOFError, OSError, AttributeError, TypeError, zipfile.BadZipFile, zlib.error)
_PARTS = {
    "train": ("train",),
    "validation": ("valid",),
    "test": ("test",),
    "train+validation": ("train", "valid"),
}


def load_binarized_mnist(split: str, root: Path, download: bool) -> tuple[torch.Tensor, torch.Tensor | None]:
    """One split from `<root>/binarized_mnist/binarized_mnist.npz`, made from the three text files if missing.

    Returns:
        images uint8 (n, 1, 28, 28), 0 or 255; labels int64 (n,), or None where the file has none.

    Raises:
        DataError: the file is missing and may not or cannot be downloaded, or a file is damaged.
    """
    path = root / "binarized_mnist" / "binarized_mnist.npz"
    if not path.is_file():
        make_npz(path, download)
    try:
        images, labels = zip(*(_read_part(path, part) for part in _PARTS[split]), strict=True)
    except DataError as error:
        raise DataError(
            f'{error}; delete it and call load("binarized_mnist") again to download it anew; '
            f"{OFFLINE_ALTERNATIVE}."
        ) from None
    pixels = torch.from_numpy(np.concatenate(images) * np.uint8(255)).reshape(-1, 1, 28, 28)
    if any(part is None for part in labels):
        return pixels, None
    return pixels, torch.from_numpy(np.concatenate(labels).astype(np.int64))


def make_npz(path: Path, download: bool) -> None:
    """Write the .npz at `path` from the three .amat files beside it, fetching those that are missing.

    Fetched files wait in a folder `download`, so that a broken download goes on where it stopped; it is
    removed at the end. Files that somebody put beside the .npz stay.
    """
    waiting = path.parent / "download"
    files = {}
    for part in COUNTS:
        beside = path.parent / f"binarized_mnist_{part}.amat"
        files[part] = beside if beside.is_file() else waiting / beside.name
    missing = {part: file for part, file in files.items() if not file.is_file()}
    if missing and not download:
        raise DataError(
            f"{path.name} is not in {path.parent} and download=False forbids fetching it: put it (or "
            f"Larochelle's three .amat files) there, or allow the download; {OFFLINE_ALTERNATIVE}."
        )
    for part, file in missing.items():
        fetch(BASE_URL + file.name, file, SHA256[part])
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{part: parse_amat(file, SHA256[part]) for part, file in files.items()})
    write_atomically(path, buffer.getvalue())
    shutil.rmtree(waiting, ignore_errors=True)


def parse_amat(path: Path, sha256: str) -> np.ndarray:
    """Read one text file, a row of space-separated 0s and 1s per image: uint8 (n, 784).

    The checksum fixes every byte, so digits stand at the even positions and need no parsing.
    """
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != sha256:
        raise DataError(
            f"{path} is damaged: its SHA-256 is {digest} where {sha256} was expected; delete it and call "
            f'load("binarized_mnist") again to download it anew; {OFFLINE_ALTERNATIVE}.'
        )
    return np.frombuffer(content, np.uint8)[::2].reshape(-1, _PIXELS) - np.uint8(ord("0"))


def _read_part(path: Path, part: str) -> tuple[np.ndarray, np.ndarray | None]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            images = archive[part]
            labels = archive[f"{part}_labels"] if f"{part}_labels" in archive else None
    except KeyError:
        raise DataError(f'{path} is damaged: it has no array "{part}"') from None
    except _NOT_AN_NPZ:
        raise DataError(f"{path} is damaged: it is not a whole .npz file of numbers") from None
    expected = (COUNTS[part], _PIXELS)
    if images.shape != expected or images.dtype != np.uint8:
        raise DataError(
            f'{path} is damaged: its "{part}" is {images.dtype} {images.shape}, not uint8 {expected}'
        )
    if images.max() > 1:
        raise DataError(f'{path} is damaged: its "{part}" has values up to {images.max()}, not 0 and 1')
    if labels is not None and (labels.shape != expected[:1] or not np.isin(labels, range(10)).all()):
        raise DataError(f'{path} is damaged: its "{part}_labels" are not {expected[0]:,} numbers from 0 to 9')
    return images, labels
