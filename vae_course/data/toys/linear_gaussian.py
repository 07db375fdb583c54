"""The linear-Gaussian model, a VAE whose every quantity has a closed form (probabilistic PCA)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch


@dataclass(frozen=True, eq=False)
class LinearGaussian:
    """z ~ N(0, I), x | z ~ N(W z + b, sigma^2 I): Tipping & Bishop (1999), "Probabilistic PCA".

    Attributes:
        weight: W, (D, k).
        bias: b, (D,).
        sigma: standard deviation of the noise on each of the D coordinates.

    All are kept in float64, and results are float64.
    """

    weight: torch.Tensor
    bias: torch.Tensor
    sigma: float

    def __post_init__(self) -> None:
        weight, bias = torch.as_tensor(self.weight).double(), torch.as_tensor(self.bias).double()
        if weight.ndim != 2 or bias.shape != weight.shape[:1]:
            raise ValueError(
                f"weight has shape {tuple(weight.shape)} and bias {tuple(bias.shape)}, but (D, k) and (D,) "
                "are expected: one row of weight and one entry of bias for each coordinate of x."
            )
        if not 0 < self.sigma < math.inf:
            raise ValueError(f"sigma is {self.sigma}, but a positive number is expected: try 0.5.")
        object.__setattr__(self, "weight", weight)
        object.__setattr__(self, "bias", bias)

    def mean(self, z: torch.Tensor) -> torch.Tensor:
        """W z + b: (..., k) to (..., D)."""
        return z.double() @ self.weight.T + self.bias

    def sample(self, n: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw from p(x, z): x (n, D) and the latents z (n, k) they came from."""
        generator = torch.Generator().manual_seed(seed)
        observed, latent = self.weight.shape
        z = torch.randn(n, latent, generator=generator, dtype=torch.float64)
        noise = torch.randn(n, observed, generator=generator, dtype=torch.float64)
        return self.mean(z) + self.sigma * noise, z

    def log_prob(self, x: torch.Tensor) -> torch.Tensor:
        """Exact log p(x) = log N(x; b, W W^T + sigma^2 I), nats: (..., D) to (...,)."""
        identity = torch.eye(len(self.bias), dtype=torch.float64)
        root = torch.linalg.cholesky(self.weight @ self.weight.T + self.sigma**2 * identity)
        rows = (x.double() - self.bias).reshape(-1, len(self.bias))
        whitened = torch.linalg.solve_triangular(root, rows.T, upper=False)
        log_det = 2 * root.diagonal().log().sum()
        log_density = -0.5 * (whitened.square().sum(0) + log_det + len(self.bias) * math.log(2 * math.pi))
        return log_density.reshape(x.shape[:-1])

    def posterior(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Exact p(z|x) = N(mean, covariance): (n, D) to mean (n, k) and covariance (k, k), one for all x.

        covariance = (I + W^T W / sigma^2)^-1, mean = covariance W^T (x - b) / sigma^2
        (Tipping & Bishop 1999, section 3.2, scaled).
        """
        identity = torch.eye(self.weight.shape[1], dtype=torch.float64)
        precision = identity + self.weight.T @ self.weight / self.sigma**2
        covariance = torch.cholesky_inverse(torch.linalg.cholesky(precision))
        return (x.double() - self.bias) @ self.weight @ covariance / self.sigma**2, covariance
