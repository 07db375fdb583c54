"""Chapter 01's toy: one latent, two observed dimensions, and every quantity of the theory computable.

    z ~ N(0, 1),    x | z ~ N(f(z), sigma^2 I),    f(z) = (0.9 z - 1.5 sin 2.2 z, -1.5 cos 2.2 z)

f is a looping curve (a prolate trochoid). Where it crosses itself, at x = (0, 1.127), both z = -1.100 and
z = 1.100 explain x: the posterior there has two equal modes and no Gaussian q(z|x) can match it.

All integrals over z are trapezoidal sums in float64. For integrands that are smooth and vanish at both ends
these converge faster than any power of the step (Trefethen & Weideman 2014): here, exact to rounding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

_LOG_2PI = math.log(2 * math.pi)
_DRIFT, _LOOP, _FREQUENCY = 0.9, 1.5, 2.2
_MAX_SPEED = _DRIFT + _LOOP * _FREQUENCY
_REACH = 10.0  # standard deviations beyond which a Gaussian's mass (1e-23) is dropped
_Q_CHUNK = 256  # Gaussians q handled at once: bounds the memory of a large grid of them


@dataclass(frozen=True)
class CurveModel:
    """The model above. Points x are (..., 2), latents z are (...,); densities are float64, in nats.

    Attributes:
        sigma: standard deviation of x around the curve, at least 0.01.
    """

    sigma: float = 0.25

    def __post_init__(self) -> None:
        if not 0.01 <= self.sigma < math.inf:
            raise ValueError(f"sigma is {self.sigma}, but a number from 0.01 up is expected: try 0.25.")

    def mean(self, z: torch.Tensor) -> torch.Tensor:
        """The curve f(z): (...,) to (..., 2), in the dtype of z."""
        turn = _FREQUENCY * z
        return torch.stack((_DRIFT * z - _LOOP * torch.sin(turn), -_LOOP * torch.cos(turn)), dim=-1)

    def sample(self, n: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw from p(x, z): points float32 (n, 2) and the latents float32 (n,) they came from."""
        generator = torch.Generator().manual_seed(seed)
        z = torch.randn(n, generator=generator)
        return self.mean(z) + self.sigma * torch.randn(n, 2, generator=generator), z

    def log_likelihood(self, x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """log p(x|z), with x (..., 2) and z (...,) broadcast against each other."""
        x, mean = x.double(), self.mean(z.double())
        squared = (x[..., 0] - mean[..., 0]).square() + (x[..., 1] - mean[..., 1]).square()
        return -squared / (2 * self.sigma**2) - 2 * math.log(self.sigma) - _LOG_2PI

    def log_joint(self, x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """log p(x, z) = log p(x|z) + log N(z; 0, 1), with x (..., 2) and z (...,) broadcast."""
        return self.log_likelihood(x, z) + _log_normal(z.double(), 0.0, 1.0)

    def log_marginal(self, x: torch.Tensor) -> torch.Tensor:
        """log p(x) = log of the integral of p(x, z) over z: (..., 2) to (...,)."""
        z, step = self._grid(x)
        rows = x.reshape(-1, 2).split(_Q_CHUNK)
        sums = [torch.logsumexp(self.log_joint(row[:, None], z), dim=-1) + math.log(step) for row in rows]
        return torch.cat(sums).reshape(x.shape[:-1])

    def posterior(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """p(z|x) on a grid: (..., 2) to grid z (m,) and density (..., m), which sums to 1 / step."""
        z, step = self._grid(x)
        return z, self._log_posterior(x, z, step).exp()

    def elbo(self, x: torch.Tensor, q_mean: torch.Tensor, q_log_var: torch.Tensor) -> torch.Tensor:
        """E_q[log p(x, z) - log q(z)] for q = N(q_mean, exp(q_log_var)), by a sum around the mean of q.

        Args:
            x: (..., 2).
            q_mean, q_log_var: (...,); the three are broadcast, so one x meets many q or many x one q.

        Returns:
            float64 (...,), nats.
        """
        shape, x, q_mean, q_std = _broadcast(x, q_mean, q_log_var)
        unit = torch.arange(-_REACH, _REACH + 0.01, 0.02, dtype=torch.float64)
        weight = _log_normal(unit, 0.0, 1.0).exp() * 0.02
        parts = []
        for point, mean, std in _chunks(x, q_mean, q_std):
            z = mean + std * unit
            parts.append(((self.log_joint(point[:, None], z) - _log_normal(z, mean, std)) * weight).sum(-1))
        return torch.cat(parts).reshape(shape)

    def kl_to_posterior(self, x: torch.Tensor, q_mean: torch.Tensor, q_log_var: torch.Tensor) -> torch.Tensor:
        """KL(q || p(z|x)) for q = N(q_mean, exp(q_log_var)), from the normalized posterior on a grid over z.

        It shares no sum with `elbo`: that log p(x) - elbo equals it is a result, not a definition.
        Arguments and result as for `elbo`; the standard deviation of q must be at least 0.001.
        """
        shape, x, q_mean, q_std = _broadcast(x, q_mean, q_log_var)
        if float(q_std.min()) < 1e-3:
            raise ValueError(
                f"q has standard deviation {float(q_std.min()):.2g}, but the grid resolves 0.001 and more: "
                "keep q_log_var above -13.8."
            )
        z, step = self._grid(x, float((q_mean.abs() + _REACH * q_std).max()), float(q_std.min()))
        points = x.unique(dim=0)
        common = self._log_posterior(points, z, step) if len(points) == 1 else None  # one x, many q
        parts = []
        for point, mean, std in _chunks(x, q_mean, q_std):
            log_posterior = self._log_posterior(point, z, step) if common is None else common
            log_q = _log_normal(z, mean, std)
            parts.append((log_q.exp() * (log_q - log_posterior)).sum(-1) * step)
        return torch.cat(parts).reshape(shape)

    def _log_posterior(self, x: torch.Tensor, z: torch.Tensor, step: float) -> torch.Tensor:
        log_joint = self.log_joint(x[..., None, :], z)
        return log_joint - torch.logsumexp(log_joint, dim=-1, keepdim=True) - math.log(step)

    def _grid(
        self, x: torch.Tensor, reach: float = 0.0, narrowest: float = math.inf
    ) -> tuple[torch.Tensor, float]:
        """Equally spaced z, float64 (m,), and their step, for these x and for a q of this reach and width.

        -d^2 log p(x, z) / dz^2 is at most 1 + (|f'|^2 + |x - f| |f''|) / sigma^2, which bounds how narrow a
        mode can be; a step of half of that leaves an error of exp(-2 pi^2 2^2), 1e-34. An x far outside pulls
        z along the drift of the curve.
        """
        far = float(x.abs().max())
        sharpest = 1 + (_MAX_SPEED**2 + _LOOP * _FREQUENCY**2 * far) / self.sigma**2
        limit = max(reach, 8 + far / _DRIFT)
        step = min(1 / math.sqrt(sharpest), narrowest) / 2
        half = math.ceil(limit / step)
        return step * torch.arange(-half, half + 1, dtype=torch.float64), step


def _log_normal(z: torch.Tensor, mean: torch.Tensor | float, std: torch.Tensor | float) -> torch.Tensor:
    std = torch.as_tensor(std, dtype=torch.float64)
    return -0.5 * ((z - mean) / std).square() - std.log() - 0.5 * _LOG_2PI


def _broadcast(
    x: torch.Tensor, q_mean: torch.Tensor, q_log_var: torch.Tensor
) -> tuple[torch.Size, torch.Tensor, torch.Tensor, torch.Tensor]:
    """The common shape, and x (n, 2), mean (n, 1), standard deviation (n, 1) flattened to it, in float64."""
    mean, std = torch.as_tensor(q_mean).double(), torch.as_tensor(q_log_var).double().mul(0.5).exp()
    shape = torch.broadcast_shapes(x.shape[:-1], mean.shape, std.shape)
    x = x.double().expand(*shape, 2).reshape(-1, 2)
    return shape, x, mean.expand(shape).reshape(-1, 1), std.expand(shape).reshape(-1, 1)


def _chunks(*tensors: torch.Tensor) -> zip:
    return zip(*(tensor.split(_Q_CHUNK) for tensor in tensors), strict=True)
