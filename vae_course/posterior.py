"""The Gaussian posterior q(z|x) that an encoder returns."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

LOG_TWO_PI = math.log(2 * math.pi)


def bound_log_var(raw: Tensor, limit: float = 15.0) -> Tensor:
    """Keep log σ² inside (−limit, limit) smoothly, so that exp(log σ²) can neither overflow nor vanish.

    Close to the identity for small values (an input of 3 becomes 2.96), and the gradient never dies
    completely, as it would with a hard clamp.

    Args:
        raw: any shape, unbounded.
        limit: largest absolute value of the result.
    """
    return limit * torch.tanh(raw / limit)


@dataclass(frozen=True)
class GaussianPosterior:
    """A Gaussian with diagonal covariance for each example of a batch.

    Attributes:
        mean: (batch, latent), float.
        log_var: (batch, latent), log σ² (not log σ).
    """

    mean: Tensor
    log_var: Tensor

    @property
    def std(self) -> Tensor:
        """Standard deviation σ = exp(½ log σ²), (batch, latent)."""
        return torch.exp(0.5 * self.log_var)

    def sample(self, n: int | None = None, generator: torch.Generator | None = None) -> Tensor:
        """Draw z = μ + σ ε, ε ~ N(0, I), so that gradients reach μ and log σ² (Kingma & Welling 2014, §2.4).

        Args:
            n: number of draws for each example; None for one draw without a sample axis.
            generator: source of randomness, on the device of the posterior.

        Returns:
            (batch, latent) when ``n`` is None, else (n, batch, latent).
        """
        shape = self.mean.shape if n is None else (n, *self.mean.shape)
        noise = torch.randn(shape, generator=generator, device=self.mean.device, dtype=self.mean.dtype)
        return self.mean + self.std * noise

    def log_prob(self, z: Tensor) -> Tensor:
        """log q(z|x) in nats, summed over latent dimensions.

        Args:
            z: (..., batch, latent).

        Returns:
            (..., batch).
        """
        squared = (z - self.mean) ** 2 * torch.exp(-self.log_var)
        return -0.5 * (squared + self.log_var + LOG_TWO_PI).sum(-1)

    def kl_per_dimension(self) -> Tensor:
        """KL(q(z_j|x) ‖ N(0, 1)) for each latent dimension, nats, (batch, latent).

        ½ (μ² + σ² − 1 − log σ²) (Kingma & Welling 2014, appendix B).
        """
        # expm1 keeps the result exact and non-negative where log σ² is close to 0.
        return 0.5 * (self.mean**2 + torch.expm1(self.log_var) - self.log_var)

    def kl(self) -> Tensor:
        """KL(q(z|x) ‖ N(0, I)) of each example, nats, (batch,)."""
        return self.kl_per_dimension().sum(-1)


def standard_normal_log_prob(z: Tensor) -> Tensor:
    """log N(z; 0, I) in nats, summed over the last axis: (..., latent) → (...)."""
    return -0.5 * (z**2 + LOG_TWO_PI).sum(-1)
