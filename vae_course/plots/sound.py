"""Spectrograms side by side: time to the right, frequency upwards, level as brightness."""

from collections.abc import Sequence

from matplotlib.figure import Figure
from torch import Tensor

from vae_course.data.sound import Spectrogram
from vae_course.plots.style import styled


@styled
def spectrograms(
    levels: Tensor, settings: Spectrogram, titles: Sequence[str] | None = None, *, columns: int = 5
) -> Figure:
    """Draw log-magnitude spectrograms on common axes, at most `columns` in a row.

    ``levels`` (n, bins, frames) in dB are drawn from the transform's floor (black) to 0 (white); its
    ``settings`` give hertz and seconds.
    """
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
