"""Exercise of chapter 05: the reconstruction term of a Gaussian decoder whose σ is learned."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from vae_course.exercises.exercise import Exercise, Mistake

HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)


def gaussian_nats(x: Tensor, x_hat: Tensor, log_sigma: Tensor) -> Tensor:
    squared = ((x - x_hat) * torch.exp(-log_sigma)).square()
    return (0.5 * squared + log_sigma + 0.5 * math.log(2 * math.pi)).flatten(1).sum(1)


def _cases(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    cases = []
    for shape, log_sigma in [((4, 1, 3, 3), -1.2), ((2, 3, 2, 4), 0.4), ((3, 1, 4, 4), -0.5)]:
        x, x_hat = torch.rand(shape, generator=generator), torch.rand(shape, generator=generator)
        cases.append((x, x_hat, torch.tensor(log_sigma)))
    return cases


def _variant(
    *,
    error: Callable = lambda d, log_sigma: 0.5 * d.square() * torch.exp(-2 * log_sigma),
    log_term: Callable = lambda log_sigma: log_sigma,
    constant: float = HALF_LOG_TWO_PI,
    reduce: Callable = lambda nats: nats.flatten(1).sum(1),
) -> Callable:
    """The reference with one thing changed."""
    return lambda x, x_hat, log_sigma: reduce(error(x - x_hat, log_sigma) + log_term(log_sigma) + constant)


def _once(x: Tensor, x_hat: Tensor, log_sigma: Tensor) -> Tensor:
    error = 0.5 * ((x - x_hat).square() * torch.exp(-2 * log_sigma)).flatten(1).sum(1)
    return error + log_sigma + HALF_LOG_TWO_PI


GAUSSIAN_NATS = Exercise(
    id="05.4",
    title="A reconstruction term that can learn its σ",
    contract="gaussian_nats(x, x_hat, log_sigma): x and x_hat (batch, channel, height, width) float tensors, "
    "log_sigma a tensor with one number, log σ of every pixel. Returns −log N(x; x_hat, σ²) of each example "
    "in nats, summed over pixels, with all constants: (batch,). It may be negative: it is a density.",
    stub='''def gaussian_nats(x: torch.Tensor, x_hat: torch.Tensor, log_sigma: torch.Tensor) -> torch.Tensor:
    """x, x_hat: (batch, channel, height, width). Returns −log N(x; x_hat, σ²) in nats, shape (batch,)."""
    ...''',
    hints=(
        "Start with one pixel; the density of a Gaussian has a factor in front and an exponent.",
        "Each pixel pays for its own factor in front.",
        "log_sigma is log σ, not log σ²: how do you get 1 / σ² from it?",
    ),
    mistakes=(
        Mistake(
            "log σ left out",
            "Without it σ can grow without end and make every error free: nothing holds it back.",
            (
                _variant(log_term=torch.zeros_like),
                _variant(log_term=torch.zeros_like, constant=0.0),
            ),
        ),
        Mistake(
            "log σ counted once for each picture",
            "Every pixel has its own density, and pays its own log σ.",
            (
                _once,
                lambda x, y, s: _once(x, y, s) + (x[0].numel() - 1) * HALF_LOG_TWO_PI,
            ),
        ),
        Mistake(
            "constant left out",
            "½ log 2π for each pixel: no matter for training, but the number is no density without it.",
            _variant(constant=0.0),
        ),
        Mistake(
            "log σ taken for log σ²",
            "Twice log σ is log σ².",
            (
                _variant(error=lambda d, s: 0.5 * d.square() * torch.exp(-s), log_term=lambda s: 0.5 * s),
                _variant(error=lambda d, s: 0.5 * d.square() * torch.exp(-s)),
            ),
        ),
        Mistake(
            "log σ² in the place of log σ",
            "The factor in front is 1 / σ: its logarithm is −log σ.",
            _variant(log_term=lambda s: 2 * s),
        ),
        Mistake(
            "one half forgotten",
            "What stands in the exponent of a Gaussian?",
            _variant(error=lambda d, s: d.square() * torch.exp(-2 * s)),
        ),
        Mistake(
            "sign of log σ",
            "A wide Gaussian is low everywhere: a large σ must cost something.",
            _variant(log_term=lambda s: -s),
        ),
        Mistake(
            "averaged over the pixels",
            "Independent pixels: their log-densities add up.",
            _variant(reduce=lambda nats: nats.flatten(1).mean(1)),
        ),
        Mistake(
            "summed or averaged over the batch",
            "One number for each example is asked for.",
            (
                _variant(reduce=torch.sum),
                _variant(reduce=torch.mean),
                _variant(reduce=lambda nats: nats.flatten(1).sum(1).mean()),
            ),
        ),
        Mistake(
            "log-density instead of its negative",
            "The reconstruction term is a cost.",
            _variant(reduce=lambda nats: -nats.flatten(1).sum(1)),
        ),
    ),
    reference=gaussian_nats,
    cases=_cases,
)
