"""Pictures that a model makes up from its prior."""

from __future__ import annotations

import torch
from matplotlib.figure import Figure
from torch import nn

from vae_course.plotting.codes import check_prior, draw_pictures, looking_at, pictures, prior_codes
from vae_course.plotting.images import image_grid


def samples(model: nn.Module, n: int = 64, seed: int = 0, *, noise: bool = False) -> Figure:
    """Draw pictures for ``n`` codes from the prior N(0, I) on a near-square grid.

    Args:
        model: a VAE; its mode and parameters are left as they are.
        n: number of pictures, at least 1.
        seed: chooses the codes, the same on every device.
        noise: False shows the decoder's mean, True a draw from p(x|z), clipped to [0, 1].

    Raises:
        ValueError: the model has no prior, or ``n`` is below 1.
    """
    _check(model, n)
    with looking_at(model) as device:
        z = prior_codes(model, n, seed, device)
        generator = torch.Generator(device).manual_seed(seed)
        images = draw_pictures(model, z, generator) if noise else pictures(model, z)
    return image_grid(images, cell=0.56)


def mean_and_sample(model: nn.Module, n: int = 8, seed: int = 0) -> Figure:
    """Draw the decoder's mean above a draw from p(x|z), for the same codes from the prior.

    The decoder is a distribution over pictures. Its mean is what is usually shown; a draw is what the model
    claims that data look like, pixel noise included. Draws are clipped to [0, 1].

    Args:
        model: a VAE; its mode and parameters are left as they are.
        n: pictures in a row, at least 1.
        seed: chooses the codes and the draws.

    Raises:
        ValueError: the model has no prior, or ``n`` is below 1.
    """
    _check(model, n)
    with looking_at(model) as device:
        z = prior_codes(model, n, seed, device)
        means = pictures(model, z)
        draws = draw_pictures(model, z, torch.Generator(device).manual_seed(seed))
    return image_grid(torch.cat([means, draws]), 2, n, row_titles=["mean of p(x|z)", "draw from p(x|z)"])


def _check(model: nn.Module, n: int) -> None:
    check_prior(model)
    if n < 1:
        raise ValueError(f"n must be at least 1, not {n}.")
