"""Chapter 01's explorer: move a Gaussian q(z|x) over the exact posterior and watch the gap to log p(x)."""

import functools
from collections.abc import Mapping, Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle
from torch import Tensor

from vae_course.data.toys import CurveModel
from vae_course.plots.chapter_01 import draw_posterior, gaussian
from vae_course.plots.style import BLACK, BLUE, GREEN, GREY, VERMILION, minus, styled
from vae_course.widgets.controls import Explorer, Scene, dropdown, slider

Z_LIMIT = 3.3
NATS_SHOWN = 8.0
FINE = torch.linspace(-Z_LIMIT, Z_LIMIT, 800, dtype=torch.float64)
# Mean and log variance of each q in the strip.
CANDIDATES = ((0.0, 0.0), (0.0, -2.0), (1.1, -3.0), (1.1, -5.4))


@styled
def toy_scene(model: CurveModel, x: Tensor) -> Scene:
    """One x (2,) and a Gaussian q(z|x): data plane, densities over z, ELBO + KL; of q_mean and q_log_var."""
    figure = Figure(figsize=(11, 4.1), layout="constrained")
    plane, densities, nats = figure.subplots(1, 3, width_ratios=[1.3, 1.3, 0.8])
    arc, q, bars = _draw_plane(plane, model, x), _draw_densities(densities, model, x), Nats(nats, model, x)
    densities.set_title("Over the latent")
    nats.set(ylabel="nats", title="log p(x) = ELBO + KL")
    figure.legend(loc="outside lower center", ncols=5, columnspacing=1.4)

    def update(q_mean: float, q_log_var: float) -> None:
        reach = 2 * _std(q_log_var)
        inside = torch.linspace(q_mean - reach, q_mean + reach, 200, dtype=torch.float64)
        arc.set_data(*model.mean(inside).T.numpy())
        q.set_ydata(gaussian(FINE, q_mean, q_log_var).numpy())
        bars.update(q_mean, q_log_var)

    return Scene(figure, [arc, q, *bars.moving], update)


@styled
def draw_toy_strip(model: CurveModel, x: Tensor, candidates: Sequence[tuple[float, float]]) -> Figure:
    """Several q, (mean, log variance) each, for one x (2,) side by side: densities above, the gap below."""
    figure = Figure(figsize=(max(2.7 * len(candidates), 4), 5.2), layout="constrained")
    shared = {"sharex": "row", "sharey": "row", "squeeze": False, "height_ratios": [1, 1.2]}
    grid = figure.subplots(2, len(candidates), **shared)
    for (densities, nats), (q_mean, q_log_var) in zip(grid.T, candidates, strict=True):
        _draw_densities(densities, model, x).set_ydata(gaussian(FINE, q_mean, q_log_var).numpy())
        densities.set(title=minus(f"q = N({q_mean:g}, {_std(q_log_var):.2f}²)"), ylabel="")
        Nats(nats, model, x).update(q_mean, q_log_var)
    grid[0, 0].set_ylabel("density")
    grid[1, 0].set_ylabel("nats")
    figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return figure


def explore_toy_posterior(model: CurveModel, points: Mapping[str, Tensor]) -> Explorer:
    """Sliders for mean and log variance of q and a menu of points x (2,); below, a strip for the first."""
    points = {name: x.double() for name, x in points.items()}
    first, x = next(iter(points.items()))
    scene = functools.cache(lambda name: toy_scene(model, points[name]))
    controls = {
        "x": dropdown("x", list(points)),
        "q_mean": slider("mean of q", -3.0, 3.0, 0.0, step=0.05),
        "q_log_var": slider("log variance of q", -7.0, 1.0, 0.0, step=0.1),
    }
    gaps = []
    for mean, log_var in CANDIDATES:
        gap = float(model.kl_to_posterior(x, _number(mean), _number(log_var)))
        gaps.append(f"{gap:.2f} for mean {minus(f'{mean:g}')} and standard deviation {_std(log_var):.2f}")
    alt = f"For x = {first}, {len(gaps)} Gaussians q drawn over the exact posterior of z, and below each "
    alt += "the gap between its ELBO and log p(x), which is its KL divergence to the posterior: "
    alt += f"{'; '.join(gaps)} (nats)."
    strip = functools.partial(draw_toy_strip, model, x, CANDIDATES)
    return Explorer(lambda x, **q: scene(x)(**q), controls, strip, alt=alt, fast=True)


def _number(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


def _std(log_var: float) -> float:
    return float(_number(log_var).mul(0.5).exp())


def _draw_plane(axes: Axes, model: CurveModel, x: Tensor) -> Line2D:
    """The curve f(z), and x with the noise around it. Returns the part of the curve that q believes in."""
    z = torch.linspace(-Z_LIMIT, Z_LIMIT, 600, dtype=torch.float64)
    curve = model.mean(z)
    axes.plot(*curve.T, color=GREY, linestyle="-", linewidth=1.2, label="curve f(z)")
    look = {"color": VERMILION, "linestyle": "--", "linewidth": 3, "label": "f(z) for z within 2σ of q"}
    (arc,) = axes.plot([], [], **look)
    text = {"textcoords": "offset points", "ha": "center", "va": "center", "fontsize": 8.5, "color": GREY}
    for value in range(-3, 4):
        before, at, after = model.mean(_number(value) + torch.tensor([-1e-3, 0, 1e-3])).double()
        axes.plot(*at, marker="|", color=GREY, markersize=9)
        # The label goes off the curve, away from the middle of the figure.
        across = (after - before).flip(0) * torch.tensor([-1.0, 1.0])
        across = across / across.norm() * (1 if float(across @ before) >= 0 else -1)
        axes.annotate(minus(f"z = {value}"), at.tolist(), (20 * across[0], 11 * across[1]), **text)
    axes.add_patch(Circle(x.tolist(), model.sigma, fill=False, edgecolor=BLUE, linestyle=":", linewidth=1.5))
    axes.plot(*x, marker="*", markersize=13, linestyle="", color=BLUE, label="x (circle: noise σ)")
    reach = float(curve.abs().max()) * 1.25
    axes.set(xlabel="$x_1$", ylabel="$x_2$", title="Data plane", aspect="equal")
    axes.set(xlim=(-reach, reach), ylim=(-0.75 * reach, 0.75 * reach))
    return arc


def _draw_densities(axes: Axes, model: CurveModel, x: Tensor) -> Line2D:
    """The exact posterior. Returns the line of q."""
    z, density = model.posterior(x)
    draw_posterior(axes, z, density, "exact posterior p(z|x)")
    look = {"color": VERMILION, "linestyle": "--", "linewidth": 2.2, "label": "Gaussian q(z|x)"}
    (q,) = axes.plot(FINE, 0 * FINE, **look)
    # Twice the height: where the posterior has two equal modes, the best q is one of them, twice as high.
    axes.set(xlim=(-Z_LIMIT, Z_LIMIT), ylim=(0, 2.2 * float(density.max())), xlabel="z", ylabel="density")
    return q


class Nats:
    """A bar that reaches up to the ELBO, and on top of it the KL up to log p(x)."""

    def __init__(self, axes: Axes, model: CurveModel, x: Tensor) -> None:
        self.model, self.x, self.log_p = model, x, float(model.log_marginal(x))
        self.bottom = self.log_p - NATS_SHOWN
        look = {"width": 0.8, "alpha": 0.35, "edgecolor": BLACK}
        (self.elbo,) = axes.bar(0, 1, bottom=self.bottom, color=GREEN, **look)
        (self.kl,) = axes.bar(0, 1, bottom=self.bottom, color=VERMILION, hatch="//", **look)
        axes.axhline(self.log_p, color=BLACK, linestyle="-", linewidth=2)
        axes.text(0, self.log_p + 0.15, minus(f"log p(x) = {self.log_p:.2f}"), va="bottom", ha="center")
        text = {"ha": "center", "bbox": {"facecolor": "white", "edgecolor": "none", "pad": 1.5}}
        self.kl_text, self.elbo_text = axes.text(0, 0, "", va="center", **text), axes.text(0, 0, "", **text)
        axes.set(xlim=(-0.6, 0.6), ylim=(self.bottom, self.log_p + 1.0), xticks=[])
        axes.grid(False)
        self.moving = [self.elbo, self.kl, self.kl_text, self.elbo_text]

    def update(self, q_mean: float, q_log_var: float) -> None:
        q = _number(q_mean), _number(q_log_var)
        gap, elbo = float(self.model.kl_to_posterior(self.x, *q)), float(self.model.elbo(self.x, *q))
        seen = max(elbo, self.bottom)
        self.elbo.set_height(seen - self.bottom)
        self.kl.set(y=seen, height=self.log_p - seen)
        label, kl_label = minus(f"ELBO = {elbo:.2f}"), f"KL = {gap:.2f}"
        apart, low = self.log_p - seen > 1.0, seen - self.bottom < 1.0
        self.kl_text.set(text=kl_label, y=(self.log_p + seen) / 2, visible=apart)
        label += ("" if apart else f"\n{kl_label} (hatched)") + "\n(below this axis)" * (elbo < self.bottom)
        y = self.bottom + 0.2 if low else seen - 0.25
        self.elbo_text.set(text=label, y=y, va="bottom" if low else "top")
