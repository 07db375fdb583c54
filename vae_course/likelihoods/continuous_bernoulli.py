"""Continuous Bernoulli pixels: what cross-entropy on gray values becomes once it is normalized."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vae_course.likelihoods.features import sum_features
from vae_course.likelihoods.unit_interval import check_unit_interval

# Below this |logit| the closed forms subtract nearly equal numbers, and the series is exact to 1e-10.
SERIES_BELOW = 0.5
LARGEST_START = 20.0


def log_normalizer(logits: Tensor) -> Tensor:
    """log C of p(x) = C λ^x (1 − λ)^(1 − x) on [0, 1], elementwise; nats, ≥ log 2, same shape as ``logits``.

    C = log(λ / (1 − λ)) / (2λ − 1), and 2 at λ = ½ (Loaiza-Ganem & Cunningham 2019, eq. 6), as a function of
    the logit: log C = log 2 + log cosh h − log(sinh h / h) with h = logit / 2.
    """
    half = logits.abs() / 2
    return F.softplus(-2 * half) + half - _log_sinh_ratio(half)


def _log_sinh_ratio(half: Tensor) -> Tensor:
    """log(sinh h / h) for h ≥ 0; 0 at 0."""
    small = half < SERIES_BELOW / 2
    safe = torch.where(small, torch.ones_like(half), half)  # the branch not taken must not give NaN gradients
    exact = safe + torch.log1p(-torch.exp(-2 * safe)) - torch.log(2 * safe)
    square = half**2
    series = square * (1 / 6 - square * (1 / 180 - square * (1 / 2835 - square / 37800)))
    return torch.where(small, series, exact)


def _langevin(half: Tensor) -> Tensor:
    """coth h − 1/h for h ≥ 0; the slope of log(sinh h / h)."""
    small = half < SERIES_BELOW / 2
    safe = torch.where(small, torch.ones_like(half), half)
    square = half**2
    series = half * (1 / 3 - square * (1 / 45 - square * (2 / 945 - square / 4725)))
    return torch.where(small, series, 1 / torch.tanh(safe) - 1 / safe)


class ContinuousBernoulli(nn.Module):
    """Independent continuous Bernoulli for each feature on [0, 1]; ``params`` are logits of λ.

    Its mean is *not* λ: it is nearer to ½ (Loaiza-Ganem & Cunningham 2019, eq. 7).
    """

    def log_prob(self, x: Tensor, params: Tensor) -> Tensor:
        """log density, nats, summed over features; stable near λ = ½ and at both ends.

        Args:
            x: (batch, *features), in [0, 1].
            params: (..., batch, *features), logits of λ.

        Returns:
            (..., batch); can be positive, for it is a density.

        Raises:
            ValueError: x lies outside [0, 1] (looked for in the first examples, and on the CPU only).
        """
        check_unit_interval(x)
        half = params / 2
        return sum_features((x - 0.5) * params - _log_sinh_ratio(half.abs()), x)

    def mean(self, params: Tensor) -> Tensor:
        """The mean, in [0, 1], same shape as ``params``."""
        return 0.5 + 0.5 * torch.sign(params) * _langevin(params.abs() / 2)

    def sample(self, params: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """A draw in [0, 1] by the inverse distribution function, same shape as ``params``."""
        uniform = torch.rand(params.shape, generator=generator, device=params.device, dtype=params.dtype)
        size = params.abs()
        small = size < 1e-4  # nearly uniform
        safe = torch.where(small, torch.ones_like(size), size)
        towards_one = 1 + torch.log(uniform + (1 - uniform) * torch.exp(-safe)) / safe
        towards_one = torch.where(small, uniform, towards_one).clamp(0, 1)
        return torch.where(params > 0, towards_one, 1 - towards_one)

    def params_for_mean(self, mean: Tensor) -> Tensor:
        """Logits whose mean is this picture, by bisection; within ±20, so that training can move them."""
        low = torch.full_like(mean, -LARGEST_START)
        high = -low
        for _ in range(60):
            middle = (low + high) / 2
            below = self.mean(middle) < mean
            low, high = torch.where(below, middle, low), torch.where(below, high, middle)
        return (low + high) / 2
