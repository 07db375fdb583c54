"""Bounds of log p(x) on a data set, with standard errors."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Integral

import torch
from torch import Tensor

from vae_course.allocation import keep_freed_memory
from vae_course.elbo import elbo_terms
from vae_course.posterior import standard_normal_log_prob
from vae_course.training.precision import choose, matrix_products
from vae_course.training.settings import check_data


@dataclass(frozen=True)
class Estimate:
    """A mean over examples.

    Attributes:
        value: the mean, in nats per example.
        standard_error: of that mean, from the spread over examples.
        n: number of examples.
    """

    value: float
    standard_error: float
    n: int

    @classmethod
    def of(cls, values: Tensor) -> "Estimate":
        """Mean and standard error of values (n,)."""
        values = values.cpu().double()  # in this order: MPS has no float64
        error = (values.std() / math.sqrt(len(values))).item() if len(values) > 1 else math.nan
        return cls(values.mean().item(), error, len(values))

    def __str__(self) -> str:
        return f"{self.value:.2f} ± {self.standard_error:.2f}"


@dataclass(frozen=True)
class Evaluation:
    """−ELBO and its two terms on a data set, nats per example."""

    negative_elbo: Estimate
    reconstruction: Estimate
    kl: Estimate


def batches(model, data, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """The data in order as float batches on the model's device; the last may be smaller."""
    check_data(data, "the data set")
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}; it must be at least 1.")
    device = next(model.parameters()).device
    data = data.to(device)
    for start in range(0, len(data), batch_size):
        yield data.batch(slice(start, min(start + batch_size, len(data))), generator)


@contextmanager
def evaluating(model):
    """The model in evaluation mode, and back in its former one afterwards."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


def noise_like(model, seed: int) -> torch.Generator:
    """A seeded generator on the model's device."""
    return torch.Generator(next(model.parameters()).device).manual_seed(seed)


@torch.no_grad()
def evaluate(model, data, *, n_samples: int = 1, batch_size: int = 1000, seed: int = 0) -> Evaluation:
    """The sampled ELBO on a data set: z is drawn from q(z|x), never replaced by its mean.

    Args:
        model: a VAE (``encode``, ``log_likelihood``).
        data: ImageData.
        n_samples: draws of z for each example.
        batch_size: examples at a time.
        seed: of z, and of dynamic binarization.
    """
    generator = noise_like(model, seed)
    with evaluating(model):
        parts = [
            elbo_terms(model, x, generator, n_samples) for x in batches(model, data, batch_size, generator)
        ]
    reconstruction = torch.cat([part.reconstruction for part in parts])
    kl = torch.cat([part.kl for part in parts])
    return Evaluation(Estimate.of(reconstruction + kl), Estimate.of(reconstruction), Estimate.of(kl))


@torch.no_grad()
def importance_weighted_log_prob(
    model, x: Tensor, k: int, generator: torch.Generator | None = None, chunk: int = 20
) -> Tensor:
    """log p̂_K(x) = log (1/K) Σ_k p(x|z_k) p(z_k) / q(z_k|x) with z_k ~ q(z|x) (Burda et al. 2016, eq. 8).

    Its mean rises with K from the ELBO (K = 1) towards log p(x).

    Args:
        model: a VAE.
        x: (batch, *features).
        k: number of draws of z for each example.
        generator: source of randomness on the device of x.
        chunk: draws at a time; memory grows with it and not with ``k``. Few are faster: tensors of a few MB
            stay in reach of the processor.

    Returns:
        (batch,), nats, float64, on the CPU.
    """
    if not (isinstance(k, Integral) and isinstance(chunk, Integral)):
        raise TypeError(f"k is {k!r} and chunk is {chunk!r}; both must be whole numbers of at least 1.")
    if k < 1 or chunk < 1:
        raise ValueError(f"k is {k} and chunk is {chunk}; both must be at least 1.")
    keep_freed_memory()
    first = x[0] if isinstance(x, tuple) else x  # a conditional model takes a pair
    with matrix_products(choose("auto", first.device)):
        posterior = model.encode(x)
        total = torch.full(posterior.mean.shape[:1], -math.inf, dtype=torch.float64)
        for start in range(0, k, chunk):
            z = posterior.sample(min(chunk, k - start), generator=generator)
            log_weight = model.log_likelihood(x, z) + standard_normal_log_prob(z) - posterior.log_prob(z)
            total = torch.logaddexp(total, torch.logsumexp(log_weight.cpu().double(), dim=0))
    return total - math.log(k)


def importance_weighted_bound(
    model, data, *, k: int = 1000, seed: int = 0, batch_size: int = 100, chunk: int = 20
) -> Estimate:
    """Mean log p̂_K(x) over a data set, nats per example; its negative is what papers call NLL.

    Args:
        model: a VAE.
        data: ImageData; say with the number which binarization it has.
        k: draws of z for each example.
        seed: of z, and of dynamic binarization.
        batch_size, chunk: examples and draws at a time; memory grows with their product only.
    """
    generator = noise_like(model, seed)
    with evaluating(model):
        values = [
            importance_weighted_log_prob(model, x, k, generator, chunk)
            for x in batches(model, data, batch_size, generator)
        ]
    return Estimate.of(torch.cat(values))
