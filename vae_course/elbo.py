"""The course on one page: the posterior, the evidence lower bound, and the importance-weighted bound.

    ELBO(x) = E_q(z|x)[log p(x|z)] − KL(q(z|x) ‖ p(z)) ≤ log p(x)      (Kingma & Welling 2014, eq. 3)

A model takes part when it has ``encode(x) -> GaussianPosterior`` and ``log_likelihood(x, z)``. Values
are in nats for each example, summed over features and latent dimensions.
"""

import math
from dataclasses import dataclass
from numbers import Integral

import torch
from torch import Tensor

from vae_course.machine import choose, keep_freed_memory, matrix_products

LOG_TWO_PI = math.log(2 * math.pi)


def bound_log_var(raw: Tensor, limit: float = 15.0) -> Tensor:
    """Keep log σ² inside ±limit smoothly, so that σ² can neither overflow nor vanish; 3 becomes 2.96."""
    return limit * torch.tanh(raw / limit)


@dataclass(frozen=True)
class GaussianPosterior:
    """q(z|x): a Gaussian with diagonal covariance for each example of a batch."""

    mean: Tensor  # (batch, latent), float
    log_var: Tensor  # (batch, latent), log σ² (not log σ)

    @classmethod
    def from_network(cls, output: Tensor) -> "GaussianPosterior":
        """From what an encoder puts out, (..., 2 · latent): the mean, then log σ² before it is bounded."""
        mean, raw_log_var = output.chunk(2, dim=-1)
        return cls(mean, bound_log_var(raw_log_var))

    @property
    def std(self) -> Tensor:
        """Standard deviation σ = exp(½ log σ²), (batch, latent)."""
        return torch.exp(0.5 * self.log_var)

    def sample(self, n: int | None = None, generator: torch.Generator | None = None) -> Tensor:
        """Draw z = μ + σ ε, ε ~ N(0, I), so that gradients reach μ and log σ² (Kingma & Welling 2014, §2.4).

        (batch, latent) when ``n`` is None, else (n, batch, latent); ``generator`` is on the same device.
        """
        shape = self.mean.shape if n is None else (n, *self.mean.shape)
        noise = torch.randn(shape, generator=generator, device=self.mean.device, dtype=self.mean.dtype)
        return self.mean + self.std * noise

    def log_prob(self, z: Tensor) -> Tensor:
        """log q(z|x) in nats: (..., batch, latent) → (..., batch)."""
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


@dataclass(frozen=True)
class ElboTerms:
    """The two terms of the negative ELBO, for each example of a batch, in nats."""

    reconstruction: Tensor  # (batch,), −E_q[log p(x|z)], also called distortion
    kl: Tensor  # (batch,), KL(q(z|x) ‖ p(z)), also called rate
    kl_per_dimension: Tensor  # (batch, latent), the same before the sum

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

        With ``free_bits``, nats λ of each latent dimension, the KL term is Σ_j max(λ, KL_j) with KL_j the
        mean over the batch, so that a dimension gains nothing by falling below λ (Kingma et al. 2016,
        "Improved variational inference with inverse autoregressive flow").
        """
        if free_bits == 0:
            return (self.reconstruction + beta * self.kl).mean()
        paid = self.kl_per_dimension.mean(0).clamp_min(free_bits).sum()
        return self.reconstruction.mean() + beta * paid


def without_code(model, x: Tensor, generator: torch.Generator | None = None) -> ElboTerms:
    """The terms of a model whose ``log_prob`` (batch,) needs no code: an ``objective`` for ``fit``."""
    nothing = x.new_zeros(len(x))
    return ElboTerms(-model.log_prob(x), nothing, nothing[:, None])


def elbo_terms(model, x: Tensor, generator: torch.Generator | None = None, n_samples: int = 1) -> ElboTerms:
    """Estimate the ELBO terms of x (batch, *features) with samples from q(z|x); the KL is exact.

    The reconstruction term is a mean over ``n_samples`` draws of z for each example; ``generator`` is on its
    device.
    """
    if n_samples < 1:
        raise ValueError(f"n_samples is {n_samples}; the ELBO needs at least 1 draw of z for each example.")
    posterior = model.encode(x)
    if torch.is_tensor(posterior):
        found = f"{type(model).__name__}.encode gives a point and not a distribution, so it has no ELBO"
        raise TypeError(f"{found}; use a VAE, or reconstruction_terms for the loss of an autoencoder.")
    if n_samples == 1:
        log_likelihood = model.log_likelihood(x, posterior.sample(generator=generator))
    else:
        log_likelihood = model.log_likelihood(x, posterior.sample(n_samples, generator=generator)).mean(0)
    kl_per_dimension = posterior.kl_per_dimension()
    return ElboTerms(-log_likelihood, kl_per_dimension.sum(-1), kl_per_dimension)


def reconstruction_terms(model, x: Tensor, generator: torch.Generator | None = None) -> ElboTerms:
    """The same record for an autoencoder: its cross-entropy, no KL, and no bound of log p(x)."""
    code = model.encode(x)
    zeros = torch.zeros_like(code)
    return ElboTerms(-model.log_likelihood(x, code), zeros.sum(-1), zeros)


@torch.no_grad()
def importance_weighted_log_prob(
    model, x: Tensor, k: int, generator: torch.Generator | None = None, chunk: int = 20
) -> Tensor:
    """log p̂_K(x) = log (1/K) Σ_k p(x|z_k) p(z_k) / q(z_k|x) with z_k ~ q(z|x) (Burda et al. 2016, eq. 8).

    Its mean rises with K from the ELBO (K = 1) towards log p(x). Of x (batch, *features), ``k`` draws of z
    each by ``generator``, on the model's device, ``chunk`` at a time: tensors of a few MB stay near the
    processor. Gives nats, float64 (batch,), on the CPU.
    """
    if not isinstance(k, Integral) or k < 1:
        raise ValueError(f"k is {k!r}; it must be a whole number of at least 1.")
    keep_freed_memory()
    device = next(model.parameters(), torch.empty(0)).device
    x = tuple(part.to(device) for part in x) if isinstance(x, tuple) else x.to(device)
    with matrix_products(choose("auto", device)):
        posterior = model.encode(x)
        total = torch.full(posterior.mean.shape[:1], -math.inf, dtype=torch.float64)
        for start in range(0, k, chunk):
            z = posterior.sample(min(chunk, k - start), generator=generator)
            log_weight = model.log_likelihood(x, z) + standard_normal_log_prob(z) - posterior.log_prob(z)
            total = torch.logaddexp(total, torch.logsumexp(log_weight.cpu().double(), dim=0))
    return total - math.log(k)
