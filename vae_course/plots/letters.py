"""Letters as outlines: rows of them, a poster, and files in which they stay sharp at every size.

Pictures of letters are (n, 1, 32, 32), floats in [0, 1], ink is 1.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from contourpy import contour_generator
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path
from torch import Tensor
from torch.nn import functional as F

from vae_course.plots.images import MAX_WIDTH, bare, text_width
from vae_course.plots.style import BLUE, styled

FINER = 4  # times as many places in which an outline is looked for
SPECK = 2.0  # pixels²: smaller islands and holes are left out
STEP = 28.0  # pixels from letter to letter in a row
TOP, BOTTOM = 28.0, 4.0  # between them stand the letters, in pixels from below


def _finer(pictures: Tensor, finer: int) -> tuple[Tensor, Tensor]:
    """Pictures as rows of more pixels (n, (32·finer)²), and the threshold that keeps the ink of each."""
    side = pictures.shape[-1]
    flat = pictures.detach().cpu().float().reshape(-1, 1, side, side)
    large = F.interpolate(flat, scale_factor=finer, mode="bicubic").flatten(1)
    ink = (flat.flatten(1).mean(1) * large.shape[1]).long().clamp(1, large.shape[1])
    return large, large.sort(1, descending=True).values.gather(1, ink[:, None] - 1)


def ink_preserving_cut(pictures: Tensor, finer: int = FINER) -> Tensor:
    """Each picture (..., 1, 32, 32) finer and cut to black and white at the threshold that keeps its ink."""
    large, threshold = _finer(pictures, finer)
    side = pictures.shape[-1] * finer
    return ((large - threshold) * 3 + 0.5).clamp(0, 1).view(*pictures.shape[:-2], side, side)


def outlines(pictures: Tensor) -> list[Path]:
    """The outline of each picture (n, 1, 32, 32) where it is cut so that it keeps its ink, in pixels, x from
    the left, y from below; holes run the other way round than islands.
    """
    large, thresholds = _finer(pictures, FINER)
    side, found = pictures.shape[-1] * FINER, []
    place = (np.arange(-1, side + 1) + 0.5) / FINER
    for field, level in zip(large.view(-1, side, side).numpy(), thresholds[:, 0].tolist(), strict=True):
        z = np.pad(np.flipud(field), 1, constant_values=min(0.0, level - 1))
        lines = contour_generator(place, place, z).lines(level) if field.max() > 0 else []
        kept = [line for line in lines if abs(_area(line)) > SPECK]
        found.append(Path.make_compound_path(*(Path(line, closed=True) for line in kept)))
    return found


def _area(line: np.ndarray) -> float:
    x, y = line[:-1].T
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def _placed(paths: Sequence[Path], x: float, y: float, step: float = STEP) -> list[Path]:
    """Letters from (x, y) to the right, each in the middle of a cell; empty ones are left out."""
    places = ((path, (x + (i + 0.5) * step - 16, y)) for i, path in enumerate(paths) if len(path.vertices))
    return [Path(path.vertices + place, path.codes) for path, place in places]


def _draw(axes: Axes, paths: Sequence[Path], color: str) -> None:
    """All letters of one color as one shape; `add_patch` would look for the extent of every curve."""
    if paths:
        patch = PathPatch(Path.make_compound_path(*paths), facecolor=color, linewidth=0)
        axes.add_artist(patch)


@styled
def set_letters(
    rows: Mapping[str, Tensor] | Sequence[tuple[str, Tensor]],
    *,
    framed: Sequence[int] = (),
    ink: Sequence[str] = ("black",),
) -> Figure:
    """Rows of letters, name to pictures (n, 1, 32, 32), as outlines, each with its name on the left;
    ``framed``: rows whose first letter has a frame; ``ink``: colors, row by row, in turn.
    """
    rows, width = list(rows.items() if isinstance(rows, Mapping) else rows), MAX_WIDTH
    names, drawn = [name for name, _ in rows], [outlines(pictures) for _, pictures in rows]
    figure = Figure(figsize=(width, 1))
    axes = figure.add_axes((0, 0, 1, 1))
    down, across = TOP - BOTTOM + 7, STEP * max(map(len, drawn))
    for row, paths in enumerate(drawn):
        _draw(axes, _placed(paths, 0, -down * row), ink[row % len(ink)])
    label = text_width([line for name in names for line in name.split("\n")], 10)
    left = (label + 0.15) * across / (width - label - 0.15) if label else 1.0
    for row, name in enumerate(names):
        axes.text(-left, 16 - down * row, name, va="center", fontsize=10)
        if row in framed:
            box = Rectangle((-1, BOTTOM - 2 - down * row), STEP + 1, TOP - BOTTOM + 4, fill=False)
            box.set(edgecolor=BLUE, linewidth=2)
            axes.add_patch(box)
    bottom, top = BOTTOM - 3 - down * (len(rows) - 1), TOP + 3
    axes.set(xlim=(-left - 1, across + 1), ylim=(bottom, top))
    figure.set_size_inches(width, width * (top - bottom) / (across + left + 2))
    bare(axes)
    axes.set_axis_off()
    return figure


@styled
def letter_poster(pictures: Tensor, columns: int, colors: Sequence[str], *, line: str = "") -> Figure:
    """Letters (n, 1, 32, 32) row by row, each in its color, on dark paper; a small line below."""
    paper, width = "#14213D", MAX_WIDTH
    rows, cell = -(-len(pictures) // columns), 29.0
    margin, foot = 0.7 * cell, 1.3 * cell
    size = columns * cell + 2 * margin, rows * cell + margin + foot
    figure = Figure(figsize=(width, width * size[1] / size[0]), facecolor=paper)
    axes = figure.add_axes((0, 0, 1, 1), facecolor=paper)
    placed: dict[str, list[Path]] = {}
    for number, (path, color) in enumerate(zip(outlines(pictures), colors, strict=True)):
        row, column = divmod(number, columns)
        place = margin + column * cell, foot + (rows - 1 - row) * cell
        placed.setdefault(color, []).extend(_placed([path], *place, cell))
    for color, paths in placed.items():
        _draw(axes, paths, color)
    axes.text(margin, 0.55 * foot, line, color=colors[0], fontsize=8.5, va="center", alpha=0.8)
    axes.add_patch(Rectangle((0, 0), *size, facecolor=paper, zorder=-1))
    axes.set(xlim=(0, size[0]), ylim=(0, size[1]))
    bare(axes)
    return figure
