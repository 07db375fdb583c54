"""Real-valued examples in memory: spectrograms and table rows, standardized and read as float minibatches."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor

from vae_course.data.dataset import check_subset_size, stratified_index
from vae_course.data.errors import DataError


@dataclass(frozen=True, eq=False, repr=False)
class FeatureData:
    """Examples of real numbers, already scaled with numbers taken from the training part alone.

    Scaling changes a density: log p(raw) = log p(scaled) + log |d scaled / d raw|. The last term is kept for
    each example, so that results can be told in the units of the source.

    Attributes:
        name: the data set, e.g. "biopsies".
        split: "train", "validation", "test" or "train+validation".
        values: float32 (N, C, H, W), scaled; a table of D columns is (N, 1, 1, D).
        labels: int64 (N,), an index into `class_names`, or None.
        class_names: one name per label value.
        log_volume: float64 (N,), log |d scaled / d raw| of each example, nats.
        log_cell: log of the volume of one cell of the grid on which the source was recorded (or on which we
            ask to store it), nats: the sum over features of log(step in raw units).
        sigma_shape: shape of the standard deviations that a Gaussian decoder learns for this kind of data,
            to be broadcast against (C, H, W).

    Raises:
        DataError: a tensor has the wrong type or shape.
    """

    name: str
    split: str
    values: Tensor
    labels: Tensor | None
    class_names: tuple[str, ...]
    log_volume: Tensor
    log_cell: float
    sigma_shape: tuple[int, int, int]

    def __post_init__(self) -> None:
        if self.values.dtype != torch.float32 or self.values.ndim != 4:
            raise DataError(
                f"values are {self.values.dtype} of shape {tuple(self.values.shape)}, but float32 of shape "
                "(N, C, H, W) is expected."
            )
        for name in ("labels", "log_volume"):
            rows = getattr(self, name)
            if rows is not None and rows.shape != self.values.shape[:1]:
                raise DataError(
                    f"{name} has shape {tuple(rows.shape)}, but one number per example is expected."
                )

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        size = "x".join(str(side) for side in self.shape)
        return f"{type(self).__name__}({self.name}, {self.split}: {len(self):,} examples {size})"

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of one example: (C, H, W)."""
        return tuple(self.values.shape[1:])

    def batch(self, index: Tensor | slice, generator: torch.Generator | None = None) -> Tensor:
        """Read a minibatch, float32 (n, C, H, W); `index` is int64 (n,) or a slice, nothing is drawn."""
        return self.values[index.to(self.values.device) if isinstance(index, Tensor) else index]

    def floats(self, generator: torch.Generator | None = None) -> Tensor:
        """All examples, float32 (N, C, H, W)."""
        return self.values

    def subset(self, n: int, seed: int = 0) -> FeatureData:
        """Draw `n` examples without replacement, keeping the class proportions, like `ImageData.subset`."""
        check_subset_size(n, len(self), f"{self.name} {self.split}")
        rng = np.random.RandomState(seed)
        if self.labels is None:
            return self.select(torch.from_numpy(rng.permutation(len(self))[:n]))
        return self.select(torch.from_numpy(stratified_index(self.labels.cpu().numpy(), n, rng)))

    def select(self, index: Tensor) -> FeatureData:
        """The examples at `index` (int64 (n,), or a mask of N booleans), with all that belongs to them."""
        return self._each(lambda rows: rows[index.to(rows.device)])

    def to(self, device: torch.device | str) -> FeatureData:
        """The same data with its tensors on `device`."""
        return self._each(lambda rows: rows.to(device))

    def _each(self, change) -> FeatureData:
        """The same data with every tensor that has one row per example changed by a function."""
        rows = {f.name: getattr(self, f.name) for f in fields(self) if not f.metadata.get("shared")}
        return replace(self, **{name: change(t) for name, t in rows.items() if isinstance(t, Tensor)})
