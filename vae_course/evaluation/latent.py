"""How a model uses its code."""

import math

import torch
from torch import Tensor

from vae_course.evaluation.bounds import batches, evaluating, noise_like

NUMBERS = 2_500_000  # of a batch, so that large pictures take no more memory than small ones


def fitting(data, batch_size: int) -> int:
    """``batch_size``, or fewer where the examples are large."""
    return max(1, min(batch_size, NUMBERS // math.prod(getattr(data, "shape", (1,)))))


@torch.no_grad()
def posterior_means(model, data, *, batch_size: int = 1000, seed: int = 0) -> Tensor:
    """The mean of q(z|x) for every example, (n, latent), on the CPU; an autoencoder's codes likewise."""
    with evaluating(model):
        codes = [
            model.encode(x) for x in batches(model, data, fitting(data, batch_size), noise_like(model, seed))
        ]
    return torch.cat([code if torch.is_tensor(code) else code.mean for code in codes]).cpu()


@torch.no_grad()
def kl_per_dimension(model, data, *, batch_size: int = 1000, seed: int = 0) -> Tensor:
    """Mean KL(q(z_j|x) ‖ N(0, 1)) of each latent dimension over a data set, nats, (latent,), on the CPU."""
    with evaluating(model):
        parts = [
            model.encode(x).kl_per_dimension()
            for x in batches(model, data, batch_size, noise_like(model, seed))
        ]
    return torch.cat(parts).cpu().double().mean(0).float()


def active_units(model, data, *, threshold: float = 0.01, seed: int = 0) -> int:
    """Number of latent dimensions whose posterior mean varies over the data: Var_x[μ_j(x)] > threshold.

    Burda et al. 2016, section 5.2, use 0.01.
    """
    if len(data) < 2:
        raise ValueError("active units need at least 2 examples: a variance over one is not defined.")
    return int((posterior_means(model, data, seed=seed).double().var(0) > threshold).sum())
