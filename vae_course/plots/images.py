"""Pictures side by side: grids, samples, reconstructions, paths, manifolds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import contextmanager
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.textpath import TextPath
from torch import Tensor, nn

from vae_course.elbo import GaussianPosterior
from vae_course.plots.style import styled
from vae_course.randomness import seeded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vae_course.data.images import ImageData


# -------- Pictures in rows and columns, the base of every figure that shows images.

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


# -------- What the plots ask of a model: codes, pictures and pseudo-random draws, without touching its state.


@contextmanager
def looking_at(model: nn.Module) -> Iterator[torch.device]:
    """Evaluation mode without gradients for a block; gives the model's device and restores the mode after."""
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield next(model.parameters()).device
    finally:
        model.train(training)


def mean_code(model: nn.Module, x: Tensor) -> Tensor:
    """The code of each image, (batch, latent): the posterior's mean, or an autoencoder's code."""
    code = model.encode(x)
    return code.mean if isinstance(code, GaussianPosterior) else code


def pictures(model: nn.Module, z: Tensor, chunk: int = 512) -> Tensor:
    """The decoder's mean for codes (n, latent) as pictures in [0, 1], (n, C, H, W), on the CPU.

    Means of a Gaussian likelihood may leave [0, 1]; they are clipped, as every screen would.
    """
    parts = [model.likelihood.mean(model.decode(part)).clamp(0, 1).cpu() for part in z.split(chunk)]
    return torch.cat(parts)


def draw_pictures(model: nn.Module, z: Tensor, generator: torch.Generator) -> Tensor:
    """One draw from p(x|z) for each code (n, latent), clipped to [0, 1], (n, C, H, W), on the CPU."""
    return model.likelihood.sample(model.decode(z), generator).clamp(0, 1).cpu()


def prior_codes(model: nn.Module, n: int, seed: int, device: torch.device) -> Tensor:
    """``n`` codes from the prior N(0, I), (n, latent), the same for a seed on every device."""
    generator = seeded(seed)
    return torch.randn(n, model.latent_dim, generator=generator).to(device)


def pick_images(data: ImageData, n: int, seed: int, device: torch.device) -> Tensor:
    """``n`` different images of a data set, (n, C, H, W) in [0, 1], drawn with a seed."""
    if not 1 <= n <= len(data):
        raise ValueError(
            f"n must be from 1 to the {len(data)} images of {data.name} ({data.split}), not {n}."
        )
    index = torch.randperm(len(data), generator=seeded(seed))[:n]
    generator = seeded(seed, data.images.device)
    return data.batch(index.to(data.images.device), generator).to(device)


def check_prior(model: nn.Module) -> None:
    """Raise ValueError for a model without a prior to draw codes from."""
    if not hasattr(model, "sample"):
        raise ValueError(f"{type(model).__name__} has no prior to draw codes from; give a VAE instead.")


# -------- A path of pictures as a strip.


def interpolation_strip(
    images: torch.Tensor | np.ndarray,
    labels: Sequence[str] | None = None,
    *,
    row_labels: Sequence[str] | None = None,
) -> Figure:
    """Draw the pictures along one path in a row, or several paths in rows of the same length.

    Args:
        images: (steps, channels, height, width) or (paths, steps, channels, height, width), floats in [0, 1].
        labels: text above each step (default: the position along the path from 0 to 1).
        row_labels: text to the left of each path.

    Raises:
        ValueError: wrong shape or range, fewer than 2 steps, or a wrong number of labels.
    """
    shape = tuple(images.shape)
    if len(shape) == 4:
        images, shape = images[None], (1, *shape)
    if len(shape) != 5 or shape[1] < 2:
        raise ValueError(
            "images must have the shape ([paths,] steps, channels, height, width) with at least 2 steps, "
            f"not {tuple(images.shape)}."
        )
    paths, steps = shape[:2]
    if labels is None:
        labels = [f"{i / (steps - 1):.2g}" for i in range(steps)]
    flat = images.reshape(-1, *shape[2:])
    return image_grid(flat, paths, steps, column_titles=labels, row_titles=row_labels)


# -------- What a decoder draws over a plane of its latent space.

TICKS = (-3, -2, -1, -0.5, 0, 0.5, 1, 2, 3)


@styled
def manifold(
    model: nn.Module,
    n: int = 20,
    *,
    limits: tuple[float, float] = (0.01, 0.99),
    dimensions: tuple[int, int] = (0, 1),
    center: torch.Tensor | None = None,
) -> Figure:
    """Decode an n x n grid of codes, spaced so that every picture stands for the same share of the prior.

    Along each axis the codes are the quantiles of N(0, 1) at equal steps of probability (Kingma & Welling
    2014, figure 4). Ticks give z in standard deviations of the prior; the second axis points up.

    Args:
        model: a VAE or an Autoencoder with at least two latent dimensions.
        n: pictures along each axis, at least 2.
        limits: first and last probability, 0 < low < high < 1.
        dimensions: the two latent dimensions that vary.
        center: (latent,), the code that the other dimensions keep (default: zeros, the prior's mean).

    Raises:
        ValueError: one of the arguments is outside its range.
    """
    low, high = limits
    if not 0 < low < high < 1:
        raise ValueError(f"limits must satisfy 0 < low < high < 1, not {limits}.")
    if n < 2:
        raise ValueError(f"n must be at least 2, not {n}.")
    latent = model.latent_dim
    across, up = dimensions
    if across == up or not (0 <= across < latent and 0 <= up < latent):
        raise ValueError(
            f"dimensions must be two different ones of the model's {latent} (0 to {latent - 1}), "
            f"not {tuple(dimensions)}."
        )
    if center is not None and center.shape != (latent,):
        raise ValueError(f"center must have the shape ({latent},), not {tuple(center.shape)}.")

    values = torch.special.ndtri(torch.linspace(low, high, n, dtype=torch.float64)).float()
    z = torch.zeros(n * n, latent) if center is None else center.detach().cpu().float().repeat(n * n, 1)
    z[:, across] = values.repeat(n)
    z[:, up] = values.flip(0).repeat_interleave(n)
    with looking_at(model) as device:
        images = check_images(pictures(model, z.to(device)))

    height, width = images.shape[1:3]
    side = min(8.0, max(4.5, 0.36 * n))
    figure = Figure(figsize=(side, side * height / width), layout="constrained")
    axes = figure.subplots()
    axes.imshow(montage(images, n, n, (0, 0)))
    bare(axes)
    # Round values of z between the pictures' own say more than the quantiles at which these were decoded.
    ticks = [z for z in TICKS if values[0] <= z <= values[-1]]
    share = [(NormalDist().cdf(z) - low) / (high - low) for z in ticks]
    texts = [f"{z:g}".replace("-", "−") for z in ticks]
    axes.set_xticks([s * (n - 1) * width + (width - 1) / 2 for s in share], texts)
    axes.set_yticks([(1 - s) * (n - 1) * height + (height - 1) / 2 for s in share], texts)
    axes.tick_params(length=3)
    rest = "" if latent == 2 else (", the others at 0" if center is None else ", the others kept")
    axes.set_xlabel(f"$z_{{{across + 1}}}$ (normal quantiles {low:.0%} to {high:.0%}{rest})")
    axes.set_ylabel(f"$z_{{{up + 1}}}$")
    return figure


# -------- Pictures beside what a model makes of them.


def reconstructions(model: nn.Module, data: ImageData, n: int = 8, seed: int = 0) -> Figure:
    """Draw originals above their reconstructions.

    Rows: the original; the decoder's mean at the mean code; and, for a VAE, the decoder's mean at a code
    drawn from q(z|x), which is what the ELBO scores. An autoencoder has one code per picture and so two rows.

    Args:
        model: a VAE or an Autoencoder; its mode and parameters are left as they are.
        data: the images to draw from, at least ``n``.
        n: pictures in a row.
        seed: chooses the images and the codes.

    Raises:
        ValueError: ``n`` is below 1 or above the number of images.
    """
    with looking_at(model) as device:
        x = pick_images(data, n, seed, device)
        rows, names = [x.cpu(), pictures(model, mean_code(model, x))], ["original", "at the mean code"]
        code = model.encode(x)
        if isinstance(code, GaussianPosterior):
            generator = seeded(seed, device)
            rows.append(pictures(model, code.sample(generator=generator)))
            names.append("at a sampled code")
        else:
            names[1] = "reconstruction"
    return image_grid(torch.cat(rows), len(rows), n, row_titles=names)


# -------- Pictures that a model makes up from its prior.


def samples(model: nn.Module, n: int = 64, seed: int = 0, *, noise: bool = False) -> Figure:
    """Draw pictures for ``n`` codes from the prior N(0, I) on a near-square grid.

    Args:
        model: a VAE; its mode and parameters are left as they are.
        n: number of pictures, at least 1.
        seed: chooses the codes, the same on every device.
        noise: False shows the decoder's mean, True a draw from p(x|z), clipped to [0, 1].

    Raises:
        ValueError: the model has no prior, or ``n`` is below 1.
    """
    _check(model, n)
    with looking_at(model) as device:
        z = prior_codes(model, n, seed, device)
        generator = seeded(seed, device)
        images = draw_pictures(model, z, generator) if noise else pictures(model, z)
    return image_grid(images, cell=0.56)


def mean_and_sample(model: nn.Module, n: int = 8, seed: int = 0) -> Figure:
    """Draw the decoder's mean above a draw from p(x|z), for the same codes from the prior.

    The decoder is a distribution over pictures. Its mean is what is usually shown; a draw is what the model
    claims that data look like, pixel noise included. Draws are clipped to [0, 1].

    Args:
        model: a VAE; its mode and parameters are left as they are.
        n: pictures in a row, at least 1.
        seed: chooses the codes and the draws.

    Raises:
        ValueError: the model has no prior, or ``n`` is below 1.
    """
    _check(model, n)
    with looking_at(model) as device:
        z = prior_codes(model, n, seed, device)
        means = pictures(model, z)
        draws = draw_pictures(model, z, seeded(seed, device))
    return image_grid(torch.cat([means, draws]), 2, n, row_titles=["mean of p(x|z)", "draw from p(x|z)"])


def _check(model: nn.Module, n: int) -> None:
    check_prior(model)
    if n < 1:
        raise ValueError(f"n must be at least 1, not {n}.")


# -------- What one latent dimension does: all others held, one moved.

VALUES = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)


def traverse(
    model: nn.Module, code: torch.Tensor, dimensions: Sequence[int], values: Sequence[float] = VALUES
) -> torch.Tensor:
    """Decode copies of a code in which one dimension is set to each value.

    Args:
        model: a VAE or an Autoencoder.
        code: (latent,).
        dimensions: which ones, from 0; a row of the result each.
        values: in standard deviations of the prior.

    Returns:
        Pictures (dimensions, values, C, H, W), float in [0, 1].

    Raises:
        ValueError: a code of another size, or a dimension that the model does not have.
    """
    latent = model.latent_dim
    if tuple(code.shape) != (latent,):
        raise ValueError(f"the code must have the shape ({latent},), not {tuple(code.shape)}.")
    if not dimensions or not all(0 <= dimension < latent for dimension in dimensions):
        raise ValueError(f"dimensions must be some of 0 to {latent - 1}, not {list(dimensions)}.")
    z = code.detach().cpu().float().repeat(len(dimensions), len(values), 1)
    for row, dimension in enumerate(dimensions):
        z[row, :, dimension] = torch.tensor(values, dtype=torch.float32)
    with looking_at(model) as device:
        decoded = pictures(model, z.flatten(0, 1).to(device))
    return decoded.reshape(len(dimensions), len(values), *decoded.shape[1:])


def traversal_grid(
    model: nn.Module,
    code: torch.Tensor,
    dimensions: Sequence[int],
    values: Sequence[float] = VALUES,
    *,
    row_titles: Sequence[str] | None = None,
) -> Figure:
    """Draw ``traverse``: a row for each dimension, a column for each value.

    row_titles: text at each row (default: the dimension, counted from 1 as in the formulas).
    """
    decoded = traverse(model, code, dimensions, values)
    titles = row_titles or [f"$z_{{{dimension + 1}}}$" for dimension in dimensions]
    columns = [f"{value:+g}".replace("-", "−") if value else "0" for value in values]
    return image_grid(
        decoded.flatten(0, 1), *decoded.shape[:2], row_titles=titles, column_titles=columns, cell=0.75
    )
