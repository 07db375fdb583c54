"""Refuse pixels outside [0, 1], which a Bernoulli would score without a word."""

import math

import torch
from torch import Tensor

LOOKED_AT = 8


def check_unit_interval(x: Tensor) -> None:
    """Raise where the first examples of a batch lie outside [0, 1].

    The usual mistakes, bytes and normalized pictures, are in every example: a look at a few finds them and
    costs nothing beside an update. All of them would cost it 3 %. On a GPU, which would have to be waited
    for, nothing is looked at.

    Args:
        x: (batch, *features).

    Raises:
        ValueError: a finite value lies outside. NaN and infinity are left to the loss, where they show, and
            to ``fit``, which says where they came from.
    """
    if x.device.type != "cpu" or x.numel() == 0 or torch.compiler.is_compiling():
        return
    low, high = map(float, torch.aminmax(x[:LOOKED_AT]))
    if -math.inf < low < 0 or 1 < high < math.inf:
        raise ValueError(
            f"x has values from {low:.3g} to {high:.3g}, but this likelihood is of values in [0, 1]: divide "
            "bytes by 255 and undo any normalization, or take batches of ImageData, which are in [0, 1]."
        )
