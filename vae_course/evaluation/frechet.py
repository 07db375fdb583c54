"""The Fréchet distance between two clouds of features, its bias, and intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, linear_regression, stdev

import torch
from torch import Tensor

from vae_course.randomness import seeded


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """Squared Fréchet (2-Wasserstein) distance between Gaussians fitted to two sets of features.

    |μ_a − μ_b|² + tr(Σ_a + Σ_b − 2 (Σ_a^½ Σ_b Σ_a^½)^½)   (Dowson & Landau 1982; Heusel et al. 2017, eq. 6)

    With features of a classifier of this course it is *not* the FID of papers, and it is biased upwards for
    few examples: compare only sets of the same sizes, and quote the distance between two sets of real data.

    Features (n_a, d) and (n_b, d), at least 2 rows each → the distance, ≥ 0, in squared units of features.
    """
    if a.dim() != 2 or b.dim() != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        shapes = f"features have shapes {tuple(a.shape)} and {tuple(b.shape)}"
        raise ValueError(f"{shapes}; expected (n, d) and (m, d) with at least 2 rows each.")
    a, b = a.cpu().double(), b.cpu().double()
    cov_a, cov_b = torch.cov(a.T).reshape(a.shape[1], -1), torch.cov(b.T).reshape(b.shape[1], -1)
    values, vectors = torch.linalg.eigh(cov_a)
    root_a = (vectors * values.clamp_min(0).sqrt()) @ vectors.mT
    cross = torch.linalg.eigvalsh(root_a @ cov_b @ root_a).clamp_min(0).sqrt().sum()
    distance = (a.mean(0) - b.mean(0)).square().sum() + cov_a.trace() + cov_b.trace() - 2 * cross
    return max(distance.item(), 0.0)


@dataclass(frozen=True)
class BiasPoint:
    """Mean, smallest and largest of the distances measured on several draws of n pictures of each set."""

    n: int
    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class FrechetEstimate:
    """A Fréchet distance and its interval, never below 0; n is the smaller of the two numbers of pictures."""

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}] (n = {self.n})"


def frechet_bias_curve(
    a: Tensor, b: Tensor, sizes: Sequence[int] | None = None, *, repeats: int = 5
) -> list[BiasPoint]:
    """Measure the same two sets on fewer and fewer pictures: the distance rises, though nothing changed.

    The bias is close to a constant over n (Chong & Forsyth 2020, section 3): never compare distances that
    were measured on different numbers of pictures. ``sizes`` are numbers of pictures (default: six, in powers
    of two down from the smaller set), ``repeats`` draws, without replacement, at each.
    """
    most = min(len(a), len(b))
    if sizes is None:
        sizes = sorted({max(most // 2**power, 2) for power in range(6)})
    if not sizes or min(sizes) < 2 or max(sizes) > most:
        raise ValueError(f"sizes are {list(sizes)}; expected sizes from 2 to {most}, the smaller set.")
    generator = seeded(0)
    curve = []
    for n in sizes:
        pairs = ((_shuffled(a, generator)[:n], _shuffled(b, generator)[:n]) for _ in range(repeats))
        values = [frechet_distance(*pair) for pair in pairs]
        curve.append(BiasPoint(n, sum(values) / repeats, min(values), max(values)))
    return curve


def extrapolate(curve: Sequence[BiasPoint]) -> float:
    """The distance at infinitely many pictures: a straight line in 1/n through the curve, read at 0.

    Chong & Forsyth 2020, section 3.3. Can be slightly negative for two sets from one distribution.
    """
    return linear_regression([1 / point.n for point in curve], [point.mean for point in curve]).intercept


def frechet_debiased(a: Tensor, b: Tensor, *, groups: int = 20, seed: int = 0) -> FrechetEstimate:
    """Fréchet distance without its 1/n bias: what infinitely many pictures would give, with a 95 % interval.

    The grouped jackknife (Quenouille 1956; Efron & Tibshirani 1993, sections 10.6 and 11.5): leave out each
    of ``groups`` parts of both sets in turn; how the distance grows with fewer pictures tells the bias, how
    it scatters the standard error. Needs several times more pictures than features. For two sets from one
    distribution the value can be slightly negative, as an unbiased estimate of 0 must; the interval can't.
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
    return FrechetEstimate(value, max(value - half, 0.0), max(value + half, 0.0), min(len(a), len(b)))


def _shuffled(rows: Tensor, generator: torch.Generator) -> Tensor:
    return rows.cpu()[torch.randperm(len(rows), generator=generator)]
