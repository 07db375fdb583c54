"""Exercise of chapter 11: the reconstruction term in the discriminator's hidden layer."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from vae_course.exercises.compare import to_tensor
from vae_course.exercises.exercise import Exercise, Mistake
from vae_course.exercises.grading import ContractBroken


def feature_nats(rebuilt: Tensor, real: Tensor, variance: Tensor) -> Tensor:
    difference = rebuilt - real.detach()
    return 0.5 * (difference.square() / variance[:, None, None]).sum((1, 2, 3))


def _observe(call: Callable, rebuilt: Tensor, real: Tensor, variance: Tensor) -> dict[str, Tensor]:
    """The values, and whether their gradients reach the two feature maps."""
    rebuilt, real = rebuilt.requires_grad_(), real.requires_grad_()
    value = call(rebuilt, real, variance)
    if not isinstance(value, Tensor):
        raise ContractBroken(f"Expected a tensor of shape (batch,); got {type(value).__name__}.")
    seen = {"nats": to_tensor(value)}
    for name, features in (("rebuilt", rebuilt), ("real", real)):
        gradient = None
        if value.requires_grad:
            (gradient,) = torch.autograd.grad(value.sum(), features, retain_graph=True, allow_unused=True)
        seen[name] = torch.tensor(0.0 if gradient is None else float(gradient.abs().sum() > 0))
    return seen


def _cases(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    return [
        (
            torch.randn(shape, generator=generator),
            torch.randn(shape, generator=generator),
            0.2 + 3 * torch.rand(shape[1], generator=generator),
        )
        for shape in [(4, 3, 2, 2), (2, 5, 3, 1), (3, 2, 4, 4)]
    ]


def _variant(
    *,
    cut: Callable = torch.detach,
    unit: Callable = lambda variance: variance,
    factor: float = 0.5,
    reduce: Callable = lambda nats: nats.sum((1, 2, 3)),
    error: Callable = torch.square,
) -> Callable:
    """The reference with one thing changed."""
    return lambda rebuilt, real, variance: reduce(
        factor * error(rebuilt - cut(real)) / unit(variance[:, None, None])
    )


FEATURE_NATS = Exercise(
    id="11.2",
    title="A ruler that must not bend",
    contract="feature_nats(rebuilt, real, variance): rebuilt and real (batch, channels, height, width) float "
    "tensors, what the discriminator's hidden layer says about the reconstruction and about the picture; "
    "variance (channels,), > 0. Returns for each example ½ Σ (rebuilt − real)² / variance, summed over "
    "channels and places: (batch,). Its gradient reaches `rebuilt` and does not reach `real`.",
    stub='''def feature_nats(rebuilt: torch.Tensor, real: torch.Tensor, variance: torch.Tensor):
    """rebuilt, real: (batch, channels, height, width); variance: (channels,). Returns nats, (batch,)."""
    ...''',
    hints=(
        "It is the exponent of a Gaussian whose variance differs from channel to channel.",
        "variance[:, None, None] lines up with the channels.",
        "Which of the two pictures is the model allowed to change? What does .detach() do to the other?",
    ),
    mistakes=(
        Mistake(
            "detach forgotten",
            "The values are right, but the real picture's features receive a gradient too: the ruler would "
            "learn to shrink the distance.",
            _variant(cut=lambda real: real),
        ),
        Mistake(
            "reconstruction detached",
            "Now nothing is learned from it: it is the reconstruction that has to move.",
            (
                lambda rebuilt, real, v: feature_nats(rebuilt.detach(), real, v),
                lambda rebuilt, real, v: _variant(cut=lambda r: r)(rebuilt.detach(), real, v),
            ),
        ),
        Mistake(
            "one half forgotten",
            "What stands in the exponent of a Gaussian?",
            (_variant(factor=1.0), _variant(factor=1.0, cut=lambda real: real)),
        ),
        Mistake(
            "averaged over the features",
            "Independent features: their nats add up. An average is far too small beside the KL.",
            (
                _variant(reduce=lambda nats: nats.mean((1, 2, 3))),
                _variant(reduce=lambda nats: nats.mean((1, 2, 3)), factor=1.0),
                _variant(reduce=lambda nats: nats.mean((2, 3)).sum(1)),
            ),
        ),
        Mistake(
            "summed or averaged over the batch",
            "One number for each example is asked for.",
            (_variant(reduce=torch.sum), _variant(reduce=torch.mean)),
        ),
        Mistake(
            "variance ignored",
            "Without its unit a channel counts as much as the discriminator likes.",
            _variant(unit=torch.ones_like),
        ),
        Mistake(
            "standard deviation in place of the variance",
            "The error is squared, so its unit is squared too.",
            _variant(unit=torch.sqrt),
        ),
        Mistake(
            "variance multiplied",
            "A channel that varies much should count less.",
            _variant(unit=lambda v: 1 / v),
        ),
        Mistake("error not squared", "The exponent of a Gaussian is quadratic.", _variant(error=torch.abs)),
    ),
    reference=feature_nats,
    observe=_observe,
    cases=_cases,
)
