"""A judge of attributes: a small network that reads factors or attributes off a picture."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from vae_course.evaluation.classifier import Classifier
from vae_course.evaluation.shipped_classifier import WEIGHTS, read_classifier
from vae_course.training.optimizers import Adam


def train_reader(
    data,
    targets: Tensor,
    *,
    seed: int = 0,
    epochs: int = 8,
    batch_size: int = 64,
    learning_rate: float = 2e-3,
) -> Classifier:
    """Train a judge that reads numbers in [0, 1] off pictures, on the CPU.

    The cross-entropy with a target in [0, 1] is smallest at its expectation, so the same loss serves
    attributes (0 or 1) and factors (anything between).

    Args:
        data: ImageData, the training part.
        targets: float (N, A), in [0, 1].
        seed: of the weights and the order; torch's global state is left as it was.

    Raises:
        ValueError: not one row of targets for each picture, or a target outside [0, 1].
    """
    if targets.ndim != 2 or len(targets) != len(data):
        raise ValueError(
            f"targets have shape {tuple(targets.shape)}; expected a row for each of {len(data)}."
        )
    if not (targets.min() >= 0 and targets.max() <= 1):
        raise ValueError("a target lies outside [0, 1].")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Classifier(data.shape, targets.shape[1])
    order = torch.Generator().manual_seed(seed)
    optimizer = Adam(model.parameters(), lr=learning_rate)
    total = epochs * -(-len(data) // batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: max(1 - step / max(total, 1), 0.0))
    for _ in range(epochs):
        for index in torch.randperm(len(data), generator=order).split(batch_size):
            logits = model(data.batch(index, order))
            loss = F.binary_cross_entropy_with_logits(logits, targets[index].float())
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
    return model.eval().requires_grad_(False)


@torch.no_grad()
def read(reader: Classifier, images: Tensor, batch_size: int = 500) -> Tensor:
    """The reader's numbers for pictures (n, C, H, W) in [0, 1]: (n, A), in [0, 1]."""
    return torch.cat([reader(part).sigmoid() for part in images.split(batch_size)])


def load_reader(name: str) -> Classifier:
    """The shipped reader of a data set, trained on its training part.

    Args:
        name: "faces_synthetic" (reads the nine factors).

    Raises:
        ValueError: no reader of that name comes with the package.
    """
    return read_classifier(WEIGHTS / f"reader_{name}.pt")
