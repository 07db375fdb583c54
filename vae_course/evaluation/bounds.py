"""Bounds of log p(x) on a data set, with standard errors, and how measures read a data set."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from numbers import Integral

import torch
from torch import Tensor

from vae_course.data.own_images import check_data
from vae_course.elbo import elbo_terms, importance_weighted_log_prob
from vae_course.randomness import seeded


@dataclass(frozen=True)
class Estimate:
    """A mean over ``n`` examples, in nats per example, and its standard error from the spread over them."""

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


# Measures work on the device of the model, wherever the data lie, and return CPU values.


def device_of(model) -> torch.device:
    """Where a model is; one without parameters is on the CPU."""
    return next(model.parameters(), torch.empty(0)).device


def noise_like(model, seed: int) -> torch.Generator:
    """A seeded generator on the model's device."""
    return seeded(seed, device_of(model))


@contextmanager
def looking_at(model) -> Iterator[torch.device]:
    """Evaluation mode without gradients for a block; gives the model's device and restores the mode after."""
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield device_of(model)
    finally:
        model.train(training)


def batches(model, data, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """The data in order as float batches on the model's device; the last may be smaller."""
    data = check_data(data, "the data set")
    data = data.to(device_of(model))
    for start in range(0, len(data), batch_size):
        yield data.batch(slice(start, min(start + batch_size, len(data))), generator)


@torch.no_grad()
def over_data(model, data, measure: Callable, batch_size: int, noise: int | torch.Generator):
    """``measure(x, generator)`` of every batch, a tensor (batch, ...) or several, put together, on the CPU.

    ``noise`` is the seed of z and of dynamic binarization, or their generator on the model's device.
    """
    generator = noise_like(model, noise) if isinstance(noise, Integral) else noise
    with looking_at(model):
        parts = [measure(x, generator) for x in batches(model, data, batch_size, generator)]
    if torch.is_tensor(parts[0]):
        return torch.cat(parts).cpu()
    return tuple(torch.cat(part).cpu() for part in zip(*parts, strict=True))


@torch.no_grad()
def in_parts(model, measure: Callable, x: Tensor, size: int = 500) -> Tensor:
    """``measure(part)`` of ``size`` rows of x at a time, computed where the model is, on the CPU."""
    return torch.cat([measure(part.to(device_of(model))).cpu() for part in x.split(size)])


def evaluate(model, data, *, n_samples: int = 1, batch_size: int = 1000, seed: int = 0) -> Evaluation:
    """The sampled ELBO of a VAE on a data set: z is drawn from q(z|x), never replaced by its mean.

    ``n_samples`` draws of z for each example, ``batch_size`` at a time; ``seed`` also binarizes.
    """

    def terms(x, generator):
        found = elbo_terms(model, x, generator, n_samples)
        return found.reconstruction, found.kl

    reconstruction, kl = over_data(model, data, terms, batch_size, seed)
    return Evaluation(Estimate.of(reconstruction + kl), Estimate.of(reconstruction), Estimate.of(kl))


def elbo_scores(model, data, *, n_samples: int = 16, seed: int = 0) -> Tensor:
    """−ELBO of each example, nats, float64 (n,); ``n_samples`` draws of z make it less noisy, not lower."""
    terms = partial(elbo_terms, model, n_samples=n_samples)
    return over_data(model, data, lambda x, g: terms(x, g).negative_elbo, 500, seed).double()


def importance_weighted_scores(model, data, *, k: int = 200, seed: int = 0) -> Tensor:
    """−log p̂_K(x) of each example, nats, float64 (n,), on the CPU: closer to −log p(x) than −ELBO."""
    bound = partial(importance_weighted_log_prob, model)
    return -over_data(model, data, lambda x, g: bound(x, k, g), 100, seed)


def importance_weighted_bound(model, data, *, k: int = 1000, seed: int = 0) -> Estimate:
    """Mean log p̂_K(x) over a data set, nats per example: minus what papers call NLL. Mind binarization."""
    return Estimate.of(-importance_weighted_scores(model, data, k=k, seed=seed))


def bits_per_dimension(
    negative_log: float | Tensor, dimensions: int, log_volume: float | Tensor = 0.0, log_cell: float = 0.0
) -> float | Tensor:
    """Bits that one of the ``dimensions`` of an example costs, from −log p or an upper bound of it in nats.

    Of a density of scaled features, ``log_volume`` (log |d scaled / d raw|) and ``log_cell`` (log volume of a
    raw cell) of FeatureData make it the probability of a stored value, as long as cells are small.
    """
    return (negative_log - log_volume - log_cell) / (dimensions * math.log(2))
