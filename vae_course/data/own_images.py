"""Your own pictures from a numpy file, cut into parts that are always the same."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch

from vae_course.data.images import DataError, ImageData

FEWEST, FEWEST_IN_THREE = 10, 50


def read_own_images(path: str | Path) -> tuple[str, torch.Tensor]:
    """Pictures of a .npy file.

    Args:
        path: a .npy file of uint8, (N, H, W) or (N, C, H, W), N ≥ 10.

    Returns:
        A name made of the file's name and content, and the pictures, uint8 (N, C, H, W).

    Raises:
        DataError: there is no such file, or it holds something else (channels last, too); one sentence.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
        images = np.load(path, allow_pickle=False)
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path}; write one with numpy.save(name, images).") from error
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} cannot be read as a .npy file; write one with numpy.save(name, images)."
        ) from error
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8 or images.ndim not in (3, 4):
        found = f"{images.dtype} of shape {images.shape}" if isinstance(images, np.ndarray) else "an archive"
        raise DataError(f"{path} holds {found}; expected uint8 (N, H, W) or (N, C, H, W), 0 to 255.")
    if len(images) < FEWEST:
        raise DataError(
            f"{path} holds {len(images)} pictures; at least {FEWEST} are needed, and thousands are better."
        )
    if images.ndim == 4 and images.shape[1] > 4 >= images.shape[-1]:
        raise DataError(
            f"{path} holds pictures of shape {images.shape[1:]}, which looks like (H, W, C); "
            "expected (C, H, W): save images.transpose(0, 3, 1, 2)."
        )
    if images.ndim == 3:
        images = images[:, None]
    return f"{path.stem}-{hashlib.sha256(content).hexdigest()[:8]}", torch.from_numpy(images)


def load_own_images(path: str | Path, held_out: float = 0.2) -> tuple[str, ImageData, ImageData]:
    """Pictures of a .npy file as two ImageData without labels, for models that are only compared.

    Args:
        path: as for :func:`read_own_images`.
        held_out: share of the pictures, in (0, 1), drawn at random (always the same ones), to measure on.

    Returns:
        The name, the training part, the held-out part ("validation").

    Raises:
        DataError: see :func:`read_own_images`.
    """
    name, images = read_own_images(path)
    order = _order(len(images))
    n = max(2, round(held_out * len(images)))
    return name, _part(name, "train", images, order[n:]), _part(name, "validation", images, order[:n])


def load_own_parts(path: str | Path) -> dict[str, ImageData]:
    """Pictures of a .npy file as "train", "validation" and "test": eight, one and one in ten.

    The training part is that of :func:`load_own_images`: a size that was chosen there has seen no test
    picture.

    Args:
        path: as for :func:`read_own_images`, with N ≥ 50.

    Raises:
        DataError: see :func:`read_own_images`, or there are fewer than 50 pictures.
    """
    name, images = read_own_images(path)
    if len(images) < FEWEST_IN_THREE:
        raise DataError(
            f"{path} holds {len(images)} pictures; at least {FEWEST_IN_THREE} are needed, a tenth of them to "
            "watch training and a tenth to test."
        )
    order = _order(len(images))
    n = round(0.2 * len(images))
    rows = {"train": order[n:], "validation": order[n // 2 : n], "test": order[: n // 2]}
    return {split: _part(name, split, images, index) for split, index in rows.items()}


def _order(n: int) -> np.ndarray:
    return np.random.RandomState(0).permutation(n)  # frozen by numpy's compatibility promise


def _part(name: str, split: str, images: torch.Tensor, index: np.ndarray) -> ImageData:
    return ImageData(name, split, images[torch.from_numpy(np.sort(index))], None, ())
