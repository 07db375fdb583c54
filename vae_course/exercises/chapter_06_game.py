"""Exercise of chapter 06 on the game: the losses of both players."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vae_course.exercises.exercise import Exercise, Mistake
from vae_course.exercises.grading import ContractBroken


def player_losses(
    generator: nn.Module, discriminator: nn.Module, real: Tensor, z: Tensor
) -> tuple[Tensor, Tensor]:
    fake = generator(z)
    loss_d = F.softplus(-discriminator(real)).mean() + F.softplus(discriminator(fake.detach())).mean()
    loss_g = F.softplus(-discriminator(fake)).mean()
    return loss_d, loss_g


def nets(seed: int) -> list[tuple]:
    return [(6, 1.0), (3, 4.0)]


def players(n: int, scale: float) -> tuple[nn.Module, nn.Module, Tensor, Tensor]:
    generator = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 2))
    score = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 1), nn.Flatten(0))
    with torch.no_grad():
        score[2].weight.mul_(scale)
    return generator, score, 1 + torch.randn(n, 2), torch.randn(n, 2)


def gradient_of(loss: Tensor, module: nn.Module) -> Tensor:
    """Gradient with respect to a module's parameters, zeros where the loss does not reach them."""
    parameters = list(module.parameters())
    if not loss.requires_grad:
        return torch.zeros(sum(p.numel() for p in parameters))
    found = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
    return torch.cat(
        [(torch.zeros_like(p) if g is None else g).flatten() for p, g in zip(parameters, found, strict=True)]
    )


def _observe_losses(call: Callable, n: int, scale: float) -> dict[str, Any]:
    """Both losses, and what each of them would do to the player it belongs to and to the other one."""
    generator, discriminator, real, z = players(n, scale)
    losses = call(generator, discriminator, real, z)
    if not isinstance(losses, (tuple, list)) or len(losses) != 2 or not all(map(torch.is_tensor, losses)):
        raise ContractBroken("Return two tensors: the discriminator's loss, then the generator's.")
    loss_d, loss_g = losses
    if loss_d.numel() != 1 or loss_g.numel() != 1:
        raise ContractBroken(
            f"Both losses must be scalars; got shapes {tuple(loss_d.shape)} and {tuple(loss_g.shape)}."
        )
    return {
        "discriminator's loss": loss_d.reshape(()),
        "generator's loss": loss_g.reshape(()),
        "discriminator's own gradient": gradient_of(loss_d, discriminator),
        "what the discriminator's loss does to the generator": gradient_of(loss_d, generator),
        "generator's own gradient": gradient_of(loss_g, generator),
    }


def _losses(
    *,
    detach: bool = True,
    detach_for_generator: bool = False,
    real_sign: int = -1,
    fake_sign: int = 1,
    for_generator: Callable[[Tensor], Tensor] = lambda score: F.softplus(-score),
    mean: Callable[[Tensor], Tensor] = torch.mean,
    squash: Callable[[Tensor], Tensor] = lambda score: score,
) -> Callable:
    """The reference with one thing changed."""

    def broken(generator, discriminator, real, z):
        fake = generator(z)
        shown = fake.detach() if detach else fake
        loss_d = mean(F.softplus(real_sign * squash(discriminator(real))))
        loss_d = loss_d + mean(F.softplus(fake_sign * squash(discriminator(shown))))
        judged = discriminator(fake.detach() if detach_for_generator else fake)
        return loss_d, mean(for_generator(squash(judged)))

    return broken


PLAYER_LOSSES = Exercise(
    id="06.3",
    title="Two losses, two players",
    contract="player_losses(generator, discriminator, real, z): two modules, real (n, 2) and z (n, k) float "
    "tensors; the discriminator returns logits (n,), positive for real. Returns two scalars with gradients: "
    "the discriminator's logistic loss (mean over real plus mean over generated), whose backward pass must "
    "leave the generator untouched, and the generator's non-saturating loss.",
    stub='''def player_losses(
    generator: torch.nn.Module, discriminator: torch.nn.Module, real: torch.Tensor, z: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """real: (n, 2); z: (n, k). Returns the discriminator's and the generator's loss, both scalars."""
    ...''',
    hints=(
        "-log sigmoid(s) is softplus(-s), and -log(1 - sigmoid(s)) is softplus(s). Which is which?",
        "The discriminator sees the generated points as data: no gradient may flow back through them.",
        "The generator wants its points to be called real, and here the gradient has to flow back.",
    ),
    mistakes=(
        Mistake(
            "detach forgotten",
            "Run the discriminator's loss backward: it teaches the generator to be caught.",
            _losses(detach=False),
        ),
        Mistake(
            "generator's points detached in its own loss",
            "Now nothing reaches the generator: it will never move.",
            (
                _losses(detach_for_generator=True),
                _losses(detach=False, detach_for_generator=True),
            ),
        ),
        Mistake(
            "labels swapped",
            "Which sign makes a high score of a real point cheap?",
            (
                _losses(real_sign=1, fake_sign=-1),
                _losses(real_sign=1, fake_sign=-1, for_generator=F.softplus),
                _losses(real_sign=1, fake_sign=-1, detach=False),
            ),
        ),
        Mistake(
            "generator helps the discriminator",
            "With this sign the generator learns to be recognized as generated.",
            _losses(for_generator=F.softplus),
        ),
        Mistake(
            "saturating loss",
            "This is the minimax game's own loss. Where is its slope when the discriminator is sure?",
            _losses(for_generator=lambda score: -F.softplus(score)),
        ),
        Mistake(
            "sigmoid taken twice",
            "The discriminator returns logits: a probability that goes through softplus is squashed again.",
            _losses(squash=torch.sigmoid),
        ),
        Mistake(
            "summed over the batch",
            "Then the step grows with the batch.",
            _losses(mean=torch.sum),
        ),
    ),
    reference=player_losses,
    cases=nets,
    observe=_observe_losses,
)
