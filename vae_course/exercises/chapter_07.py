"""Exercises of chapter 07, in order; here: the best single picture, and reading a report."""

from __future__ import annotations

import torch
from torch import Tensor

from vae_course.exercises.chapter_07_measures import AT_INFINITY, MISSING_POWER
from vae_course.exercises.chapter_07_neighbors import CLOSER
from vae_course.exercises.exercise import Exercise, Mistake


def best_picture(pictures: Tensor, weights: Tensor) -> Tensor:
    share = weights / weights.sum()  # probabilities
    return (share[:, None, None, None] * pictures).sum(0)  # the conditional mean


def _pictures(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    cases = []
    for n, shape in ((3, (1, 4, 4)), (5, (3, 2, 6))):
        weights = 3 * torch.rand(n, generator=generator)
        weights[1] = 0.0
        cases.append((torch.rand(n, *shape, generator=generator), weights))
    return cases


def _average(pictures: Tensor, weights: Tensor) -> Tensor:
    return torch.einsum("n,n...->...", weights, pictures)


BEST_PICTURE = Exercise(
    id="07.1",
    title="The best single answer",
    contract="best_picture(pictures, weights): pictures is float (n, C, H, W); weights is (n,), >= 0, not "
    "all 0, not normalized. Returns the picture (C, H, W) with the smallest expected squared error to a "
    "picture drawn with these weights.",
    stub='''def best_picture(pictures: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """pictures: (n, C, H, W); weights: (n,), >= 0, not normalized. Returns (C, H, W)."""
    ...''',
    hints=(
        "Section 1 has the case of two pictures with equal weights.",
        "Each pixel is a question of its own: which number has the smallest expected squared error?",
        "Weights become probabilities when they are divided by their sum.",
    ),
    mistakes=(
        Mistake(
            "weights ignored",
            "A picture that is three times as likely should pull three times as hard.",
            lambda pictures, weights: pictures.mean(0),
        ),
        Mistake(
            "the likeliest picture",
            "That is right as often as possible, and pays a lot when it is wrong. Compute both costs.",
            lambda pictures, weights: pictures[weights.argmax()],
        ),
        Mistake(
            "weights not normalized",
            "Multiply all weights by ten: the answer should not change.",
            (_average, lambda pictures, weights: _average(pictures, weights) / len(weights)),
        ),
        Mistake(
            "softmax of the weights",
            "They are weights, not logits: a weight of 0 means never.",
            lambda pictures, weights: _average(pictures, weights.softmax(0)),
        ),
        Mistake(
            "median",
            "The median minimizes the expected absolute error.",
            lambda pictures, weights: pictures.median(0).values,
        ),
        Mistake(
            "squared weights",
            "The error is squared, the probabilities are not.",
            lambda pictures, weights: _average(pictures, weights**2 / (weights**2).sum()),
        ),
        Mistake(
            "one gray value for all pixels",
            "Sum over the pictures only; every pixel has its own best value.",
            lambda pictures, weights: (
                _average(pictures, weights / weights.sum()).mean().expand(pictures.shape[1:])
            ),
        ),
    ),
    reference=best_picture,
    cases=_pictures,
)

GENERATORS = {
    "mean": "a VAE that shows the mean of its decoder",
    "draw": "the same VAE with the decoder's pixel noise",
    "thief": "hands out training pictures",
    "one class": "a GAN that makes good pictures of one kind of garment only",
}

REPORT = Exercise(
    id="07.2",
    title="Read the report",
    contract="Four generators, judged with 2,000 pictures each; fresh pictures get Fréchet distance 3, "
    "precision 0.75, recall 0.75, sharpness 1, copies 1 %. A: 3, 0.80, 0.78, 1.0, 97 %. "
    "B: 95, 0.80, 0.30, 0.1, 1 %. C: 95, 0.25, 0.55, 12, 1 %. D: 180, 0.80, 0.05, 1.0, 1 %. "
    f"Answer each with one of: {', '.join(GENERATORS)}.",
    stub='answer_07_2 = {"A": ..., "B": ..., "C": ..., "D": ...}',
    hints=(
        "Two of the four have the sharpness of data, and one of them is too good to be true.",
        "Independent noise on every pixel: what does it do to the differences between neighbors?",
        "Recall asks how much of the data lies where samples lie.",
    ),
    mistakes=(
        Mistake(
            "the best numbers taken for the best model",
            "Look at the last column of A: what would a perfect model get there?",
            value={"A": "mean"},
        ),
        Mistake(
            "mean and draw mixed up",
            "An average over plausible pictures has weaker edges than data. Grain has stronger ones.",
            value={"B": "draw", "C": "mean"},
        ),
        Mistake(
            "low recall taken for blur",
            "Blur shows in the sharpness. What leaves most of the data uncovered while each picture is fine?",
            value={"D": "mean"},
        ),
        Mistake(
            "precision taken for theft",
            "A thief covers the data as well: compare the recall, and look at the copies.",
            value={"D": "thief"},
        ),
    ),
    value={"A": "thief", "B": "mean", "C": "draw", "D": "one class"},
    codes=dict.fromkeys("ABCD", GENERATORS),
    explanation="A: nothing but the last column differs from fresh pictures.\n"
    "B: a tenth of the sharpness; averages lie in the middle of the data, so the precision is high.\n"
    "C: twelve times the sharpness of data is grain, and grain costs precision.\n"
    "D: pictures as good as real ones that cover a twentieth of the data.",
)

EXERCISES = (BEST_PICTURE, REPORT, MISSING_POWER, AT_INFINITY, CLOSER)
