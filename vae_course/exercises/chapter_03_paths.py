"""Exercises of chapter 03 on moving through the code."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from vae_course.exercises.exercise import Exercise, Mistake


def chain(codes: Tensor, steps: int) -> Tensor:
    t = torch.arange(steps, dtype=codes.dtype)[:, None] / steps
    legs = [(1 - t) * start + t * end for start, end in pairwise(codes)]
    return torch.cat([*legs, codes[-1:]])


def _chain_cases(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    return [
        (torch.randn(n, latent, generator=generator), steps)
        for n, latent, steps in ((4, 3, 5), (2, 2, 1), (3, 16, 2))
    ]


def _legs(codes: Tensor, t: Tensor) -> list[Tensor]:
    return [(1 - t)[:, None] * start + t[:, None] * end for start, end in pairwise(codes)]


CHAIN = Exercise(
    id="03.4",
    title="A path through several codes",
    contract="chain(codes, steps): float tensor (n, latent) with n >= 2, and a whole number >= 1. Returns "
    "the codes of a walk in straight lines from the first to the last through all the others, `steps` equal "
    "steps on each leg, every given code exactly once: ((n - 1) * steps + 1, latent).",
    stub='''def chain(codes: torch.Tensor, steps: int) -> torch.Tensor:
    """codes: (n, latent). Returns a walk through all of them, ((n - 1) * steps + 1, latent)."""
    ...''',
    hints=(
        "Count for n = 2 and steps = 1: only the two codes themselves.",
        "The end of one leg is the start of the next: let each leg leave out its end.",
        "What is missing then? Add it once, after the last leg.",
    ),
    mistakes=(
        Mistake(
            "inner codes twice",
            "The walk stands still for a step at every code in the middle.",
            lambda codes, steps: torch.cat(_legs(codes, torch.linspace(0, 1, steps + 1))),
        ),
        Mistake(
            "last code missing",
            "Does the walk arrive?",
            lambda codes, steps: chain(codes, steps)[:-1],
        ),
        Mistake(
            "first code missing",
            "Where does the walk start?",
            lambda codes, steps: chain(codes, steps)[1:],
        ),
        Mistake(
            "walked backwards",
            "Which end belongs to t = 0?",
            (
                lambda codes, steps: chain(codes.flip(0), steps),
                lambda codes, steps: torch.cat(
                    [*[leg.flip(0)[:-1] for leg in _legs(codes, torch.linspace(0, 1, steps + 1))], codes[-1:]]
                ),
            ),
        ),
        Mistake(
            "walk closed to a loop",
            "Nobody asked to come back to the start.",
            lambda codes, steps: chain(torch.cat([codes, codes[:1]]), steps),
        ),
        Mistake(
            "codes in the middle skipped",
            "Straight from the first to the last? There were others to visit.",
            lambda codes, steps: chain(codes[[0, -1]], steps * (len(codes) - 1)),
        ),
    ),
    reference=chain,
    cases=_chain_cases,
)


def move_to(codes: Tensor, weight: Tensor, bias: float, target: float) -> Tensor:
    missing = target - (codes @ weight + bias)
    return codes + missing[:, None] * weight / (weight @ weight)


def _move_cases(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    return [
        (torch.randn(n, k, generator=generator), 0.7 * torch.randn(k, generator=generator), bias, target)
        for n, k, bias, target in ((4, 3, 0.5, 2.0), (2, 8, -1.0, 0.3), (3, 2, 0.25, -1.5))
    ]


def _missing(codes: Tensor, weight: Tensor, bias: float, target: float) -> Tensor:
    return (target - (codes @ weight + bias))[:, None]


MOVE_TO = Exercise(
    id="03.5",
    title="Give every picture the same slant",
    contract="A property of a picture is read off its code z as weight·z + bias (a linear regression). "
    "move_to(codes, weight, bias, target): codes (n, latent) and weight (latent,) float tensors, bias and "
    "target numbers. Returns the codes (n, latent) whose property is `target`, each moved as little as "
    "possible.",
    stub='''def move_to(
    codes: torch.Tensor, weight: torch.Tensor, bias: float, target: float
) -> torch.Tensor:
    """codes: (n, latent), weight: (latent,). Returns the nearest codes with the target, (n, latent)."""
    ...''',
    hints=(
        "All codes with weight·z + bias = target form a plane. In which direction is it nearest?",
        "Move along weight. A step of s·weight changes the property by s·(weight·weight).",
        "How much is missing, for each code? Then which s?",
    ),
    mistakes=(
        Mistake(
            "what the code already has forgotten",
            "A code that has the target already should stay where it is.",
            (
                lambda z, w, bias, target: z + target * w / (w @ w),
                lambda z, w, bias, target: z + (target - bias) * w / (w @ w),
            ),
        ),
        Mistake(
            "bias forgotten",
            "The property of the code 0 is the bias.",
            lambda z, w, bias, target: move_to(z, w, 0.0, target),
        ),
        Mistake(
            "divided by the norm, not by its square",
            "Move by s·weight and compute how far the property moves.",
            lambda z, w, bias, target: z + _missing(z, w, bias, target) * w / w.norm(),
        ),
        Mistake(
            "weight not normalized",
            "Move by s·weight and compute how far the property moves.",
            lambda z, w, bias, target: z + _missing(z, w, bias, target) * w,
        ),
        Mistake(
            "moved away from the target",
            "Compute the property after the move: is it nearer to the target?",
            lambda z, w, bias, target: z - _missing(z, w, bias, target) * w / (w @ w),
        ),
        Mistake(
            "the same move for all",
            "Every code has its own distance to the target.",
            lambda z, w, bias, target: z + _missing(z, w, bias, target).mean() * w / (w @ w),
        ),
        Mistake(
            "all dimensions moved alike",
            "There is a shorter way: not every dimension matters equally for the property.",
            lambda z, w, bias, target: z + _missing(z, w, bias, target) / w.sum(),
        ),
        Mistake(
            "everything but the property thrown away",
            "The property is right, but what happened to the rest of the picture?",
            lambda z, w, bias, target: ((target - bias) * w / (w @ w)).expand_as(z),
        ),
    ),
    reference=move_to,
    cases=_move_cases,
)
