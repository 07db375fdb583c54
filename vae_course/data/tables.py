"""Rows of numbers: features, biopsies, points."""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from vae_course.data.images import Examples, stratified_index


@dataclass(frozen=True, eq=False, repr=False)
class FeatureData(Examples):
    """Examples of real numbers, already scaled with numbers taken from the training part alone.

    Scaling changes a density: log p(raw) = log p(scaled) + log |d scaled / d raw|. The last term is kept for
    each example, so that results can be told in the units of the source. ``log_cell`` is the log of the
    volume of one cell of the grid on which the source was recorded: the sum over features of log(step).
    """

    name: str
    split: str
    values: Tensor  # float32 (N, C, H, W), scaled; a table of D columns is (N, 1, 1, D)
    labels: Tensor | None  # int64 (N,), an index into `class_names`
    class_names: tuple[str, ...]
    log_volume: Tensor  # float64 (N,), log |d scaled / d raw| of each example, nats
    log_cell: float
    sigma_shape: tuple[int, int, int]  # of the σ that a Gaussian decoder learns, broadcast to (C, H, W)

    main = "values"


SHARED = {"shared": True}  # of a field that has no row for each example


@dataclass(frozen=True, eq=False, repr=False)
class TableData(FeatureData):
    """Rows of a table, (N, 1, 1, D), each column scaled to mean 0 and standard deviation 1 in training."""

    columns: tuple[str, ...]
    logarithm: Tensor = field(metadata=SHARED)  # bool (D,), columns scaled as log(raw + offset): skewed ones
    offset: Tensor = field(metadata=SHARED)  # float64 (D,): a tenth of the training median where log meets 0
    mean: Tensor = field(metadata=SHARED)  # float64 (D,), of the training part, after the logarithm
    std: Tensor = field(metadata=SHARED)

    def raw(self, values: Tensor) -> Tensor:
        """Undo the scaling: (n, 1, 1, D) → (n, D) in the units of the source, float64."""
        middle = values.detach().cpu().double().flatten(1) * self.std + self.mean
        return torch.where(self.logarithm, middle.exp() - self.offset, middle)


def load_biopsies(name: str, split: str, *_) -> TableData:
    """One split of 569 biopsies (train 341, validation 114, test 114, fixed and stratified), 30 columns, all
    scaled by the training rows: the Wisconsin diagnostic table of scikit-learn (W. H. Wolberg, W. N. Street &
    O. L. Mangasarian 1995, UCI, CC BY 4.0). Skewed columns are scaled in logarithms.
    """
    from sklearn.datasets import load_breast_cancer

    table = load_breast_cancer()
    rng, rest, rows = np.random.RandomState(0), np.arange(len(table.target)), {}
    for part in ("test", "validation"):
        rows[part] = np.sort(rest[stratified_index(table.target[rest], 114, rng)])
        rest = np.setdiff1d(rest, rows[part])
    rows["train"] = rest
    chosen = np.concatenate([rows[part] for part in split.split("+")])
    known, raw = torch.from_numpy(table.data[rest]), torch.from_numpy(table.data[chosen])
    centered = known - known.mean(0)
    skewness = centered.pow(3).mean(0) / centered.pow(2).mean(0).pow(1.5)
    logarithm = skewness > 1
    offset = torch.where(logarithm & (known.amin(0) <= 0), known.median(0).values / 10, 0.0)

    def change(x: Tensor) -> Tensor:
        return torch.where(logarithm, (x + offset).clamp_min(1e-300).log(), x)

    mean, std = change(known).mean(0), change(known).std(0)
    slope = torch.where(logarithm, 1 / (raw + offset), 1.0) / std
    return TableData(
        name=name,
        split=split,
        values=((change(raw) - mean) / std).float()[:, None, None],
        labels=torch.from_numpy(table.target[chosen]).long(),
        class_names=("malignant", "benign"),
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
    """The coarsest power of ten of which 95 % of the values of each column are multiples, float64 (D,)."""
    steps = []
    for column in raw.T:
        for decimals in range(8):
            scaled = column * 10**decimals
            if (np.abs(scaled - np.round(scaled)) < 1e-6).mean() >= 0.95:
                break
        steps.append(10.0**-decimals)
    return torch.tensor(steps, dtype=torch.float64)


@dataclass(frozen=True, eq=False, repr=False)
class PointData(Examples):
    """Points of a toy, for ``fit``: float32 (N, ...), and the mode of each."""

    points: Tensor
    labels: Tensor | None = None
    class_names: tuple[str, ...] = ()

    main, name, split = "points", "points", "train"
