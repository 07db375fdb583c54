"""The toy's posteriors, and the ELBO against log p(x) for many Gaussians q."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from torch import Tensor

from vae_course.plotting.style import BLACK, BLUE, GREEN, GREY, VERMILION, styled


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
