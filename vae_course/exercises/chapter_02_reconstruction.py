"""Exercise of chapter 02: the Bernoulli reconstruction term, in nats for each example."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from vae_course.exercises.exercise import Exercise, Mistake


def reconstruction_nats(logits: Tensor, x: Tensor) -> Tensor:
    per_pixel = F.binary_cross_entropy_with_logits(logits, x, reduction="none")
    return per_pixel.flatten(start_dim=1).sum(-1)


def _cases(seed: int) -> list[tuple]:
    """Logits inside (0, 1), so that they pass for probabilities; ordinary ones; and huge ones."""
    generator = torch.Generator().manual_seed(seed)
    shape = (5, 1, 4, 3)
    ones = (torch.rand(shape, generator=generator) < 0.4).float()
    grey = torch.rand((3, 1, 4, 4), generator=generator)
    return [
        (0.1 + 0.8 * torch.rand(shape, generator=generator), ones),
        (2 * torch.randn(grey.shape, generator=generator), grey),
        (150 * torch.randn(shape, generator=generator).sign(), ones),
    ]


def _from_probabilities(p: Tensor, x: Tensor, keep_away: float = 0.0) -> Tensor:
    return -(x * (p + keep_away).log() + (1 - x) * (1 - p + keep_away).log()).flatten(1).sum(-1)


def _guarded_logarithms(probability: Callable[[Tensor], Tensor]) -> tuple[Callable, ...]:
    """How people keep log(0) away: not at all, PyTorch's clamp, adding or clamping at epsilon."""

    def plus(epsilon: float) -> Callable:
        return lambda logits, x: _from_probabilities(probability(logits), x, epsilon)

    def clamped(epsilon: float) -> Callable:
        return lambda logits, x: _from_probabilities(probability(logits).clamp(epsilon, 1 - epsilon), x)

    def torch_clamp(logits: Tensor, x: Tensor) -> Tensor:
        return F.binary_cross_entropy(probability(logits), x, reduction="none").flatten(1).sum(-1)

    epsilons = (1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12)
    return (plus(0.0), torch_clamp, *map(plus, epsilons), *map(clamped, epsilons))


def _bce(logits: Tensor, x: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, x, reduction="none")


RECONSTRUCTION = Exercise(
    id="02.3",
    title="The reconstruction term of a Bernoulli decoder",
    contract="reconstruction_nats(logits, x): both (batch, channel, height, width) float tensors; logits are "
    "the decoder's output, x is in [0, 1]. Returns -log p(x|z) of each example, in nats, summed over pixels: "
    "(batch,), finite also for logits of ±150.",
    stub='''def reconstruction_nats(logits: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """logits, x: (batch, channel, height, width). Returns -log p(x|z) in nats, shape (batch,)."""
    ...''',
    hints=(
        "One pixel: -log p(x|z) = -x log π - (1 - x) log(1 - π), where π = sigmoid(logit).",
        "For a logit of 150, π is exactly 1 in floating point and log(1 - π) is lost: work with logits.",
        "binary_cross_entropy_with_logits does that. Mind its reduction: sum over pixels, not over images.",
    ),
    mistakes=(
        Mistake(
            "averaged over the pixels",
            "Pixels are independent given z: do their log-probabilities add up or average?",
            lambda logits, x: _bce(logits, x).flatten(1).mean(-1),
        ),
        Mistake(
            "averaged over everything",
            "One number per image is asked for, a sum over its pixels. What does `reduction` do by default?",
            (
                lambda logits, x: _bce(logits, x).mean(),
                lambda logits, x: _bce(logits, x).flatten(1).sum(-1).mean(),
            ),
        ),
        Mistake(
            "summed over the batch",
            "One number per image is asked for: sum over pixels only.",
            (lambda logits, x: _bce(logits, x).sum(), lambda logits, x: _bce(logits, x).sum(0)),
        ),
        Mistake(
            "not summed over the pixels",
            "These are the terms of each pixel. What is -log p of the whole image?",
            (
                _bce,
                lambda logits, x: _bce(logits, x).flatten(1),
                lambda logits, x: _bce(logits, x).sum(-1),
                lambda logits, x: _bce(logits, x).sum(1),
            ),
        ),
        Mistake(
            "flipped sign",
            "A log-probability of pixels is never positive, so its negative is never negative.",
            lambda logits, x: -_bce(logits, x).flatten(1).sum(-1),
        ),
        Mistake(
            "logits taken for probabilities",
            "The decoder's output is any real number; a probability is not.",
            _guarded_logarithms(lambda logits: logits),
        ),
        Mistake(
            "sigmoid applied twice",
            "One function in your code already contains the sigmoid.",
            (
                lambda logits, x: _bce(torch.sigmoid(logits), x).flatten(1).sum(-1),
                *_guarded_logarithms(lambda logits: torch.sigmoid(torch.sigmoid(logits))),
            ),
        ),
        Mistake(
            "logarithm of a saturated sigmoid",
            "Right for small logits. At ±150 the sigmoid is exactly 0 or 1: stay with logits instead.",
            _guarded_logarithms(torch.sigmoid),
        ),
        Mistake(
            "arguments swapped",
            "Which of the two is the data, and which the decoder's output?",
            lambda logits, x: _bce(x, logits).flatten(1).sum(-1),
        ),
        Mistake(
            "dark pixels left out",
            "A pixel that is 0 also has a probability.",
            lambda logits, x: -(x * F.logsigmoid(logits)).flatten(1).sum(-1),
        ),
        Mistake(
            "squared error",
            "That is the negative log-likelihood of another distribution, up to constants.",
            (
                lambda logits, x: ((torch.sigmoid(logits) - x) ** 2).flatten(1).sum(-1),
                lambda logits, x: ((logits - x) ** 2).flatten(1).sum(-1),
                lambda logits, x: ((torch.sigmoid(logits) - x) ** 2).mean(),
            ),
        ),
    ),
    reference=reconstruction_nats,
    cases=_cases,
    low=0.0,
)
