"""Gaussian features, each with a learned standard deviation of its own."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vae_course.likelihoods.features import sum_features
from vae_course.likelihoods.scale import bounded_scale

LOG_TWO_PI = math.log(2 * math.pi)


class GaussianPerFeature(nn.Module):
    """Independent Gaussians whose σ differs between features and is learned; ``params`` are means.

    What has one σ is a choice: (2, 64, 1) gives one to each frequency of a spectrogram, shared over time;
    (1, 1, D) one to each column of a table (Rybkin et al. 2021, σ-VAE, with a vector in place of a scalar).

    Args:
        sigma_shape: shape of σ, to be broadcast against the features.
        sigma: its value before training, in the units of x.
    """

    def __init__(self, sigma_shape: Sequence[int], sigma: float = 0.7):
        super().__init__()
        self.log_sigma = nn.Parameter(torch.full(tuple(sigma_shape), math.log(sigma)))

    @property
    def sigma(self) -> Tensor:
        """σ, of shape ``sigma_shape``; at least 0.001, so that no example can make the density infinite."""
        return bounded_scale(self.log_sigma)

    def log_prob(self, x: Tensor, params: Tensor) -> Tensor:
        """log N(x; params, σ²) in nats, summed over features: (..., batch)."""
        sigma = self.sigma
        return sum_features(-0.5 * ((x - params) / sigma) ** 2 - torch.log(sigma) - 0.5 * LOG_TWO_PI, x)

    def mean(self, params: Tensor) -> Tensor:
        """The mean, same shape as ``params``."""
        return params

    def sample(self, params: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """A draw from N(params, σ²), same shape as ``params``."""
        noise = torch.randn(params.shape, generator=generator, device=params.device, dtype=params.dtype)
        return params + self.sigma * noise

    def params_for_mean(self, mean: Tensor) -> Tensor:
        """The parameters whose mean is this: itself."""
        return mean
