""""""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Integral

import torch
from torch import Tensor

from vae_course.data.images import check_data
from vae_course.elbo import elbo_terms, standard_normal_log_prob
from vae_course.machine import choose, keep_freed_memory, matrix_products

# -------- Bounds of log p(x) on a data set, with standard errors.


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
    def of(cls, values: Tensor) -> Estimate:
        """Mean and standard error of values (n,)."""
        values = values.cpu().double()  # in this order: MPS has no float64
        error = (values.std() / math.sqrt(len(values))).item() if len(values) > 1 else math.nan
        return cls(values.mean().item(), error, len(values))

    def __float__(self) -> float:
        return self.value

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


# -------- The bound that a VQ-VAE with a prior over its letters gives.


@torch.no_grad()
def evaluate_codes(model, prior, data, *, batch_size: int = 1000, seed: int = 0) -> Evaluation:
    """−log p(x|c(x)) − log P(c(x)) ≥ −log p(x) on a data set, nats per example.

    p(x) = Σ_c P(c) p(x|c) has n_codes^places terms, and the one with the picture's own letters c(x) is a
    lower bound of the sum. It is the ELBO of a q that puts everything on c(x): the reconstruction term is
    exact, and the KL to the prior is −log P(c(x)).

    Args:
        model: a trained VQVAE; prior: a trained CodePrior for it.
        data: ImageData.
        batch_size: examples at a time.
        seed: of dynamic binarization.

    Returns:
        ``kl`` is the price of the letters. Compare it only with models of the same likelihood.
    """
    distortion, rate = [], []
    with evaluating(model), evaluating(prior):
        for x in batches(model, data, batch_size, noise_like(model, seed)):
            codes = model.codes(x)
            distortion.append(-model.likelihood.log_prob(x, model.decode_codes(codes)))
            rate.append(-prior.log_prob(codes))
    distortion, rate = torch.cat(distortion), torch.cat(rate)
    return Evaluation(Estimate.of(distortion + rate), Estimate.of(distortion), Estimate.of(rate))


# -------- The best model without a code: every feature by itself, with its training mean and spread.


def gaussian_without_code(train, held_out) -> Estimate:
    """−log p of held-out features under one Gaussian for each feature, fitted to the training part, nats.

    What a GaussianVAE reaches when its code is switched off: every feature has its training mean, and σ is
    shared where the model shares it (``data.sigma_shape``: over time in a spectrogram), so that features
    which hardly ever vary, such as padding, bring no boundless density.

    Args:
        train, held_out: FeatureData of the same shape.
    """
    mean = train.values.double().mean(0)
    shared = [
        axis
        for axis, (kept, size) in enumerate(zip(train.sigma_shape, train.shape, strict=True))
        if kept < size
    ]
    variance = (train.values.double() - mean).square().mean(0)
    if shared:
        variance = variance.mean(shared, keepdim=True)
    return Estimate.of(
        _gaussian(held_out.values.double(), mean, variance.clamp_min(1e-6).expand(train.shape))
    )


def gaussian_with_covariance(train, held_out, shrinkage: float = 0.0) -> Estimate:
    """−log p of held-out features under one Gaussian with full covariance, fitted to the training part, nats.

    Only for few features. An exact likelihood, not a bound: a strong opponent on small tables.

    Args:
        train, held_out: FeatureData of the same shape.
        shrinkage: share, in [0, 1), of the covariance's diagonal mixed into it.
    """
    rows, asked = train.values.double().flatten(1), held_out.values.double().flatten(1)
    covariance = rows.T.cov()
    covariance = (1 - shrinkage) * covariance + shrinkage * covariance.diag().diag()
    covariance += 1e-9 * torch.eye(len(covariance), dtype=torch.float64)
    normal = torch.distributions.MultivariateNormal(rows.mean(0), covariance)
    return Estimate.of(-normal.log_prob(asked))


def _gaussian(x: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    terms = 0.5 * ((x - mean).square() / variance + variance.log() + math.log(2 * math.pi))
    return terms.flatten(1).sum(1)


# -------- From nats per example to bits per dimension, for probabilities and for densities.


def bits_per_dimension(
    negative_log: float | Tensor,
    dimensions: int,
    log_volume: float | Tensor = 0.0,
    log_cell: float = 0.0,
) -> float | Tensor:
    """Bits that one dimension of an example costs.

    A *probability* of stored values (text, discretized pixels) needs only the first two arguments. A
    *density* of scaled features has no bits of its own: it depends on the unit. Two steps make it the
    probability of one cell of a grid: −log P ≈ −log p(scaled) − log |d scaled / d raw| − log(volume of a raw
    cell). The first correction is the change of variables; the second is right for cells in which the density
    hardly changes.

    Args:
        negative_log: −log p or an upper bound such as −ELBO, nats per example.
        dimensions: numbers (pixels × channels, frequencies × frames, columns, characters) of an example.
        log_volume: log |d scaled / d raw|, nats; `FeatureData.log_volume`.
        log_cell: log of the volume of one raw cell, nats; `FeatureData.log_cell`.
    """
    if dimensions < 1:
        raise ValueError(f"dimensions is {dimensions}; an example has at least 1.")
    return (negative_log - log_volume - log_cell) / (dimensions * math.log(2))


@torch.no_grad()
def feature_bits(model, data, *, seed: int = 0, batch_size: int = 500) -> Estimate:
    """−ELBO of a FeatureData in bits per dimension of its recorded (or agreed) grid, mean over examples.

    Args:
        model: a VAE for the data's scaled values.
        data: FeatureData.
    """
    generator = noise_like(model, seed)
    with evaluating(model):
        parts = [
            elbo_terms(model, x, generator).negative_elbo for x in batches(model, data, batch_size, generator)
        ]
    nats = torch.cat(parts).cpu().double()
    return Estimate.of(bits_per_dimension(nats, math.prod(data.shape), data.log_volume, data.log_cell))
