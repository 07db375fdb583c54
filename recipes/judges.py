"""Training of judges of pictures: classifiers of what is shown, and readers of numbers in [0, 1]."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from vae_course.machine import Adam, pick_device, working_on
from vae_course.models.networks import Classifier
from vae_course.randomness import seed_of, seeded


def train_classifier(data, *, epochs: int = 3, batch_size: int = 128, **settings) -> Classifier:
    """Train a :class:`Classifier` on ImageData with labels; about 4 s an epoch of 60,000 digits on a CPU.

    ``seed`` is that of weights and order (torch's global state stays as it was); ``learning_rate`` 2e-3.
    """
    if data.labels is None:
        raise ValueError(f"{data.name} has no labels; a classifier needs them.")
    size, how = len(data.class_names), {"epochs": epochs, "batch_size": batch_size, **settings}
    return _trained(data, size, F.cross_entropy, data.labels, **how)


def train_reader(data, targets: Tensor, *, epochs: int = 8, batch_size: int = 64, **settings) -> Classifier:
    """Train a judge that reads numbers in [0, 1] off pictures; settings as for :func:`train_classifier`.

    The cross-entropy with a target in [0, 1] is smallest at its expectation, so the same loss serves
    attributes (0 or 1) and factors (anything between): ``targets`` (N, A), a row for each picture.
    """
    if targets.ndim != 2 or len(targets) != len(data) or not (targets.min() >= 0 and targets.max() <= 1):
        shape = tuple(targets.shape)
        raise ValueError(f"targets have shape {shape}; expected {len(data)} rows of numbers in [0, 1].")
    loss, how = F.binary_cross_entropy_with_logits, {"epochs": epochs, "batch_size": batch_size, **settings}
    return _trained(data, targets.shape[1], loss, targets.float(), **how).requires_grad_(False)


def _trained(
    data, size: int, loss: Callable, targets: Tensor, epochs: int, batch_size: int, seed=0, learning_rate=2e-3
) -> Classifier:
    """A classifier on the CPU, trained on the fastest device by Adam, its rate falling in a line to 0."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(seed))
        model = Classifier(data.shape, size)
    order = seeded(seed)
    total, device = epochs * -(-len(data) // batch_size), pick_device()
    data, targets = data.to(device), targets.to(device)
    with working_on(device, model):
        optimizer = Adam(model.parameters(), lr=learning_rate)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: max(1 - step / max(total, 1), 0))
        for _ in range(epochs):
            for index in torch.randperm(len(data), generator=order).to(device).split(batch_size):
                error = loss(model(data.batch(index, order)), targets[index])
                optimizer.zero_grad(set_to_none=True)
                error.backward()
                optimizer.step()
                schedule.step()
    return model.eval()
