"""Animations and posters."""

from __future__ import annotations

import base64
import html as html_text
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from vae_course.files import write_atomically
from vae_course.plots.images import check_images, grid_shape, montage

# -------- Short animations that play in a notebook without a kernel, without scripts and in a few kilobytes.

GAP = 2  # white pixels between the pictures of one frame


def gif_bytes(
    frames: torch.Tensor | np.ndarray, *, seconds: float = 0.08, back_and_forth: bool = True
) -> bytes:
    """Frames as an animated GIF that repeats for ever, in the pictures' own size.

    Args:
        frames: (steps, channels, height, width), or (steps, n, channels, height, width) for n pictures
            side by side in each frame; floats in [0, 1].
        seconds: time for which each frame stands, at least 0.02 (browsers slow shorter ones down).
        back_and_forth: append the way back, so that nothing jumps.

    Raises:
        ValueError: wrong shape or range, fewer than 2 frames, or too little time.
    """
    from PIL import Image

    if len(frames.shape) == 4:
        frames = frames[:, None]
    if len(frames.shape) != 5 or frames.shape[0] < 2:
        raise ValueError(
            "frames must have the shape (steps, [n,] channels, height, width) with at least 2 steps, "
            f"not {tuple(frames.shape)}."
        )
    if seconds < 0.02:
        raise ValueError(f"seconds must be at least 0.02 for each frame, not {seconds}.")
    steps, n = frames.shape[:2]
    flat = check_images(frames.reshape(-1, *frames.shape[2:]), "frames")
    rows = flat.reshape(steps, n, *flat.shape[1:])
    pictures = [
        Image.fromarray((255 * montage(row, 1, n, (GAP, GAP))).round().astype(np.uint8)) for row in rows
    ]
    if all(_is_gray(picture) for picture in pictures):
        pictures = [picture.convert("L") for picture in pictures]
    if back_and_forth:
        pictures += pictures[-2:0:-1]
    buffer = io.BytesIO()
    duration = round(1000 * seconds)
    pictures[0].save(
        buffer, "GIF", save_all=True, append_images=pictures[1:], duration=duration, loop=0, optimize=False
    )
    return buffer.getvalue()


def animation_html(
    frames: torch.Tensor | np.ndarray,
    caption: str,
    alt: str,
    *,
    names: Sequence[str] | None = None,
    zoom: int = 6,
    seconds: float = 0.08,
    back_and_forth: bool = True,
) -> str:
    """An animation as HTML for ``notebook.show_html``; closing its fold stops it.

    A GIF in a fold needs no script, so it also plays in a notebook that is not trusted; whoever is disturbed
    by movement closes the fold.

    Args:
        frames, seconds, back_and_forth: as in ``gif_bytes``.
        caption: one line above the animation.
        alt: a sentence that says what can be seen.
        names: text under each of the n pictures of a frame.
        zoom: how many times larger than its pixels a picture is shown.

    Raises:
        ValueError: as in ``gif_bytes``, or a wrong number of names.
    """
    n = frames.shape[1] if len(frames.shape) == 5 else 1
    if names is not None and len(names) != n:
        raise ValueError(f"names must hold {n} texts, not {len(names)}.")
    gif = gif_bytes(frames, seconds=seconds, back_and_forth=back_and_forth)
    width = zoom * (n * frames.shape[-1] + GAP * (n - 1))
    escape = html_text.escape
    source = base64.b64encode(gif).decode("ascii")
    image = (
        f'<img alt="{escape(alt, quote=True)}" width="{width}" height="{zoom * frames.shape[-2]}" '
        f'style="image-rendering: pixelated; max-width: none" src="data:image/gif;base64,{source}">'
    )
    cells = "".join(
        f'<td style="text-align: center; width: {width // n}px">{escape(name)}</td>' for name in names or ()
    )
    labels = f'<table style="width: {width}px; margin: 0"><tr>{cells}</tr></table>' if cells else ""
    summary = f"{escape(caption)} (close to stop the movement)"
    return f"<details open><summary>{summary}</summary>{image}{labels}</details>"


def _is_gray(picture) -> bool:
    pixels = np.asarray(picture)
    return bool((pixels == pixels[..., :1]).all())


# -------- Something to keep: a poster (PNG) and a morph (GIF), written to files.

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
