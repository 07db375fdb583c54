"""How well a score ranks: AUROC with a bootstrap interval, and two scores without a VAE.

A score is higher for stranger examples. No score here has ever seen an anomaly.
"""

import numpy as np
import torch
from torch import Tensor

from vae_course.evaluation.intervals import Interval
from vae_course.randomness import seed_of, seeded_numpy


def auroc(normal: Tensor, anomalous: Tensor) -> float:
    """Probability that an anomalous example scores higher than a normal one, ties counted half.

    The area under the receiver operating characteristic (Hanley & McNeil 1982) of scores (n,) and (m,).
    """
    return float(_auroc(_scores(normal), _scores(anomalous)))


def auroc_interval(normal: Tensor, anomalous: Tensor, *, draws: int = 2000, seed: int = 0) -> Interval:
    """AUROC with a 95 % percentile bootstrap interval over the examples (each group resampled by itself): how
    far another test set could lie from this one, not another training run.
    """
    return auroc_difference((normal, anomalous), None, draws=draws, seed=seed)


def auroc_difference(
    first: tuple[Tensor, Tensor], second: tuple[Tensor, Tensor] | None, *, draws: int = 2000, seed: int = 0
) -> Interval:
    """AUROC of one score minus that of another **on the same examples**, with a paired 95 % interval; both
    are (normal, anomalous) scores in the same order.
    """
    pairs = [tuple(map(_scores, pair)) for pair in (first, second) if pair is not None]
    n, m = map(len, pairs[0])
    if any((len(normal), len(anomalous)) != (n, m) for normal, anomalous in pairs):
        raise ValueError("a paired difference needs two scores of the same examples.")

    def measured(rows, columns) -> float:
        values = [_auroc(normal[rows], anomalous[columns]) for normal, anomalous in pairs]
        return float(values[0] - sum(values[1:]))

    rng = seeded_numpy(seed)
    point = measured(slice(None), slice(None))
    values = [measured(rng.randint(0, n, n), rng.randint(0, m, m)) for _ in range(draws)]
    low, high = np.quantile(values, [0.025, 0.975])
    return Interval(point, min(float(low), point), max(float(high), point))


def isolation_forest_scores(train: Tensor, test: Tensor) -> Tensor:
    """Scores of an isolation forest (Liu, Ting & Zhou 2008; scikit-learn's, 200 trees) fitted to rows (n,
    features), for rows (m, features): float64 (m,).
    """
    from sklearn.ensemble import IsolationForest

    forest = IsolationForest(n_estimators=200, random_state=seed_of(0)).fit(train.flatten(1).numpy())
    return torch.from_numpy(-forest.score_samples(test.flatten(1).numpy())).double()


def pca_scores(train: Tensor, test: Tensor, n_components: int) -> Tensor:
    """Squared error of reconstruction from the first principal components of ``train``: float64 (m,)."""
    from sklearn.decomposition import PCA

    train, test = (rows.flatten(1).double().numpy() for rows in (train, test))
    if not 1 <= n_components <= train.shape[1]:
        raise ValueError(f"n_components is {n_components}; expected 1 to {train.shape[1]}.")
    pca = PCA(n_components, svd_solver="full").fit(train)
    return torch.from_numpy(np.square(test - pca.inverse_transform(pca.transform(test))).sum(1))


def _scores(values: Tensor) -> np.ndarray:
    array = torch.as_tensor(values).detach().cpu().double().numpy()
    if array.ndim != 1 or len(array) == 0 or not np.isfinite(array).all():
        raise ValueError(f"scores have shape {array.shape}; expected at least one finite number each, (n,).")
    return array


def _auroc(normal: np.ndarray, anomalous: np.ndarray) -> float:
    # scikit-learn's roc_auc_score takes hundreds of times as long: too long for a bootstrap.
    ordered = np.sort(normal)
    below = np.searchsorted(ordered, anomalous, side="left")
    up_to = np.searchsorted(ordered, anomalous, side="right")
    return (below + up_to).sum() / (2.0 * len(normal) * len(anomalous))
