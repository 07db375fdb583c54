"""Assignment A3: how well a factor can be read off the code, told honestly."""

from __future__ import annotations

import torch
from torch import Tensor

from vae_course.exercises.exercise import Exercise, Mistake


def with_one(codes: Tensor) -> Tensor:
    """The codes with a column of ones, which carries the intercept."""
    return torch.cat([codes, torch.ones(len(codes), 1)], dim=1)


def readable(train_codes: Tensor, train_factor: Tensor, codes: Tensor, factor: Tensor) -> Tensor:
    weights = torch.linalg.lstsq(with_one(train_codes), train_factor[:, None]).solution
    guess = (with_one(codes) @ weights)[:, 0]
    return 1 - ((factor - guess) ** 2).mean() / factor.var(correction=0)


def _sets(seed: int) -> list[tuple]:
    """Codes with noise and a factor far from 0; one small training set, so that fitting it too well shows."""
    generator = torch.Generator().manual_seed(seed)
    cases = []
    for rows, size in ((30, 8), (200, 4)):
        weights = torch.randn(size, generator=generator)
        parts = []
        for n in (rows, 80):
            codes = torch.randn(n, size, generator=generator) + 0.5
            noise = 0.8 * torch.randn(n, generator=generator)
            parts += [codes, 3.0 + codes @ weights / size**0.5 + noise]
        cases.append(tuple(parts))
    return cases


def _r2(guess: Tensor, factor: Tensor) -> Tensor:
    return 1 - ((factor - guess) ** 2).mean() / factor.var(correction=0)


def _fit(codes: Tensor, factor: Tensor) -> Tensor:
    return torch.linalg.lstsq(with_one(codes), factor[:, None]).solution


def _no_intercept(train_codes: Tensor, train_factor: Tensor, codes: Tensor, factor: Tensor) -> Tensor:
    weights = torch.linalg.lstsq(train_codes, train_factor[:, None]).solution
    return _r2((codes @ weights)[:, 0], factor)


def _correlation(train_codes: Tensor, train_factor: Tensor, codes: Tensor, factor: Tensor) -> Tensor:
    guess = (with_one(codes) @ _fit(train_codes, train_factor))[:, 0]
    return torch.corrcoef(torch.stack([guess, factor]))[0, 1]


def _error(train_codes: Tensor, train_factor: Tensor, codes: Tensor, factor: Tensor) -> Tensor:
    return ((factor - (with_one(codes) @ _fit(train_codes, train_factor))[:, 0]) ** 2).mean()


READABLE = Exercise(
    id="A3.3",
    title="Can the factor be read off the code?",
    contract="readable(train_codes, train_factor, codes, factor): float tensors (n, latent), (n,), (m, "
    "latent), (m,). Fit a linear regression *with an intercept* from codes to the factor by least squares "
    "on the training rows. Returns its R² on the other rows: 1 − mean squared error / variance of their "
    "factor. One number, at most 1, and negative when the mean would have been a better guess.",
    stub='''def readable(
    train_codes: torch.Tensor, train_factor: torch.Tensor, codes: torch.Tensor, factor: torch.Tensor
) -> float:
    """(n, latent), (n,), (m, latent), (m,). R² on the second set of a regression fitted to the first."""
    ...''',
    hints=(
        "An intercept is one more column, of ones.",
        "torch.linalg.lstsq(A, b).solution solves it; b wants a second dimension.",
        "Which rows may the fit see, and on which is R² measured?",
    ),
    mistakes=(
        Mistake("no intercept", "The factor is not 0 where the code is 0.", _no_intercept),
        Mistake(
            "the fit has seen the held-out rows",
            "A regression that has seen the answers can always read them.",
            (
                lambda a, b, codes, factor: _r2((with_one(codes) @ _fit(codes, factor))[:, 0], factor),
                lambda a, b, codes, factor: _r2(
                    (with_one(codes) @ _fit(torch.cat([a, codes]), torch.cat([b, factor])))[:, 0], factor
                ),
            ),
        ),
        Mistake(
            "measured on the training rows",
            "With few rows and many dimensions the training R² is high for pure noise.",
            lambda a, b, codes, factor: _r2((with_one(a) @ _fit(a, b))[:, 0], b),
        ),
        Mistake(
            "correlation instead of R²", "A correlation does not mind a wrong scale; R² does.", _correlation
        ),
        Mistake(
            "squared correlation instead of R²",
            "It is never negative and forgives a wrong scale.",
            lambda *sets: _correlation(*sets) ** 2,
        ),
        Mistake(
            "the squared error returned", "Compare it with the error of always guessing the mean.", _error
        ),
        Mistake(
            "the share that is *not* explained",
            "Perfect reading must give 1.",
            lambda *sets: 1 - readable(*sets),
        ),
        Mistake(
            "error divided by the square of the factor",
            "The rival of the regression guesses the mean, not 0.",
            lambda *sets: 1 - _error(*sets) / (sets[3] ** 2).mean(),
        ),
    ),
    reference=readable,
    cases=_sets,
    # n or n - 1 in the variance: with 80 rows that is 1.3 % of what is not explained.
    tolerance=0.012,
    high=1.0,
)
