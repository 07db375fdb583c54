"""Figures of the one model for all settings, and of latent sizes."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from vae_course.evaluation.sizes import size_curve
from vae_course.plots.images import GAP, bare, check_images, montage
from vae_course.plots.style import BLACK, BLUE, COLORS, GREY, LINE_STYLES, MARKERS, VERMILION, styled

if TYPE_CHECKING:
    from vae_course.evaluation.code_use import SettingView


# -------- The panel behind the β and latent-size sliders: pictures, rate and distortion, KL per dimension.

ROWS = ("pictures", "decoded", "samples", "")
APART = (3 * GAP, GAP)


class SettingPanel:
    """A figure that is laid out once and then only changes what a slider changes.

    Drawing a matplotlib figure from nothing takes about 0.1 s, most of it axes, ticks and text. The panel
    keeps a picture of all that and draws the few moving parts on top of it, so that the slider feels alive.

    Args:
        originals: (n, C, H, W) in [0, 1], the pictures that are reconstructed.
        curves: latent size → (rates, distortions) along β, nats, drawn as thin lines.
        latent_dim: the largest latent size; one bar for each dimension.
        kl_limit: height of the axis of these bars, nats; fixed, so that heights can be compared.

    Attributes:
        figure: the present state as a Figure, to be shown or saved like any other.
    """

    @styled
    def __init__(
        self,
        originals: torch.Tensor,
        curves: Mapping[int, tuple[Sequence[float], Sequence[float]]],
        latent_dim: int,
        kl_limit: float = 4.5,
    ):
        self.originals = check_images(originals)
        self.figure = Figure(figsize=(9.4, 3.6))
        self.canvas = FigureCanvasAgg(self.figure)
        self.image = self._pictures(self.figure.add_axes((0.08, 0.02, 0.5, 0.86)))
        self.dot = self._plane(self.figure.add_axes((0.675, 0.60, 0.315, 0.28)), curves)
        bars = self.figure.add_axes((0.675, 0.14, 0.315, 0.26))
        # One collection of thick lines: as separate bars they would take longer than everything else.
        width = 0.7 * 0.315 * 9.4 * 72 / latent_dim
        self.bars = bars.vlines(np.arange(1, latent_dim + 1), 0, 0, color=BLUE, linewidth=width)
        bars.set(ylim=(0, kl_limit), ylabel="KL\n(nats)")
        bars.set(xlim=(0.2, latent_dim + 0.8), xlabel="latent dimension")
        self.title = self.figure.text(0.08, 0.945, "", fontsize=12, va="center")
        self.moving = [self.image, self.dot, self.bars, self.title]
        for artist in self.moving:
            artist.set_animated(True)  # left out of the background, drawn on top of it
        self.canvas.draw()
        self.background = self.canvas.copy_from_bbox(self.figure.bbox)

    def _montage(self, pictures: np.ndarray) -> np.ndarray:
        whole = montage(pictures, len(ROWS), len(self.originals), gap=APART)
        return (255 * whole + 0.5).astype(np.uint8)  # bytes are drawn several times as fast as floats

    def _pictures(self, axes: Axes):
        n, height, *_ = self.originals.shape
        blank = np.ones((len(ROWS) * n, *self.originals.shape[1:]), np.float32)
        image = axes.imshow(self._montage(blank), interpolation="nearest", aspect="equal")
        centers = [(height - 1) / 2 + i * (height + APART[0]) for i in range(len(ROWS))]
        axes.set_yticks(centers, ROWS)
        axes.set_xticks([])
        bare(axes)
        return image

    def _plane(self, axes: Axes, curves: Mapping):
        for i, (k, (rates, distortions)) in enumerate(curves.items()):
            look = {"color": COLORS[(i + 2) % 8], "linestyle": LINE_STYLES[i % 8], "linewidth": 1.3}
            axes.plot(rates, distortions, label=f"k = {k}", **look)
        if curves:
            axes.legend(fontsize=8, ncols=2, loc="upper right", handlelength=2.4, columnspacing=1.0)
        axes.set(xlabel="rate: KL (nats)", ylabel="distortion\n(nats)")
        (dot,) = axes.plot([], [], "o", color=VERMILION, markeredgecolor=BLACK, markersize=9, clip_on=False)
        return dot

    @styled
    def update(self, view: SettingView) -> Figure:
        """Show a setting; returns the panel's own figure, renewed.

        Args:
            view: with n reconstructions and 2n samples, n the number of originals.
        """
        n = len(self.originals)
        if len(view.reconstructions) != n or len(view.samples) != 2 * n:
            raise ValueError(
                f"the view has {len(view.reconstructions)} reconstructions and {len(view.samples)} samples; "
                f"this panel shows {n} and {2 * n}."
            )
        parts = [self.originals, check_images(view.reconstructions), check_images(view.samples)]
        self.image.set_data(self._montage(np.concatenate(parts)))
        self.dot.set_data([view.rate], [view.distortion])
        kl = view.kl_per_dimension.tolist()
        self.bars.set_segments([[(j, 0.0), (j, height)] for j, height in enumerate(kl, start=1)])
        self.title.set_text(
            f"β = {view.beta:.3g},  k = {view.k}:   distortion {view.distortion:.1f} + β · rate "
            f"{view.rate:.1f} = {view.loss:.1f} nats"
        )
        return self.figure

    @styled
    def png(self) -> bytes:
        """The present state as PNG: the kept background with the moving parts drawn on top."""
        from PIL import Image

        self.canvas.restore_region(self.background)
        for artist in self.moving:
            self.figure.draw_artist(artist)
        pixels = np.ascontiguousarray(np.asarray(self.canvas.buffer_rgba())[..., :3])
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, format="png", compress_level=1)
        return buffer.getvalue()


@styled
def setting_strip(views: Sequence[Sequence[SettingView]]) -> Figure:
    """A still twin of the sliders: a small block of pictures for each setting.

    Args:
        views: rows (one for each k) of views (one for each β) with at least 5 pictures and samples.
    """
    rows, columns, n = len(views), len(views[0]), 5
    figure = Figure(figsize=(8.5, 0.5 + rows * (2.6 / columns * 8.5 / 7.5 + 0.42)), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for row, axes_row in zip(views, grid, strict=True):
        for view, axes in zip(row, axes_row, strict=True):
            parts = [check_images(view.reconstructions[:n]), check_images(view.samples[:n])]
            axes.imshow(montage(np.concatenate(parts), 2, n), interpolation="nearest")
            axes.set_xticks([])
            axes.set_yticks([])
            bare(axes)
            axes.set_xlabel(f"{view.distortion:.0f} + {view.beta:g} · {view.rate:.0f} nats", fontsize=9)
            if row is views[0]:
                axes.set_title(f"β = {view.beta:g}")
            if view is row[0]:
                axes.set_ylabel(f"k = {view.k}")
    figure.supxlabel("each block: decoded pictures, then samples; below it distortion + β · rate", fontsize=9)
    return figure


# -------- The curves of a sweep over latent sizes, all in one figure.

PANELS = {
    "negative_elbo": "−ELBO (nats per example)",
    "distortion": "distortion (nats per example)",
    "rate": "rate: KL (nats per example)",
    "used_units": "used units (KL ≥ 0.05 nats)",
    "active_units": "active units (variance > 0.01)",
    "frechet": "Fréchet distance of samples",
    "probe_accuracy": "linear-probe accuracy",
    "precision": "precision of samples",
    "recall": "recall of samples",
    "parameters": "learnable numbers",
    "operations": "operations for one picture",
}
USUAL = ("distortion", "rate", "used_units", "negative_elbo", "frechet", "probe_accuracy")


@styled
def size_panel(
    sweeps: Mapping[str, Sequence[dict]], measures: Sequence[str] = USUAL, *, beta: float = 1.0
) -> Figure:
    """Measures against latent size, a small axes each, with 95 % intervals over seeds as error bars.

    Args:
        sweeps: name of a line → records of a sweep; lines differ in color, dash and marker.
        measures: keys of the records, in reading order.
        beta: take the models of this β.

    Raises:
        ValueError: no sweep, or a measure without a name here.
    """
    unknown = [measure for measure in measures if measure not in PANELS]
    if not sweeps or not measures or unknown:
        raise ValueError(f"size_panel got {len(sweeps)} sweeps; it can show {', '.join(PANELS)}.")
    columns = min(3, len(measures))
    rows = -(-len(measures) // columns)
    figure = Figure(figsize=(3.3 * columns, 2.7 * rows + 0.35), layout="constrained")
    grid = list(figure.subplots(rows, columns, squeeze=False).flat)
    grid, spare = grid[: len(measures)], grid[len(measures) :]
    for axes, measure in zip(grid, measures, strict=True):
        for i, (name, records) in enumerate(sweeps.items()):
            try:
                sizes, mean, low, high = size_curve(records, measure, beta)
            except ValueError:
                if any(record.get(measure) is not None for record in records):
                    raise
                continue  # this sweep left the measure out: own pictures have no labels, for example
            errors = [
                [m - bottom for m, bottom in zip(mean, low, strict=True)],
                [top - m for m, top in zip(mean, high, strict=True)],
            ]
            look = {"color": COLORS[i % 8], "linestyle": LINE_STYLES[i % 8], "marker": MARKERS[i % 10]}
            axes.errorbar(sizes, mean, yerr=errors, label=name, capsize=2.5, **look)
            _size_axis(axes, sizes)
        if measure.endswith("units"):
            _all_of_them(axes)
        axes.set_ylabel(PANELS[measure])
        axes.set_xlabel("latent size")
    for axes in spare:
        axes.remove()
    first = figure.axes[0]
    handles, labels = first.get_legend_handles_labels()
    if len(labels) > 1:
        figure.legend(handles, labels, loc="outside upper center", ncols=min(len(labels), 4))
    return figure


@styled
def rate_distortion_panel(records: Sequence[dict]) -> Figure:
    """Rate against distortion of every model of a sweep: a line for each β along which latent size grows."""
    betas = sorted({record["beta"] for record in records})
    if not betas:
        raise ValueError("rate_distortion_panel got no records.")
    figure = Figure(figsize=(6.4, 3.8), layout="constrained")
    axes = figure.subplots()
    for i, beta in enumerate(betas):
        sizes, rates, *_ = size_curve(records, "rate", beta)
        distortions = size_curve(records, "distortion", beta).mean
        look = {"color": COLORS[i % 8], "linestyle": LINE_STYLES[i % 8], "marker": MARKERS[i % 10]}
        axes.plot(rates, distortions, label=f"β = {beta:g}", **look)
        for k, rate, distortion in zip(sizes, rates, distortions, strict=True):
            axes.annotate(f"{k}", (rate, distortion), (4, 3), textcoords="offset points", fontsize=9)
    axes.set_xlabel("rate: KL (nats per example)")
    axes.set_ylabel("distortion (nats per example)")
    axes.legend(title="numbers: latent size")
    return figure


def _all_of_them(axes) -> None:
    """The curve on which every dimension that is offered is used, as far as the measured counts reach."""
    top = axes.get_ylim()[1]
    sizes = [2 * (top / 2) ** (i / 50) for i in range(51)]  # straight in k, so bent on a logarithmic axis
    axes.plot(sizes, sizes, color=GREY, linewidth=1, linestyle=":")
    axes.annotate(
        "all of them", (top, top), (-4, -4), textcoords="offset points", ha="right", va="top", fontsize=9
    )


def _size_axis(axes, sizes: Sequence[int]) -> None:
    axes.set_xscale("log", base=2)
    axes.set_xticks(sizes)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
