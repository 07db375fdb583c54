"""Questions of assignment A2, choose β: a student's digits and budget, and the checks of form."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from vae_course.data.images import ImageData
from vae_course.data.letters import warp
from vae_course.data.loading import load
from vae_course.exercises.handed_in import Bad, draws_of, file_of, later, numbers, pick, with_weights
from vae_course.models.vae import VAE

BUDGETS = (4.0, 4.5, 5.0, 5.5, 6.0, 6.5, 7.0)  # bits
CLASSES, UNITS, LEAST_MODELS, MOST_MODELS = 6, 10, 6, 12


@dataclass(frozen=True)
class Task:
    """What one student works on."""

    classes: tuple[int, ...]  # six of the ten digits
    train: ImageData
    held_out: ImageData
    budget: float  # bits for each picture


def task(student: int) -> Task:
    """The student's six digits, bent a little with draws of their own, and a budget."""
    order = torch.randperm(10, generator=draws_of("A2", student, "classes"))
    chosen = order[:CLASSES].sort().values
    parts = [pictures(chosen, split, draws_of("A2", student, split)) for split in ("train", "validation")]
    return Task(tuple(chosen.tolist()), *parts, pick("A2", student, "budget", BUDGETS))


def pictures(chosen: Tensor, split: str, generator: torch.Generator, copies: int = 3) -> ImageData:
    """All pictures of these digits in a split, each bent anew ``copies`` times, at 14 × 14."""
    data = load("digits", split)
    data = data.select(torch.isin(data.labels, chosen))
    bent = torch.cat([F.avg_pool2d(warp(data.floats(), generator), 2) for _ in range(copies)])
    return replace(data, images=(255 * bent).round().to(torch.uint8), labels=data.labels.repeat(copies))


def new_model(task: Task) -> VAE:
    """The untrained network of this assignment; its sizes are not yours to choose."""
    return VAE.for_data(task.train, latent_dim=UNITS, hidden_dims=(128, 64))


def model_of(state: object, task: Task) -> VAE:
    """The network with the weights of a state dict; Bad when they do not fit."""
    return with_weights(new_model(task), state)


@dataclass(frozen=True)
class Sweep:
    """A file with one model for each β, by rising β, and what its maker measured on held-out pictures."""

    betas: tuple[float, ...]
    rates: tuple[float, ...]  # nats
    distortions: tuple[float, ...]  # nats
    states: tuple[Mapping, ...]


def read_sweep(content: Mapping) -> Sweep:
    """The sweep in a file's content; Bad when it is none."""
    columns = [content.get(name) for name in ("betas", "rates", "distortions", "states")]
    if not all(isinstance(column, list | tuple) and len(column) == len(columns[0]) for column in columns):
        raise Bad("'betas', 'rates', 'distortions' and 'states' must be lists of one length.")
    try:
        found = [tuple(map(float, column)) for column in columns[:3]]
    except (TypeError, ValueError):
        raise Bad("'betas', 'rates' and 'distortions' must hold numbers.") from None
    betas = found[0]
    if not LEAST_MODELS <= len(betas) <= MOST_MODELS or not all(map(math.isfinite, sum(found, ()))):
        raise Bad(f"{LEAST_MODELS} to {MOST_MODELS} models are asked for, with finite numbers.")
    if any(a >= b for a, b in pairwise(betas)) or betas[0] > 0.25 or betas[-1] < 4:
        raise Bad("β must rise from model to model, from at most 0.25 to at least 4.")
    if not all(isinstance(state, Mapping) for state in columns[3]):
        raise Bad("'states' must hold state dicts.")
    return Sweep(*found, tuple(columns[3]))


def read_choice(content: Mapping) -> tuple[float, Mapping]:
    """β and state dict of the model that was chosen; Bad when they are missing."""
    wrong = numbers("beta")(content)
    if wrong or not isinstance(content.get("state"), Mapping):
        raise Bad(wrong.message if wrong else "'state' must be a state dict.")
    return float(content["beta"]), content["state"]


EXERCISES = (
    later(
        "A2.1",
        "A sweep of your own",
        "The name of a file: a dict of four lists of one length, 6 to 12, by rising β from at most 0.25 to "
        "at least 4: 'betas'; 'rates' and 'distortions', nats for each picture, measured on your held-out "
        "pictures; 'states', the state dicts of new_model(mine), trained with these β.",
        'answer_A2_1 = "A2_sweep.pt"',
        file_of(read_sweep),
    ),
    later(
        "A2.2",
        "Read it",
        "A dict of three numbers: 'best beta', the β of your sweep with the lowest −ELBO (at KL weight 1) on "
        "your held-out pictures; 'silent', how many of the ten units have a mean KL below 0.1 nats at your "
        "largest β; 'slope', by how many nats the distortion falls for each nat of rate between the two "
        "models of your sweep on both sides of your budget.",
        'answer_A2_2 = {"best beta": ..., "silent": ..., "slope": ...}',
        numbers("best beta", "silent", "slope", whole=("silent",)),
    ),
    later(
        "A2.3",
        "Meet the budget",
        "The name of a file: a dict with 'beta', a number, and 'state', the state dict of new_model(mine), "
        "trained with it.",
        'answer_A2_3 = "A2_choice.pt"',
        file_of(read_choice),
    ),
)
