"""Fréchet distance between two clouds of features."""

import torch
from torch import Tensor


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
