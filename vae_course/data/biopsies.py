"""Breast biopsies: the Wisconsin diagnostic table of scikit-learn, each column scaled by its kind."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from vae_course.data.dataset import stratified_index
from vae_course.data.features import FeatureData

SKEWED = 1.0  # columns whose training values are more skewed than this are scaled in logarithms
CLASS_NAMES = ("malignant", "benign")
SOURCE = "W. H. Wolberg, W. N. Street, O. L. Mangasarian (1995), UCI, CC BY 4.0; 569 rows inside scikit-learn"


@dataclass(frozen=True, eq=False, repr=False)
class TableData(FeatureData):
    """Rows of a table, (N, 1, 1, D), each column scaled to mean 0 and standard deviation 1 in training.

    Attributes:
        columns: name of each column.
        logarithm: bool (D,), columns that are scaled as log(raw + offset), because they are skewed.
        offset: float64 (D,): 0, or a tenth of the training median where a logarithm would meet a 0.
        mean, std: float64 (D,), of the training part, after the logarithm.
    """

    columns: tuple[str, ...]
    logarithm: Tensor = field(metadata={"shared": True})
    offset: Tensor = field(metadata={"shared": True})
    mean: Tensor = field(metadata={"shared": True})
    std: Tensor = field(metadata={"shared": True})

    def raw(self, values: Tensor) -> Tensor:
        """Undo the scaling: (n, 1, 1, D) → (n, D) in the units of the source, float64."""
        middle = values.detach().cpu().double().flatten(1) * self.std + self.mean
        return torch.where(self.logarithm, middle.exp() - self.offset, middle)


def load_biopsies(split: str) -> TableData:
    """One split of 569 biopsies (train 341, validation 114, test 114, fixed and stratified), 30 columns.

    Every number of the scaling comes from the 341 training rows, also when "train+validation" is asked for.
    """
    from sklearn.datasets import load_breast_cancer

    table = load_breast_cancer()
    rows = _split(table.target)
    known = torch.from_numpy(table.data[rows["train"]])
    chosen = rows["train"] + rows["validation"] if split == "train+validation" else rows[split]
    raw = torch.from_numpy(table.data[chosen])
    centered = known - known.mean(0)
    skewness = centered.pow(3).mean(0) / centered.pow(2).mean(0).pow(1.5)
    logarithm = skewness > SKEWED
    offset = torch.where(logarithm & (known.amin(0) <= 0), known.median(0).values / 10, 0.0)

    def change(x: Tensor) -> Tensor:
        return torch.where(logarithm, (x + offset).clamp_min(1e-300).log(), x)

    mean, std = change(known).mean(0), change(known).std(0)
    slope = torch.where(logarithm, 1 / (raw + offset), 1.0) / std
    return TableData(
        name="biopsies",
        split=split,
        values=((change(raw) - mean) / std).float()[:, None, None],
        labels=torch.from_numpy(table.target[chosen]).long(),
        class_names=CLASS_NAMES,
        log_volume=slope.log().sum(1),
        log_cell=float(recorded_steps(known.numpy()).log().sum()),
        sigma_shape=(1, 1, known.shape[1]),
        columns=tuple(str(name) for name in table.feature_names),
        logarithm=logarithm,
        offset=offset,
        mean=mean,
        std=std,
    )


def recorded_steps(raw: np.ndarray) -> Tensor:
    """The step in which each column was written down, float64 (D,): 0.01 when its values have two decimals.

    The coarsest power of ten of which 95 % of the values are multiples.
    """
    steps = []
    for column in raw.T:
        for decimals in range(8):
            scaled = column * 10**decimals
            if (np.abs(scaled - np.round(scaled)) < 1e-6).mean() >= 0.95:
                break
        steps.append(10.0**-decimals)
    return torch.tensor(steps, dtype=torch.float64)


def _split(labels: np.ndarray) -> dict[str, list[int]]:
    """Rows of each part, with class proportions kept: 341, 114, 114."""
    rng = np.random.RandomState(0)
    rest = np.arange(len(labels))
    parts = {}
    for name in ("test", "validation"):
        chosen = stratified_index(labels[rest], 114, rng)
        parts[name] = sorted(rest[chosen].tolist())
        rest = np.delete(rest, chosen)
    return {"train": rest.tolist(), **parts}
