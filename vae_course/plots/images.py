"""Pictures side by side: grids, samples, reconstructions, paths, manifolds, animations."""

import base64
import io
import math
from collections.abc import Sequence
from html import escape

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.textpath import TextPath
from PIL import Image
from torch import Tensor, nn

from vae_course.data.images import ImageData
from vae_course.data.sound import Spectrogram
from vae_course.elbo import GaussianPosterior
from vae_course.evaluation.bounds import looking_at
from vae_course.plots.style import minus, styled, subplots
from vae_course.randomness import seeded

Pictures = Tensor | np.ndarray  # (n, C, H, W), floats in [0, 1]

# What the plots ask of a model on any device, without touching its state; what comes back is on the CPU.


def encoded(model: nn.Module, x: Tensor) -> GaussianPosterior | Tensor:
    """What the encoder makes of images (n, C, H, W): q(z|x), or an autoencoder's codes (n, latent)."""
    with looking_at(model) as device:
        code = model.encode(x.to(device))
    if isinstance(code, GaussianPosterior):
        return GaussianPosterior(code.mean.cpu(), code.log_var.cpu())
    return code.cpu()


def mean_code(model: nn.Module, x: Tensor) -> Tensor:
    """The code of each image, (batch, latent): the posterior's mean, or an autoencoder's code."""
    code = encoded(model, x)
    return code.mean if isinstance(code, GaussianPosterior) else code


def pictures(model: nn.Module, z: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """What the decoder makes of codes z (n, latent), as pictures in [0, 1], (n, C, H, W), clipped.

    With a ``generator``, on the model's device, one draw from p(x|z) for each code instead of the mean.
    """
    like = model.likelihood
    with looking_at(model) as device:
        decoded = torch.cat([model.decode(part.to(device)) for part in z.split(512)])
        shown = like.mean(decoded) if generator is None else like.sample(decoded, generator)
        return shown.clamp(0, 1).cpu()


# Pictures in rows and columns, the base of every figure that shows images.

MAX_WIDTH = 8.5  # inches: the width of a notebook's output
EDGE = 0.04  # inches around the grid
GAP = 2  # white pixels between pictures


def check_images(images: Pictures) -> np.ndarray:
    """Images (n, 1 or 3, h, w) of floats in [0, 1] as float32 (n, h, w, 3); ValueError for anything else."""
    array = images.detach().cpu().numpy() if isinstance(images, Tensor) else np.asarray(images)
    if array.ndim != 4 or array.shape[1] not in (1, 3) or 0 in array.shape:
        shape = tuple(array.shape)
        raise ValueError(f"images must be (n >= 1, 1 or 3 channels, height, width), not {shape}.")
    if not np.issubdtype(array.dtype, np.floating) or not np.isfinite(array).all():
        raise ValueError(f"images must be finite floats in [0, 1], not {array.dtype}, NaN or infinite.")
    low, high = float(array.min()), float(array.max())
    if low < -1e-3 or high > 1 + 1e-3:
        found = f"[{low:.3g}, {high:.3g}]; logits need a sigmoid, bytes a division by 255"
        raise ValueError(f"images must lie in [0, 1], not in {found}.")
    array = np.clip(array, 0, 1).astype(np.float32).transpose(0, 2, 3, 1)
    return np.repeat(array, 3, axis=3) if array.shape[3] == 1 else array


def grid_shape(n: int, rows: int | None = None, columns: int | None = None) -> tuple[int, int]:
    """Rows and columns for ``n`` pictures: what is given is kept, the rest is chosen, near a square."""
    if rows is None:
        columns = columns or math.ceil(math.sqrt(n))
        rows = math.ceil(n / columns)
    columns = columns or math.ceil(n / rows)
    if rows * columns < n:
        raise ValueError(f"{n} pictures do not fit in {rows} x {columns} cells; give more rows or columns.")
    return rows, columns


def montage(images: Pictures, rows: int, columns: int, gap: tuple[int, int] = (GAP, GAP)) -> np.ndarray:
    """One large picture of many, row by row; cells without a picture and gaps are white.

    ``images`` as ``check_images`` takes them, n <= rows * columns; ``gap`` down and across, in pixels.
    """
    checked = check_images(images)
    n, height, width, _ = checked.shape
    cells = np.ones((rows * columns, height + gap[0], width + gap[1], 3), dtype=np.float32)
    cells[:n, :height, :width] = checked
    grid = cells.reshape(rows, columns, *cells.shape[1:]).swapaxes(1, 2)
    whole = grid.reshape(rows * (height + gap[0]), columns * (width + gap[1]), 3)
    return whole[: len(whole) - gap[0], : whole.shape[1] - gap[1]]


def draw_grid(
    axes: Axes,
    images: Pictures,
    rows: int,
    columns: int,
    gap: tuple[int, int] = (GAP, GAP),
    names: Sequence[str] | None = None,
) -> AxesImage:
    """Fill an axes with a ``montage``: no frame, no ticks, ``names`` to the left of the rows."""
    image = axes.imshow(montage(images, rows, columns, gap))
    bare(axes)
    if names is not None:
        middle, step = (images.shape[-2] - 1) / 2, images.shape[-2] + gap[0]
        axes.set_yticks([middle + row * step for row in range(rows)], names, fontsize=10)
    return image


def bare(axes: Axes) -> None:
    """Take frame, grid and ticks off."""
    axes.grid(False)
    axes.set(xticks=[], yticks=[])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


@styled
def image_grid(
    images: Pictures,
    rows: int | None = None,
    columns: int | None = None,
    *,
    row_titles: Sequence[str] | None = None,
    column_titles: Sequence[str] | None = None,
    cell: float = 0.84,
) -> Figure:
    """Draw images (n, channels, height, width), floats in [0, 1], 1 or 3 channels, row by row on one grid.

    Of ``rows`` and ``columns`` what is left out is chosen, near a square. Titles: one text per row, to its
    left; per column, on top. ``cell`` is the largest width of a picture in inches; it shrinks to fit.
    """
    n, height, width, _ = check_images(images).shape
    rows, columns = grid_shape(n, rows, columns)
    for name, texts, n in (("row_titles", row_titles, rows), ("column_titles", column_titles, columns)):
        if texts is not None and len(texts) != n:
            raise ValueError(f"{name} must hold {n} texts, not {len(texts)}.")

    # Inches: margins as wide as the texts in them, and no layout engine, so that cells keep their size.
    left = EDGE + (text_width(row_titles, 10) + 0.1 if row_titles else 0)
    top = EDGE + (0.2 if column_titles else 0)
    cell = min(cell, (MAX_WIDTH - left) / columns)
    inch = cell / width  # of one pixel
    across, down = (columns * (width + GAP) - GAP) * inch, (rows * (height + GAP) - GAP) * inch
    size = (left + across + EDGE, top + down + EDGE)
    figure = Figure(figsize=size)
    axes = figure.add_axes((left / size[0], EDGE / size[1], across / size[0], down / size[1]))
    draw_grid(axes, images, rows, columns, names=row_titles)
    axes.set_aspect("auto")
    room = 0.95 * cell  # text on the screen is a little wider than its outlines
    points = max(7.0, min(9.5, 9.5 * room / max(text_width(column_titles or (), 9.5), 1e-6)))
    for column, text in enumerate(column_titles or ()):
        while text_width([text], points) > room and len(text) > 2:  # cut, with an ellipsis
            text = text[:-2].rstrip() + "…"
        place = (column * (width + GAP) + (width - 1) / 2, -1)
        axes.text(*place, text, ha="center", va="bottom", fontsize=points)
    return figure


def text_width(texts: Sequence[str], size: float) -> float:
    """Width in inches of the longest text at a font size in points."""
    widths = [TextPath((0, 0), text, size=size).get_extents().width for text in texts if text.strip()]
    return max(widths, default=0.0) / 72


def reconstructions(model: nn.Module, data: ImageData, n: int = 8, seed: int = 0) -> Figure:
    """Draw ``n`` images of a data set above their reconstructions; ``seed`` chooses images and codes.

    Rows: the original; the decoder's mean at the mean code; for a VAE also at a code drawn from q(z|x).
    """
    index = torch.randperm(len(data), generator=seeded(seed))[:n].to(data.images.device)
    x = data.batch(index, seeded(seed, data.images.device)).cpu()
    code = encoded(model, x)
    rows, names = [x, pictures(model, mean_code(model, x))], ["original", "reconstruction"]
    if isinstance(code, GaussianPosterior):
        rows.append(pictures(model, code.sample(generator=seeded(seed))))
        names[1:] = ["at the mean code", "at a sampled code"]
    return image_grid(torch.cat(rows), len(rows), n, row_titles=names)


def samples(model: nn.Module, n: int = 64, seed: int = 0, *, noise: bool = False) -> Figure:
    """Pictures for ``n`` codes from N(0, I), the same on every device; with ``noise`` draws of p(x|z)."""
    if not hasattr(model, "sample"):
        raise ValueError(f"{type(model).__name__} has no prior to draw codes from; give a VAE instead.")
    z = torch.randn(n, model.latent_dim, generator=seeded(seed))
    with looking_at(model) as device:
        images = pictures(model, z, seeded(seed, device) if noise else None)
    return image_grid(images, cell=0.56)


def interpolation_strip(
    paths: Pictures, labels: Sequence[str], *, row_labels: Sequence[str] | None = None
) -> Figure:
    """Draw paths (paths, steps, C, H, W), in rows; ``labels`` above the steps, ``row_labels`` on the left."""
    flat = paths.reshape(-1, *paths.shape[2:])
    return image_grid(flat, *paths.shape[:2], column_titles=labels, row_titles=row_labels)


def traversal_grid(model: nn.Module, code: Tensor, dimensions: Sequence[int], *, row_titles=()) -> Figure:
    """What one latent dimension does: a row for each of ``dimensions``, in it pictures decoded from copies of
    a code (latent,) in which it is set to −3, −2, …, 3. ``row_titles`` are z₁, z₂ … by default.
    """
    values = torch.arange(-3.0, 4.0)
    z = code.detach().cpu().float().repeat(len(dimensions), len(values), 1)
    for row, dimension in enumerate(dimensions):
        z[row, :, dimension] = values
    titles = row_titles or [f"$z_{{{dimension + 1}}}$" for dimension in dimensions]
    columns = [minus(f"{value:+g}") if value else "0" for value in values.tolist()]
    shown = pictures(model, z.flatten(0, 1))
    return image_grid(shown, *z.shape[:2], row_titles=titles, column_titles=columns, cell=0.75)


LOW, HIGH = 0.01, 0.99  # the share of the prior that a manifold covers along each axis
TICKS = torch.tensor([-2.0, -1, -0.5, 0, 0.5, 1, 2])


@styled
def manifold(model: nn.Module, n: int = 20) -> Figure:
    """Decode an n x n grid of codes, the quantiles of N(0, 1) at equal steps of probability (Kingma & Welling
    2014, figure 4); the second axis points up. Of more than two latent dimensions the others stay at 0.
    """
    values = torch.special.ndtri(torch.linspace(LOW, HIGH, n, dtype=torch.float64)).float()
    z = torch.zeros(n * n, model.latent_dim)
    z[:, 0], z[:, 1] = values.repeat(n), values.flip(0).repeat_interleave(n)
    images = pictures(model, z)
    height, width = images.shape[-2:]
    side = min(8.0, max(4.5, 0.36 * n))
    figure, axes = subplots(figsize=(side, side * height / width))
    draw_grid(axes, images, n, n, (0, 0))
    # Round values of z between the pictures' own say more than the quantiles at which these were decoded.
    share = ((torch.special.ndtr(TICKS.double()) - LOW) / (HIGH - LOW)).numpy()
    texts = [minus(f"{z:g}") for z in TICKS.tolist()]
    axes.set_xticks(share * (n - 1) * width + (width - 1) / 2, texts)
    axes.set_yticks((1 - share) * (n - 1) * height + (height - 1) / 2, texts)
    axes.tick_params(length=3)
    rest = "" if model.latent_dim == 2 else ", the others at 0"
    axes.set_xlabel(f"$z_{{1}}$ (normal quantiles {LOW:.0%} to {HIGH:.0%}{rest})")
    axes.set_ylabel("$z_{2}$")
    return figure


@styled
def spectrograms(levels: Tensor, settings: Spectrogram, titles: Sequence[str] = (), *, columns=5) -> Figure:
    """Draw spectrograms (n, bins, frames), dB, from the floor of ``settings`` (black) to 0 (white)."""
    columns = min(columns, len(levels))
    rows = -(-len(levels) // columns)
    figure = Figure(figsize=(min(2.1 * columns + 0.9, 11.5), 1.9 * rows + 0.4), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    extent = (0.0, settings.samples / settings.rate, 0.0, settings.rate / 2000)
    look = {"origin": "lower", "aspect": "auto", "cmap": "magma", "vmin": settings.floor, "vmax": 0.0}
    for number, axes in enumerate(grid.flat):
        if number >= len(levels):
            axes.set_visible(False)
            continue
        image = axes.imshow(levels[number].detach().cpu().numpy(), extent=extent, **look)
        axes.grid(False)
        if titles:
            axes.set_title(titles[number], fontsize=10)
    for axes in grid[:, 0]:
        axes.set_ylabel("frequency (kHz)")
    for axes in grid[-1]:
        axes.set_xlabel("time (s)")
    figure.colorbar(image, ax=grid, label="level (dB)", shrink=0.9, pad=0.01)
    return figure


# Animations that play in a notebook without a kernel and without scripts.


def gif_bytes(frames: Pictures, *, seconds: float = 0.08) -> bytes:
    """Frames as an animated GIF that goes there and back for ever, in the pictures' own size.

    ``frames`` are (steps, channels, height, width), or (steps, n, channels, height, width) for n pictures
    side by side; floats in [0, 1]. Each stands for ``seconds``, at least 0.02 (browsers slow shorter ones).
    """
    frames = frames[:, None] if len(frames.shape) == 4 else frames
    if len(frames.shape) != 5 or frames.shape[0] < 2:
        shape = tuple(frames.shape)
        raise ValueError(f"frames must be (steps, [n,] channels, height, width) with 2 steps, not {shape}.")
    rows = [(255 * montage(row, 1, len(row))).round().astype(np.uint8) for row in frames]
    if frames.shape[2] == 1:
        rows = [row[..., 0] for row in rows]
    film = [Image.fromarray(row) for row in rows]
    film += film[-2:0:-1]
    buffer, how = io.BytesIO(), {"duration": round(1000 * seconds), "loop": 0, "optimize": False}
    film[0].save(buffer, "GIF", save_all=True, append_images=film[1:], **how)
    return buffer.getvalue()


def animation_html(
    frames: Pictures,
    caption: str,
    alt: str,
    *,
    names: Sequence[str] | None = None,
    zoom: int = 6,
    seconds: float = 0.08,
) -> str:
    """An animation as HTML for ``show_html``: a GIF, which needs no script, in a fold; closing it stops it.

    ``frames``, ``seconds`` as in ``gif_bytes``; ``caption`` stands above it, ``names`` under each of the n
    pictures of a frame, shown ``zoom`` times larger than their pixels; ``alt`` says what can be seen.
    """
    n = frames.shape[1] if len(frames.shape) == 5 else 1
    width = zoom * (n * frames.shape[-1] + GAP * (n - 1))
    source = base64.b64encode(gif_bytes(frames, seconds=seconds)).decode("ascii")
    image = f'<img alt="{escape(alt, quote=True)}" width="{width}" height="{zoom * frames.shape[-2]}" '
    image += f'style="image-rendering: pixelated; max-width: none" src="data:image/gif;base64,{source}">'
    look = f"text-align: center; width: {width // n}px"
    cells = "".join(f'<td style="{look}">{escape(name)}</td>' for name in names or ())
    labels = f'<table style="width: {width}px; margin: 0"><tr>{cells}</tr></table>' if cells else ""
    summary = f"{escape(caption)} (close to stop the movement)"
    return f"<details open><summary>{summary}</summary>{image}{labels}</details>"
