"""Chapter 01's own figures: the map of the course, the toy and its bound."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from matplotlib.patheffects import withStroke
from torch import Tensor

from vae_course.data.toys import CurveModel
from vae_course.plots.curves import PARTS, count_along
from vae_course.plots.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    VERMILION,
    minus,
    styled,
    subplots,
)

LAST = (11, "More realism", "07")
# Theme, color, and its chapters: number, title, the chapters it builds on.
COLUMNS = (
    ("Foundations", BLUE, ((1, "What is a VAE?", ""), (2, "Encoder and decoder", "01"))),
    ("The two terms", GREEN, ((4, "The KL term", "02"), (5, "Reconstruction loss", "02"))),
    ("The code", PURPLE, ((3, "Interpolation", "02"), (8, "How large a code?", "04, 05"))),
    ("What goes wrong", ORANGE, ((6, "Mode collapse", "01, 04"), (7, "Why blurry?", "05, 06"))),
    ("What it is for", GREY, ((9, "Creative uses", "03"), (10, "Images, text, sound", "04, 05"), LAST)),
)
WIDTH, HEIGHT = 1.8, 0.84


@styled
def course_map(here: int) -> Figure:
    """Boxes for the eleven chapters, each with those it builds on; ``here`` has a thick black frame."""
    figure = Figure(figsize=(8.5, 3.2))
    axes = figure.add_axes((0, 0, 1, 1))
    center = {"ha": "center", "va": "center"}
    for column, (theme, color, chapters) in enumerate(COLUMNS):
        x = 1.0 + 2.0 * column
        axes.text(x, 3.75, theme, ha="center", fontsize=11, fontweight="bold")
        for row, (number, title, needs) in enumerate(chapters):
            y, mine = 3.1 - 1.12 * row, number == here
            look = {"edgecolor": BLACK, "linewidth": 3.5} if mine else {"edgecolor": color, "linewidth": 1.8}
            look |= {"facecolor": "white", "boxstyle": "round,pad=0,rounding_size=0.08"}
            axes.add_patch(FancyBboxPatch((x - WIDTH / 2, y - HEIGHT / 2), WIDTH, HEIGHT, **look))
            below = "you are here" if mine else f"builds on {needs}" if needs else ""
            axes.text(x, y + 0.2, f"{number:02d}", fontsize=10, fontweight="bold", **center)
            axes.text(x, y - 0.02, title, fontsize=9.5, **center)
            axes.text(x, y - 0.26, below, fontsize=8.5, color=GREY, **center)
    axes.set(xlim=(0, 10), ylim=(0.3, 4.05))
    axes.axis("off")
    return figure


# The toy in its data plane: the curve, what it generates, and a value at every point.

POINT_MARKERS = ("*", "s", "^", "D")


@styled
def toy_plane(
    model: CurveModel, samples: Tensor, log_p: Tensor, extent: tuple[float, ...], points: Mapping[str, Tensor]
) -> Figure:
    """Left the curve f(z) with samples (n, 2) around it, right the density p(x) with points marked.

    ``log_p`` (rows, columns) is log p(x) in nats on a regular grid, first row at the smallest x_2, of
    ``extent`` (x_1 min, x_1 max, x_2 min, x_2 max); ``points``: name to x (2,).
    """
    figure, (left, right) = subplots(1, 2, figsize=(8.5, 3.6), sharex=True, sharey=True)
    left.scatter(*samples.T, s=4, color=GREY, alpha=0.5, linewidths=0, label="samples x")
    curve = model.mean(torch.linspace(-3.2, 3.2, 800, dtype=torch.float64))
    left.plot(*curve.T, color=BLUE, linestyle="-", linewidth=2.0, label="curve f(z)")
    halo = [withStroke(linewidth=3, foreground="white")]
    for value in range(-2, 3):
        at = model.mean(torch.tensor(float(value), dtype=torch.float64)).tolist()
        left.plot(*at, marker="o", color=VERMILION, markersize=6, linestyle="")
        # Near the crossing labels point outward, to stay apart; the outermost point inward, to stay inside.
        side = 0 if value == 0 else -1 if at[0] < 0 else 1
        side = -side if abs(value) == 2 else side
        text = {"ha": ("right", "center", "left")[side + 1], "va": "center" if side else "bottom"}
        text |= {"textcoords": "offset points", "path_effects": halo}
        left.annotate(minus(f"z = {value}"), at, (9 * side, 0 if side else 8), **text)
    left.legend(loc="lower center", ncols=2, markerscale=2)
    left.set_title("Draw z, look up f(z), add noise")

    image = right.imshow(log_p.exp(), origin="lower", extent=extent, cmap="cividis", aspect="auto")
    look = {"color": "white", "markeredgecolor": BLACK, "markersize": 11, "linestyle": ""}
    for (name, x), marker in zip(points.items(), POINT_MARKERS, strict=False):
        right.plot(*x.tolist(), marker=marker, label=name, **look)
    right.legend(loc="lower center", ncols=3, labelcolor="white", handletextpad=0.1, columnspacing=0.8)
    right.grid(False)
    right.set_title("The marginal p(x), every z added up")
    figure.colorbar(image, ax=right, label="density per unit area")
    for axes in (left, right):
        axes.set(xlabel="$x_1$", xlim=extent[:2], ylim=extent[2:])
    left.set_ylabel("$x_2$")
    return figure


@styled
def gap_map(model: CurveModel, x: Tensor, gap: Tensor) -> Figure:
    """Held-out points x (n, 2); the larger the gap (n,) of their q, log p(x) − ELBO, nats, the darker.

    The two branches of the curve, z < 0 and z > 0, differ in color and dash.
    """
    figure, axes = subplots(figsize=(6.6, 3.8))
    for sign, side, color, dash in ((-1, "right", BLUE, "-"), (1, "left", VERMILION, "--")):
        z = sign * torch.linspace(0, 3.2, 400, dtype=torch.float64)
        axes.plot(*model.mean(z).T, color=color, linestyle=dash, linewidth=1.5)
        label = "z < 0 " if sign < 0 else " z > 0"
        axes.annotate(label, model.mean(torch.tensor(2.4 * sign).double()).tolist(), color=color, ha=side)
    order = gap.argsort()
    shown = gap[order].clamp(0.01, 30)
    # Without its yellow end, which is lost on white.
    colors = ListedColormap(colormaps["cividis_r"](np.linspace(0.2, 1, 256)))
    dots = axes.scatter(*x[order].T, c=shown, s=14, norm=LogNorm(0.01, 30), cmap=colors, linewidths=0)
    bar = figure.colorbar(dots, ax=axes, label="gap, nats (log scale)")
    bar.set_ticks([0.01, 0.1, 1, 10, 30], labels=["≤ 0.01", "0.1", "1", "10", "≥ 30"])
    axes.set(xlabel="$x_1$", ylabel="$x_2$")
    return figure


# The toy's posteriors, and the ELBO against log p(x) for many Gaussians q.


@styled
def toy_posteriors(z: Tensor, densities: Mapping[str, Tensor]) -> Figure:
    """One panel for each x: the prior and the exact posterior; name of x to p(z|x) on the grid z (m,)."""
    figure = Figure(figsize=(8.5, 2.9), layout="constrained")
    panels = figure.subplots(1, len(densities), squeeze=False)[0]
    for axes, (name, density) in zip(panels, densities.items(), strict=True):
        axes.plot(z, gaussian(z, 0.0, 0.0), color=GREY, linestyle=":", label="prior p(z)")
        draw_posterior(axes, z, density, "posterior p(z|x)")
        axes.set(xlim=(-3, 3), title=name, xlabel="z")
    panels[0].set_ylabel("density")
    panels[-1].legend(loc="upper left")
    return figure


@styled
def bound_slice(
    z: Tensor,
    density: Tensor,
    best: tuple[float, float],
    means: Tensor,
    elbo: Tensor,
    log_p_minus_kl: Tensor,
    log_p: float,
) -> Figure:
    """Left the exact posterior on the grid z (m,) and the best q, (mean, log variance); right the ELBO of q
    against its mean (a,), and log p(x) − KL, computed another way, as dots; a bracket holds the gap.
    """
    figure, (fit, cut) = subplots(1, 2, figsize=(8.5, 3.4), width_ratios=[1, 1.25])
    draw_posterior(fit, z, density, "p(z|x)")
    fit.plot(z, gaussian(z, *best), color=VERMILION, linestyle="--", label="best q")
    fit.set(xlim=(-2.5, 2.5), xlabel="z", ylabel="density")
    fit.legend(loc="upper right")
    cut.axhline(log_p, color=BLACK, linestyle="-")
    cut.annotate("log p(x)", (means[0], log_p), (2, 4), textcoords="offset points", va="bottom")
    cut.plot(means, elbo, color=GREEN, linestyle="-", label="ELBO")
    every = slice(None, None, max(1, len(means) // 50))
    cut.plot(means[every], log_p_minus_kl[every], "o", color=BLACK, markersize=3, label="log p(x) − KL")
    cut.set(xlim=(means[0], means[-1]), ylim=(log_p - 3.5, log_p + 0.7), xlabel="mean of q", ylabel="nats")
    at, top = means.tolist()[int(elbo.argmax())], float(elbo.max())
    bracket = {"arrowstyle": "|-|", "color": VERMILION, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 4}
    cut.annotate("", (at, log_p), (at, top), arrowprops=bracket)
    text = {"ha": "center", "va": "center", "color": VERMILION}
    cut.annotate(f"gap of the best q:\n{log_p - top:.2f} nats", (0, (log_p + top) / 2), **text)
    cut.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2)
    return figure


def draw_posterior(axes: Axes, z: Tensor, density: Tensor, label: str) -> None:
    axes.fill_between(z, density, color=BLUE, alpha=0.15)
    axes.plot(z, density, color=BLUE, linestyle="-", label=label)


def gaussian(z: Tensor, mean: float, log_var: float) -> Tensor:
    """The density of N(mean, exp(log_var)) at z."""
    std = torch.tensor(log_var, dtype=torch.float64).mul(0.5).exp()
    return torch.distributions.Normal(torch.tensor(mean, dtype=torch.float64), std).log_prob(z).exp()


# The three models of real digits.


@styled
def trio_panel(curves: Mapping[str, Sequence[Mapping[str, float]]]) -> Figure:
    """``trio_curves()`` without the value before the first update: nats, and for the GAN sure readings."""
    figure, panels = subplots(1, 3, figsize=(8.5, 3.0))
    for axes, (name, records) in zip(panels, curves.items(), strict=True):
        records = records[1:]
        passes = [record["epoch"] for record in records]
        if "validation" in records[0]:
            for part, look in PARTS.items():
                axes.plot(passes, [record[part] for record in records], **look)
            axes.legend()
            axes.set_ylabel("reconstruction (nats)" if name == "autoencoder" else "−ELBO (nats)")
        else:
            axes.plot(passes, [100 * record["sure"] for record in records], color=ORANGE, marker="o")
            axes.set_ylabel("classifier sure (%)")
        axes.set_title(name if name == "autoencoder" else name.upper())
        count_along(axes, "passes")
    return figure
