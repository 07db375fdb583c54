"""Coverage of data by samples: a toy by hand, the definition, a known mean, and what scatter does not do."""

import math

import pytest
import torch

from vae_course.evaluation.samples import coverage, precision_recall


def randn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_a_toy_by_hand():
    real = torch.tensor([[0.0], [1.0], [2.0], [10.0]])  # distances to the nearest other: 1, 1, 1, 8
    assert coverage(real, torch.tensor([[0.5], [50.0]]), k=1) == 0.5  # 0 and 1; 10 is 9.5 away
    assert coverage(real, torch.tensor([[3.0]]), k=1) == 0.5  # 2, on the edge of its ball, and 10
    assert coverage(real, torch.tensor([[50.0]]), k=1) == 0
    one = torch.tensor([[1.6]])  # 1.6, 0.6, 0.4 and 8.4 away; to the second nearest it is 2, 1, 2, 9
    assert coverage(real, one, k=1) == 0.5 and coverage(real, one, k=2) == 1


@pytest.mark.parametrize("k", [1, 3, 5])
def test_it_equals_the_definition(monkeypatch, k):
    monkeypatch.setattr("vae_course.evaluation.samples.CHUNK", 7)
    real, generated = randn(40, 2).double(), (0.5 * randn(30, 2, seed=1) + 0.8).double()
    found = 0
    for x in real.tolist():
        radius = sorted(math.dist(x, other) for other in real.tolist())[k]
        found += any(math.dist(x, y) <= radius for y in generated.tolist())
    assert 0 < found < 40
    assert coverage(real, generated, k=k) == pytest.approx(found / 40, abs=1e-6)


def test_two_draws_of_one_distribution_reach_the_known_mean():
    n, k = 100, 3
    expected = 1 - math.prod((n - i) / (2 * n - i) for i in range(1, k + 1))  # Naeem et al. 2020, lemma 2
    values = [coverage(randn(n, 4, seed=s), randn(n, 4, seed=s + 1000), k=k) for s in range(60)]
    mean = sum(values) / len(values)
    assert all(0 <= value <= 1 for value in values)
    assert mean == pytest.approx(expected, abs=0.015)  # its standard error is about 0.005


def test_data_cover_themselves_and_a_missing_half_is_seen():
    real = torch.cat([randn(200, 5), randn(200, 5, seed=1) + 30])
    assert coverage(real, real) == 1
    assert coverage(real, randn(400, 5, seed=2)) == pytest.approx(0.5, abs=0.02)


def test_scatter_raises_recall_and_not_coverage():
    real = torch.cat([randn(200, 5), randn(200, 5, seed=1) + 6])
    half = randn(200, 5, seed=2)  # of the two clusters, the first
    scattered = torch.cat([half, torch.full((1, 5), 20.0)])  # a ball over all the rest
    gained = precision_recall(real, scattered).recall - precision_recall(real, half).recall
    assert gained > 0.45
    assert coverage(real, scattered) == coverage(real, half) == pytest.approx(0.5, abs=0.03)


def test_it_refuses_what_it_cannot_measure():
    with pytest.raises(ValueError, match="more than 5 and 0 rows"):
        coverage(randn(5, 2), randn(10, 2))
    with pytest.raises(ValueError, match="more than 5 and 0 rows"):
        coverage(randn(10, 2), randn(0, 2))
    with pytest.raises(ValueError, match=r"expected \(n, d\), \(m, d\)"):
        coverage(randn(10, 2), randn(10, 3))
