"""Nearest training pictures: does a model make pictures up, or does it hand back what it was shown?"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


class Neighbors(NamedTuple):
    """The nearest rows of a bank for each query, nearest first.

    Attributes:
        distance: (n, k), Euclidean, in pixel values or units of the features.
        index: (n, k), int64, rows of the bank.
    """

    distance: Tensor
    index: Tensor


@dataclass(frozen=True)
class Memorization:
    """Samples beside fresh data, both compared with the training set.

    Attributes:
        closer: chance that a sample is closer to its nearest training picture than a held-out picture is
            to its own, in [0, 1]; 0.5 for fresh data. Blurred pictures are close to everything and get a
            high value too: it is no proof of copying.
        copies: share of samples that single out one training picture more than nearly all held-out ones do.
        expected_copies: the share that fresh data have, by construction.
        n: samples.
    """

    closer: float
    copies: float
    expected_copies: float
    n: int

    def __str__(self) -> str:
        return (
            f"closer {self.closer:.2f} (fresh: 0.50), "
            f"copies {self.copies:.1%} (fresh: {self.expected_copies:.1%})"
        )


def nearest_neighbors(queries: Tensor, bank: Tensor, k: int = 1, *, chunk: int = 500) -> Neighbors:
    """The k nearest rows of ``bank`` for each query; exact, also for copies (distance 0).

    Args:
        queries: (n, ...), floats: pictures (n, C, H, W) or features (n, d).
        bank: (m, ...), the same kind, at least k rows.
        k: neighbors of each query, at least 1.
        chunk: queries at a time; memory grows with chunk × m.
    """
    if queries.shape[1:] != bank.shape[1:]:
        raise ValueError(
            f"queries have rows of {tuple(queries.shape[1:])} and the bank of {tuple(bank.shape[1:])}; "
            f"expected the same."
        )
    if not 1 <= k <= len(bank):
        raise ValueError(f"k is {k}; expected 1 to {len(bank)}, the rows of the bank.")
    rows, flat = bank.flatten(1), queries.flatten(1)
    distances, indices = [], []
    for part in flat.split(chunk):
        # A matrix product finds the neighbors fast, but loses the last digits of small distances.
        index = torch.cdist(part, rows, compute_mode="use_mm_for_euclid_dist").topk(k, largest=False).indices
        exact = (part[:, None] - rows[index]).square().sum(-1).sqrt()
        order = exact.argsort(dim=1, stable=True)
        distances.append(exact.gather(1, order))
        indices.append(index.gather(1, order))
    return Neighbors(torch.cat(distances), torch.cat(indices))


def memorization(
    samples: Tensor, train: Tensor, held_out: Tensor, *, k: int = 20, level: float = 0.01
) -> Memorization:
    """Compare samples with training pictures, and held-out pictures with the same training pictures.

    Without the held-out baseline a distance means nothing: real data lie close to each other too.

    - ``closer`` is the Mann–Whitney statistic of the two sets of nearest distances (Meehan, Chaudhuri and
      Dasgupta 2020, section 3).
    - ``copies`` uses the distance to the nearest training picture over the mean distance to the next k − 1
      (a relative distance, as in Carlini et al. 2023). A picture in a dense region has many near
      neighbors, a copy has one. Counted are samples below the ``level`` quantile of held-out pictures.

    Copies that were shifted or recolored escape in pixels; compare features as well.

    Args:
        samples, train, held_out: pictures or features, all of one kind; ``held_out`` must not have been
            trained on, and needs at least 1 / level rows.
        k: neighbors, at least 2.
        level: share of fresh data that count as copies, strictly between 0 and 1.
    """
    if k < 2 or not 0 < level < 1:
        raise ValueError(f"k is {k} and level {level}; expected k of at least 2 and a level inside (0, 1).")
    if len(held_out) * level < 1 or len(samples) == 0:
        raise ValueError(
            f"{len(held_out)} held-out pictures cannot show a share of {level}; "
            f"give at least {round(1 / level)}, and at least one sample."
        )
    ours = nearest_neighbors(samples, train, k).distance
    fresh = nearest_neighbors(held_out, train, k).distance
    threshold = _relative(fresh).double().quantile(level)
    return Memorization(
        _chance_below(ours[:, 0], fresh[:, 0]),
        (_relative(ours).double() < threshold).double().mean().item(),
        level,
        len(samples),
    )


def _relative(distance: Tensor) -> Tensor:
    """Distance to the nearest over the mean distance to the others, in [0, 1]."""
    return distance[:, 0] / distance[:, 1:].mean(1).clamp_min(torch.finfo(distance.dtype).tiny)


def _chance_below(a: Tensor, b: Tensor) -> float:
    """P(A < B) + P(A = B) / 2 for draws of two sets of numbers."""
    a, ordered = a.contiguous(), b.sort().values
    above = len(b) - torch.searchsorted(ordered, a, right=True)
    not_below = len(b) - torch.searchsorted(ordered, a, right=False)
    return ((above + not_below).double() / (2 * len(b))).mean().item()
