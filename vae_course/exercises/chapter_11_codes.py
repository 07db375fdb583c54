"""Chapter 11's exercises on discrete codes, in order; this file holds the straight-through gradient."""

from __future__ import annotations

import torch
from torch import Tensor

from vae_course.exercises.chapter_11_letters import LETTER_BOUND, MOVING_CODEBOOK
from vae_course.exercises.exercise import Exercise, Mistake


def straight_through(vectors: Tensor, codebook: Tensor) -> Tensor:
    distances = (vectors[:, :, None, :] - codebook).square().sum(-1)
    letters = codebook[distances.argmin(-1)]
    return vectors + (letters - vectors).detach()


def _value_and_gradients(function, vectors: Tensor, codebook: Tensor, upstream: Tensor) -> dict:
    """What comes out, and the gradient that reaches both inputs; none at all counts as 0."""
    vectors, codebook = vectors.requires_grad_(), codebook.requires_grad_()
    out = function(vectors, codebook)
    gradients = [torch.zeros_like(vectors), torch.zeros_like(codebook)]
    if torch.is_tensor(out) and out.requires_grad and out.shape == upstream.shape:
        found = torch.autograd.grad((out * upstream).sum(), (vectors, codebook), allow_unused=True)
        gradients = [kept if g is None else g for kept, g in zip(gradients, found, strict=True)]
    return {
        "the result": out,
        "the gradient of the encoder's vectors": gradients[0],
        "the gradient of the codebook": gradients[1],
    }


def _straight_cases(seed: int) -> list[tuple]:
    """Letters of unequal length, so that the largest product is not the nearest."""
    generator = torch.Generator().manual_seed(seed)
    cases = []
    for batch, places, dim, size in ((2, 3, 4, 5), (3, 1, 2, 4)):
        vectors = torch.randn(batch, places, dim, generator=generator)
        length = torch.linspace(0.2, 3, size)[:, None]
        codebook = length * torch.randn(size, dim, generator=generator)
        cases.append((vectors, codebook, torch.randn(batch, places, dim, generator=generator)))
    return cases


def _nearest(vectors: Tensor, codebook: Tensor) -> Tensor:
    return codebook[(vectors[:, :, None, :] - codebook).square().sum(-1).argmin(-1)]


STRAIGHT_THROUGH = Exercise(
    id="11.4",
    title="Through a step without a slope",
    contract="straight_through(vectors, codebook): float tensors (batch, places, dim) from the encoder and "
    "(n_codes, dim). Returns (batch, places, dim): at every place the nearest row of the codebook (squared "
    "distance). In the backward pass the gradient that arrives at the result goes to `vectors` unchanged, "
    "and none goes to `codebook`.",
    stub='''def straight_through(vectors: torch.Tensor, codebook: torch.Tensor) -> torch.Tensor:
    """vectors: (batch, places, dim); codebook: (n_codes, dim). Returns (batch, places, dim)."""
    ...''',
    hints=(
        "First the forward pass alone: distances (batch, places, n_codes), argmin, a row of the codebook.",
        "argmin has no gradient. Write the result as vectors + (something that is a constant for autograd).",
        "letters = vectors + (letters - vectors). Which part must autograd not see?",
    ),
    mistakes=(
        Mistake(
            "straight-through missing",
            "The values are right, but the encoder gets no gradient: it would never learn anything.",
            (
                lambda v, e: _nearest(v, e).detach(),
                lambda v, e: _nearest(v, e),
            ),
        ),
        Mistake(
            "gradient reaches the codebook",
            "The encoder gets its gradient, and the letters get one too; here averages move them.",
            lambda v, e: _nearest(v, e) + (v - v.detach()),
        ),
        Mistake(
            "detach around the wrong part",
            "Look at the values: the decoder sees the encoder's vectors and not the letters.",
            (
                lambda v, e: _nearest(v, e) + (v - _nearest(v, e)).detach(),
                lambda v, e: v + (_nearest(v, e) - v) * 0,
                lambda v, e: v.detach() + (_nearest(v, e) - _nearest(v, e).detach()),
            ),
        ),
        Mistake(
            "the largest product is not the nearest",
            "|v - e|² = |v|² - 2 v·e + |e|²: which term depends on the letter and is missing?",
            (
                lambda v, e: v + (e[(v @ e.T).argmax(-1)] - v).detach(),
                lambda v, e: v + (e[torch.cdist(v, e / e.norm(dim=1, keepdim=True)).argmin(-1)] - v).detach(),
            ),
        ),
        Mistake(
            "the farthest letter",
            "argmin or argmax? What does the distance mean?",
            lambda v, e: v + (e[torch.cdist(v, e).argmax(-1)] - v).detach(),
        ),
        Mistake(
            "one letter for all places",
            "Every place chooses for itself: which axes may the distance be summed over?",
            lambda v, e: v + (e[(v[:, :, None] - e).square().sum((1, 3)).argmin(-1)][:, None] - v).detach(),
        ),
    ),
    reference=straight_through,
    cases=_straight_cases,
    observe=_value_and_gradients,
)


CODES_EXERCISES = (STRAIGHT_THROUGH, MOVING_CODEBOOK, LETTER_BOUND)
