"""Spectrograms side by side: time to the right, frequency upwards, level as brightness."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from torch import Tensor

from vae_course.plots.style import styled

if TYPE_CHECKING:
    from vae_course.data.sound import Spectrogram


@styled
def spectrograms(
    levels: Tensor, settings: Spectrogram, titles: Sequence[str] | None = None, *, columns: int = 5
) -> Figure:
    """Draw log-magnitude spectrograms on common axes, at most `columns` in a row.

    Args:
        levels: (n, bins, frames), dB; drawn from the transform's floor (black) to 0 (white).
        settings: of the transform; gives hertz and seconds.
        titles: one for each.
        columns: pictures in a row.

    Raises:
        ValueError: levels are not (n, bins, frames), or titles are too few.
    """
    if levels.ndim != 3 or len(levels) == 0:
        raise ValueError(f"levels have shape {tuple(levels.shape)}; expected (n, bins, frames) with n ≥ 1.")
    if titles is not None and len(titles) != len(levels):
        raise ValueError(f"{len(titles)} titles for {len(levels)} spectrograms; give one for each.")
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
        if titles is not None:
            axes.set_title(titles[number], fontsize=10)
    for axes in grid[:, 0]:
        axes.set_ylabel("frequency (kHz)")
    for axes in grid[-1]:
        axes.set_xlabel("time (s)")
    figure.colorbar(image, ax=grid, label="level (dB)", shrink=0.9, pad=0.01)
    return figure
