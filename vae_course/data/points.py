"""Points in memory, read as minibatches by index like the pictures of an ImageData."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from vae_course.data.errors import DataError


@dataclass(frozen=True, eq=False)
class PointData:
    """Points of a toy, for ``fit`` and ``fit_gan``.

    Attributes:
        points: float32 (N, ...): (N, 2) for points in the plane; more axes are passed on as they are.
        labels: int64 (N,), the mode each came from, or None.
        class_names: one name per label value.

    Raises:
        DataError: points are not float32, or have no feature axis.
    """

    points: torch.Tensor
    labels: torch.Tensor | None = None
    class_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.points.dtype != torch.float32 or self.points.ndim < 2:
            raise DataError(
                f"points are {self.points.dtype} of shape {tuple(self.points.shape)}, but float32 of shape "
                "(N, features) is expected: convert them with points.float()."
            )

    def __len__(self) -> int:
        return len(self.points)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one point, e.g. (2,)."""
        return tuple(self.points.shape[1:])

    def batch(self, index: torch.Tensor | slice, generator: torch.Generator | None = None) -> torch.Tensor:
        """The points of that index, float32 (n, ...); nothing is drawn."""
        return self.points[index]

    def to(self, device: torch.device | str) -> PointData:
        """The same points on ``device``."""
        labels = None if self.labels is None else self.labels.to(device)
        return PointData(self.points.to(device), labels, self.class_names)
