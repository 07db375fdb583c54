"""Questions of assignment A1, in order: build the ELBO for a table of measurements."""

from __future__ import annotations

import torch
from torch import Tensor

from vae_course.exercises.assignment_1_density import KL_TO_WIDE_PRIOR, RECONSTRUCTION
from vae_course.exercises.assignment_1_elbo import BEST_WIDTH, ELBO, FINGERPRINTS
from vae_course.exercises.assignment_1_sampling import DRAWS
from vae_course.exercises.exercise import Exercise, Mistake


def standardize(train: Tensor, other: Tensor) -> Tensor:
    return (other - train.mean(0)) / train.std(0)


def _tables(seed: int) -> list[tuple]:
    """Pairs of tables whose columns have their own location and scale; the second table is shifted."""
    generator = torch.Generator().manual_seed(seed)
    tables = []
    for rows, other_rows, columns in ((40, 7, 3), (25, 12, 5)):
        scale = torch.exp(torch.linspace(-2, 2, columns))
        train = 3 + scale * torch.randn(rows, columns, generator=generator)
        other = 4 + 1.5 * scale * torch.randn(other_rows, columns, generator=generator)
        tables.append((train, other))
    return tables


STANDARDIZE = Exercise(
    id="A1.1",
    title="Put every column on one scale",
    contract="standardize(train, other): float tables (n, D) and (m, D). Returns the second one, (m, D), "
    "scaled so that each column of the *training* table would get mean 0 and standard deviation 1.",
    stub='''def standardize(train: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """train (n, D), other (m, D): other in units of train's standard deviations, from train's mean."""
    ...''',
    hints=(
        "Two numbers per column: where are they allowed to come from?",
        "A column's statistics run over the rows: which dimension is that?",
    ),
    mistakes=(
        Mistake(
            "scaled by the held-out table itself",
            "A new patient comes alone. Which rows may the mean and the standard deviation know?",
            (
                lambda train, other: (other - other.mean(0)) / other.std(0),
                lambda train, other: (other - other.mean(0)) / other.std(0, correction=0),
            ),
        ),
        Mistake(
            "scaled by both tables together",
            "The held-out rows must not have a say in their own scale.",
            lambda train, other: standardize(torch.cat([train, other]), other),
        ),
        Mistake(
            "one scale for all columns",
            "One column is in millimeters, the next in square millimeters. How many means are there?",
            lambda train, other: (other - train.mean()) / train.std(),
        ),
        Mistake(
            "scaled along the rows",
            "Dimension 0 counts patients, dimension 1 counts columns. Over which one do you average?",
            lambda train, other: (other - other.mean(1, keepdim=True)) / other.std(1, keepdim=True),
        ),
        Mistake(
            "divided by the variance",
            "Put in a column of standard deviation 10: what should its new one be?",
            lambda train, other: (other - train.mean(0)) / train.var(0),
        ),
        Mistake(
            "mean not subtracted",
            "The unit is right. Where is zero?",
            lambda train, other: other / train.std(0),
        ),
        Mistake(
            "not divided",
            "Zero is right. What is the unit?",
            lambda train, other: other - train.mean(0),
        ),
        Mistake(
            "squeezed into [0, 1]",
            "This is min-max scaling; a Gaussian likelihood wants standard deviations.",
            lambda train, other: (other - train.amin(0)) / (train.amax(0) - train.amin(0)),
        ),
        Mistake(
            "the training table returned",
            "Which of the two tables is asked for?",
            lambda train, other: (train - train.mean(0)) / train.std(0),
        ),
    ),
    reference=standardize,
    cases=_tables,
    # n or n - 1 in the standard deviation: both are in use, and the choice changes nothing that matters.
    tolerance=0.03,
)

EXERCISES = (STANDARDIZE, RECONSTRUCTION, KL_TO_WIDE_PRIOR, DRAWS, ELBO, BEST_WIDTH, FINGERPRINTS)
