"""The course on one page: the Gaussian posterior, and the evidence lower bound with its two terms."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

# -------- The Gaussian posterior q(z|x) that an encoder returns.

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


# -------- The evidence lower bound, for every model of the course.
#
# ELBO(x) = E_q(z|x)[log p(x|z)] − KL(q(z|x) ‖ p(z)) ≤ log p(x)      (Kingma & Welling 2014, eq. 3)
#
# A model takes part when it has ``encode(x) -> GaussianPosterior`` and ``log_likelihood(x, z)``.


@dataclass(frozen=True)
class ElboTerms:
    """The two terms of the negative ELBO, for each example of a batch, in nats.

    Attributes:
        reconstruction: (batch,), −E_q[log p(x|z)], also called distortion.
        kl: (batch,), KL(q(z|x) ‖ p(z)), also called rate.
        kl_per_dimension: (batch, latent), the same before the sum.
    """

    reconstruction: Tensor
    kl: Tensor
    kl_per_dimension: Tensor

    @property
    def negative_elbo(self) -> Tensor:
        """reconstruction + kl, (batch,): an upper bound of −log p(x)."""
        return self.reconstruction + self.kl

    @property
    def elbo(self) -> Tensor:
        """The lower bound of log p(x), (batch,)."""
        return -self.negative_elbo

    def loss(self, beta: float = 1.0, free_bits: float = 0.0) -> Tensor:
        """Mean over the batch of reconstruction + β·KL, a scalar (β-VAE: Higgins et al. 2017, eq. 4).

        Args:
            beta: weight of the KL term.
            free_bits: nats λ of each latent dimension; the KL term is then Σ_j max(λ, KL_j) with KL_j the
                mean over the batch, so that a dimension gains nothing by falling below λ (Kingma et al.
                2016, "Improved variational inference with inverse autoregressive flow", free bits).
        """
        if free_bits == 0:
            return (self.reconstruction + beta * self.kl).mean()
        paid = self.kl_per_dimension.mean(0).clamp_min(free_bits).sum()
        return self.reconstruction.mean() + beta * paid


def elbo_terms(model, x: Tensor, generator: torch.Generator | None = None, n_samples: int = 1) -> ElboTerms:
    """Estimate the ELBO terms with samples from q(z|x); the KL is exact.

    Args:
        model: has ``encode(x) -> GaussianPosterior`` and ``log_likelihood(x, z) -> (..., batch)``.
        x: (batch, *features).
        generator: source of randomness for z, on the device of x.
        n_samples: draws of z for each example; the reconstruction term is their mean.

    Returns:
        Terms per example, in nats, summed over features and latent dimensions.
    """
    if n_samples < 1:
        raise ValueError(f"n_samples is {n_samples}; the ELBO needs at least 1 draw of z for each example.")
    posterior = model.encode(x)
    if torch.is_tensor(posterior):
        raise TypeError(
            f"{type(model).__name__}.encode gives a point and not a distribution, so it has no ELBO; "
            f"use a VAE, or reconstruction_terms for the loss of an autoencoder."
        )
    if n_samples == 1:
        log_likelihood = model.log_likelihood(x, posterior.sample(generator=generator))
    else:
        log_likelihood = model.log_likelihood(x, posterior.sample(n_samples, generator=generator)).mean(0)
    kl_per_dimension = posterior.kl_per_dimension()
    return ElboTerms(-log_likelihood, kl_per_dimension.sum(-1), kl_per_dimension)


def reconstruction_terms(model, x: Tensor, generator: torch.Generator | None = None) -> ElboTerms:
    """The same record for a plain autoencoder: its cross-entropy as ``reconstruction``, and no KL.

    An autoencoder has no rate: nothing here is a bound of log p(x). The record only lets one training
    loop serve both. ``generator`` is not used.

    Args:
        model: has ``encode(x) -> (batch, latent)`` and ``log_likelihood(x, z)``.
        x: (batch, *features), in [0, 1].
    """
    code = model.encode(x)
    zeros = torch.zeros_like(code)
    return ElboTerms(-model.log_likelihood(x, code), zeros.sum(-1), zeros)
