"""Exercise of chapter 07: closeness to the training set, with fresh data as the baseline."""

from __future__ import annotations

import torch
from torch import Tensor

from vae_course.exercises.exercise import Exercise, Mistake


def closer_than_fresh(samples: Tensor, train: Tensor, held_out: Tensor) -> Tensor:
    ours = torch.cdist(samples, train).min(1).values
    fresh = torch.cdist(held_out, train).min(1).values
    smaller = (ours[:, None] < fresh).double() + 0.5 * (ours[:, None] == fresh).double()
    return smaller.mean()


def _nearest(points: Tensor, bank: Tensor) -> Tensor:
    return torch.cdist(points, bank).min(1).values


def _chance(ours: Tensor, fresh: Tensor, tie: float = 0.5) -> Tensor:
    pairs = ours[:, None], fresh[None, :]
    return ((pairs[0] < pairs[1]).double() + tie * (pairs[0] == pairs[1]).double()).mean()


def _closer_cases(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    cases = []
    for n, m, k, scale in ((7, 20, 11, 0.5), (12, 15, 6, 1.0)):
        # Whole numbers and halves, so that distances tie exactly.
        draw = [torch.randint(0, 5, (rows, 3), generator=generator).float() for rows in (n, m, k)]
        cases.append((draw[0] * scale, draw[1], draw[2]))
    return cases


CLOSER = Exercise(
    id="07.5",
    title="Closer than chance?",
    contract="closer_than_fresh(samples, train, held_out): float (n, d), (m, d), (k, d). The distance of a "
    "point to the training set is the Euclidean distance to its nearest row. Returns the chance that a "
    "random sample has a smaller distance to the training set than a random held-out point; ties count "
    "one half: a number in [0, 1].",
    stub='''def closer_than_fresh(
    samples: torch.Tensor, train: torch.Tensor, held_out: torch.Tensor
) -> torch.Tensor:
    """samples: (n, d), train: (m, d), held_out: (k, d). Returns a number in [0, 1]."""
    ...''',
    hints=(
        "Two lists of distances first: samples to train, held-out to train. torch.cdist does each.",
        "Then compare every sample with every held-out point, not one by one in order.",
        "a[:, None] < b compares all pairs; the mean of the comparisons is the chance.",
    ),
    mistakes=(
        Mistake(
            "ties not counted",
            "Two equal distances: neither is closer, so each has half of the pair.",
            lambda s, t, h: _chance(_nearest(s, t), _nearest(h, t), 0.0),
        ),
        Mistake(
            "ties counted in full",
            "Two equal distances: neither is closer, so each has half of the pair.",
            lambda s, t, h: _chance(_nearest(s, t), _nearest(h, t), 1.0),
        ),
        Mistake(
            "upside down",
            "A thief's distances are 0. Does your answer get near 1 for it?",
            lambda s, t, h: 1 - _chance(_nearest(s, t), _nearest(h, t)),
        ),
        Mistake(
            "mean distance instead of the nearest",
            "A copy is close to one training point, not to all.",
            lambda s, t, h: _chance(torch.cdist(s, t).mean(1), torch.cdist(h, t).mean(1)),
        ),
        Mistake(
            "nearest sample of each training point",
            "Ask every sample for its nearest training point, not the other way round.",
            lambda s, t, h: _chance(_nearest(t, s), _nearest(t, h)),
        ),
        Mistake(
            "samples compared with held-out points",
            "Both distances are measured to the training set: one that was copied, one that was not.",
            (
                lambda s, t, h: _chance(_nearest(s, t), _nearest(s, h)),
                lambda s, t, h: (_nearest(s, t) < _nearest(s, h)).double().mean(),
            ),
        ),
        Mistake(
            "compared with the mean of the held-out distances",
            "The chance is over random held-out points: compare with each of them.",
            (
                lambda s, t, h: (_nearest(s, t) < _nearest(h, t).mean()).double().mean(),
                lambda s, t, h: (_nearest(s, t) < _nearest(h, t).median()).double().mean(),
            ),
        ),
        Mistake(
            "ratio of the mean distances",
            "A chance is asked for: count pairs.",
            (
                lambda s, t, h: _nearest(s, t).mean() / _nearest(h, t).mean(),
                lambda s, t, h: _nearest(h, t).mean() / _nearest(s, t).mean(),
            ),
        ),
    ),
    reference=closer_than_fresh,
    cases=_closer_cases,
    low=0.0,
    high=1.0,
)
