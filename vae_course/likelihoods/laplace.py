"""Laplace pixels: the likelihood behind the absolute error."""

import math

import torch
from torch import Tensor, nn

from vae_course.likelihoods.features import sum_features
from vae_course.likelihoods.scale import add_log_scale, bounded_scale


class Laplace(nn.Module):
    """Independent Laplace for each feature with one shared scale b; ``params`` are medians.

    Args:
        scale: b, the mean absolute deviation in the units of x; at least 0.001. σ is √2·b.
        learned: make log b a parameter that is trained with the decoder.
    """

    def __init__(self, scale: float = 1.0, learned: bool = False):
        super().__init__()
        add_log_scale(self, "scale", scale, learned)

    @property
    def scale(self) -> Tensor:
        """b, a scalar tensor; at least 0.001."""
        return bounded_scale(self.log_scale)

    def log_prob(self, x: Tensor, params: Tensor) -> Tensor:
        """−|x − params| / b − log 2b, nats, summed over features: (..., batch)."""
        scale = self.scale
        return sum_features(-(x - params).abs() / scale - torch.log(scale) - math.log(2), x)

    def mean(self, params: Tensor) -> Tensor:
        """The mean (and median), same shape as ``params`` (not limited to [0, 1])."""
        return params

    def sample(self, params: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """A draw, same shape as ``params``."""
        uniform = (
            torch.rand(params.shape, generator=generator, device=params.device, dtype=params.dtype) - 0.5
        )
        # −1 + ε keeps log1p away from −∞ when the uniform number is exactly −½.
        distance = -torch.log1p((-2 * uniform.abs()).clamp_min(-1 + torch.finfo(params.dtype).eps))
        return params + self.scale * torch.sign(uniform) * distance

    def params_for_mean(self, mean: Tensor) -> Tensor:
        """The parameters whose mean is this picture: the picture."""
        return mean
