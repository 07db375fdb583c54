"""The biopsy table: parts, scaling by kind of column, change of variables, recorded steps."""

import numpy as np
import pytest
import torch

from vae_course.data.images import DataError
from vae_course.data.loading import load
from vae_course.data.tables import recorded_steps


@pytest.fixture(scope="module")
def parts():
    return {split: load("biopsies", split) for split in ("train", "validation", "test")}


def test_parts_are_disjoint_and_stratified(parts):
    assert [len(part) for part in parts.values()] == [341, 114, 114]
    rows = torch.cat([part.values for part in parts.values()]).flatten(1)
    assert len(torch.unique(rows, dim=0)) == 569
    for part in parts.values():
        assert part.labels.float().mean().item() == pytest.approx(357 / 569, abs=0.01)
    both = load("biopsies", "train+validation")
    assert torch.equal(both.values, torch.cat([parts["train"].values, parts["validation"].values]))


def test_scaling_comes_from_the_training_rows_alone(parts):
    train = parts["train"].values.flatten(1)
    assert torch.allclose(train.mean(0), torch.zeros(30), atol=1e-5)
    assert torch.allclose(train.std(0), torch.ones(30), atol=1e-5)
    assert parts["test"].values.flatten(1).mean(0).abs().max() > 0.02


def test_raw_gives_back_the_table(parts):
    from sklearn.datasets import load_breast_cancer

    table = load_breast_cancer().data
    raw = parts["test"].raw(parts["test"].values).numpy()
    distance = np.abs(raw[:, None] - table).max(-1).min(1)
    assert distance.max() < 1e-3 and parts["test"].columns[0] == "mean radius"


def test_skewed_columns_are_scaled_in_logarithms(parts):
    train = parts["train"]
    columns = dict(zip(train.columns, train.logarithm.tolist(), strict=True))
    assert columns["area error"] and columns["mean area"] and not columns["mean smoothness"]
    offsets = dict(zip(train.columns, train.offset.tolist(), strict=True))
    assert offsets["mean concavity"] > 0 and offsets["area error"] == 0  # only the first has zeros
    raw = train.raw(train.values)
    before = (((raw - raw.mean(0)) / raw.std(0)) ** 3).mean(0)
    after = (train.values.flatten(1) ** 3).mean(0)
    assert before.max() > 3 and after.abs().max() < 2


def test_log_volume_is_the_slope_of_the_scaling(parts):
    test = parts["test"]
    values = test.values.double().requires_grad_()
    raw = torch.where(
        test.logarithm,
        (values.flatten(1) * test.std + test.mean).exp() - test.offset,
        values.flatten(1) * test.std + test.mean,
    )
    (slope,) = torch.autograd.grad(raw.sum(), values)  # d raw / d scaled, column by column
    assert torch.allclose(test.log_volume, -slope.flatten(1).log().sum(1), atol=1e-3)


def test_recorded_steps():
    table = np.array([[1.0, 0.25, 300.0], [2.0, 0.5, 125.5], [7.0, 1.0, 3.25]])
    assert recorded_steps(table).tolist() == pytest.approx([1, 0.01, 0.01])
    assert recorded_steps(np.full((40, 1), 0.1184)).tolist() == pytest.approx([1e-4])


def test_it_cannot_be_binarized():
    with pytest.raises(DataError, match="biopsies are no pictures"):
        load("biopsies", binarize="fixed")
