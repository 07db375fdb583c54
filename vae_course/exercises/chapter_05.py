"""Exercises of chapter 05, in order; this file holds the loss translator and the best scale."""

from __future__ import annotations

import torch
from torch import Tensor

from vae_course.exercises.chapter_05_fingerprints import FINGERPRINTS
from vae_course.exercises.chapter_05_gaussian import GAUSSIAN_NATS
from vae_course.exercises.chapter_05_normalizer import LOG_NORMALIZER
from vae_course.exercises.exercise import Exercise, Mistake

HALVES = {"mse": 0.5, "bce": 1.0, "l1": 1.0}


def beta_of(error: str, features: int, error_weight: float, kl_weight: float) -> float:
    nats_per_error = {"mse": 0.5, "bce": 1.0, "l1": 1.0}[error]
    error_factor = error_weight / features  # what one pixel's error is multiplied with
    return kl_weight * nats_per_error / error_factor


def _beta_cases(seed: int) -> list[tuple]:
    return [
        ("mse", 784, 1.0, 1 / 784),
        ("bce", 1024, 500.0, 1.0),
        ("l1", 12288, 1.0, 0.0005),
        ("mse", 3072, 2000.0, 3.0),
        ("bce", 10, 2.5, 0.7),
    ]


BETA_OF = Exercise(
    id="05.1",
    title="Read off β",
    contract="beta_of(error, features, error_weight, kl_weight): the loss is error_weight * error "
    "averaged over batch and pixels + kl_weight * KL (summed over latent dimensions, averaged over the "
    "batch). error is 'mse' (no ½), 'bce' or 'l1'; features is the number of pixels times channels. "
    "Returns the β of reconstruction + β * KL in nats per example, for the likelihood of "
    "unit scale: a number >= 0.",
    stub='''def beta_of(error: str, features: int, error_weight: float, kl_weight: float) -> float:
    """The effective β of error_weight * mean error + kl_weight * KL; error: "mse", "bce" or "l1"."""
    ...''',
    hints=(
        "Write the loss as a · (sum of the errors of one picture) + b · KL. What is a?",
        "Which multiple of the summed squared error is −log p(x|z) of a Gaussian with σ = 1?",
        "A loss times a constant has the same minimum: divide by whatever stands before −log p(x|z).",
    ),
    mistakes=(
        Mistake(
            "one half forgotten",
            "The Gaussian with σ = 1 has ½ (x − x̂)² in its exponent; what about the other two?",
            (
                lambda e, n, a, b: b * n / a,
                lambda e, n, a, b: b * n / a / HALVES[e],
            ),
        ),
        Mistake(
            "one half for every error",
            "Only one of the three errors is squared.",
            lambda e, n, a, b: 0.5 * b * n / a,
        ),
        Mistake(
            "number of pixels forgotten",
            "A mean over pixels is a sum divided by what?",
            lambda e, n, a, b: b * HALVES[e] / a,
        ),
        Mistake(
            "divided by the number of pixels",
            "Averaging makes the error small beside the KL. Does that make β larger or smaller?",
            lambda e, n, a, b: b * HALVES[e] / (a * n),
        ),
        Mistake(
            "upside down",
            "β stands before the KL. With twice the KL weight it should double.",
            lambda e, n, a, b: a / (n * b * HALVES[e]),
        ),
        Mistake(
            "error weight ignored",
            "Make the error ten times as heavy: the KL then matters less.",
            lambda e, n, a, b: b * HALVES[e] * n,
        ),
        Mistake(
            "error weight multiplied",
            "A heavier error means a smaller β.",
            lambda e, n, a, b: b * HALVES[e] * n * a,
        ),
    ),
    reference=beta_of,
    cases=_beta_cases,
    low=0.0,
)


def best_scale(x: Tensor, x_hat: Tensor) -> Tensor:
    return (x - x_hat).abs().mean()


def _scale_cases(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    cases = []
    for shape in [(5, 1, 4, 4), (3, 3, 6, 2)]:
        x, noise = torch.rand(shape, generator=generator), torch.rand(shape, generator=generator)
        cases.append((x, 0.7 * x + 0.4 * noise**2))
    return cases


BEST_SCALE = Exercise(
    id="05.3",
    title="The scale that the data ask for",
    contract="best_scale(x, x_hat): both (batch, channel, height, width) float tensors. Returns the one "
    "scale b for all pixels that maximizes the sum of the Laplace log-densities −|x − x_hat| / b − log 2b: a "
    "number > 0 in units of pixel values.",
    stub='''def best_scale(x: torch.Tensor, x_hat: torch.Tensor) -> torch.Tensor:
    """x, x_hat: (batch, channel, height, width). Returns the b with the highest Laplace likelihood."""
    ...''',
    hints=(
        "Write −log p of all pixels as a function of b: one term falls with b, the other one grows.",
        "Set the derivative with respect to b to 0. Section 7 does the same for σ.",
    ),
    mistakes=(
        Mistake(
            "root mean squared error",
            "That is the best σ of a Gaussian. Which error stands in the exponent here?",
            lambda x, y: (x - y).square().mean().sqrt(),
        ),
        Mistake(
            "mean squared error",
            "b is measured in the units of a pixel, not in squared ones.",
            lambda x, y: (x - y).square().mean(),
        ),
        Mistake(
            "signed error",
            "Too bright here and too dark there do not cancel.",
            (lambda x, y: (x - y).mean(), lambda x, y: (y - x).mean(), lambda x, y: (x - y).mean().abs()),
        ),
        Mistake(
            "median error",
            "The median is best for x̂. For b, set the derivative to 0 once more.",
            lambda x, y: (x - y).abs().median(),
        ),
        Mistake(
            "summed over the pixels",
            "There is one error for each pixel, and b is their typical size.",
            (
                lambda x, y: (x - y).abs().flatten(1).sum(1).mean(),
                lambda x, y: (x - y).abs().sum(),
            ),
        ),
        Mistake(
            "one scale for each picture",
            "One number for all pictures is asked for.",
            lambda x, y: (x - y).abs().flatten(1).mean(1),
        ),
        Mistake(
            "standard deviation of the Laplace",
            "σ = √2·b is the standard deviation; b itself is asked for.",
            lambda x, y: 2**0.5 * (x - y).abs().mean(),
        ),
        Mistake(
            "factor 2 of the normalizer",
            "log 2b = log 2 + log b: does the 2 survive the derivative?",
            (lambda x, y: 2 * (x - y).abs().mean(), lambda x, y: 0.5 * (x - y).abs().mean()),
        ),
    ),
    reference=best_scale,
    cases=_scale_cases,
)

EXERCISES = (BETA_OF, LOG_NORMALIZER, BEST_SCALE, GAUSSIAN_NATS, FINGERPRINTS)
