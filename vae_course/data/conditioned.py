"""Data with a condition beside each example: what a conditional model reads."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from vae_course.data.dataset import ImageData
from vae_course.data.errors import DataError


@dataclass(frozen=True, eq=False)
class ConditionedData:
    """Images, each with a vector of what is told about it; ``batch`` gives the pair (x, c).

    Attributes:
        data: ImageData.
        conditions: float32 (N, condition size): one-hot classes, attributes, or anything else.

    Raises:
        DataError: not one row of conditions for each image.
    """

    data: ImageData
    conditions: Tensor

    def __post_init__(self) -> None:
        c = self.conditions
        if c.ndim != 2 or len(c) != len(self.data) or c.dtype != torch.float32:
            raise DataError(
                f"conditions are {str(c.dtype).removeprefix('torch.')} of shape {tuple(c.shape)}, but "
                f"float32 of shape ({len(self.data)}, size) is expected: a row for each image."
            )

    def __len__(self) -> int:
        return len(self.data)

    @property
    def images(self) -> Tensor:
        return self.data.images

    @property
    def labels(self) -> Tensor | None:
        return self.data.labels

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.data.class_names

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.data.shape

    def batch(self, index: Tensor | slice, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """Images (n, C, H, W) in [0, 1] and their conditions (n, size)."""
        here = index.to(self.conditions.device) if isinstance(index, Tensor) else index
        return self.data.batch(index, generator), self.conditions[here]

    def select(self, index: Tensor) -> ConditionedData:
        """The examples at ``index`` (int64 (n,), or a mask)."""
        return replace(
            self, data=self.data.select(index), conditions=self.conditions[index.to(self.conditions.device)]
        )

    def to(self, device: torch.device | str) -> ConditionedData:
        """The same data with its tensors on ``device``."""
        return ConditionedData(self.data.to(device), self.conditions.to(device))


def with_classes(data: ImageData, loudness: float = 1.0) -> ConditionedData:
    """The data with its class as condition: one-hot, times ``loudness``.

    A 1 among hundreds of pixels is easily overheard at the start of training; a larger number is not.

    Raises:
        DataError: the data has no labels.
    """
    if data.labels is None:
        raise DataError(f"{data.name} has no labels; give conditions of your own to ConditionedData.")
    return ConditionedData(data, loudness * F.one_hot(data.labels, len(data.class_names)).float())


def with_attributes(data: ImageData) -> ConditionedData:
    """The data with its attributes (0 or 1) as condition.

    Raises:
        DataError: the data has no attributes.
    """
    if data.attributes is None:
        raise DataError(f"{data.name} has no attributes; give conditions of your own to ConditionedData.")
    return ConditionedData(data, data.attributes.float())
