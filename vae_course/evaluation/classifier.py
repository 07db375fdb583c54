"""Judges of pictures: classifiers of what is shown, and readers of numbers in [0, 1]."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from vae_course.evaluation.bounds import in_parts
from vae_course.machine import Adam, pick_device, working_on
from vae_course.models.classifier import Classifier, require_labels
from vae_course.randomness import seed_of, seeded


def train_classifier(
    data, *, seed: int = 0, epochs: int = 3, batch_size: int = 128, learning_rate: float = 2e-3
) -> Classifier:
    """Train a :class:`Classifier` on labeled data; about 4 s an epoch of 60,000 digits on a CPU.

    Args:
        data: ImageData with labels.
        seed: of the weights and the order of the examples; torch's global state is left as it was.
    """
    require_labels(data)
    size = len(data.class_names)
    return _trained(data, size, F.cross_entropy, data.labels, seed, epochs, batch_size, learning_rate)


def train_reader(
    data,
    targets: Tensor,
    *,
    seed: int = 0,
    epochs: int = 8,
    batch_size: int = 64,
    learning_rate: float = 2e-3,
) -> Classifier:
    """Train a judge that reads numbers in [0, 1] off pictures, such as attributes or factors.

    The cross-entropy with a target in [0, 1] is smallest at its expectation, so the same loss serves
    attributes (0 or 1) and factors (anything between).

    Args:
        targets: float (N, A), in [0, 1], a row for each picture.
        seed: as for :func:`train_classifier`.
    """
    if targets.ndim != 2 or len(targets) != len(data):
        raise ValueError(f"targets have shape {tuple(targets.shape)}; expected {len(data)} rows.")
    if not (targets.min() >= 0 and targets.max() <= 1):
        raise ValueError("a target lies outside [0, 1].")
    loss, size = F.binary_cross_entropy_with_logits, targets.shape[1]
    reader = _trained(data, size, loss, targets.float(), seed, epochs, batch_size, learning_rate)
    return reader.requires_grad_(False)


def _trained(
    data, size: int, loss: Callable, targets: Tensor, seed: int, epochs: int, batch_size: int, rate: float
) -> Classifier:
    """A classifier on the CPU, trained on the fastest device by Adam, its rate falling in a line to 0."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(seed))
        model = Classifier(data.shape, size)
    order = seeded(seed)
    total, device = epochs * -(-len(data) // batch_size), pick_device()
    data, targets = data.to(device), targets.to(device)
    with working_on(device, model):
        optimizer = Adam(model.parameters(), lr=rate)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: max(1 - step / max(total, 1), 0))
        for _ in range(epochs):
            for index in torch.randperm(len(data), generator=order).to(device).split(batch_size):
                error = loss(model(data.batch(index, order)), targets[index])
                optimizer.zero_grad(set_to_none=True)
                error.backward()
                optimizer.step()
                schedule.step()
    return model.eval()


def read(reader: Classifier, images: Tensor, batch_size: int = 500) -> Tensor:
    """The reader's numbers for pictures (n, C, H, W) in [0, 1]: (n, A), in [0, 1], on the CPU."""
    return in_parts(reader, lambda part: reader(part).sigmoid(), images, batch_size)
