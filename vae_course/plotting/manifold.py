"""What a decoder draws over a plane of its latent space."""

from __future__ import annotations

from statistics import NormalDist

import torch
from matplotlib.figure import Figure
from torch import nn

from vae_course.plotting.codes import looking_at, pictures
from vae_course.plotting.images import bare, check_images, montage
from vae_course.plotting.style import styled

TICKS = (-3, -2, -1, -0.5, 0, 0.5, 1, 2, 3)


@styled
def manifold(
    model: nn.Module,
    n: int = 20,
    *,
    limits: tuple[float, float] = (0.01, 0.99),
    dimensions: tuple[int, int] = (0, 1),
    center: torch.Tensor | None = None,
) -> Figure:
    """Decode an n x n grid of codes, spaced so that every picture stands for the same share of the prior.

    Along each axis the codes are the quantiles of N(0, 1) at equal steps of probability (Kingma & Welling
    2014, figure 4). Ticks give z in standard deviations of the prior; the second axis points up.

    Args:
        model: a VAE or an Autoencoder with at least two latent dimensions.
        n: pictures along each axis, at least 2.
        limits: first and last probability, 0 < low < high < 1.
        dimensions: the two latent dimensions that vary.
        center: (latent,), the code that the other dimensions keep (default: zeros, the prior's mean).

    Raises:
        ValueError: one of the arguments is outside its range.
    """
    low, high = limits
    if not 0 < low < high < 1:
        raise ValueError(f"limits must satisfy 0 < low < high < 1, not {limits}.")
    if n < 2:
        raise ValueError(f"n must be at least 2, not {n}.")
    latent = model.latent_dim
    across, up = dimensions
    if across == up or not (0 <= across < latent and 0 <= up < latent):
        raise ValueError(
            f"dimensions must be two different ones of the model's {latent} (0 to {latent - 1}), "
            f"not {tuple(dimensions)}."
        )
    if center is not None and center.shape != (latent,):
        raise ValueError(f"center must have the shape ({latent},), not {tuple(center.shape)}.")

    values = torch.special.ndtri(torch.linspace(low, high, n, dtype=torch.float64)).float()
    z = torch.zeros(n * n, latent) if center is None else center.detach().cpu().float().repeat(n * n, 1)
    z[:, across] = values.repeat(n)
    z[:, up] = values.flip(0).repeat_interleave(n)
    with looking_at(model) as device:
        images = check_images(pictures(model, z.to(device)))

    height, width = images.shape[1:3]
    side = min(8.0, max(4.5, 0.36 * n))
    figure = Figure(figsize=(side, side * height / width), layout="constrained")
    axes = figure.subplots()
    axes.imshow(montage(images, n, n, (0, 0)))
    bare(axes)
    # Round values of z between the pictures' own say more than the quantiles at which these were decoded.
    ticks = [z for z in TICKS if values[0] <= z <= values[-1]]
    share = [(NormalDist().cdf(z) - low) / (high - low) for z in ticks]
    texts = [f"{z:g}".replace("-", "−") for z in ticks]
    axes.set_xticks([s * (n - 1) * width + (width - 1) / 2 for s in share], texts)
    axes.set_yticks([(1 - s) * (n - 1) * height + (height - 1) / 2 for s in share], texts)
    axes.tick_params(length=3)
    rest = "" if latent == 2 else (", the others at 0" if center is None else ", the others kept")
    axes.set_xlabel(f"$z_{{{across + 1}}}$ (normal quantiles {low:.0%} to {high:.0%}{rest})")
    axes.set_ylabel(f"$z_{{{up + 1}}}$")
    return figure
