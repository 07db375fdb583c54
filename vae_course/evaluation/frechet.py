"""The Fréchet distance and its bias."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import torch
from torch import Tensor

# -------- Fréchet distance between two clouds of features.


def _matrix_sqrt(matrix: Tensor) -> Tensor:
    """Square root of a symmetric positive semi-definite matrix."""
    values, vectors = torch.linalg.eigh(matrix)
    return (vectors * values.clamp_min(0).sqrt()) @ vectors.mT


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """Squared Fréchet (2-Wasserstein) distance between Gaussians fitted to two sets of features.

    |μ_a − μ_b|² + tr(Σ_a + Σ_b − 2 (Σ_a^½ Σ_b Σ_a^½)^½)   (Dowson & Landau 1982; Heusel et al. 2017, eq. 6)

    With features of a classifier of this course it is *not* the FID of papers, and it is biased upwards for
    few examples: compare only sets of the same sizes, and quote the distance between two sets of real data.

    Args:
        a, b: (n_a, d) and (n_b, d), at least 2 rows each.

    Returns:
        The distance, ≥ 0, in squared units of the features.
    """
    if a.dim() != 2 or b.dim() != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise ValueError(
            f"features have shapes {tuple(a.shape)} and {tuple(b.shape)}; expected (n, d) and (m, d) with at "
            f"least 2 rows each and the same d."
        )
    a, b = a.cpu().double(), b.cpu().double()
    cov_a, cov_b = torch.cov(a.T).reshape(a.shape[1], -1), torch.cov(b.T).reshape(b.shape[1], -1)
    root_a = _matrix_sqrt(cov_a)
    cross = torch.linalg.eigvalsh(root_a @ cov_b @ root_a).clamp_min(0).sqrt().sum()
    distance = ((a.mean(0) - b.mean(0)) ** 2).sum() + cov_a.trace() + cov_b.trace() - 2 * cross
    return max(distance.item(), 0.0)


# -------- What a Fréchet distance from few pictures is worth: its bias against n, and an interval.


@dataclass(frozen=True)
class BiasPoint:
    """The distance measured on n pictures of each set, over several draws of those pictures.

    Attributes:
        n: pictures taken from each set.
        mean: of the measured distances, in squared units of the features.
        low, high: smallest and largest of them.
    """

    n: int
    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class FrechetEstimate:
    """A Fréchet distance with its interval.

    Attributes:
        value: from all pictures; biased upwards by an amount that shrinks like 1/n.
        low, high: ends of the interval for the value at *this* n (it does not cover the bias).
        n: the smaller of the two numbers of pictures.
    """

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}] (n = {self.n})"


def frechet_bias_curve(
    a: Tensor, b: Tensor, sizes: Sequence[int] | None = None, *, repeats: int = 5, seed: int = 0
) -> list[BiasPoint]:
    """Measure the same two sets on fewer and fewer pictures: the distance rises, though nothing changed.

    The bias is close to a constant over n (Chong & Forsyth 2020, section 3): never compare distances that
    were measured on different numbers of pictures.

    Args:
        a, b: features (n_a, d) and (n_b, d).
        sizes: numbers of pictures; default: six, in powers of two down from the smaller set.
        repeats: draws, without replacement, at each size.
        seed: of the draws.
    """
    most = min(len(a), len(b))
    if sizes is None:
        sizes = sorted({max(most // 2**power, 2) for power in range(6)})
    if not sizes or min(sizes) < 2 or max(sizes) > most or repeats < 1:
        raise ValueError(
            f"sizes are {list(sizes)} with {repeats} repeats; expected sizes from 2 to {most}, the smaller "
            f"set, and at least 1 repeat."
        )
    generator = torch.Generator().manual_seed(seed)
    curve = []
    for n in sizes:
        values = [frechet_distance(_draw(a, n, generator), _draw(b, n, generator)) for _ in range(repeats)]
        curve.append(BiasPoint(n, sum(values) / repeats, min(values), max(values)))
    return curve


def extrapolate(curve: Sequence[BiasPoint]) -> float:
    """The distance at infinitely many pictures: a straight line in 1/n through the curve, read at 0.

    Chong & Forsyth 2020, section 3.3. Can be slightly negative for two sets from one distribution.
    """
    if len({point.n for point in curve}) < 2:
        raise ValueError("a line needs at least two sizes; give a curve with more points.")
    inverse = torch.tensor([1 / point.n for point in curve], dtype=torch.float64)
    means = torch.tensor([point.mean for point in curve], dtype=torch.float64)
    slope = ((inverse - inverse.mean()) * (means - means.mean())).sum() / (
        inverse - inverse.mean()
    ).square().sum()
    return (means.mean() - slope * inverse.mean()).item()


def frechet_estimate(
    a: Tensor, b: Tensor, *, repeats: int = 50, confidence: float = 0.95, seed: int = 0
) -> FrechetEstimate:
    """Fréchet distance with a bootstrap interval for the number of pictures that was used.

    Only the *spread* of the resampled distances is used, around the measured value: their center is too
    high, because a resample holds fewer different pictures (Efron & Tibshirani 1993, section 12.5).

    Args:
        a, b: features (n_a, d) and (n_b, d).
        repeats: resamples, at least 2.
        confidence: coverage, strictly between 0 and 1.
        seed: of the resamples.
    """
    if repeats < 2 or not 0 < confidence < 1:
        raise ValueError(f"repeats is {repeats} and confidence {confidence}; expected ≥ 2 and inside (0, 1).")
    value = frechet_distance(a, b)
    generator = torch.Generator().manual_seed(seed)
    resampled = torch.tensor(
        [frechet_distance(_redraw(a, generator), _redraw(b, generator)) for _ in range(repeats)],
        dtype=torch.float64,
    )
    half = NormalDist().inv_cdf((1 + confidence) / 2) * resampled.std().item()
    return FrechetEstimate(value, max(value - half, 0.0), value + half, min(len(a), len(b)))


def frechet_debiased(
    a: Tensor, b: Tensor, *, groups: int = 20, confidence: float = 0.95, seed: int = 0
) -> FrechetEstimate:
    """Fréchet distance without its 1/n bias, and an interval for what infinitely many pictures would give.

    The grouped jackknife (Quenouille 1956; Efron & Tibshirani 1993, sections 10.6 and 11.5): leave out each
    of ``groups`` parts of both sets in turn; how the distance grows with fewer pictures tells the bias, how
    it scatters the standard error. Needs several times more pictures than features. Can be slightly
    negative for two sets from one distribution.

    Args:
        a, b: features (n_a, d) and (n_b, d), at least 2 rows for each group.
        groups: parts, at least 2.
        confidence: coverage, strictly between 0 and 1.
        seed: of the division into groups.
    """
    most = min(len(a), len(b)) // 2
    if not 2 <= groups <= most or not 0 < confidence < 1:
        raise ValueError(
            f"groups is {groups} and confidence {confidence}; expected 2 to {most} groups and a confidence "
            f"inside (0, 1)."
        )
    from scipy.stats import t

    generator = torch.Generator().manual_seed(seed)
    a, b = _draw(a, len(a), generator), _draw(b, len(b), generator)
    part_a, part_b = torch.arange(len(a)) % groups, torch.arange(len(b)) % groups
    without = torch.tensor(
        [frechet_distance(a[part_a != group], b[part_b != group]) for group in range(groups)],
        dtype=torch.float64,
    )
    value = groups * frechet_distance(a, b) - (groups - 1) * without.mean().item()
    error = ((groups - 1) ** 2 / groups * without.var()).sqrt().item()
    half = float(t.ppf((1 + confidence) / 2, groups - 1)) * error
    return FrechetEstimate(value, value - half, value + half, min(len(a), len(b)))


def _draw(rows: Tensor, n: int, generator: torch.Generator) -> Tensor:
    return rows[torch.randperm(len(rows), generator=generator)[:n]]


def _redraw(rows: Tensor, generator: torch.Generator) -> Tensor:
    return rows[torch.randint(len(rows), (len(rows),), generator=generator)]
