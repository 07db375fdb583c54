"""Precision, recall and coverage of samples: are they like data, and is all of the data there?"""

from typing import NamedTuple

import torch
from torch import Tensor


class PrecisionRecall(NamedTuple):
    """Shares in [0, 1].

    Attributes:
        precision: of the samples, those that lie where data lie.
        recall: of the data, those that lie where samples lie. Grows with scattered samples too.
    """

    precision: float
    recall: float


def precision_recall(real: Tensor, generated: Tensor, *, k: int = 3, chunk: int = 1000) -> PrecisionRecall:
    """Improved precision and recall (Kynkäänniemi et al. 2019, eq. 1 and 2).

    The region of a set is the union of balls around its points, each reaching to its k-th nearest neighbor.
    Precision is the share of generated points inside the real region, recall the share of real points inside
    the generated one. Both depend on n and k: compare only sets of equal sizes. Points that lie far from each
    other have large balls, so scattered samples raise recall; :func:`coverage` does not have this weakness.

    Args:
        real, generated: features (n, d) and (m, d), more than k rows each.
        k: which neighbor sets the radius; 3 in the paper.
        chunk: rows at a time; memory grows with it times the size of a set.
    """
    _check_features(real, generated)
    if k < 1 or min(len(real), len(generated)) <= k:
        raise ValueError(f"k is {k}; it must be at least 1, and both sets need more than k rows.")
    return PrecisionRecall(
        _share_inside(generated, real, _radii(real, k, chunk), chunk),
        _share_inside(real, generated, _radii(generated, k, chunk), chunk),
    )


def coverage(real: Tensor, generated: Tensor, *, k: int = 5, chunk: int = 1000) -> float:
    """Share of real points that have a generated one nearby, in [0, 1] (Naeem et al. 2020, section 3.2).

    Nearby means: no farther than the real point's own k-th nearest real neighbor. All balls are drawn around
    real points, so generated ones that lie far from each other make none of them larger. Two sets of n draws
    of one distribution reach 1 - (n-1)···(n-k) / ((2n-1)···(2n-k)) on average (lemma 2), about 1 - 2^-k.

    Args:
        real, generated: features (n, d), more than k rows, and (m, d), at least one row.
        k: which neighbor sets the radius; 5 in the paper.
        chunk: rows at a time; memory grows with it times the size of a set.
    """
    _check_features(real, generated)
    if k < 1 or len(real) <= k or not len(generated):
        raise ValueError(
            f"k is {k}; it must be at least 1, with more than k real rows and one generated row."
        )
    nearest = [_distances(part, generated).amin(1) for part in real.split(chunk)]
    return (torch.cat(nearest) <= _radii(real, k, chunk)).float().mean().item()


def _check_features(real: Tensor, generated: Tensor) -> None:
    if real.dim() != 2 or generated.dim() != 2 or real.shape[1] != generated.shape[1]:
        raise ValueError(
            f"features have shapes {tuple(real.shape)} and {tuple(generated.shape)}; expected (n, d), (m, d)."
        )


def _radii(points: Tensor, k: int, chunk: int) -> Tensor:
    """Distance of each point to its k-th nearest other point, (n,)."""
    # The nearest is the point itself.
    parts = [_distances(part, points).kthvalue(k + 1, dim=1).values for part in points.split(chunk)]
    return torch.cat(parts)


def _share_inside(points: Tensor, centers: Tensor, radii: Tensor, chunk: int) -> float:
    inside = [(_distances(part, centers) <= radii).any(1) for part in points.split(chunk)]
    return torch.cat(inside).float().mean().item()


def _distances(a: Tensor, b: Tensor) -> Tensor:
    # The fast formula by matrix product gives a point a distance to itself; this one gives exactly 0.
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")
