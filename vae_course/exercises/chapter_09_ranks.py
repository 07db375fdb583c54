"""Exercises of chapter 09: AUROC, and attribute vectors with the others held fixed."""

from __future__ import annotations

import torch
from torch import Tensor

from vae_course.exercises.exercise import Exercise, Mistake


def area(normal: Tensor, strange: Tensor) -> float:
    higher = (strange[:, None] > normal[None, :]).double()
    ties = (strange[:, None] == normal[None, :]).double()
    return (higher + 0.5 * ties).mean().item()


def _score_cases(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    spread_out = torch.randn(9, generator=generator), 1 + torch.randn(5, generator=generator)
    many_ties = (
        torch.randint(0, 4, (8,), generator=generator).float(),
        torch.randint(1, 5, (6,), generator=generator).float(),
    )
    skewed = torch.tensor([0.1, 0.2, 0.3, 50.0]), torch.tensor([0.4, 0.5, 0.25])
    return [spread_out, many_ties, skewed, (torch.ones(3), torch.ones(4))]


AUROC = Exercise(
    id="09.4",
    title="AUROC",
    contract="area(normal, strange): scores (n,) and (m,), higher for stranger. Returns the probability that "
    "a strange example scores higher than a normal one, ties counted half: a number in [0, 1].",
    stub='''def area(normal: torch.Tensor, strange: torch.Tensor) -> float:
    """normal: (n,), strange: (m,). Returns a number in [0, 1]."""
    ...''',
    hints=(
        "There are n·m pairs of a normal and a strange example.",
        "strange[:, None] > normal[None, :] compares all of them at once.",
        "A pair with equal scores counts one half.",
    ),
    mistakes=(
        Mistake(
            "ties not counted",
            "A pair with equal scores counts one half; a constant score must come out at one half.",
            lambda normal, strange: (strange[:, None] > normal).double().mean().item(),
        ),
        Mistake(
            "ties counted in full",
            "A pair with equal scores counts one half; a constant score must come out at one half.",
            lambda normal, strange: (strange[:, None] >= normal).double().mean().item(),
        ),
        Mistake(
            "the wrong way round",
            "A strange example should score higher than a normal one.",
            lambda normal, strange: area(strange, normal),
        ),
        Mistake(
            "accuracy at one threshold",
            "AUROC has no threshold: it compares pairs.",
            (
                lambda normal, strange: _accuracy(normal, strange, torch.cat([normal, strange]).mean()),
                lambda normal, strange: _accuracy(normal, strange, torch.cat([normal, strange]).median()),
                lambda normal, strange: _accuracy(normal, strange, normal.max()),
            ),
        ),
        Mistake(
            "pairs in order instead of all pairs",
            "The first strange example must be compared with every normal one, not only with the first.",
            lambda normal, strange: (
                (
                    (_cut(strange, normal) > _cut(normal, strange)).double()
                    + 0.5 * (_cut(strange, normal) == _cut(normal, strange)).double()
                )
                .mean()
                .item()
            ),
        ),
    ),
    reference=area,
    cases=_score_cases,
    low=0.0,
    high=1.0,
)


def _accuracy(normal: Tensor, strange: Tensor, threshold: Tensor) -> float:
    return torch.cat([normal <= threshold, strange > threshold]).double().mean().item()


def _cut(values: Tensor, other: Tensor) -> Tensor:
    return values[: min(len(values), len(other))]


def held_fixed(codes: Tensor, attributes: Tensor) -> Tensor:
    design = torch.cat([torch.ones(len(codes), 1, dtype=codes.dtype), attributes], dim=1)
    coefficients = torch.linalg.lstsq(design, codes).solution
    return coefficients[1:]


def _regression_cases(seed: int) -> list[tuple]:
    """Attributes that come together, so that other recipes give other vectors."""
    generator = torch.Generator().manual_seed(seed)
    cases = []
    for n, latent, columns in ((60, 3, 2), (80, 2, 3)):
        first = torch.rand(n, 1, generator=generator) < 0.5
        flips = torch.rand(n, columns - 1, generator=generator) < 0.25
        attributes = torch.cat([first, first ^ flips], dim=1).double()
        effect = torch.randn(columns, latent, generator=generator, dtype=torch.float64)
        noise = torch.randn(n, latent, generator=generator, dtype=torch.float64)
        cases.append((2.0 + attributes @ effect + 0.1 * noise, attributes))
    return cases


def _one_by_one(codes: Tensor, attributes: Tensor) -> Tensor:
    has = attributes.bool()
    return torch.stack([codes[row].mean(0) - codes[~row].mean(0) for row in has.T])


def _centered(values: Tensor) -> Tensor:
    return values - values.mean(0)


HELD_FIXED = Exercise(
    id="09.5",
    title="One vector, the others held fixed",
    contract="held_fixed(codes, attributes): codes (n, latent) and attributes (n, A) of 0 and 1, both float. "
    "Returns (A, latent): for each attribute the change of the mean code when it goes from 0 to 1 and all "
    "the others stay, by least squares over all attributes at once.",
    stub='''def held_fixed(codes: torch.Tensor, attributes: torch.Tensor) -> torch.Tensor:
    """codes: (n, latent); attributes: (n, A), 0 or 1. Returns (A, latent)."""
    ...''',
    hints=(
        "The model: code ≈ base + attributes @ vectors. Which numbers are unknown?",
        "torch.linalg.lstsq(design, codes).solution gives one row for each column of the design.",
        "The base needs a column of ones in the design; its row is not part of the answer.",
    ),
    mistakes=(
        Mistake(
            "each attribute by itself",
            "That is the mean difference: attributes that come together carry each other along.",
            _one_by_one,
        ),
        Mistake(
            "no column of ones",
            "Without a base, the vectors must also explain where a code lies with no attribute at all.",
            lambda codes, attributes: torch.linalg.lstsq(attributes, codes).solution,
        ),
        Mistake(
            "the base left in the answer",
            "One row for each attribute: the base is no attribute.",
            lambda codes, attributes: (
                torch.linalg.lstsq(
                    torch.cat([torch.ones_like(attributes[:, :1]), attributes], dim=1), codes
                ).solution
            ),
        ),
        Mistake(
            "attributes predicted from codes",
            "That is a probe: it tells attributes apart. You want what an attribute does to the code.",
            lambda codes, attributes: torch.linalg.lstsq(_centered(codes), _centered(attributes)).solution.T,
        ),
        Mistake(
            "transposed",
            "One row for each attribute.",
            lambda codes, attributes: held_fixed(codes, attributes).T,
        ),
        Mistake(
            "covariances without dividing by the attributes' own",
            "Attributes that come together share their covariance; least squares divides it up.",
            (
                lambda codes, attributes: _centered(attributes).T @ _centered(codes) / len(codes),
                lambda codes, attributes: _centered(attributes).T @ _centered(codes) / (len(codes) - 1),
                lambda codes, attributes: _centered(attributes).T @ _centered(codes),
            ),
        ),
    ),
    reference=held_fixed,
    cases=_regression_cases,
)
