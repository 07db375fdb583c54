"""Exercises of chapter 10, in order; this file holds bits of a density and scaling."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vae_course.exercises.chapter_10_sound import ROUND
from vae_course.exercises.chapter_10_text import TEXT_EXERCISES
from vae_course.exercises.exercise import Exercise, Mistake


def bits_per_number(nats: float, std: Tensor, step: float) -> float:
    nats_raw = nats + std.log().sum()  # the change of variables: log |d scaled / d raw| = −Σ log σ
    nats_cell = nats_raw - len(std) * math.log(step)  # density times the cell
    return nats_cell / (len(std) * math.log(2))


def _bits_cases(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    return [
        (30.0, 5 * torch.rand(12, generator=generator) + 0.3, 0.1),
        (-8.0, torch.tensor([0.02, 3.0, 40.0, 700.0]), 0.01),
        (4.5, torch.tensor([2.0, 9.0, 0.5]), 1.0),
    ]


BITS = Exercise(
    id="10.1",
    title="Bits of a density",
    contract="bits_per_number(nats, std, step): a VAE was trained on rows that had been scaled, (raw - "
    "mean) / std, with std a float tensor (columns,); its -ELBO is `nats` for each row. The raw numbers are "
    "written down in steps of `step`. Returns the bits that one number costs, a float.",
    stub='''def bits_per_number(nats: float, std: torch.Tensor, step: float) -> float:
    """nats: -ELBO of a scaled row; std: (columns,); step: of the raw numbers. Returns bits per number."""
    ...''',
    hints=(
        "Three steps: density of the scaled row, density of the raw row, probability of one cell.",
        "Stretching an axis by std thins the density out by the same factor: what is added to -log p?",
        "The cell of a row has the volume step to the power of the number of columns.",
    ),
    mistakes=(
        Mistake(
            "change of variables forgotten",
            "Grams or kilograms, with std and step converted alike, must cost the same. Do they, with yours?",
            lambda nats, std, step: (nats - len(std) * math.log(step)) / (len(std) * math.log(2)),
        ),
        Mistake(
            "change of variables with the wrong sign",
            "A large std spreads the raw numbers out: does that make one of them more or less probable?",
            lambda nats, std, step: (
                (nats - std.log().sum() - len(std) * math.log(step)) / (len(std) * math.log(2))
            ),
        ),
        Mistake(
            "density without a cell",
            "A density has no bits: numbers written down ten times finer must cost more.",
            lambda nats, std, step: (nats + std.log().sum()) / (len(std) * math.log(2)),
        ),
        Mistake(
            "cell with the wrong sign",
            "A finer step must cost more bits, not fewer.",
            lambda nats, std, step: (
                (nats + std.log().sum() + len(std) * math.log(step)) / (len(std) * math.log(2))
            ),
        ),
        Mistake(
            "one cell for the whole row",
            "The step is the side of the cell, and the row has many sides.",
            lambda nats, std, step: (nats + std.log().sum() - math.log(step)) / (len(std) * math.log(2)),
        ),
        Mistake(
            "density divided by the columns, corrections added to that",
            "All three terms belong to the whole row: add first, then divide.",
            (
                lambda nats, std, step: (
                    (nats / len(std) + std.log().sum() - len(std) * math.log(step)) / math.log(2)
                ),
                lambda nats, std, step: (
                    nats / len(std) / math.log(2) + std.log().sum() - len(std) * math.log(step)
                ),
            ),
        ),
        Mistake(
            "logarithm of the mean std",
            "The stretches multiply, so their logarithms add up.",
            lambda nats, std, step: (
                (nats / len(std) + std.mean().log() - math.log(step)) / math.log(2)
            ),
        ),
        Mistake("nats", "How many nats are one bit?", lambda nats, std, step: (
            (nats + std.log().sum()) / len(std) - math.log(step)
        )),
        Mistake("bits of the whole row", "The answer is asked for one number.", lambda nats, std, step: (
            (nats + std.log().sum() - len(std) * math.log(step)) / math.log(2)
        )),
    ),
    reference=bits_per_number,
    cases=_bits_cases,
)  # fmt: skip


def scale_like_training(train: Tensor, other: Tensor) -> Tensor:
    mean = train.mean((0, 2), keepdim=True)
    std = train.std((0, 2), keepdim=True)
    return (other - mean) / std


def _scale_cases(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    level = torch.tensor([-50.0, -30.0, -42.0, -20.0, -35.0])[:, None]
    spread = torch.tensor([2.0, 9.0, 5.0, 14.0, 7.0])[:, None]
    train = level + spread * torch.randn(9, 5, 6, generator=generator)
    other = level + 3 + 0.6 * spread * torch.randn(4, 5, 6, generator=generator)
    return [(train, other), (train, other[:2]), (train, train[2:5])]


def _with(statistics) -> object:
    """A wrong answer that takes mean and std of what `statistics(train, other)` gives, over these axes."""

    def broken(train: Tensor, other: Tensor) -> Tensor:
        source, axes = statistics(train, other)
        return (other - source.mean(axes, keepdim=True)) / source.std(axes, keepdim=True)

    return broken


SCALE = Exercise(
    id="10.2",
    title="Scaled like the training part",
    contract="scale_like_training(train, other): two sets of log-spectrograms in dB, float tensors (clips, "
    "frequencies, frames). Returns `other`, scaled; the scaling is the one that gives every frequency of the "
    "training part mean 0 and standard deviation 1 over its clips and frames.",
    stub='''def scale_like_training(train: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """train, other: (clips, frequencies, frames), dB. Returns `other`, scaled, same shape."""
    ...''',
    hints=(
        "Which of the two sets may be looked at to find the mean?",
        "One mean for each frequency: over which two axes is it taken?",
        "mean and std take a tuple of axes, and keepdim=True.",
    ),
    mistakes=(
        Mistake(
            "scaled by itself",
            "Each clip would be scaled differently in each company; what does a batch of one become?",
            _with(lambda train, other: (other, (0, 2))),
        ),
        Mistake(
            "each clip by itself",
            "Then a loud clip and a soft one are the same, and the way back to dB is lost.",
            (_with(lambda train, other: (other, (1, 2))), _with(lambda train, other: (other, (2,)))),
        ),
        Mistake(
            "held-out clips among the statistics",
            "What would change in your numbers if the held-out clips were all silent?",
            _with(lambda train, other: (torch.cat([train, other]), (0, 2))),
        ),
        Mistake(
            "one mean for all frequencies",
            "High frequencies of speech are weaker by tens of dB: each needs its own mean.",
            _with(lambda train, other: (train, (0, 1, 2))),
        ),
        Mistake(
            "a mean for each frame as well",
            "The first frame is louder than the last in most clips. That is information, not scale.",
            _with(lambda train, other: (train, (0,))),
        ),
        Mistake(
            "divided by the variance",
            "Which power of dB does the variance have?",
            lambda train, other: (other - train.mean((0, 2), keepdim=True)) / train.var((0, 2), keepdim=True),
        ),
        Mistake(
            "not centered",
            "Every frequency should have mean 0 in the training part.",
            lambda train, other: other / train.std((0, 2), keepdim=True),
        ),
        Mistake(
            "the training part returned",
            "The other set is asked for.",
            lambda train, other: scale_like_training(train, train),
        ),
    ),
    reference=scale_like_training,
    cases=_scale_cases,
    tolerance=2e-2,
)

EXERCISES = (BITS, SCALE, ROUND, *TEXT_EXERCISES)
