"""Exercises of chapter 03, in order; this file holds those that ask for values, and the doubt of a judge."""

from __future__ import annotations

import torch
from torch import Tensor

from vae_course.exercises.chapter_03_paths import CHAIN, MOVE_TO
from vae_course.exercises.exercise import Exercise, Mistake

YES_NO = {"yes": "it follows", "no": "it does not follow"}

MAPS = Exercise(
    id="03.1",
    title="What a map can show",
    contract='Give "yes" or "no" for each. a: two groups lie twice as far apart as two others on a t-SNE '
    "map, so they do in the code. b: two points are close neighbors on a t-SNE map, so they are probably "
    "neighbors in the code. c: two points coincide on a PCA map, so their codes are equal. d: two points "
    "are a distance of 3 apart on a PCA map, so their codes are at least 3 apart.",
    stub='answer_03_1 = {"a": ..., "b": ..., "c": ..., "d": ...}',
    hints=(
        "What does t-SNE try to keep, and what does it give up for it?",
        "A PCA map is the shadow of the cloud. What can a shadow make shorter, and what longer?",
    ),
    mistakes=(
        Mistake(
            "t-SNE distances taken at face value",
            "t-SNE pulls neighbors together and puts groups wherever there is room.",
            value={"a": "yes"},
        ),
        Mistake(
            "shadow taken for the thing",
            "Two points at different heights can throw the same shadow.",
            value={"c": "yes"},
        ),
        Mistake(
            "t-SNE distrusted altogether",
            "One thing t-SNE is made to keep: who is near whom.",
            value={"b": "no"},
        ),
        Mistake(
            "shadow thought to be longer than the thing",
            "An orthogonal projection leaves out coordinates. Can a distance grow by that?",
            value={"d": "no"},
        ),
    ),
    value={"a": "no", "b": "yes", "c": "no", "d": "yes"},
    codes={name: YES_NO for name in "abcd"},
    explanation="t-SNE keeps neighborhoods and nothing else; an orthogonal projection never lengthens a "
    "distance, and may shorten it to 0.",
)

NORMS = Exercise(
    id="03.2",
    title="Norms between codes",
    contract="Codes are drawn from N(0, I) in 100 dimensions; each has a norm of about 10. Give the typical "
    "norm, to 2 %, of 'lerp': the midpoint of the straight line between two of them; 'slerp': the midpoint "
    "of the great circle; 'three': the mean of three of them.",
    stub='answer_03_2 = {"lerp": ..., "slerp": ..., "three": ...}',
    hints=(
        "In many dimensions two independent draws are nearly at right angles. Draw the triangle.",
        "The mean of n independent draws from N(0, 1) has the variance 1/n.",
    ),
    mistakes=(
        Mistake(
            "no shrinking on the straight line",
            "The mean of two codes that point in different directions: is it as long as they are?",
            value={"lerp": 10},
        ),
        Mistake(
            "halved instead of divided by √2",
            "Half of each, at right angles: how long is the diagonal of that square?",
            value={"lerp": 5},
        ),
        Mistake("sum instead of mean", "The midpoint is half of the sum.", value={"lerp": 200**0.5}),
        Mistake(
            "shrinking on the great circle",
            "A circle around the origin: how far are its points from the origin?",
            value={"slerp": 50**0.5},
        ),
        Mistake(
            "divided by 3 instead of √3",
            "Variances add up, norms do not: what is the variance of a mean of three?",
            value={"three": 10 / 3},
        ),
    ),
    value={"lerp": 50**0.5, "slerp": 10.0, "three": 10 / 3**0.5},
    tolerance=0.02,
    explanation="A mean of n independent draws from N(0, I) is N(0, I/n): 10/√2 = 7.07 and 10/√3 = 5.77. The "
    "great circle between codes of norm 10 has the norm 10 everywhere.",
)


def doubt(probabilities: Tensor) -> Tensor:
    terms = torch.where(probabilities > 0, probabilities * probabilities.clamp_min(1e-38).log(), 0.0)
    return -terms.sum(-1)


def _doubt_cases(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    mixed = torch.randn(5, 4, generator=generator).softmax(-1)
    certain = torch.tensor([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0]])
    return [(mixed,), (certain,), (torch.full((2, 10), 0.1),)]


def _plain(probabilities: Tensor) -> Tensor:
    """The formula as it stands: NaN where a probability is 0."""
    return -(probabilities * probabilities.log()).sum(-1)


DOUBT = Exercise(
    id="03.3",
    title="The doubt of a classifier",
    contract="doubt(probabilities): float tensor (n, classes), each row sums to 1, zeros are possible. "
    "Returns the entropy of each row in nats, (n,), between 0 and log(classes).",
    stub='''def doubt(probabilities: torch.Tensor) -> torch.Tensor:
    """probabilities: (n, classes), rows sum to 1. Returns the entropy of each row in nats, (n,)."""
    ...''',
    hints=(
        "Entropy is the mean of −log p under p itself.",
        "Check it where you know the answer: a certain row gives 0, ten equal classes give log 10.",
        "0 · log 0 counts as 0. What does torch make of it?",
    ),
    mistakes=(
        Mistake(
            "not a number for certain answers",
            "A probability of 0 has the logarithm −∞, and 0 · (−∞) is NaN; the limit is 0.",
            _plain,
        ),
        Mistake("sign lost", "Entropy is never negative.", lambda p: -doubt(p)),
        Mistake(
            "bits instead of nats", "Which logarithm?", lambda p: doubt(p) / torch.log(torch.tensor(2.0))
        ),
        Mistake(
            "averaged over the classes",
            "Each class is weighted by its own probability already.",
            lambda p: doubt(p) / p.shape[-1],
        ),
        Mistake(
            "averaged over the pictures",
            "One number for each picture is asked for.",
            (lambda p: doubt(p).mean(), lambda p: doubt(p).sum()),
        ),
        Mistake(
            "not weighted by the probability",
            "The mean of −log p is taken under p.",
            lambda p: -p.log().sum(-1),
        ),
    ),
    reference=doubt,
    cases=_doubt_cases,
    low=0.0,
)

EXERCISES = (MAPS, NORMS, DOUBT, CHAIN, MOVE_TO)
