"""Exercises of chapter 01, in order; this file holds the first two: a density and a marginal."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vae_course.exercises.chapter_01_bounds import ELBO, IMPORTANCE_WEIGHTED, KL_GAUSSIANS
from vae_course.exercises.chapter_01_models import OBJECTIVES
from vae_course.exercises.exercise import Exercise, Mistake


def gaussian_log_density(x: Tensor, mean: Tensor, std: float) -> Tensor:
    squares = ((x - mean) / std) ** 2
    return -0.5 * (squares + math.log(2 * math.pi * std**2)).sum(-1)


def _density_cases(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    shapes = [((5, 2), 0.3), ((4, 3), 1.7), ((6, 1), 0.8)]
    return [
        (torch.randn(shape, generator=generator), torch.randn(shape, generator=generator), std)
        for shape, std in shapes
    ]


def _squares(x: Tensor, mean: Tensor, std: float) -> Tensor:
    return ((x - mean) / std) ** 2


def _terms(x: Tensor, mean: Tensor, std: float) -> Tensor:
    """log N of each dimension, before the sum."""
    return -0.5 * (_squares(x, mean, std) + math.log(2 * math.pi * std**2))


DENSITY = Exercise(
    id="01.1",
    title="The log density of a Gaussian",
    contract="gaussian_log_density(x, mean, std): x and mean are (n, D) float tensors, std > 0 is one number "
    "(the standard deviation of every dimension). Returns log N(x; mean, std² I) of each row, in nats: (n,).",
    stub='''def gaussian_log_density(x: torch.Tensor, mean: torch.Tensor, std: float) -> torch.Tensor:
    """x, mean: (n, D); std: one number > 0. Returns log N(x; mean, std² I) in nats, shape (n,)."""
    ...''',
    hints=(
        "Write down the density of one number under N(mean, std²), then take its logarithm: two terms.",
        "The first term is a scaled squared distance. The second does not depend on x, but it does on std.",
        "The dimensions are independent, so their log densities add up, the second term included.",
    ),
    mistakes=(
        Mistake(
            "missing normalizer",
            "A density must integrate to 1; which factor in front of exp(...) takes care of that?",
            lambda x, mean, std: -0.5 * _squares(x, mean, std).sum(-1),
        ),
        Mistake(
            "normalizer without the standard deviation",
            "A wide Gaussian is also a low one: how does the factor in front of exp(...) depend on std?",
            lambda x, mean, std: -0.5 * (_squares(x, mean, std) + math.log(2 * math.pi)).sum(-1),
        ),
        Mistake(
            "normalizer counted once",
            "With D dimensions, how many one-dimensional densities are multiplied?",
            lambda x, mean, std: -0.5 * _squares(x, mean, std).sum(-1) - 0.5 * math.log(2 * math.pi * std**2),
        ),
        Mistake(
            "missing one half",
            "Compare your exponent with the one in the density's formula, factor by factor.",
            (
                lambda x, mean, std: 2 * _terms(x, mean, std).sum(-1),
                lambda x, mean, std: (_terms(x, mean, std) - 0.5 * _squares(x, mean, std)).sum(-1),
            ),
        ),
        Mistake(
            "standard deviation taken for the variance",
            "std is σ. Check the unit: what has to divide a squared distance to leave a pure number?",
            lambda x, mean, std: _terms(x, mean, std**0.5).sum(-1),
        ),
        Mistake(
            "flipped sign",
            "Far away from the mean, should the log density rise or fall?",
            lambda x, mean, std: -_terms(x, mean, std).sum(-1),
        ),
        Mistake(
            "averaged over the dimensions",
            "The densities of independent dimensions multiply. What do their logarithms do?",
            lambda x, mean, std: _terms(x, mean, std).mean(-1),
        ),
        Mistake(
            "not summed over the dimensions",
            "One number per row is asked for: the density of the whole vector.",
            _terms,
        ),
        Mistake(
            "summed over the batch",
            "One number per row is asked for; which axis holds the dimensions of one point?",
            (
                lambda x, mean, std: _terms(x, mean, std).sum(),
                lambda x, mean, std: _terms(x, mean, std).sum(0),
            ),
        ),
        Mistake(
            "density instead of its logarithm",
            "Return the logarithm itself; densities of many dimensions soon underflow.",
            lambda x, mean, std: _terms(x, mean, std).sum(-1).exp(),
        ),
    ),
    reference=gaussian_log_density,
    cases=_density_cases,
)


def log_marginal(log_joint: Tensor, dz: float) -> Tensor:
    return torch.logsumexp(log_joint, dim=-1) + math.log(dz)


def _marginal_cases(seed: int) -> list[tuple]:
    """Points on and far off the curve (z, sin 2z); far off, exp(log_joint) is 0 in floating point."""
    generator = torch.Generator().manual_seed(seed)
    cases = []
    for cells, distance in [(201, 0.5), (241, 0.5), (201, 40.0)]:
        z = torch.linspace(-6, 6, cells)
        curve = torch.stack([z, torch.sin(2 * z)], dim=-1)
        x = distance * torch.randn(4, 1, 2, generator=generator) + torch.tensor([0.0, distance])
        log_likelihood = -0.5 * (((x - curve) / 0.3) ** 2 + math.log(2 * math.pi * 0.3**2)).sum(-1)
        log_prior = -0.5 * (z**2 + math.log(2 * math.pi))
        cases.append((log_prior + log_likelihood, 12 / (cells - 1)))
    return cases


MARGINAL = Exercise(
    id="01.2",
    title="The marginal on a grid",
    contract="log_marginal(log_joint, dz): log_joint is an (n, G) float tensor, log p(x_i, z_g) on G values "
    "of z that are dz apart. Returns log p(x_i) = log ∫ p(x_i, z) dz in nats: (n,), finite even where "
    "every joint density underflows.",
    stub='''def log_marginal(log_joint: torch.Tensor, dz: float) -> torch.Tensor:
    """log_joint: (n, G), log p(x_i, z_g); dz: the grid's spacing. Returns log p(x_i) in nats, shape (n,)."""
    ...''',
    hints=(
        "An integral over z is a sum over the grid of height times width.",
        "Sums of densities need densities, and you have logarithms: exp, then sum, then log.",
        "exp(-3000) is 0 in floating point. torch.logsumexp does all three steps without that accident.",
    ),
    mistakes=(
        Mistake(
            "missing grid width",
            "If the grid were twice as fine, would your answer stay the same?",
            lambda log_joint, dz: torch.logsumexp(log_joint, -1),
        ),
        Mistake(
            "average over the grid",
            "An integral is height times width, added up. What if the grid reached twice as far?",
            lambda log_joint, dz: torch.logsumexp(log_joint, -1) - math.log(log_joint.shape[-1]),
        ),
        Mistake(
            "sum of logarithms",
            "The logarithm of a sum is not the sum (or the mean) of logarithms: which one is log p(x)?",
            (
                lambda log_joint, dz: log_joint.mean(-1),
                lambda log_joint, dz: log_joint.sum(-1),
                lambda log_joint, dz: log_joint.sum(-1) * dz,
                lambda log_joint, dz: log_joint.sum(-1) + math.log(dz),
                lambda log_joint, dz: log_joint.mean(-1) + math.log(dz),
            ),
        ),
        Mistake(
            "underflow",
            "The formula is right, but far from the curve it takes log 0. Keep the largest term out of exp.",
            lambda log_joint, dz: (log_joint.exp().sum(-1) * dz).log(),
        ),
        Mistake(
            "width outside the logarithm",
            "The width multiplies the density. What does it do to the logarithm?",
            (
                lambda log_joint, dz: torch.logsumexp(log_joint, -1) * dz,
                lambda log_joint, dz: torch.logsumexp(log_joint, -1) + dz,
            ),
        ),
        Mistake(
            "largest term only",
            "The best z explains most of x, but all of them together make up the integral.",
            (
                lambda log_joint, dz: log_joint.max(-1).values,
                lambda log_joint, dz: log_joint.max(-1).values + math.log(dz),
            ),
        ),
        Mistake(
            "wrong axis",
            "z must disappear from the result, x must stay: which axis is which?",
            (
                lambda log_joint, dz: torch.logsumexp(log_joint, 0) + math.log(dz),
                lambda log_joint, dz: torch.logsumexp(log_joint, (0, 1)) + math.log(dz),
            ),
        ),
        Mistake(
            "density instead of its logarithm",
            "log p(x) is asked for, in nats.",
            lambda log_joint, dz: log_joint.exp().sum(-1) * dz,
        ),
    ),
    reference=log_marginal,
    cases=_marginal_cases,
)

EXERCISES = (DENSITY, MARGINAL, ELBO, OBJECTIVES, KL_GAUSSIANS, IMPORTANCE_WEIGHTED)
