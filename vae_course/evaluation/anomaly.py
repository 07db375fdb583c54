"""How well a score ranks: AUROC with a bootstrap interval. A score is higher for stranger examples."""

import numpy as np
import torch
from torch import Tensor

from vae_course.evaluation.intervals import Interval
from vae_course.randomness import seeded_numpy

DRAWS = 2000  # of a bootstrap


def auroc(normal: Tensor, anomalous: Tensor) -> float:
    """Probability that an anomalous example scores higher than a normal one, ties counted half.

    The area under the receiver operating characteristic (Hanley & McNeil 1982) of scores (n,) and (m,).
    """
    return float(_auroc(_scores(normal), _scores(anomalous)))


def auroc_interval(normal: Tensor, anomalous: Tensor) -> Interval:
    """AUROC with a 95 % percentile bootstrap interval over the examples (each group resampled by itself): how
    far another test set could lie from this one, not another training run.
    """
    return _bootstrap((normal, anomalous))


def auroc_difference(first: tuple[Tensor, Tensor], second: tuple[Tensor, Tensor]) -> Interval:
    """AUROC of one score minus that of another **on the same examples**, with a paired 95 % interval; both
    are (normal, anomalous) scores in the same order.
    """
    return _bootstrap(first, second)


def _bootstrap(*pairs: tuple[Tensor, Tensor]) -> Interval:
    pairs = [tuple(map(_scores, pair)) for pair in pairs]
    n, m = map(len, pairs[0])
    if any((len(normal), len(anomalous)) != (n, m) for normal, anomalous in pairs):
        raise ValueError("a paired difference needs two scores of the same examples.")

    def measured(rows, columns) -> float:
        first, *second = (_auroc(normal[rows], anomalous[columns]) for normal, anomalous in pairs)
        return float(first - sum(second))

    rng = seeded_numpy(0)
    point = measured(slice(None), slice(None))
    values = [measured(rng.randint(0, n, n), rng.randint(0, m, m)) for _ in range(DRAWS)]
    low, high = np.quantile(values, [0.025, 0.975])
    return Interval(point, min(float(low), point), max(float(high), point))


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
