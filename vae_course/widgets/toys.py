"""Explorers of toys: chapter 01 moves a Gaussian q(z|x) over the exact posterior and watches the gap to log
p(x), 06 walks through the training of several point models and watches their modes.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle
from torch import Tensor

from vae_course.data.toys import CurveModel, GaussianMixture
from vae_course.evaluation.samples import ModeCoverage, point_coverage
from vae_course.plots.chapter_01 import draw_posterior, gaussian
from vae_course.plots.latent import draw_cloud, place_cloud
from vae_course.plots.style import BLACK, BLUE, GREEN, GREY, VERMILION, minus, styled, subplots
from vae_course.widgets.controls import Explorer, Scene, dropdown, slider

Z_LIMIT = 3.3
NATS_SHOWN = 8.0
FINE = torch.linspace(-Z_LIMIT, Z_LIMIT, 800, dtype=torch.float64)
# Mean and log variance of each q in the strip.
CANDIDATES = ((0.0, 0.0), (0.0, -2.0), (1.1, -3.0), (1.1, -5.4))


@styled
def toy_scene(model: CurveModel, x: Tensor) -> Scene:
    """One x (2,) and a Gaussian q(z|x): data plane, densities over z, ELBO + KL; of q_mean and q_log_var."""
    figure, (plane, densities, nats) = subplots(1, 3, figsize=(11, 4.1), width_ratios=[1.3, 1.3, 0.8])
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
    gaps = [float(model.kl_to_posterior(x, _number(mean), _number(spread))) for mean, spread in CANDIDATES]
    each = "{:.2f} for mean {} and standard deviation {:.2f}"
    told = [each.format(gap, minus(f"{m:g}"), _std(v)) for gap, (m, v) in zip(gaps, CANDIDATES, strict=True)]
    alt = f"For x = {first}, {len(gaps)} Gaussians q drawn over the exact posterior of z, and below each "
    alt += "the gap between its ELBO and log p(x), which is its KL divergence to the posterior: "
    alt += f"{'; '.join(told)} (nats)."
    title = f"The nearest of these q misses log p(x) by {min(gaps):.2f} nats, the farthest by {max(gaps):.0f}"
    strip = functools.partial(draw_toy_strip, model, x, CANDIDATES)
    return Explorer(lambda x, **q: scene(x)(**q), controls, strip, alt=alt, title=title, fast=True)


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


# Chapter 06: a training, snapshot by snapshot.


@dataclass(frozen=True)
class Watched:
    """What was seen of a model in training: points (snapshots, n, copies, 2), samples after ``steps``."""

    steps: tuple[int, ...]
    points: Tensor


@styled
def moment_scene(watched: Mapping[str, Watched], mixture: GaussianMixture) -> Scene:
    """Left the samples at one snapshot, right how many modes were hit up to then and afterwards: a scene of
    model (a name), copy (which of the seeds) and moment (number of the snapshot), from 0.
    """
    figure, (left, right) = subplots(1, 2, figsize=(8.0, 3.7), width_ratios=[1, 1.35])
    first, modes = next(iter(watched.values())), len(mixture.centers)
    lines = draw_cloud(left, first.points[0, :, 0], mixture)
    left.set_title(f"step {first.steps[-1]:,}: 0 of {modes} modes", fontsize=11)
    zero = [0] * len(first.steps)
    (hits,) = right.step(first.steps, zero, where="post", color=BLUE, linestyle="-", label="modes hit")
    (share,) = right.plot(first.steps, zero, color=GREY, linestyle="--", label=f"share on a mode × {modes}")
    (dot,) = right.plot([], [], marker="o", color=VERMILION, markersize=9, linestyle="")
    right.set(xlabel="training step", ylabel="modes", ylim=(-0.4, modes * 1.28))
    right.legend(loc="upper left", ncols=2, fontsize=9)

    @functools.cache
    def found(model: str, copy: int) -> list[ModeCoverage]:
        return [point_coverage(points[:, copy], mixture) for points in watched[model].points]

    def update(model: str, copy: int, moment: int) -> None:
        seen, coverage = watched[model], found(model, copy)
        place_cloud(lines, seen.points[moment, :, copy], mixture)
        left.title.set_text(f"step {seen.steps[moment]:,}: {coverage[moment].hit} of {modes} modes")
        hits.set_data(seen.steps, [c.hit for c in coverage])
        share.set_data(seen.steps, [c.high_quality * modes for c in coverage])
        dot.set_data([seen.steps[moment]], [coverage[moment].hit])

    return Scene(figure, [*lines, left.title, hits, share, dot], update)


@styled
def draw_moments(watched: Mapping[str, Watched], mixture: GaussianMixture) -> Figure:
    """A row for each model (its first seed), with six snapshots from the start to the end of training."""
    figure, cells = subplots(len(watched), 6, figsize=(1.65 * 6, 1.95 * len(watched) + 0.2), squeeze=False)
    for row, (name, seen) in zip(cells, watched.items(), strict=True):
        chosen = torch.linspace(0, len(seen.steps) - 1, 6).round().int().tolist()
        for axes, moment in zip(row, chosen, strict=True):
            points = seen.points[moment, :, 0]
            draw_cloud(axes, points, mixture)
            hit = point_coverage(points, mixture).hit
            axes.set_title(f"step {seen.steps[moment]:,}: {hit} hit", fontsize=9)
        row[0].set_ylabel(name, fontsize=9)
    return figure


def explore_training(watched: Mapping[str, Watched], mixture: GaussianMixture, alt: str) -> Explorer:
    """A menu of models, a slider for the seed and one for the moment; ``alt`` of the still figure, seed 0."""
    snapshots, _, copies, _ = next(iter(watched.values())).points.shape
    controls = {
        "model": dropdown("model", list(watched)),
        "copy": slider("seed", 0, copies - 1, 0),
        "moment": slider("moment of training", 0, snapshots - 1, snapshots // 2),
    }
    ends = [f"{name} {point_coverage(seen.points[-1, :, 0], mixture).hit}" for name, seen in watched.items()]
    title = f"Modes hit at the end, of {len(mixture.centers)}: {', '.join(ends)}"
    strip = functools.partial(draw_moments, watched, mixture)
    return Explorer(moment_scene(watched, mixture), controls, strip, alt=alt, title=title, fast=True)
