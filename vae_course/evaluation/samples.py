"""Quality of samples: Fréchet distance, precision, recall, coverage, sharpness, spectrum, modes, memories."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, linear_regression, stdev
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from vae_course.data.toys import GaussianMixture
from vae_course.evaluation.baselines import auroc
from vae_course.evaluation.intervals import Interval
from vae_course.models.networks import Classifier
from vae_course.randomness import seeded

CHUNK = 1000  # rows of features at a time; memory grows with it times the size of a set


def sharpness(images: Tensor) -> Tensor:
    """Variance of the Laplacian (Pech-Pacheco et al. 2000): (n, C, H, W) in [0, 1] → (n,), ≥ 0.

    The four neighbors minus four times the pixel, where there are four. Noise counts as sharp: look as well.
    """
    if images.dim() != 4 or min(images.shape[-2:]) < 3:
        raise ValueError(f"images have shape {tuple(images.shape)}; expected (n, C, H, W), sides at least 3.")
    kernel = torch.tensor([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]], dtype=images.dtype, device=images.device)
    channels = images.reshape(-1, 1, *images.shape[-2:])
    edges = F.conv2d(channels, kernel[None, None]).flatten(1).var(1, correction=0)
    return edges.reshape(len(images), -1).mean(1)


def relative_sharpness(images: Tensor, data: Tensor) -> float:
    """Mean sharpness of pictures divided by that of data: 1 is as sharp as data, below 1 is blurred."""
    return sharpness(images).mean().item() / sharpness(data).mean().item()


class Spectrum(NamedTuple):
    """Power of pictures, in squared pixel values, at frequencies from 1 / side to 0.5 cycles per pixel, (m,)
    each. White noise of variance s² has power s² at every frequency.
    """

    frequency: Tensor
    power: Tensor


def power_spectrum(images: Tensor) -> Spectrum:
    """Mean squared Fourier coefficients of pictures (n, C, H, W), averaged over rings of one frequency each.

    Each picture's own mean is taken off first. Rings are 1 / side wide; the corners beyond 0.5 cycles per
    pixel are left out (as in Durall et al. 2020, section 3, but with a mean over each ring).
    """
    grid, radius = _power_and_radius(images)
    side = min(images.shape[-2:])
    ring = (radius * side).round().long()
    rings = torch.arange(1, side // 2 + 1)
    inside = radius <= 0.5 + 1e-9
    power = torch.stack([grid[(ring == k) & inside].mean() for k in rings.tolist()])
    return Spectrum(rings.double() / side, power)


def relative_power(images: Tensor, data: Tensor, *, low: float = 0.25, high: float = 0.5) -> float:
    """Power of pictures over that of data, from ``low`` to ``high`` cycles per pixel: below 1 it lacks."""
    (ours, radius), (theirs, _) = _power_and_radius(images), _power_and_radius(data)
    band = (radius >= low - 1e-9) & (radius <= high + 1e-9) & (radius > 0)
    return ours[band].mean().item() / theirs[band].mean().item()


def _power_and_radius(images: Tensor) -> tuple[Tensor, Tensor]:
    """Mean power (H, W) of each Fourier coefficient, and its frequency (H, W) in cycles per pixel."""
    if images.dim() != 4 or min(images.shape[-2:]) < 4 or not images.is_floating_point() or len(images) == 0:
        found = f"images are {images.dtype} of shape {tuple(images.shape)}"
        raise ValueError(f"{found}; expected floats in [0, 1], (n, C, H, W), sides at least 4.")
    height, width = images.shape[-2:]
    total = torch.zeros(height, width, dtype=torch.float64)
    for part in images.detach().cpu().split(2000):
        centered = part.double() - part.double().mean((-2, -1), keepdim=True)
        # Parseval: with this factor the mean over all coefficients is the mean square of the pixels.
        total += torch.fft.fft2(centered).abs().square().mean(1).sum(0) / (height * width)
    down, across = torch.fft.fftfreq(height).double(), torch.fft.fftfreq(width).double()
    return total / len(images), (down[:, None].square() + across.square()).sqrt()


class PrecisionRecall(NamedTuple):
    """Shares in [0, 1]: of samples, those that lie where data lie; of data, those where samples lie."""

    precision: float
    recall: float


def precision_recall(real: Tensor, generated: Tensor, *, k: int = 3) -> PrecisionRecall:
    """Improved precision and recall of features (n, d) and (m, d) (Kynkäänniemi et al. 2019, eq. 1 and 2).

    The region of a set is the union of balls around its points, each reaching to its k-th nearest neighbor;
    shares of the other set inside. Compare only sets of equal sizes and k. Points far from each other have
    large balls, so scattered samples raise recall; :func:`coverage` does not have this weakness.
    """
    real, generated = _features(real, generated, k, k)

    def share_inside(points: Tensor, centers: Tensor) -> float:
        radii = _radii(centers, k)
        inside = [(_distances(part, centers) <= radii).any(1) for part in points.split(CHUNK)]
        return torch.cat(inside).float().mean().item()

    return PrecisionRecall(share_inside(generated, real), share_inside(real, generated))


def coverage(real: Tensor, generated: Tensor, *, k: int = 5) -> float:
    """Share of real points that have a generated one nearby, in [0, 1] (Naeem et al. 2020, section 3.2).

    Nearby means: no farther than the real point's own k-th nearest real neighbor. Two sets of n draws of one
    distribution reach 1 - (n-1)···(n-k) / ((2n-1)···(2n-k)) on average (lemma 2), about 1 - 2^-k.
    """
    real, generated = _features(real, generated, k, 0)
    nearest = torch.cat([_distances(part, generated).amin(1) for part in real.split(CHUNK)])
    return (nearest <= _radii(real, k)).float().mean().item()


def _features(real: Tensor, generated: Tensor, *more_than: int) -> tuple[Tensor, Tensor]:
    """Both on the CPU; ValueError where they do not fit, or have too few rows."""
    shapes = f"features have shapes {tuple(real.shape)} and {tuple(generated.shape)}"
    if real.dim() != 2 or generated.dim() != 2 or real.shape[1] != generated.shape[1]:
        raise ValueError(f"{shapes}; expected (n, d), (m, d).")
    if len(real) <= more_than[0] or len(generated) <= more_than[1]:
        raise ValueError(f"{shapes}; expected more than {more_than[0]} and {more_than[1]} rows.")
    return real.cpu(), generated.cpu()


def _radii(points: Tensor, k: int) -> Tensor:
    """Distance of each point to its k-th nearest other point, (n,); the nearest is the point itself."""
    return torch.cat([_distances(part, points).kthvalue(k + 1).values for part in points.split(CHUNK)])


def _distances(a: Tensor, b: Tensor) -> Tensor:
    # The fast formula by matrix product gives a point a distance to itself; this one gives exactly 0.
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")


@dataclass(frozen=True)
class Quality:
    """Generated pictures against data."""

    frechet: float  # Fréchet distance in the classifier's features (not the FID of papers); 0 is best
    precision: float  # shares in [0, 1], see `precision_recall` and `coverage`
    recall: float
    coverage: float
    sharpness: float  # mean variance of the Laplacian over that of data; 1 is as sharp as data
    n: int  # pictures on each side; numbers of different n cannot be compared


def sample_quality(generated: Tensor, real: Tensor, classifier: Classifier) -> Quality:
    """Judge pictures (n, C, H, W) in [0, 1] by as many held-out ones and a classifier nobody trained on."""
    n = min(len(generated), len(real))
    generated, real = generated[:n].detach().clamp(0, 1), real[:n]
    ours, theirs = classifier.features(generated), classifier.features(real)
    precision, recall = precision_recall(theirs, ours)
    sharp = relative_sharpness(generated, real)
    return Quality(frechet_distance(ours, theirs), precision, recall, coverage(theirs, ours), sharp, n)


class Memorization(NamedTuple):
    """See :func:`memorization`. Blurred pictures are close to everything: ``closer`` proves no copying."""

    closer: float
    copies: float


def nearest_distances(queries: Tensor, bank: Tensor, k: int) -> Tensor:
    """Distances of each query (n, ...) to the k nearest rows of ``bank`` (m, ...), nearest first: (n, k)."""
    rows, found = bank.flatten(1).cpu(), []
    for part in queries.flatten(1).cpu().split(500):
        # A matrix product finds the neighbors fast, but loses the last digits of small distances.
        index = torch.cdist(part, rows, compute_mode="use_mm_for_euclid_dist").topk(k, largest=False).indices
        found.append((part[:, None] - rows[index]).square().sum(-1).sqrt().sort(dim=1).values)
    return torch.cat(found)


def memorization(samples: Tensor, train: Tensor, held_out: Tensor) -> Memorization:
    """Compare samples, and held-out pictures (100 or more, never trained on), with training pictures.

    ``closer`` is the chance that a sample is closer to its nearest training picture than a held-out picture
    is to its own (Mann–Whitney: Meehan, Chaudhuri and Dasgupta 2020, section 3); 0.5 for fresh data.
    ``copies`` is the share of those whose distance to the nearest training picture over the mean distance to
    the next 19 (as in Carlini et al. 2023) is below the 1 % quantile of held-out pictures: 1 % of fresh data.
    Copies that were shifted or recolored escape in pixels; compare features as well.
    """
    if len(held_out) < 100:
        raise ValueError(f"{len(held_out)} held-out pictures cannot show a share of 1 %; give 100.")
    ours, fresh = (nearest_distances(rows, train, 20) for rows in (samples, held_out))

    def relative(distance: Tensor) -> Tensor:
        return (distance[:, 0] / distance[:, 1:].mean(1).clamp_min(torch.finfo(distance.dtype).tiny)).double()

    copies = (relative(ours) < relative(fresh).quantile(0.01)).double().mean().item()
    return Memorization(auroc(ours[:, 0], fresh[:, 0]), copies)


# The Fréchet distance between two clouds of features, its bias, and intervals.


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """Squared Fréchet (2-Wasserstein) distance between Gaussians fitted to features (n, d) and (m, d).

    |μ_a − μ_b|² + tr(Σ_a + Σ_b − 2 (Σ_a^½ Σ_b Σ_a^½)^½)   (Dowson & Landau 1982; Heusel et al. 2017, eq. 6)

    Not the FID of papers, whose features are others, and biased upwards for few examples: compare only sets
    of the same sizes, and quote the distance between two sets of real data.
    """
    a, b = (features.double() for features in _features(a, b, 1, 1))
    cov_a, cov_b = torch.cov(a.T).reshape(a.shape[1], -1), torch.cov(b.T).reshape(b.shape[1], -1)
    values, vectors = torch.linalg.eigh(cov_a)
    root_a = (vectors * values.clamp_min(0).sqrt()) @ vectors.mT
    cross = torch.linalg.eigvalsh(root_a @ cov_b @ root_a).clamp_min(0).sqrt().sum()
    distance = (a.mean(0) - b.mean(0)).square().sum() + cov_a.trace() + cov_b.trace() - 2 * cross
    return max(distance.item(), 0.0)


class BiasPoint(NamedTuple):
    """Mean, smallest and largest of the distances measured on several draws of n pictures of each set."""

    n: int
    mean: float
    low: float
    high: float


def frechet_bias_curve(a: Tensor, b: Tensor, sizes: Sequence[int]) -> list[BiasPoint]:
    """The same two sets measured on fewer pictures, five draws of each of ``sizes``: the distance rises,
    though nothing changed. The bias is close to a constant over n (Chong & Forsyth 2020, section 3).
    """
    most = min(len(a), len(b))
    if min(sizes) < 2 or max(sizes) > most:
        raise ValueError(f"sizes are {list(sizes)}; expected sizes from 2 to {most}, the smaller set.")
    generator = seeded(0)
    curve = []
    for n in sizes:
        pairs = ((_shuffled(a, generator)[:n], _shuffled(b, generator)[:n]) for _ in range(5))
        values = [frechet_distance(*pair) for pair in pairs]
        curve.append(BiasPoint(n, sum(values) / 5, min(values), max(values)))
    return curve


def extrapolate(curve: Sequence[BiasPoint]) -> float:
    """The distance at infinitely many pictures: a straight line in 1/n through the curve, read at 0.

    Chong & Forsyth 2020, section 3.3. Can be slightly negative for two sets from one distribution.
    """
    return linear_regression([1 / point.n for point in curve], [point.mean for point in curve]).intercept


def frechet_debiased(a: Tensor, b: Tensor, *, groups: int = 20, seed: int = 0) -> Interval:
    """Fréchet distance without its 1/n bias: what infinitely many pictures would give, with a 95 % interval.

    The grouped jackknife (Quenouille 1956; Efron & Tibshirani 1993, sections 10.6 and 11.5): leave out each
    of ``groups`` parts of both sets in turn; how the distance grows with fewer pictures tells the bias, how
    it scatters the standard error. Of two sets from one distribution the value can be slightly negative.
    """
    most = min(len(a), len(b)) // 2
    if not 2 <= groups <= most:
        raise ValueError(f"groups is {groups}; expected 2 to {most} groups.")
    from scipy.stats import t

    generator = seeded(seed)
    a, b = _shuffled(a, generator), _shuffled(b, generator)
    part_a, part_b = torch.arange(len(a)) % groups, torch.arange(len(b)) % groups
    without = [frechet_distance(a[part_a != group], b[part_b != group]) for group in range(groups)]
    value = groups * frechet_distance(a, b) - (groups - 1) * fmean(without)
    half = float(t.ppf(0.975, groups - 1)) * (groups - 1) / groups**0.5 * stdev(without)
    return Interval(value, max(value - half, 0.0), max(value + half, 0.0))


def _shuffled(rows: Tensor, generator: torch.Generator) -> Tensor:
    return rows.cpu()[torch.randperm(len(rows), generator=generator)]


# Which modes do samples reach, how evenly, and how many samples lie on one?

FAIR_PART = 0.1  # of the fair share of the good samples, that makes a mode hit


@dataclass(frozen=True)
class ModeCoverage:
    """Samples counted by mode; coverage (``hit``, ``effective``) among the good samples alone."""

    hit: int  # modes with a tenth of their fair share of the good samples, of ``modes``
    modes: int
    effective: float  # exp of the entropy of the shares: as varied as so many equal modes; 0: none good
    high_quality: float  # share of the samples that are good, in [0, 1]

    @property
    def kl_to_data(self) -> float:
        """KL(shares ‖ equal shares), nats, the literature's "reverse KL"; NaN without good samples."""
        return math.log(self.modes / self.effective) if self.effective else math.nan


def mode_coverage(mode: Tensor, good: Tensor, modes: int) -> ModeCoverage:
    """Count samples by mode: int64 (n,), 0 to modes - 1; ``good``: bool (n,), whether a sample counts."""
    if mode.shape != good.shape or mode.dim() != 1 or len(mode) == 0 or int(mode.max()) >= modes:
        shapes = f"shapes are {tuple(mode.shape)}, {tuple(good.shape)}"
        raise ValueError(f"{shapes}; expected (n,) twice, n ≥ 1, with modes from 0 to {modes - 1}.")
    counts = torch.bincount(mode[good], minlength=modes).double().cpu()
    total = counts.sum().item()
    shares = counts / max(total, 1)
    hit = int((counts >= max(FAIR_PART * total / modes, 1)).sum())
    effective = torch.special.entr(shares).sum().exp().item() if total else 0.0
    return ModeCoverage(hit, modes, effective, total / len(mode))


def point_coverage(points: Tensor, mixture: GaussianMixture) -> ModeCoverage:
    """Coverage of a mixture's modes by points (n, 2), good at most 3 standard deviations from a center."""
    mode, distance = mixture.nearest(points)
    return mode_coverage(mode, distance <= 3 * mixture.std, len(mixture.centers))
