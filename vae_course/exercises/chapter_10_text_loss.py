"""Exercise of chapter 10: the loss of a text VAE while its KL weight rises."""

from __future__ import annotations

import torch
from torch import Tensor

from vae_course.exercises.exercise import Exercise, Mistake


def text_loss(log_probs: Tensor, kl: Tensor, step: int, total_steps: int, share: float) -> Tensor:
    weight = min(1.0, step / (share * total_steps))
    return (-log_probs.sum(-1) + weight * kl).mean()


def _cases(seed: int) -> list[tuple]:
    """Before, in and after the rise; texts of unequal length, their padding already 0."""
    generator = torch.Generator().manual_seed(seed)
    log_probs = -3 * torch.rand(4, 6, generator=generator)
    log_probs = log_probs * (torch.arange(6) < torch.tensor([[6], [2], [4], [3]]))
    kl = 5 * torch.rand(4, generator=generator)
    steps = [(0, 100, 0.5), (20, 100, 0.5), (50, 100, 0.5), (80, 100, 0.5), (10, 80, 0.25), (60, 80, 0.25)]
    return [(log_probs, kl, *course) for course in steps]


def _weight(step: int, total: int, share: float) -> float:
    return min(1.0, step / (share * total))


def _nats(log_probs: Tensor) -> Tensor:
    return -log_probs.sum(-1)


TEXT_LOSS = Exercise(
    id="10.7",
    title="The loss of a text VAE with KL annealing",
    contract="text_loss(log_probs, kl, step, total_steps, share): log_probs, float (batch, length), log "
    "p of each token, 0 on padding; kl, float (batch,), nats for each text; the step under way (from 0), "
    "the steps of the whole run, and the share of the run, in (0, 1], over which the weight of the KL "
    "rises in a straight line from 0, at step 0, to 1. Returns the loss, a scalar: nats per text.",
    stub='''def text_loss(
    log_probs: torch.Tensor, kl: torch.Tensor, step: int, total_steps: int, share: float
) -> torch.Tensor:
    """log_probs: (batch, length), 0 on padding; kl: (batch,). Returns a scalar, nats per text."""
    ...''',
    hints=(
        "Which of the two terms gets the weight, and what is the weight at step 0?",
        "The rise is over after share · total_steps steps.",
        "Both terms are sums for a whole text; only the batch is averaged.",
    ),
    mistakes=(
        Mistake(
            "KL not annealed",
            "At step 0 the code is noise, and at full weight the quickest gain is to give it up. What "
            "should its KL cost then?",
            lambda lp, kl, s, t, r: (_nats(lp) + kl).mean(),
        ),
        Mistake(
            "reconstruction averaged over the tokens",
            "That divides one term by about the length and not the other: a hidden β of about the "
            "length, which makes a collapse certain.",
            (
                lambda lp, kl, s, t, r: (-lp.mean(-1) + _weight(s, t, r) * kl).mean(),
                lambda lp, kl, s, t, r: -lp.mean() + _weight(s, t, r) * kl.mean(),
                lambda lp, kl, s, t, r: lp.sum() / -(lp != 0).sum() + _weight(s, t, r) * kl.mean(),
                lambda lp, kl, s, t, r: (_nats(lp) / (lp != 0).sum(-1) + _weight(s, t, r) * kl).mean(),
            ),
        ),
        Mistake(
            "the weight on the reconstruction",
            "The reconstruction is what the code must learn to help with first.",
            (
                lambda lp, kl, s, t, r: (_weight(s, t, r) * _nats(lp) + kl).mean(),
                lambda lp, kl, s, t, r: (_weight(s, t, r) * (_nats(lp) + kl)).mean(),
            ),
        ),
        Mistake(
            "falling from 1 to 0",
            "At the end the loss must be the −ELBO. What is the weight then?",
            lambda lp, kl, s, t, r: (_nats(lp) + max(0.0, 1 - s / (r * t)) * kl).mean(),
        ),
        Mistake(
            "rising beyond 1",
            "After the rise the weight stays.",
            lambda lp, kl, s, t, r: (_nats(lp) + s / (r * t) * kl).mean(),
        ),
        Mistake(
            "share forgotten",
            "The weight must be 1 after share · total_steps steps.",
            lambda lp, kl, s, t, r: (_nats(lp) + s / t * kl).mean(),
        ),
        Mistake(
            "summed over the batch",
            "A batch twice as large would give twice the loss.",
            lambda lp, kl, s, t, r: (_nats(lp) + _weight(s, t, r) * kl).sum(),
        ),
        Mistake(
            "sign of the reconstruction",
            "A loss falls when the texts become more probable.",
            lambda lp, kl, s, t, r: (_weight(s, t, r) * kl - _nats(lp)).mean(),
        ),
        Mistake(
            "not averaged over the batch",
            "An optimizer needs one number.",
            lambda lp, kl, s, t, r: _nats(lp) + _weight(s, t, r) * kl,
        ),
    ),
    reference=text_loss,
    cases=_cases,
)
