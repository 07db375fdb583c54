"""An encoder's output as what it is: one Gaussian per image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib import patheffects
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Ellipse

from vae_course.plotting.style import GREY, class_style, styled
from vae_course.posterior import GaussianPosterior


@styled
def posterior_ellipses(
    posterior: GaussianPosterior,
    labels: torch.Tensor | Sequence[int] | Sequence[str] | None = None,
    *,
    dimensions: tuple[int, int] | None = None,
) -> Figure:
    """Draw q(z|x) of each image as an ellipse at one standard deviation (solid) and at two (dotted).

    The dashed circles are the prior N(0, I) at one and two standard deviations, in the same units.

    Args:
        posterior: mean and log σ² of shape (batch, latent) with latent >= 2.
        labels: text above each ellipse, one per image; equal labels share a color.
        dimensions: the two latent dimensions to show (default: the two with the largest mean KL).

    Raises:
        ValueError: fewer than two latent dimensions, dimensions that do not exist, or a wrong number of
        labels.
    """
    mean = posterior.mean.detach().cpu().double().numpy()
    if mean.ndim != 2 or mean.shape[1] < 2:
        raise ValueError(f"The posterior must have the shape (batch, latent >= 2), not {mean.shape}.")
    batch, latent = mean.shape
    if labels is not None and len(labels) != batch:
        raise ValueError(f"labels must hold {batch} entries, one per image, not {len(labels)}.")
    if dimensions is None:
        kl = posterior.kl_per_dimension().detach().cpu().mean(0)
        dimensions = (0, 1) if latent == 2 else tuple(sorted(kl.topk(2).indices.tolist()))
    if len(set(dimensions)) != 2 or not all(0 <= d < latent for d in dimensions):
        raise ValueError(
            f"dimensions must be two different ones of the {latent} latent dimensions (0 to {latent - 1}), "
            f"not {tuple(dimensions)}."
        )
    std = torch.exp(0.5 * posterior.log_var.detach().cpu().double()).numpy()
    centers, widths = mean[:, dimensions], std[:, dimensions]
    texts = (
        None
        if labels is None
        else [str(getattr(label, "item", lambda label=label: label)()) for label in labels]
    )
    order = sorted(set(texts)) if texts else []

    figure = Figure(figsize=(5.8, 5.5), layout="constrained")
    axes = figure.subplots()
    halo = [patheffects.withStroke(linewidth=3, foreground="white")]
    for sigmas in (1, 2):
        axes.add_patch(
            Ellipse((0, 0), 2 * sigmas, 2 * sigmas, fill=False, edgecolor=GREY, linestyle="--", lw=1.1)
        )
    for index in range(batch):
        color = class_style(order.index(texts[index]) if texts else 0)["color"]
        for sigmas, line in ((1, "-"), (2, ":")):
            size = 2 * sigmas * widths[index]
            axes.add_patch(
                Ellipse(centers[index], *size, fill=False, edgecolor=color, linestyle=line, lw=1.5)
            )
        axes.add_patch(Ellipse(centers[index], *2 * widths[index], facecolor=color, alpha=0.15))
        if texts:
            place = (centers[index, 0], centers[index, 1] + 2 * widths[index, 1])
            text = axes.text(*place, texts[index], color=color, fontsize=11, fontweight="bold")
            text.set(ha="center", va="bottom", path_effects=halo)
        axes.plot(*centers[index], marker="o", color=color, markersize=2.5)
    reach = (
        max(2.2, float(np.abs(centers + 2 * widths).max()), float(np.abs(centers - 2 * widths).max())) * 1.04
    )
    axes.set_xlim(-reach, reach)
    axes.set_ylim(-reach, reach)
    axes.set_aspect("equal")
    axes.set_xlabel(f"$z_{{{dimensions[0] + 1}}}$ (standard deviations of the prior)")
    axes.set_ylabel(f"$z_{{{dimensions[1] + 1}}}$ (standard deviations of the prior)")
    handles = [
        Line2D([], [], color="black", linestyle="-", linewidth=1.5, label="q(z|x), 1σ"),
        Line2D([], [], color="black", linestyle=":", linewidth=1.5, label="q(z|x), 2σ"),
        Line2D([], [], color=GREY, linestyle="--", linewidth=1.1, label="prior, 1σ and 2σ"),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=3)
    return figure
