"""Equal mixtures of round Gaussians in the plane, on a ring and on a grid: a test of mode collapse.

The settings are the usual ones: 8 modes on a ring of radius 2 with standard deviation 0.02 (Metz et al. 2017,
"Unrolled Generative Adversarial Networks"), and 25 modes on a square grid, as in Srivastava et al. (2017,
"VEEGAN"), here 2 apart with standard deviation 0.05.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch


@dataclass(frozen=True, eq=False)
class GaussianMixture:
    """Equal weights, the same round Gaussian at each center.

    Attributes:
        centers: float64 (modes, 2).
        std: standard deviation of each mode along each axis.
    """

    centers: torch.Tensor
    std: float

    def __post_init__(self) -> None:
        if not 0 < self.std < math.inf:
            raise ValueError(f"std is {self.std}, but a positive number is expected: try 0.05.")

    def sample(self, n: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw points float32 (n, 2) and the mode int64 (n,) each came from; modes equally likely."""
        generator = torch.Generator().manual_seed(seed)
        mode = torch.randint(len(self.centers), (n,), generator=generator)
        noise = torch.randn(n, 2, generator=generator, dtype=torch.float64)
        return (self.centers[mode] + self.std * noise).float(), mode

    def log_prob(self, points: torch.Tensor) -> torch.Tensor:
        """Exact log density in nats: (..., 2) to float64 (...,)."""
        squared = (points.double()[..., None, :] - self.centers).square().sum(-1)
        log_modes = -squared / (2 * self.std**2) - math.log(2 * math.pi * self.std**2)
        return torch.logsumexp(log_modes, dim=-1) - math.log(len(self.centers))

    def nearest(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Of points (..., 2): the nearest mode, int64 (...,), and the distance to its center, float64."""
        distance, mode = torch.cdist(points.double().reshape(-1, 2), self.centers).min(dim=-1)
        return mode.reshape(points.shape[:-1]), distance.reshape(points.shape[:-1])


def ring_mixture(modes: int = 8, radius: float = 2.0, std: float = 0.02) -> GaussianMixture:
    """`modes` Gaussians equally spaced on a circle around 0, the first at (radius, 0), counterclockwise."""
    _check_count("modes", modes)
    angle = 2 * math.pi * torch.arange(modes, dtype=torch.float64) / modes
    return GaussianMixture(radius * torch.stack((angle.cos(), angle.sin()), dim=-1), std)


def grid_mixture(side: int = 5, spacing: float = 2.0, std: float = 0.05) -> GaussianMixture:
    """`side` x `side` Gaussians on a square grid around 0, `spacing` apart, in rows from the lower left."""
    _check_count("side", side)
    line = spacing * (torch.arange(side, dtype=torch.float64) - (side - 1) / 2)
    return GaussianMixture(torch.cartesian_prod(line, line).flip(-1), std)


def ring_of_gaussians(
    n: int, modes: int = 8, radius: float = 2.0, std: float = 0.02, seed: int = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    """`n` points float32 (n, 2) of `ring_mixture`, and their modes int64 (n,).

    The exact log density of any points is `ring_mixture(modes, radius, std).log_prob(points)`.
    """
    return ring_mixture(modes, radius, std).sample(n, seed)


def grid_of_gaussians(
    n: int, side: int = 5, spacing: float = 2.0, std: float = 0.05, seed: int = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    """`n` points float32 (n, 2) of `grid_mixture`, and their modes int64 (n,).

    The exact log density of any points is `grid_mixture(side, spacing, std).log_prob(points)`.
    """
    return grid_mixture(side, spacing, std).sample(n, seed)


def _check_count(name: str, value: int) -> None:
    if not isinstance(value, int) or value < 1:
        raise ValueError(f"{name} is {value!r}, but a whole number from 1 up is expected.")
