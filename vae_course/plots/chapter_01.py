"""Chapter 01's own figures: the map of the course, the toy and its bound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from matplotlib.patheffects import withStroke
from torch import Tensor

from vae_course.data.toys import CurveModel
from vae_course.plots.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILION, styled

# -------- The eleven chapters by theme, and which of them each one builds on.

# theme, color, chapters: number, title, the chapters it builds on
COLUMNS = (
    ("Foundations", BLUE, ((1, "What is a VAE?", ""), (2, "Encoder and decoder", "01"))),
    ("The two terms", GREEN, ((4, "The KL term", "02"), (5, "Reconstruction loss", "02"))),
    ("The code", PURPLE, ((3, "Interpolation", "02"), (8, "How large a code?", "04, 05"))),
    ("What goes wrong", ORANGE, ((6, "Mode collapse", "01, 04"), (7, "Limits of realism", "05, 06"))),
    (
        "What it is for",
        GREY,
        ((9, "Creative uses", "03"), (10, "Images, text, sound", "04, 05"), (11, "More realism", "07")),
    ),
)
WIDTH, HEIGHT = 1.8, 0.84


@styled
def course_map(here: int) -> Figure:
    """Boxes for the chapters in five themes; each names the chapters it builds on.

    Args:
        here: the chapter to mark with a thick black frame, 1 to 11.
    """
    figure = Figure(figsize=(8.5, 3.2))
    axes = figure.add_axes((0, 0, 1, 1))
    for column, (theme, color, chapters) in enumerate(COLUMNS):
        x = 1.0 + 2.0 * column
        axes.text(x, 3.75, theme, ha="center", fontsize=11, fontweight="bold")
        for row, (number, title, needs) in enumerate(chapters):
            y = 3.1 - 1.12 * row
            corner = (x - WIDTH / 2, y - HEIGHT / 2)
            box = FancyBboxPatch(
                corner,
                WIDTH,
                HEIGHT,
                boxstyle="round,pad=0,rounding_size=0.08",
                facecolor="white",
                edgecolor=BLACK if number == here else color,
                linewidth=3.5 if number == here else 1.8,
            )
            axes.add_patch(box)
            axes.text(x, y + 0.2, f"{number:02d}", ha="center", va="center", fontsize=10, fontweight="bold")
            axes.text(x, y - 0.02, title, ha="center", va="center", fontsize=9.5)
            below = "you are here" if number == here else f"builds on {needs}" if needs else ""
            axes.text(x, y - 0.26, below, ha="center", va="center", fontsize=8.5, color=GREY)
    axes.set_xlim(0, 10)
    axes.set_ylim(0.3, 4.05)
    axes.axis("off")
    return figure


# -------- The toy of chapter 01 in its data plane: the curve, what it generates, and a value at every point.

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


# -------- The toy's posteriors, and the ELBO against log p(x) for many Gaussians q.


@styled
def toy_posteriors(
    z: Tensor, densities: Mapping[str, Tensor], gaussians: Sequence[tuple[float, float]] | None = None
) -> Figure:
    """One panel for each x: the prior and the exact posterior over z, and a Gaussian q if one is given.

    Args:
        z: (m,), the grid.
        densities: name of x to p(z|x) on the grid, (m,).
        gaussians: (mean, log variance) of q for each x, or None.
    """
    figure = Figure(figsize=(8.5, 2.9), layout="constrained")
    panels = figure.subplots(1, len(densities), squeeze=False)[0]
    prior = torch.distributions.Normal(0.0, 1.0).log_prob(z).exp()
    for i, (axes, (name, density)) in enumerate(zip(panels, densities.items(), strict=True)):
        axes.plot(z, prior, color=GREY, linestyle=":", label="prior p(z)")
        axes.fill_between(z, density, color=BLUE, alpha=0.15)
        axes.plot(z, density, color=BLUE, linestyle="-", label="exact posterior p(z|x)")
        if gaussians is not None:
            mean, log_var = gaussians[i]
            axes.plot(z, _gaussian(z, mean, log_var), color=VERMILION, linestyle="--", label="q(z|x)")
        axes.set_xlim(-3, 3)
        axes.set_title(name)
        axes.set_xlabel("z")
    panels[0].set_ylabel("density")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3)
    return figure


@styled
def bound_landscape(
    z: Tensor,
    densities: Mapping[str, Tensor],
    log_p: Sequence[float],
    means: Tensor,
    log_vars: Tensor,
    elbo: Sequence[Tensor],
    kl: Sequence[Tensor],
) -> Figure:
    """One row for each x: the best q, a slice through ELBO and log p(x), and the gap for every q.

    Args:
        z: (m,), the grid.
        densities: name of x to p(z|x) on the grid, (m,).
        log_p: log p(x) in nats, one for each x.
        means, log_vars: (a,) and (b,), the settings of q.
        elbo, kl: for each x (a, b) in nats; KL(q ‖ p(z|x)), computed without the ELBO.
    """
    figure = Figure(figsize=(8.5, 2.9 * len(densities) + 0.4), layout="constrained")
    rows = figure.subplots(len(densities), 3, squeeze=False, width_ratios=[1, 1.15, 1.15])
    for row, (name, density), lp, bound, divergence in zip(
        rows, densities.items(), log_p, elbo, kl, strict=True
    ):
        a, b = divmod(int(bound.argmax()), bound.shape[1])
        best = (float(means[a]), float(log_vars[b]))
        row[0].fill_between(z, density, color=BLUE, alpha=0.15)
        row[0].plot(z, density, color=BLUE, linestyle="-", label="p(z|x)")
        row[0].plot(z, _gaussian(z, *best), color=VERMILION, linestyle="--", label="best q")
        row[0].set_xlim(-2.5, 2.5)
        row[0].set_title(name)
        row[0].set_xlabel("z")
        row[0].set_ylabel("density")

        line = bound[:, b]
        row[1].fill_between(
            means, line, lp, color=VERMILION, alpha=0.25, hatch="//", linewidth=0, label="gap"
        )
        row[1].axhline(lp, color=BLACK, linestyle="-", label="log p(x)")
        row[1].plot(means, line, color=GREEN, linestyle="-", label="ELBO")
        every = slice(None, None, max(1, len(means) // 50))
        dots = lp - divergence[every, b]
        row[1].plot(
            means[every], dots, color=BLACK, marker="o", linestyle="", markersize=3, label="log p(x) − KL"
        )
        row[1].set_ylim(lp - 12, lp + 1.5)
        row[1].set_xlabel(f"mean of q (log variance {best[1]:.1f})".replace("-", "\N{MINUS SIGN}"))
        row[1].set_ylabel("nats")

        gap = (lp - bound).clamp_min(1e-3)
        image = row[2].pcolormesh(
            means, log_vars, gap.T, norm=LogNorm(0.05, 100), cmap="cividis_r", rasterized=True
        )
        row[2].plot(*best, marker="*", color="white", markeredgecolor=BLACK, markersize=13, linestyle="")
        row[2].set_xlabel("mean of q")
        row[2].set_ylabel("log variance of q")
        row[2].grid(False)
        bar = figure.colorbar(image, ax=row[2], label="gap, nats")
        bar.set_ticks([0.1, 1, 10, 100], labels=["0.1", "1", "10", "100"])
    rows[0, 0].legend(loc="upper right", handlelength=1.4)  # one legend serves both rows
    handles, labels = rows[0, 1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4)
    return figure


def _gaussian(z: Tensor, mean: float, log_var: float) -> Tensor:
    std = torch.tensor(log_var, dtype=torch.float64).mul(0.5).exp()
    return torch.distributions.Normal(torch.tensor(mean, dtype=torch.float64), std).log_prob(z).exp()
