"""Gaussian pixels, with a fixed or a learned standard deviation."""

import math

import torch
from torch import Tensor, nn

from vae_course.likelihoods.features import sum_features
from vae_course.likelihoods.scale import add_log_scale, bounded_scale

LOG_TWO_PI = math.log(2 * math.pi)


class Gaussian(nn.Module):
    """Independent Gaussian for each feature with one shared σ; ``params`` are means.

    Args:
        sigma: standard deviation in the units of x (images: 1.0 is the distance from black to white);
            at least 0.001.
        learned: make log σ a parameter that is trained with the decoder (Rybkin et al. 2021, σ-VAE).
    """

    def __init__(self, sigma: float = 1.0, learned: bool = False):
        super().__init__()
        add_log_scale(self, "sigma", sigma, learned)

    @property
    def sigma(self) -> Tensor:
        """σ, a scalar tensor; at least 0.001, so that no picture can make the density infinite."""
        return bounded_scale(self.log_sigma)

    def log_prob(self, x: Tensor, params: Tensor) -> Tensor:
        """log N(x; params, σ²) in nats, summed over features: (..., batch)."""
        sigma = self.sigma
        return sum_features(-0.5 * ((x - params) / sigma) ** 2 - torch.log(sigma) - 0.5 * LOG_TWO_PI, x)

    def mean(self, params: Tensor) -> Tensor:
        """The mean, same shape as ``params`` (not limited to [0, 1])."""
        return params

    def sample(self, params: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """A draw from N(params, σ²), same shape as ``params``."""
        noise = torch.randn(params.shape, generator=generator, device=params.device, dtype=params.dtype)
        return params + self.sigma * noise

    def params_for_mean(self, mean: Tensor) -> Tensor:
        """The parameters whose mean is this picture: the picture."""
        return mean
