"""Pictures in rows and columns, the base of every figure that shows images."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.textpath import TextPath

from vae_course.plotting.style import styled

MAX_WIDTH = 8.5  # inches: the width of a notebook's output
EDGE = 0.04  # inches around the grid
GAP = 2  # white pixels between pictures


def check_images(images: torch.Tensor | np.ndarray, name: str = "images") -> np.ndarray:
    """Bring images to a float32 array (n, height, width, 3) with values in [0, 1].

    ``images`` is a tensor or array (n, channels, height, width) of floats in [0, 1] with 1 (grey) or 3 (red,
    green, blue) channels. Raises ValueError when it is anything else, with what to do about it.
    """
    if isinstance(images, torch.Tensor):
        array = images.detach().cpu().numpy()
    elif isinstance(images, np.ndarray):
        array = images
    else:
        raise ValueError(f"{name} must be a tensor or an array, not {type(images).__name__}.")
    if array.ndim != 4 or array.shape[1] not in (1, 3) or 0 in array.shape:
        raise ValueError(
            f"{name} must have the shape (n, channels, height, width) with n >= 1 and 1 or 3 channels, "
            f"not {tuple(array.shape)}."
        )
    if not np.issubdtype(array.dtype, np.floating):
        raise ValueError(f"{name} must be floats in [0, 1], not {array.dtype}; divide bytes by 255.")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} contain values that are not finite; the model may have diverged.")
    low, high = float(array.min()), float(array.max())
    if low < -1e-3 or high > 1 + 1e-3:
        raise ValueError(
            f"{name} must lie in [0, 1], not in [{low:.3g}, {high:.3g}]; logits need a sigmoid, "
            "bytes a division by 255."
        )
    array = np.clip(array, 0, 1).astype(np.float32).transpose(0, 2, 3, 1)
    return np.repeat(array, 3, axis=3) if array.shape[3] == 1 else array


def grid_shape(n: int, rows: int | None = None, columns: int | None = None) -> tuple[int, int]:
    """Rows and columns for ``n`` pictures: what is given is kept, what is missing is chosen, near a square.

    Raises ValueError when the cells are fewer than the pictures.
    """
    for name, value in (("rows", rows), ("columns", columns)):
        if value is not None and value < 1:
            raise ValueError(f"{name} must be at least 1, not {value}.")
    if rows is None and columns is None:
        columns = math.ceil(math.sqrt(n))
    if rows is None:
        rows = math.ceil(n / columns)
    if columns is None:
        columns = math.ceil(n / rows)
    if rows * columns < n:
        raise ValueError(f"{n} pictures do not fit in {rows} x {columns} cells; give more rows or columns.")
    return rows, columns


def montage(pictures: np.ndarray, rows: int, columns: int, gap: tuple[int, int] = (GAP, GAP)) -> np.ndarray:
    """One large picture of many, row by row; cells without a picture and gaps are white.

    ``pictures`` (n, height, width, 3) floats in [0, 1], n <= rows * columns; ``gap`` is (vertical,
    horizontal) in pixels. Returns (rows * height + (rows - 1) * gap, likewise for the width, 3).
    """
    n, height, width, _ = pictures.shape
    down, right = height + gap[0], width + gap[1]
    canvas = np.ones((rows * down - gap[0], columns * right - gap[1], 3), dtype=np.float32)
    for index in range(n):
        row, column = divmod(index, columns)
        canvas[row * down : row * down + height, column * right : column * right + width] = pictures[index]
    return canvas


def bare(axes: Axes) -> None:
    """Take frame, grid and tick marks off, keep the tick labels."""
    axes.grid(False)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


@styled
def image_grid(
    images: torch.Tensor | np.ndarray,
    rows: int | None = None,
    columns: int | None = None,
    titles: Sequence[str] | None = None,
    *,
    row_titles: Sequence[str] | None = None,
    column_titles: Sequence[str] | None = None,
    cell: float = 0.84,
) -> Figure:
    """Draw images row by row on one grid.

    Args:
        images: (n, channels, height, width), floats in [0, 1], 1 or 3 channels; black is 0.
        rows, columns: the grid; what is left out is chosen, near a square. Cells left over stay white.
        titles: one text per picture, above it.
        row_titles: one text per row, to its left.
        column_titles: one text per column, on top.
        cell: largest width of a picture in inches; it shrinks until the figure fits a notebook.

    Returns:
        A Figure with one axes, which holds one large picture: ``montage`` of the images.

    Raises:
        ValueError: wrong shape or range, too few cells, or a wrong number of titles.
    """
    pictures = check_images(images)
    n, height, width, _ = pictures.shape
    rows, columns = grid_shape(n, rows, columns)
    for name, texts, expected in (
        ("titles", titles, n),
        ("row_titles", row_titles, rows),
        ("column_titles", column_titles, columns),
    ):
        if texts is not None and len(texts) != expected:
            raise ValueError(f"{name} must hold {expected} texts, not {len(texts)}.")

    # Inches: margins as wide as the texts in them, and no layout engine, so that cells keep the size they
    # are given.
    left = EDGE + (_width(row_titles, 10) + 0.1 if row_titles else 0)
    top = EDGE + (0.2 if titles or column_titles else 0)
    cell = min(cell, (MAX_WIDTH - left) / columns)
    inch = cell / width  # of one pixel
    above = round(0.22 / inch) if titles else GAP
    canvas = montage(pictures, rows, columns, (above, GAP))
    across, down = canvas.shape[1] * inch, canvas.shape[0] * inch
    size = (left + across + EDGE, top + down + EDGE)
    figure = Figure(figsize=size)
    axes = figure.add_axes((left / size[0], EDGE / size[1], across / size[0], down / size[1]))
    axes.imshow(canvas, aspect="auto")
    bare(axes)
    axes.set_xticks([])
    axes.set_yticks([])
    x = [column * (width + GAP) + (width - 1) / 2 for column in range(columns)]
    if row_titles is not None:
        y = [row * (height + above) + (height - 1) / 2 for row in range(rows)]
        axes.set_yticks(y, row_titles, fontsize=10)
    for texts, places in (
        (titles, [(x[i % columns], i // columns * (height + above) - 1) for i in range(n)]),
        (column_titles, [(place, -1) for place in x]),
    ):
        room = 0.95 * cell  # text on the screen is a little wider than its outlines
        size = max(7.0, min(9.5, 9.5 * room / max(_width(texts or (), 9.5), 1e-6)))
        for text, place in zip(texts or (), places, strict=False):
            axes.text(*place, _shorten(text, size, room), ha="center", va="bottom", fontsize=size)
    return figure


def _width(texts: Sequence[str], size: float) -> float:
    """Width in inches of the longest text at a font size in points."""
    widths = [TextPath((0, 0), text, size=size).get_extents().width for text in texts if text.strip()]
    return max(widths, default=0.0) / 72


def _shorten(text: str, size: float, room: float) -> str:
    """The text, cut with an ellipsis where it is wider than ``room`` inches."""
    short = text
    while _width([short], size) > room and len(short) > 2:
        short = short[:-2].rstrip() + "…"
    return short


def sample_grid(images: torch.Tensor | np.ndarray) -> Figure:
    """Draw images (n, channels, height, width), floats in [0, 1], near a square; see ``image_grid``."""
    return image_grid(images)
