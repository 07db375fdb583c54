"""Chapter 01's explorer: move a Gaussian q(z|x) over the exact posterior and watch the gap to log p(x)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from torch import Tensor

from vae_course.data.toys import CurveModel
from vae_course.plots.style import BLACK, BLUE, GREEN, GREY, VERMILION, styled
from vae_course.widgets.controls import Explorer, dropdown, explorer, slider

Z_LIMIT = 3.3
NATS_SHOWN = 8.0


@styled
def draw_toy_posterior(model: CurveModel, x: Tensor, q_mean: float, q_log_var: float) -> Figure:
    """One x, one Gaussian q(z|x): data plane, the two densities over z, and log p(x) = ELBO + KL.

    Args:
        model: the toy with one latent and two observed dimensions.
        x: (2,), the observed point.
        q_mean: mean of q.
        q_log_var: log of the variance of q.
    """
    figure = Figure(figsize=(11, 4.1), layout="constrained")
    plane, densities, nats = figure.subplots(1, 3, width_ratios=[1.3, 1.3, 0.8])
    x = torch.as_tensor(x, dtype=torch.float64)
    q_std = float(torch.tensor(q_log_var, dtype=torch.float64).mul(0.5).exp())
    _draw_plane(plane, model, x, q_mean, q_std)
    _draw_densities(densities, model, x, q_mean, q_std)
    _draw_nats(nats, model, x, q_mean, q_log_var)
    densities.set_title("Over the latent")
    nats.set_ylabel("nats")
    nats.set_title("log p(x) = ELBO + KL")
    figure.legend(loc="outside lower center", ncols=5, columnspacing=1.4)
    return figure


@styled
def draw_toy_posterior_strip(
    model: CurveModel, x: Tensor, candidates: Sequence[tuple[float, float]]
) -> Figure:
    """Several q for one x side by side: the densities above, the gap below.

    Args:
        model: the toy.
        x: (2,), the observed point.
        candidates: (mean, log variance) of each q.

    Raises:
        ValueError: no candidates.
    """
    if not candidates:
        raise ValueError("The strip needs at least one (mean, log variance) pair; got none.")
    figure = Figure(figsize=(max(2.7 * len(candidates), 4), 5.2), layout="constrained")
    axes = figure.subplots(
        2, len(candidates), sharex="row", sharey="row", squeeze=False, height_ratios=[1, 1.2]
    )
    x = torch.as_tensor(x, dtype=torch.float64)
    for column, (q_mean, q_log_var) in enumerate(candidates):
        q_std = float(torch.tensor(q_log_var, dtype=torch.float64).mul(0.5).exp())
        _draw_densities(axes[0, column], model, x, q_mean, q_std)
        axes[0, column].set_title(_minus(f"q = N({q_mean:g}, {q_std:.2f}²)"))
        _draw_nats(axes[1, column], model, x, q_mean, q_log_var)
        axes[0, column].set_ylabel("density" if column == 0 else "")
    axes[1, 0].set_ylabel("nats")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2)
    return figure


def explore_toy_posterior(
    model: CurveModel,
    points: Mapping[str, Tensor],
    candidates: Sequence[tuple[float, float]] = ((0.0, 0.0), (0.0, -2.0), (1.1, -3.0), (1.1, -5.4)),
) -> Explorer:
    """Sliders for the mean and log variance of q and a menu of points x; below, a strip for the first point.

    Args:
        model: the toy.
        points: name to x (2,), for example {"where the curve crosses itself": tensor}.
        candidates: (mean, log variance) of the q in the still strip.
    """
    first = next(iter(points))

    def draw(x: str, q_mean: float, q_log_var: float) -> Figure:
        return draw_toy_posterior(model, points[x], q_mean, q_log_var)

    controls = {
        "x": dropdown("x", list(points)),
        "q_mean": slider("mean of q", -3.0, 3.0, 0.0, step=0.05),
        "q_log_var": slider("log variance of q", -7.0, 1.0, 0.0, step=0.1),
    }
    gaps = [float(model.kl_to_posterior(points[first], *_tensors(*candidate))) for candidate in candidates]
    listed = ", ".join(f"{gap:.2f}" for gap in gaps)
    alt = (
        f"For x = {first}, {len(candidates)} Gaussians q drawn over the exact posterior of z, and below each "
        f"the gap between its ELBO and log p(x), which is its KL divergence to the posterior: {listed} nats."
    )
    return explorer(
        draw, controls, lambda: draw_toy_posterior_strip(model, points[first], candidates), alt=alt
    )


def _tensors(*numbers: float) -> tuple[Tensor, ...]:
    return tuple(torch.tensor(number, dtype=torch.float64) for number in numbers)


def _draw_plane(axes: Axes, model: CurveModel, x: Tensor, q_mean: float, q_std: float) -> None:
    """The curve f(z), the part of it that q believes in, and x with the noise around it."""
    z = torch.linspace(-Z_LIMIT, Z_LIMIT, 600, dtype=torch.float64)
    curve = model.mean(z)
    axes.plot(*curve.T, color=GREY, linestyle="-", linewidth=1.2, label="curve f(z)")
    inside = torch.linspace(q_mean - 2 * q_std, q_mean + 2 * q_std, 200, dtype=torch.float64)
    axes.plot(
        *model.mean(inside).T, color=VERMILION, linestyle="--", linewidth=3, label="f(z) for z within 2σ of q"
    )
    for value in range(-3, 4):
        at = model.mean(torch.tensor(float(value), dtype=torch.float64))
        axes.plot(*at, marker="|", color=GREY, markersize=9)
        axes.annotate(
            _minus(f"z = {value}"),
            at.tolist(),
            textcoords="offset points",
            xytext=_beside(model, value),
            ha="center",
            va="center",
            fontsize=8.5,
            color=GREY,
        )
    axes.add_patch(Circle(x.tolist(), model.sigma, fill=False, edgecolor=BLUE, linestyle=":", linewidth=1.5))
    axes.plot(*x, marker="*", markersize=13, linestyle="", color=BLUE, label="x (circle: noise σ)")
    axes.set_xlabel("$x_1$")
    axes.set_ylabel("$x_2$")
    axes.set_title("Data plane")
    reach = float(curve.abs().max()) * 1.25
    axes.set_xlim(-reach, reach)
    axes.set_ylim(-0.75 * reach, 0.75 * reach)
    axes.set_aspect("equal")


def _draw_densities(axes: Axes, model: CurveModel, x: Tensor, q_mean: float, q_std: float) -> None:
    z, density = model.posterior(x)
    axes.fill_between(z, density, color=BLUE, alpha=0.15)
    axes.plot(z, density, color=BLUE, linestyle="-", label="exact posterior p(z|x)")
    fine = torch.linspace(-Z_LIMIT, Z_LIMIT, 800, dtype=torch.float64)
    q = torch.distributions.Normal(q_mean, q_std).log_prob(fine).exp()
    axes.plot(fine, q, color=VERMILION, linestyle="--", linewidth=2.2, label="Gaussian q(z|x)")
    axes.set_xlim(-Z_LIMIT, Z_LIMIT)
    # Twice the height: where the posterior has two equal modes, the best q is one of them, twice as high.
    axes.set_ylim(0, 2.2 * float(density.max()))
    axes.set_xlabel("z")
    axes.set_ylabel("density")


def _draw_nats(axes: Axes, model: CurveModel, x: Tensor, q_mean: float, q_log_var: float) -> None:
    """A bar that reaches up to the ELBO, and on top of it the KL up to log p(x)."""
    log_p = float(model.log_marginal(x))
    gap = float(model.kl_to_posterior(x, *_tensors(q_mean, q_log_var)))
    elbo = float(model.elbo(x, *_tensors(q_mean, q_log_var)))
    bottom = log_p - NATS_SHOWN
    seen = max(elbo, bottom)
    bar = {"width": 0.8, "alpha": 0.35, "edgecolor": BLACK}
    axes.bar(0, seen - bottom, bottom=bottom, color=GREEN, **bar)
    axes.bar(0, log_p - seen, bottom=seen, color=VERMILION, hatch="//", **bar)
    axes.axhline(log_p, color=BLACK, linestyle="-", linewidth=2)
    text = {"ha": "center", "bbox": {"facecolor": "white", "edgecolor": "none", "pad": 1.5}}
    axes.text(0, log_p + 0.15, _minus(f"log p(x) = {log_p:.2f}"), va="bottom", ha="center")
    label, kl_label = _minus(f"ELBO = {elbo:.2f}"), f"KL = {gap:.2f}"
    if log_p - seen > 1.0:
        axes.text(0, (log_p + seen) / 2, kl_label, va="center", **text)
    else:
        label += f"\n{kl_label} (hatched)"
    if elbo < bottom:
        axes.text(0, bottom + 0.2, f"{label}\n(below this axis)", va="bottom", **text)
    elif seen - bottom < 1.0:
        axes.text(0, bottom + 0.2, label, va="bottom", **text)
    else:
        axes.text(0, seen - 0.25, label, va="top", **text)
    axes.set_ylim(bottom, log_p + 1.0)
    axes.set_xlim(-0.6, 0.6)
    axes.set_xticks([])
    axes.grid(False)


def _beside(model: CurveModel, z: float) -> tuple[float, float]:
    """Where the label of f(z) goes, in points: off the curve, away from the middle of the figure."""
    ends = model.mean(torch.tensor([z - 1e-3, z + 1e-3], dtype=torch.float64))
    along = ends[1] - ends[0]
    across = torch.stack([-along[1], along[0]]) / along.norm()
    outward = across if float(across @ ends[0]) >= 0 else -across
    return 20 * float(outward[0]), 11 * float(outward[1])


def _minus(text: str) -> str:
    """Typographic minus signs, as on the axes."""
    return text.replace("-", "\N{MINUS SIGN}")
