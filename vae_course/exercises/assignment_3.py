"""Questions of assignment A3, choose the latent size: a student's pictures, and the checks of form."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F

from vae_course.data.images import ImageData
from vae_course.data.letters import warp
from vae_course.data.loading import load
from vae_course.exercises.handed_in import Bad, draws_of, file_of, later, numbers, pick, with_weights
from vae_course.models.vae import VAE

# Pictures to train on, and the square of pixels that becomes one.
KINDS = {"letters": (2000, 2), "digits": (2000, 2), "faces_synthetic": (2000, 4)}
TOLERANCES = (0.4, 0.5, 0.6, 0.7, 0.8)  # nats
LEAST_MODELS, MOST_MODELS, MOST_UNITS, SEEDS = 6, 12, 32, 3


@dataclass(frozen=True)
class Task:
    """What one student works on."""

    name: str
    classes: tuple[int, ...]  # of letters and digits; none of faces
    train: ImageData
    held_out: ImageData
    tolerance: float  # nats


def task(student: int) -> Task:
    """The student's kind of pictures and classes, bent with draws of their own, and a tolerance."""
    name = pick("A3", student, "name", tuple(KINDS))
    order = torch.randperm(
        {"letters": 26, "digits": 10}.get(name, 0), generator=draws_of("A3", student, "classes")
    )
    classes = tuple(order[:8].sort().values.tolist())
    parts = [
        pictures(name, classes, split, draws_of("A3", student, split)) for split in ("train", "validation")
    ]
    return Task(name, classes, *parts, pick("A3", student, "tolerance", TOLERANCES))


def pictures(name: str, classes: tuple[int, ...], split: str, generator: torch.Generator) -> ImageData:
    """Gray pictures of these classes in a split, bent a little, small: the set's number, or a fifth of it."""
    most, square = KINDS[name]
    most = most if split == "train" else most // 5
    data = load(name, split, subset=None if classes else most)
    if classes:
        data = data.select(torch.isin(data.labels, torch.tensor(classes)))
    rows = torch.randint(len(data), (most,), generator=generator)
    bent = warp(data.floats()[rows].mean(1, keepdim=True), generator)
    small = (255 * F.avg_pool2d(bent, square)).round().to(torch.uint8)
    return ImageData(f"{name} of A3", split, small, None, ())


def new_model(task: Task, latent_dim: int) -> VAE:
    """The untrained network of this assignment; only its latent size is yours to choose."""
    return VAE.for_data(task.train, latent_dim=latent_dim, hidden_dims=(128, 64))


def model_of(state: object, task: Task, latent_dim: int) -> VAE:
    """The network of this size with the weights of a state dict; Bad when they do not fit."""
    return with_weights(new_model(task, latent_dim), state)


@dataclass(frozen=True)
class Sweep:
    """A file with one model for each latent size, and what its maker measured on held-out pictures."""

    sizes: tuple[int, ...]
    negative_elbos: tuple[float, ...]  # nats
    states: tuple[Mapping, ...]


def read_sweep(content: Mapping) -> Sweep:
    """The sweep in a file's content; Bad when it is none."""
    columns = [content.get(name) for name in ("sizes", "negative_elbos", "states")]
    if not all(isinstance(column, list | tuple) and len(column) == len(columns[0]) for column in columns):
        raise Bad("'sizes', 'negative_elbos' and 'states' must be lists of one length.")
    if not all(isinstance(k, int) and 1 <= k <= MOST_UNITS for k in columns[0]):
        raise Bad(f"'sizes' must hold whole numbers from 1 to {MOST_UNITS}.")
    sizes, nats, states = columns
    if not LEAST_MODELS <= len(sizes) <= MOST_MODELS or sizes[0] > 2 or sizes[-1] < 24:
        raise Bad(f"{LEAST_MODELS} to {MOST_MODELS} sizes are asked for, from at most 2 to at least 24.")
    if any(a >= b for a, b in pairwise(sizes)):
        raise Bad("the sizes must rise from model to model.")
    if not all(isinstance(value, float | int) and math.isfinite(value) for value in nats):
        raise Bad("'negative_elbos' must hold finite numbers.")
    return Sweep(tuple(sizes), tuple(map(float, nats)), tuple(states))


def read_choice(content: Mapping) -> tuple[int, tuple[Mapping, ...]]:
    """The chosen size and the state dicts of its three seeds; Bad when they are missing."""
    wrong = numbers("size", whole=("size",))(content)
    states = content.get("states")
    if wrong or not isinstance(states, list | tuple) or len(states) != SEEDS:
        raise Bad(wrong.message if wrong else f"'states' must hold {SEEDS} state dicts, one of each seed.")
    if not 1 <= int(content["size"]) <= MOST_UNITS:
        raise Bad(f"'size' must lie between 1 and {MOST_UNITS}.")
    return int(content["size"]), tuple(states)


EXERCISES = (
    later(
        "A3.1",
        "A sweep of your own",
        "The name of a file: a dict of three lists of one length, 6 to 12, by rising latent size from at "
        "most 2 to at least 24: 'sizes'; 'negative_elbos', nats for each picture, measured on your held-out "
        "pictures; 'states', the state dicts of new_model(mine, size).",
        'answer_A3_1 = "A3_sweep.pt"',
        file_of(read_sweep),
    ),
    later(
        "A3.2",
        "Read it",
        "A dict of three numbers, of held-out pictures: 'best size', the size of your sweep with the "
        "lowest −ELBO; 'carrying', how many units of your largest model have a mean KL above 0.1 nats; "
        "'components', the least number of principal components, fitted to the training pictures, whose "
        "squared error is at most that of model.reconstruct of your largest model.",
        'answer_A3_2 = {"best size": ..., "carrying": ..., "components": ...}',
        numbers("best size", "carrying", "components", whole=("best size", "carrying", "components")),
    ),
    later(
        "A3.3",
        "The smallest that is good enough",
        "The name of a file: a dict with 'size', a whole number, and 'states', three state dicts of "
        "new_model(mine, size), trained with three seeds.",
        'answer_A3_3 = "A3_choice.pt"',
        file_of(read_choice),
    ),
)
