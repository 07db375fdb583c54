"""Bounds of log p(x) on a data set, with standard errors; nats and bits; how measures read a data set."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from numbers import Integral

import torch
from torch import Tensor
from torch.distributions import LowRankMultivariateNormal, MultivariateNormal, Normal

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


# Measures work on the device of the model, wherever the data lie, and return CPU values: the next functions
# see to it.


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
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}; it must be at least 1.")
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
    """Mean log p̂_K(x) over a data set, nats per example, by ``k`` draws of z each; its negative is what
    papers call NLL. Say with the number which binarization the data have.
    """
    return Estimate.of(-importance_weighted_scores(model, data, k=k, seed=seed))


def gaussian_without_code(train, held_out) -> Estimate:
    """−log p of held-out FeatureData under one Gaussian for each feature, fitted to the training part, nats:
    what a GaussianVAE reaches without its code. σ is shared where the model shares it (``data.sigma_shape``).
    """
    known = train.values.double()
    mean = known.mean(0)
    variance = (known - mean).square().mean(0)
    sizes = zip(train.sigma_shape, train.shape, strict=True)
    shared = [axis for axis, (kept, size) in enumerate(sizes) if kept < size]
    variance = variance.mean(shared, keepdim=True) if shared else variance
    normal = Normal(mean, variance.clamp_min(1e-6).sqrt())
    return Estimate.of(-normal.log_prob(held_out.values.double()).flatten(1).sum(1))


def gaussian_with_covariance(train, held_out) -> Estimate:
    """The same under one Gaussian with full covariance: exact, and strong where features are few."""
    known = train.values.double().flatten(1)
    normal = MultivariateNormal(known.mean(0), known.T.cov() + 1e-9 * torch.eye(known.shape[1]).double())
    return Estimate.of(-normal.log_prob(held_out.values.double().flatten(1)))


def gaussian_plane(train, k: int) -> tuple[Callable[[Tensor], Tensor], LowRankMultivariateNormal]:
    """PCA of a FeatureData with k directions: a function to the nearest point of the plane, and a density.

    It is Gaussian along each direction and around the plane, there with the σ's of ``data.sigma_shape``: of
    values (n, features). Randomness as of ``torch.pca_lowrank``.
    """
    known, center = train.values.flatten(1), train.values.flatten(1).mean(0)
    _, spread, axes = torch.pca_lowrank(known - center, q=k + 8, center=False, niter=3)
    axes, variance = axes[:, :k], spread[:k].square() / len(known)

    def project(values: Tensor) -> Tensor:
        return ((values.flatten(1) - center) @ axes @ axes.T + center).reshape(values.shape)

    rest = (train.values - project(train.values)).square().mean(0)
    sizes = zip(train.sigma_shape, train.shape, strict=True)
    shared = [axis for axis, (kept, size) in enumerate(sizes) if kept < size]
    rest = (rest.mean(shared, keepdim=True) if shared else rest).expand(train.shape).flatten()
    scale = (variance - (rest[:, None] * axes.square()).sum(0)).clamp_min(0).sqrt()
    return project, LowRankMultivariateNormal(center, axes * scale, rest)


# Eight levels before one of a spectrogram: frequencies up, frames back.
BEFORE = ((0, 1), (1, 1), (-1, 1), (2, 1), (-2, 1), (0, 2), (-1, 0), (-2, 0))


def linear_neighbors(train, held_out) -> Estimate:
    """−log p of held-out SoundData in nats a clip and steps of 1 dB, with no code and no network.

    Each level is Gaussian around a least-squares prediction from eight levels before it; weights and σ are
    fitted for each frequency on at most 200 training clips.
    """

    def inputs(data) -> tuple[Tensor, Tensor]:
        x = data.decibels(data.values).double()
        bins, frames = x.shape[1:]
        padded = torch.nn.functional.pad(x, (2, 0, 2, 2), value=data.settings.floor)
        parts = [padded[:, 2 + up : 2 + up + bins, 2 - back : 2 - back + frames] for up, back in BEFORE]
        return x, torch.stack([*parts, torch.ones_like(x)], -1)

    x, before = inputs(train.subset(min(200, len(train)), seed=0))
    gram = torch.einsum("nftk,nftl->fkl", before, before) + 1e-3 * torch.eye(before.shape[-1])
    weights = torch.linalg.solve(gram, torch.einsum("nftk,nft->fk", before, x))
    sigma = (x - torch.einsum("nftk,fk->nft", before, weights)).square().mean((0, 2)).sqrt()[:, None]
    x, before = inputs(held_out)
    normal = Normal(torch.einsum("nftk,fk->nft", before, weights), sigma)
    return Estimate.of(-normal.log_prob(x).flatten(1).sum(1))


def file_bits(images: Tensor, form: str, **settings) -> float:
    """Bits for each number of pictures uint8 (n, C, H, W), side by side in one file: "PNG", "WEBP", ..."""
    from PIL import Image

    n, channels, height, width = images.shape
    across = math.isqrt(n)
    grid = images[: n // across * across].reshape(-1, across, channels, height, width)
    sheet = grid.permute(0, 3, 1, 4, 2).reshape(-1, across * width, channels).squeeze(-1).numpy()
    buffer = io.BytesIO()
    Image.fromarray(sheet).save(buffer, form, **settings)
    return 8 * buffer.tell() / sheet.size


def bits_per_dimension(
    negative_log: float | Tensor, dimensions: int, log_volume: float | Tensor = 0.0, log_cell: float = 0.0
) -> float | Tensor:
    """Bits that one of the ``dimensions`` (pixels × channels, columns, characters …) of an example costs.

    A *probability* of stored values needs only the first two arguments, ``negative_log`` being −log p or an
    upper bound, nats per example. A *density* of scaled features depends on the unit; two steps make it the
    probability of one cell of a grid: −log P ≈ −log p(scaled) − log |d scaled / d raw| − log(volume of a raw
    cell). ``log_volume`` and ``log_cell`` are those of FeatureData; the last is right for small cells.
    """
    if dimensions < 1:
        raise ValueError(f"dimensions is {dimensions}; an example has at least 1.")
    return (negative_log - log_volume - log_cell) / (dimensions * math.log(2))
