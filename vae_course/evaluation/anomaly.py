"""Anomaly scores and how well they rank: AUROC with a bootstrap interval, and two baselines.

A score is higher for stranger examples. No score here has ever seen an anomaly.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from vae_course.elbo import elbo_terms
from vae_course.evaluation.bounds import batches, evaluating, importance_weighted_log_prob, noise_like
from vae_course.evaluation.intervals import MeanInterval


@torch.no_grad()
def elbo_scores(model, data, *, n_samples: int = 16, seed: int = 0, batch_size: int = 500) -> Tensor:
    """−ELBO of each example, nats, float64 (n,); ``n_samples`` draws of z make it less noisy, not lower."""
    generator = noise_like(model, seed)
    with evaluating(model):
        parts = [
            elbo_terms(model, x, generator, n_samples).negative_elbo
            for x in batches(model, data, batch_size, generator)
        ]
    return torch.cat(parts).cpu().double()


@torch.no_grad()
def importance_weighted_scores(
    model, data, *, k: int = 200, seed: int = 0, batch_size: int = 100, chunk: int = 20
) -> Tensor:
    """−log p̂_K(x) of each example, nats, float64 (n,): closer to −log p(x) than −ELBO (Burda et al. 2016)."""
    generator = noise_like(model, seed)
    with evaluating(model):
        parts = [
            importance_weighted_log_prob(model, x, k, generator, chunk)
            for x in batches(model, data, batch_size, generator)
        ]
    return -torch.cat(parts)


def auroc(normal: Tensor, anomalous: Tensor) -> float:
    """Probability that an anomalous example scores higher than a normal one, ties counted half.

    The area under the receiver operating characteristic (Hanley & McNeil 1982): ½ is chance, 1 is perfect,
    below ½ the order is wrong.

    Args:
        normal, anomalous: (n,) and (m,), scores.

    Raises:
        ValueError: a group is empty, or a score is not a number.
    """
    normal, anomalous = _scores(normal), _scores(anomalous)
    return float(_auroc(normal, anomalous))


def auroc_interval(
    normal: Tensor, anomalous: Tensor, *, draws: int = 2000, confidence: float = 0.95, seed: int = 0
) -> MeanInterval:
    """AUROC with a percentile bootstrap interval over the examples (both groups resampled by themselves).

    It tells how far another test set could lie from this one; how far another training run could, only more
    seeds tell.

    Raises:
        ValueError: as ``auroc``, or a confidence outside (0, 1).
    """
    return auroc_difference((normal, anomalous), None, draws=draws, confidence=confidence, seed=seed)


def auroc_difference(
    first: tuple[Tensor, Tensor],
    second: tuple[Tensor, Tensor] | None,
    *,
    draws: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> MeanInterval:
    """AUROC of one score minus that of another **on the same examples**, with a paired bootstrap interval.

    Args:
        first, second: (normal, anomalous) scores of the same examples in the same order.
        draws: resampled test sets.

    Raises:
        ValueError: the two do not score the same number of examples, or as ``auroc``.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"the confidence must lie strictly between 0 and 1; got {confidence!r}.")
    pairs = [tuple(map(_scores, pair)) for pair in (first, second) if pair is not None]
    if len({(len(normal), len(anomalous)) for normal, anomalous in pairs}) != 1:
        raise ValueError("a paired difference needs two scores of the same examples.")
    rng = np.random.RandomState(seed)
    n, m = map(len, pairs[0])
    signs = (1, -1)[: len(pairs)]
    values = np.empty(draws)
    for draw in range(draws):
        rows, columns = rng.randint(0, n, n), rng.randint(0, m, m)
        values[draw] = sum(s * _auroc(a[rows], b[columns]) for s, (a, b) in zip(signs, pairs, strict=True))
    point = sum(s * _auroc(a, b) for s, (a, b) in zip(signs, pairs, strict=True))
    tail = (1 - confidence) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return MeanInterval(float(point), min(float(low), float(point)), max(float(high), float(point)))


def isolation_forest_scores(train: Tensor, test: Tensor, *, seed: int = 0) -> Tensor:
    """Scores of an isolation forest fitted to rows (n, features), for rows (m, features): float64 (m,).

    How few random cuts separate a row from the rest (Liu, Ting & Zhou 2008); scikit-learn's, 200 trees.
    """
    from sklearn.ensemble import IsolationForest

    forest = IsolationForest(n_estimators=200, random_state=seed).fit(train.flatten(1).numpy())
    return torch.from_numpy(-forest.score_samples(test.flatten(1).numpy())).double()


def pca_scores(train: Tensor, test: Tensor, n_components: int) -> Tensor:
    """Squared error of reconstruction from the first principal components of ``train``: float64 (m,).

    Raises:
        ValueError: more components than features, or fewer than one.
    """
    train, test = train.flatten(1).double(), test.flatten(1).double()
    if not 1 <= n_components <= train.shape[1]:
        raise ValueError(f"n_components is {n_components}; expected 1 to {train.shape[1]}.")
    mean = train.mean(0)
    axes = torch.linalg.svd(train - mean, full_matrices=False).Vh[:n_components]
    centered = test - mean
    return (centered - centered @ axes.T @ axes).square().sum(-1)


def _scores(values: Tensor) -> np.ndarray:
    array = torch.as_tensor(values).detach().cpu().double().numpy()
    if array.ndim != 1 or len(array) == 0 or not np.isfinite(array).all():
        raise ValueError(f"scores have shape {array.shape}; expected at least one finite number each, (n,).")
    return array


def _auroc(normal: np.ndarray, anomalous: np.ndarray) -> float:
    ordered = np.sort(normal)
    below = np.searchsorted(ordered, anomalous, side="left")
    up_to = np.searchsorted(ordered, anomalous, side="right")
    return (below + up_to).sum() / (2.0 * len(normal) * len(anomalous))
