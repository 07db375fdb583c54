"""Discretized logistic pixels: a probability for each of the 256 values a stored pixel can take."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vae_course.likelihoods.features import sum_features
from vae_course.likelihoods.scale import add_log_scale, bounded_scale
from vae_course.likelihoods.unit_interval import check_unit_interval


class DiscretizedLogistic(nn.Module):
    """A logistic distribution cut into bins, one for each stored value; ``params`` are its centers.

    Bin k is centered on k / (levels − 1); the first and the last reach to ∓∞ (Kingma et al. 2016, appendix
    C; Salimans et al. 2017, eq. 2). A *probability*, never positive in logs: the number that a
    lossless coder would need, and the one to compare with other models of stored pictures.

    Args:
        scale: s in the units of x; at least 0.001. The standard deviation is πs/√3.
        learned: make log s a parameter that is trained with the decoder.
        levels: number of values a pixel can take, at least 2.
    """

    def __init__(self, scale: float = 0.1, learned: bool = False, levels: int = 256):
        super().__init__()
        if levels < 2:
            raise ValueError(f"levels is {levels}; a pixel needs at least 2 values.")
        self.levels = levels
        add_log_scale(self, "scale", scale, learned)

    @property
    def scale(self) -> Tensor:
        """s, a scalar tensor; at least 0.001."""
        return bounded_scale(self.log_scale)

    def log_prob(self, x: Tensor, params: Tensor) -> Tensor:
        """log P(x) of the bin around x, nats, summed over features.

        Args:
            x: (batch, *features), in [0, 1]; values between two levels get a bin of the same width.
            params: (..., batch, *features), centers.

        Returns:
            (..., batch), ≤ 0.

        Raises:
            ValueError: x lies outside [0, 1] (looked for in the first examples, and on the CPU only).
        """
        check_unit_interval(x)
        scale, half_bin = self.scale, 0.5 / (self.levels - 1)
        above = (x - params + half_bin) / scale
        below = (x - params - half_bin) / scale
        # σ(a) − σ(b) = σ(a) σ(−b) (1 − e^(b−a)) never subtracts two nearly equal numbers.
        inside = torch.log(-torch.expm1(-2 * half_bin / scale))
        to_the_left, to_the_right = F.logsigmoid(above), F.logsigmoid(-below)
        first, last = x < half_bin, x > 1 - half_bin
        middle = to_the_left + to_the_right + inside
        return sum_features(torch.where(first, to_the_left, torch.where(last, to_the_right, middle)), x)

    def mean(self, params: Tensor) -> Tensor:
        """The center limited to [0, 1], same shape as ``params``; close to the mean of the bins."""
        return params.clamp(0, 1)

    def sample(self, params: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """A draw among the stored values k / (levels − 1), same shape as ``params``."""
        uniform = torch.rand(params.shape, generator=generator, device=params.device, dtype=params.dtype)
        eps = torch.finfo(params.dtype).eps
        value = params + self.scale * torch.logit(uniform, eps=eps)
        return (value * (self.levels - 1)).round().clamp(0, self.levels - 1) / (self.levels - 1)

    def params_for_mean(self, mean: Tensor) -> Tensor:
        """The centers that show this picture: the picture."""
        return mean
