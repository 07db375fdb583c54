"""Something to keep: a poster (PNG) and a morph (GIF), written to files."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from vae_course.files import write_atomically
from vae_course.plotting.animation import gif_bytes
from vae_course.plotting.images import check_images, grid_shape

PAPER = 0.98  # the poster's ground, nearly white


def poster_array(
    images: Tensor | np.ndarray, columns: int | None = None, *, zoom: int = 4, invert: bool = False
) -> np.ndarray:
    """Pictures in rows and columns on a wide sheet with margins: uint8 (height, width, 3).

    Args:
        images: (n, channels, height, width), floats in [0, 1]; row by row.
        columns: default: near a square.
        zoom: how many times larger each picture gets, smoothly.
        invert: print black on white what is white on black, as suits MNIST and Fashion-MNIST.

    Raises:
        ValueError: wrong shape or range, or a zoom below 1.
    """
    if zoom < 1:
        raise ValueError(f"zoom is {zoom}; it must be a whole number of at least 1.")
    small = torch.as_tensor(check_images(images).transpose(0, 3, 1, 2).copy())
    large = F.interpolate(small, scale_factor=zoom, mode="bicubic", align_corners=False).clamp(0, 1)
    large = 1 - large if invert else large
    n, _, height, width = large.shape
    rows, columns = grid_shape(n, None, columns)
    gap, margin = round(0.08 * width), round(0.6 * width)
    canvas = np.full(
        (rows * (height + gap) - gap + 2 * margin, columns * (width + gap) - gap + 2 * margin, 3),
        PAPER,
        "float32",
    )
    for index, picture in enumerate(large.permute(0, 2, 3, 1).numpy()):
        top, left = (
            margin + place * (size + gap)
            for place, size in zip(divmod(index, columns), (height, width), strict=True)
        )
        canvas[top : top + height, left : left + width] = PAPER * picture if invert else picture
    return (255 * canvas).round().astype(np.uint8)


def write_poster(
    path: str | Path,
    images: Tensor | np.ndarray,
    columns: int | None = None,
    *,
    zoom: int = 4,
    invert: bool = False,
    dpi: int = 200,
) -> Path:
    """Write a poster as PNG; the file is complete or not there.

    Args:
        path: file to write, ending in .png; folders on the way are made.
        dpi: how large it prints: pixels per inch, written into the file.
        images, columns, zoom, invert: as in :func:`poster_array`.

    Returns:
        The path.

    Raises:
        ValueError: as :func:`poster_array`, or another ending.
    """
    from PIL import Image

    path = _ending(path, ".png")
    buffer = io.BytesIO()
    Image.fromarray(poster_array(images, columns, zoom=zoom, invert=invert)).save(
        buffer, "PNG", optimize=True, dpi=(dpi, dpi)
    )
    write_atomically(path, buffer.getvalue())
    return path


def write_morph(
    path: str | Path,
    frames: Tensor | np.ndarray,
    *,
    zoom: int = 6,
    seconds: float = 0.06,
    back_and_forth: bool = True,
) -> Path:
    """Write frames as an animated GIF that repeats for ever; the file is complete or not there.

    Args:
        path: file to write, ending in .gif.
        frames: (steps, channels, height, width), floats in [0, 1], at least 2 steps.
        zoom: how many times larger than its pixels, smoothly.
        seconds, back_and_forth: as in ``gif_bytes``.

    Returns:
        The path.
    """
    path = _ending(path, ".gif")
    if len(frames.shape) != 4:
        raise ValueError(
            f"frames must have the shape (steps, channels, height, width), not {tuple(frames.shape)}."
        )
    if zoom < 1:
        raise ValueError(f"zoom is {zoom}; it must be a whole number of at least 1.")
    frames = torch.as_tensor(frames).float().clamp(0, 1)
    large = F.interpolate(frames, scale_factor=zoom, mode="bicubic", align_corners=False).clamp(0, 1)
    write_atomically(path, gif_bytes(large, seconds=seconds, back_and_forth=back_and_forth))
    return path


def _ending(path: str | Path, suffix: str) -> Path:
    path = Path(path)
    if path.suffix.lower() != suffix:
        raise ValueError(f"{path.name} does not end in {suffix}; give a name such as my_work{suffix}.")
    return path
