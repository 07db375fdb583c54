"""Questions of assignment A1, build a VAE: what a student gets, and the checks of form. No answer is here."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from string import ascii_uppercase

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Normal

from vae_course.data.letters import warp
from vae_course.data.loading import load
from vae_course.exercises.handed_in import (
    Bad,
    draws_of,
    file_of,
    later,
    numbers,
    pick,
    stack_in,
    tensor_in,
)
from vae_course.teaching.exercise import CONTRACT, WRONG, Verdict
from vae_course.teaching.grading import contract_problem

LETTERS, SIDE, MOST_CENTERS, MOST_DIMENSIONS = 8, 16, 64, 32


@dataclass(frozen=True)
class Task:
    """What one student works on: pictures are float32 (n, 256), every pixel 0 or 1."""

    letters: str  # the eight
    train: Tensor
    held_out: Tensor
    draws: int  # K of the importance-weighted bound that is asked for


def task(student: int) -> Task:
    """The student's eight letters, warped and binarized with draws of their own."""
    order = torch.randperm(26, generator=draws_of("A1", student, "letters"))
    chosen = order[:LETTERS].sort().values
    parts = [pictures(chosen, split, draws_of("A1", student, split)) for split in ("train", "validation")]
    return Task(
        "".join(ascii_uppercase[i] for i in chosen), *parts, pick("A1", student, "K", (20, 30, 50, 80))
    )


def pictures(chosen: Tensor, split: str, generator: torch.Generator) -> Tensor:
    """All pictures of these letters in a split, bent a little, at 16 × 16, each pixel drawn: (n, 256)."""
    data = load("letters", split)
    gray = F.avg_pool2d(warp(data.floats()[torch.isin(data.labels, chosen)], generator), 2)
    return (torch.rand(gray.shape, generator=generator) < gray).float().flatten(1)


@dataclass(frozen=True)
class HandedIn:
    """The parts of a weights file."""

    encoder: nn.Sequential  # (batch, 256) → mean and log σ² of q(z|x), (batch, 2 k)
    decoder: nn.Sequential  # (batch, k) → logits (batch, 256)
    centers: Tensor  # (C, k)
    log_std: Tensor  # ()


def read_model(content: Mapping) -> HandedIn:
    """The model in a file's content; Bad when it is none."""
    centers, log_std = tensor_in(content, "centers", 2), tensor_in(content, "log_std", 0)
    count, k = centers.shape
    if not 1 <= count <= MOST_CENTERS or not 1 <= k <= MOST_DIMENSIONS:
        raise Bad(f"centers are (C, k) with C up to {MOST_CENTERS} and k up to {MOST_DIMENSIONS}.")
    encoder = stack_in(content, "encoder", SIDE**2, 2 * k)
    return HandedIn(encoder, stack_in(content, "decoder", k, SIDE**2), centers, log_std)


REPORT = numbers("elbo", "iwae", "centers", whole=("centers",))


def read_report(content: Mapping) -> dict[str, float]:
    """The three numbers in a file's content; Bad when one is missing."""
    wrong = REPORT(content)
    if wrong:
        raise Bad(wrong.message)
    return {name: float(content[name]) for name in ("elbo", "iwae", "centers")}


def _gradients(result: Tensor, inputs: dict[str, Tensor]) -> Verdict | None:
    for name, value in inputs.items():
        found = torch.autograd.grad(result.sum(), value, allow_unused=True, retain_graph=True)
        if not result.requires_grad or found[0] is None or not found[0].abs().max() > 0:
            return Verdict(WRONG, f"Not yet: no gradient reaches {name}, so training could not change it.")
    return None


def _form(got: object, shape: tuple[int, ...], what: str) -> Verdict | None:
    if not isinstance(got, Tensor):
        return Verdict(CONTRACT, f"{what} must be a torch tensor, or no gradient can pass.")
    problem = contract_problem(got, torch.zeros(shape), label=what)
    return Verdict(CONTRACT, problem[0].upper() + problem[1:]) if problem else None


def _check_prior(answer: Callable) -> Verdict | None:
    """Shape, gradients, far points; then it must be a density, with the center and width that were asked."""
    generator = torch.Generator().manual_seed(1)
    z, centers = (torch.randn(s, generator=generator) for s in ((3, 4, 2), (5, 2)))
    log_std = torch.tensor(-0.4)
    inputs = {"z": z, "centers": centers, "log_std": log_std}
    for value in inputs.values():
        value.requires_grad_()
    got = answer(z, centers, log_std)
    wrong = _form(got, (3, 4), "log p(z)")
    if wrong or not got.requires_grad:
        return wrong or Verdict(WRONG, "Not yet: no gradient comes out.")
    wrong = _gradients(got, inputs)
    if wrong:
        return wrong
    with torch.no_grad():
        far = answer(torch.full((1, 1, 2), 300.0), centers, log_std)
        if not torch.isfinite(far).all() or far.max() > -50_000:
            return Verdict(WRONG, "Not yet: 400 widths from all centers the result is "
                                  f"{float(far.max()):.4g}. In which order do "
                           "you take the exponential and the logarithm?")  # fmt: skip
        line = torch.linspace(-9, 9, 181)
        grid = torch.cartesian_prod(line, line)[:, None]
        cell = float(line[1] - line[0]) ** 2
        for middle in (centers.detach(), torch.zeros(1, 2)):
            for log_width in (-0.4, 0.3):
                p = cell * answer(grid, middle, torch.tensor(log_width)).exp().flatten()
                if abs(float(p.sum()) - 1) > 1e-2:
                    total = float(p.sum())
                    return Verdict(
                        WRONG, f"Not yet: exp of it sums to {total:.3f} over the plane; a density gives 1."
                    )
        spread = float((p[:, None] * grid[:, 0] ** 2).sum())
        if abs(spread - 2 * math.exp(0.6)) > 0.02 * spread:
            return Verdict(WRONG, f"Not yet: around one center E|z|² is {spread:.2f}; two dimensions with "
                           f"log_std 0.3 give {2 * math.exp(0.6):.2f}.")  # fmt: skip
        points = grid[::997]
        alone = torch.stack([answer(points, center[None], log_std.detach()) for center in centers.detach()])
        if not torch.allclose(
            answer(points, centers, log_std.detach()).exp(), alone.exp().mean(0), atol=1e-5
        ):
            return Verdict(WRONG, "Not yet: with five centers the density must be the mean of the five that "
                           "your own function gives for one center each.")  # fmt: skip
    return None


def _check_weights(answer: Callable) -> Verdict | None:
    """Shape and gradients; then, over all pictures of three pixels, p(x|z) must sum to 1."""
    generator = torch.Generator().manual_seed(2)
    x = torch.tensor(list(itertools.product((0.0, 1.0), repeat=3)))
    parts = {"logits": (5, 1, 3), "z": (5, 1, 2), "mean": (1, 2), "log_var": (1, 2), "log_p_z": (5, 1)}
    parts = {name: torch.randn(shape, generator=generator) for name, shape in parts.items()}
    shapes = {"logits": (5, 8, 3), "z": (5, 8, 2), "mean": (8, 2), "log_var": (8, 2), "log_p_z": (5, 8)}
    for name, value in parts.items():
        parts[name] = value.expand(shapes[name]).clone().requires_grad_()
    got = answer(x, *parts.values())
    wrong = _form(got, (5, 8), "the log weights")
    if wrong or not got.requires_grad:
        return wrong or Verdict(WRONG, "Not yet: no gradient comes out.")
    wrong = _gradients(got, parts)
    if wrong:
        return wrong
    with torch.no_grad():
        q = Normal(parts["mean"], (parts["log_var"] / 2).exp())
        rest = got + q.log_prob(parts["z"]).sum(-1) - parts["log_p_z"]
        total = rest.exp().sum(1)
        if ((total - 1).abs() > 1e-3).any():
            return Verdict(WRONG, "Not yet: without p(z) and q(z|x) your weights, summed over all eight "
                           f"pictures of three pixels, give {float(total[0]):.4g}; p(x|z) gives "
                           "1.")  # fmt: skip
        sure = dict(parts, logits=(400 * x - 200).expand(5, 8, 3))
        certain = answer(x, *sure.values()) + q.log_prob(parts["z"]).sum(-1) - parts["log_p_z"]
        if not certain.abs().max() < 1e-3:
            return Verdict(WRONG, "Not yet: a decoder that is sure of what is there (logits of 200 "
                                  "where x is 1, "
                           "of −200 where it is 0) has log p(x|z) = 0; yours adds up to "
                           f"{float(certain.min()):.4g}.")  # fmt: skip
    return None


EXERCISES = (
    later(
        "A1.1",
        "The log density of a prior with centers",
        "log_prior(z, centers, log_std): z (n, batch, k), centers (C, k), log_std a number, the logarithm of "
        "s. Returns log p(z), (n, batch), of p(z) = (1/C) Σ_c N(z; centers_c, s² I). Gradients reach "
        "all three.",
        '''def log_prior(z: torch.Tensor, centers: torch.Tensor, log_std: torch.Tensor) -> torch.Tensor:
    """z (n, batch, k), centers (C, k), log_std (): log p(z) of an equal mixture, (n, batch), nats."""
    ...''',
        _check_prior,
        "One Gaussian first, for every pair of a code and a center: (n, batch, C). Then a mean of densities.",
        "The mean of densities, as a logarithm: torch.logsumexp, minus log C.",
    ),
    later(
        "A1.2",
        "One weight for each draw",
        "log_weights(x, logits, z, mean, log_var, log_p_z): x (batch, D) of zeros and ones; logits (n, "
        "batch, "
        "D); z (n, batch, k); mean, log_var (batch, k) of q(z|x); log_p_z (n, batch). Returns log "
        "p(x|z) + log "
        "p(z) − log q(z|x), (n, batch), nats. Gradients reach everything but x.",
        '''def log_weights(x, logits, z, mean, log_var, log_p_z) -> torch.Tensor:
    """log p(x|z) + log p(z) − log q(z|x) of every draw, (n, batch), nats."""
    ...''',
        _check_weights,
        "Two of the three terms are sums over the last dimension. Which ones?",
    ),
    later(
        "A1.3",
        "Train it",
        "The name of a file: a dict with 'encoder' and 'decoder' (state dicts of nn.Sequential of "
        "linear layers, "
        "256 → 2 k and k → 256), 'activation' ('relu', 'gelu', 'silu' or 'tanh'), 'centers' (C, k) and "
        "'log_std' ().",
        'answer_A1_3 = "A1_weights.pt"',
        file_of(read_model),
    ),
    later(
        "A1.4",
        "What did you build?",
        "The name of a file with a dict of three numbers about your model and your held-out pictures: "
        "'elbo', the mean −ELBO; "
        "'iwae', the mean −log p̂_K(x) with your K, both in nats; 'centers', how many centers are the "
        "nearest one "
        "to the posterior mean of at least 2 % of the pictures.",
        'answer_A1_4 = "A1_report.pt"',
        file_of(read_report),
    ),
)
