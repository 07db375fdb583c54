"""Exercise of chapter 06 on a remedy: the penalty on the discriminator's slope."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from vae_course.exercises.chapter_06_game import gradient_of, nets, players
from vae_course.exercises.exercise import Exercise, Mistake
from vae_course.exercises.grading import ContractBroken


def slope_penalty(discriminator: nn.Module, real: Tensor) -> Tensor:
    real = real.detach().requires_grad_()
    (slope,) = torch.autograd.grad(discriminator(real).sum(), real, create_graph=True)
    return slope.square().sum(1).mean()


def _observe_penalty(call: Callable, n: int, scale: float) -> dict[str, Any]:
    """The penalty, and the gradient that it has for the discriminator."""
    _, discriminator, real, _ = players(n, scale)
    penalty = call(discriminator, real)
    if not torch.is_tensor(penalty) or penalty.numel() != 1:
        raise ContractBroken("Return the penalty as a tensor with one element.")
    return {"penalty": penalty.reshape(()), "its gradient": gradient_of(penalty, discriminator)}


def _penalty(
    *,
    create_graph: bool = True,
    reduce: Callable[[Tensor], Tensor] = lambda slope: slope.square().sum(1).mean(),
    score: Callable[[Tensor], Tensor] = torch.sum,
) -> Callable:
    """The reference with one thing changed."""

    def broken(discriminator, real):
        real = real.detach().requires_grad_()
        (slope,) = torch.autograd.grad(score(discriminator(real)), real, create_graph=create_graph)
        return reduce(slope)

    return broken


def _of_the_weights(discriminator: nn.Module, real: Tensor) -> Tensor:
    found = torch.autograd.grad(
        discriminator(real).sum(), list(discriminator.parameters()), create_graph=True
    )
    return sum(g.square().sum() for g in found)


GRADIENT_PENALTY = Exercise(
    id="06.4",
    title="The gradient penalty",
    contract="slope_penalty(discriminator, real): a module that returns logits (n,), and real points (n, 2), "
    "a float tensor without gradient. Returns R1 before its weight: the mean over the points of the squared "
    "Euclidean norm of the score's gradient with respect to the point, a scalar >= 0 that the "
    "discriminator's optimizer can minimize.",
    stub='''def slope_penalty(discriminator: torch.nn.Module, real: torch.Tensor) -> torch.Tensor:
    """real: (n, 2). Returns the mean squared norm of the score's slope at the points, a scalar."""
    ...''',
    hints=(
        "The slope is with respect to the point, so the point needs requires_grad.",
        "One call of torch.autograd.grad on the summed scores gives the slope of every point by itself. Why?",
        "The penalty must itself have a gradient: what does create_graph do?",
    ),
    mistakes=(
        Mistake(
            "create_graph forgotten",
            "The value is right, but it is a constant: minimizing it moves no weight.",
            (
                _penalty(create_graph=False),
                lambda discriminator, real: slope_penalty(discriminator, real).detach(),
            ),
        ),
        Mistake(
            "norm not squared",
            "R1 squares the norm.",
            _penalty(reduce=lambda slope: slope.norm(dim=1).mean()),
        ),
        Mistake(
            "norm pulled to 1",
            "That is WGAN-GP's penalty. R1 wants the slope at data to be 0.",
            _penalty(reduce=lambda slope: (slope.norm(dim=1) - 1).square().mean()),
        ),
        Mistake(
            "averaged over the coordinates",
            "A squared norm is a sum over coordinates.",
            _penalty(reduce=lambda slope: slope.square().mean()),
        ),
        Mistake(
            "summed over the points",
            "The penalty must not grow with the batch.",
            _penalty(reduce=lambda slope: slope.square().sum()),
        ),
        Mistake(
            "slope of the mean score",
            "Each point's slope is then divided by n, and its square by n².",
            _penalty(score=torch.mean),
        ),
        Mistake(
            "slope of the probability",
            "R1 takes the slope of the logit. The probability is flat where the discriminator is sure.",
            _penalty(score=lambda scores: scores.sigmoid().sum()),
        ),
        Mistake(
            "slope with respect to the weights",
            "The score should not be steep as a function of the point.",
            _of_the_weights,
        ),
    ),
    reference=slope_penalty,
    cases=nets,
    observe=_observe_penalty,
)
