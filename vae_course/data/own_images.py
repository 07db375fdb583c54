"""Your own pictures from a numpy file, cut into a training and a held-out part."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch

from vae_course.data.dataset import ImageData
from vae_course.data.errors import DataError


def load_own_images(path: str | Path, held_out: float = 0.2) -> tuple[str, ImageData, ImageData]:
    """Pictures of a .npy file as two ImageData without labels.

    Args:
        path: a .npy file of uint8, (N, H, W) or (N, C, H, W), N ≥ 10.
        held_out: share of the pictures, in (0, 1), drawn at random (always the same ones), to measure on.

    Returns:
        A name made of the file's name and content, the training part, the held-out part.

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
    if len(images) < 10:
        raise DataError(
            f"{path} holds {len(images)} pictures; at least 10 are needed, and thousands are better."
        )
    if images.ndim == 4 and images.shape[1] > 4 >= images.shape[-1]:
        raise DataError(
            f"{path} holds pictures of shape {images.shape[1:]}, which looks like (H, W, C); "
            "expected (C, H, W): save images.transpose(0, 3, 1, 2)."
        )
    if images.ndim == 3:
        images = images[:, None]
    name = f"{path.stem}-{hashlib.sha256(content).hexdigest()[:8]}"
    order = np.random.RandomState(0).permutation(len(images))
    n = max(2, round(held_out * len(images)))
    parts = {"validation": order[:n], "train": order[n:]}
    data = {
        split: ImageData(name, split, torch.from_numpy(images[np.sort(index)]), None, ())
        for split, index in parts.items()
    }
    return name, data["train"], data["validation"]
