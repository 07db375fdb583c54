"""The toy of chapter 01 in its data plane: the curve, what it generates, and a value at every point."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from torch import Tensor

from vae_course.data.toys import CurveModel
from vae_course.plotting.style import BLACK, BLUE, GREY, VERMILION, styled

POINT_MARKERS = ("*", "s", "^", "D")


@styled
def toy_plane(
    model: CurveModel, samples: Tensor, log_p: Tensor, extent: tuple[float, ...], points: Mapping[str, Tensor]
) -> Figure:
    """Left the curve f(z) with samples around it, right the marginal density p(x) with some points marked.

    Args:
        model: the toy.
        samples: (n, 2), drawn from it.
        log_p: (rows, columns), log p(x) in nats on a regular grid, first row at the smallest x_2.
        extent: (x_1 min, x_1 max, x_2 min, x_2 max) of that grid.
        points: name to x (2,).
    """
    figure = Figure(figsize=(8.5, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2, sharex=True, sharey=True)
    left.scatter(*samples.T, s=4, color=GREY, alpha=0.5, linewidths=0, label="samples x")
    _curve(left, model, linewidth=2.0, label="curve f(z)")
    for value in range(-2, 3):
        at = model.mean(torch.tensor(float(value), dtype=torch.float64)).tolist()
        left.plot(*at, marker="o", color=VERMILION, markersize=6, linestyle="")
        halo = [withStroke(linewidth=3, foreground="white")]
        text = f"z = {value}".replace("-", "\N{MINUS SIGN}")
        # Near the crossing labels point outward, to stay apart; the outermost point inward, to stay inside.
        side = 0 if value == 0 else -1 if at[0] < 0 else 1
        side = -side if abs(value) == 2 else side
        left.annotate(
            text,
            at,
            xytext=(9 * side, 8 if side == 0 else 0),
            textcoords="offset points",
            ha=("right", "center", "left")[side + 1],
            va="bottom" if side == 0 else "center",
            path_effects=halo,
        )
    left.legend(loc="lower center", ncols=2, markerscale=2)
    left.set_title("Draw z, look up f(z), add noise")

    image = right.imshow(log_p.exp(), origin="lower", extent=extent, cmap="cividis", aspect="auto")
    for (name, x), marker in zip(points.items(), POINT_MARKERS, strict=False):
        right.plot(
            *x.tolist(),
            marker=marker,
            color="white",
            markeredgecolor=BLACK,
            markersize=11,
            linestyle="",
            label=name,
        )
    right.legend(loc="lower center", ncols=3, labelcolor="white", handletextpad=0.1, columnspacing=0.8)
    right.grid(False)
    right.set_title("The marginal p(x), every z added up")
    figure.colorbar(image, ax=right, label="density per unit area")
    for axes in (left, right):
        axes.set_xlabel("$x_1$")
        axes.set_xlim(extent[0], extent[1])
        axes.set_ylim(extent[2], extent[3])
    left.set_ylabel("$x_2$")
    return figure


@styled
def gap_map(model: CurveModel, x: Tensor, gap: Tensor) -> Figure:
    """Held-out points in the data plane; color and size both grow with the gap of their q.

    Args:
        model: the toy.
        x: (n, 2).
        gap: (n,), log p(x) minus ELBO in nats, ≥ 0.
    """
    figure = Figure(figsize=(6.6, 3.8), layout="constrained")
    axes = figure.subplots()
    _curve(axes, model, linewidth=0.8)
    order = gap.argsort()
    shown = gap[order].clamp(0.01, 30)
    dots = axes.scatter(
        *x[order].T,
        c=shown,
        s=4 + 14 * (shown / 0.01).log10(),
        norm=LogNorm(0.01, 30),
        cmap="cividis_r",
        linewidths=0,
    )
    bar = figure.colorbar(dots, ax=axes, label="gap, nats (log scale)")
    bar.set_ticks([0.01, 0.1, 1, 10, 30], labels=["≤ 0.01", "0.1", "1", "10", "≥ 30"])
    axes.set_xlabel("$x_1$")
    axes.set_ylabel("$x_2$")
    return figure


def _curve(axes: Axes, model: CurveModel, **look) -> None:
    z = torch.linspace(-3.2, 3.2, 800, dtype=torch.float64)
    axes.plot(*model.mean(z).T, color=BLUE, linestyle="-", **look)
