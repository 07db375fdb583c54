"""MNIST and Fashion-MNIST from their four IDX files, in the folders that torchvision uses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from vae_course.data.digits import DIGIT_NAMES
from vae_course.data.errors import OFFLINE_ALTERNATIVE, DataError
from vae_course.data.idx import read_idx

_ROLES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


@dataclass(frozen=True)
class MnistLike:
    """What to expect in the files, and which part of the training files is held out for validation."""

    name: str
    folder: str  # also the name of torchvision's class
    class_names: tuple[str, ...]
    train: int = 60_000
    test: int = 10_000
    validation: int = 10_000  # the last so many of the training files


MNIST = MnistLike("mnist", "MNIST", DIGIT_NAMES)
FASHION_MNIST = MnistLike(
    "fashion_mnist",
    "FashionMNIST",
    (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
)


def load_mnist_like(
    spec: MnistLike, split: str, root: Path, download: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """One split of MNIST or Fashion-MNIST from `<root>/<folder>/raw`, downloaded first where allowed.

    Returns:
        images uint8 (n, 1, 28, 28) and labels int64 (n,), in the order of the files.

    Raises:
        DataError: files are missing and may not or cannot be downloaded, or they are damaged.
    """
    folder = root / spec.folder / "raw"
    missing = [role for role in _ROLES if find_file(folder, role) is None]
    if missing and not download:
        raise DataError(
            f"{missing[0]} is not in {folder} and download=False forbids fetching it: put the IDX files of "
            f"{spec.folder} there, or allow the download; {OFFLINE_ALTERNATIVE}."
        )
    if missing:
        from vae_course.data.download_mnist import download_mnist_like

        download_mnist_like(spec.folder, root, _ROLES)
    try:
        images, labels = read_pair(folder, spec, "t10k" if split == "test" else "train")
    except DataError as error:
        raise DataError(
            f'{error}; delete it and call load("{spec.name}") again to download it anew; '
            f"{OFFLINE_ALTERNATIVE}."
        ) from None
    kept = {
        "train": slice(0, spec.train - spec.validation),
        "validation": slice(spec.train - spec.validation, None),
    }
    part = kept.get(split, slice(None))
    return torch.from_numpy(images[part, None]), torch.from_numpy(labels[part].astype(np.int64))


def read_pair(folder: Path, spec: MnistLike, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 28, 28) and labels (n,), uint8, of `part` "train" or "t10k", checked against `spec`."""
    images_path = find_file(folder, f"{part}-images-idx3-ubyte")
    labels_path = find_file(folder, f"{part}-labels-idx1-ubyte")
    images, labels = read_idx(images_path, ndim=3), read_idx(labels_path, ndim=1)
    count = spec.train if part == "train" else spec.test
    for path, array, shape in ((images_path, images, (count, 28, 28)), (labels_path, labels, (count,))):
        if array.shape != shape:
            raise DataError(
                f"{path} is not the file of {spec.folder}: it has shape {array.shape}, not {shape}"
            )
    if labels.max() >= len(spec.class_names):
        raise DataError(f"{labels_path} is damaged: it has label {labels.max()}, but classes end at 9")
    return images, labels


def find_file(folder: Path, role: str) -> Path | None:
    """The unpacked file if there is one, else the compressed one, else None."""
    return next((path for path in (folder / role, folder / f"{role}.gz") if path.is_file()), None)
