"""Fréchet distance against closed forms and scipy's matrix square root."""

import numpy as np
import pytest
import torch

from vae_course.evaluation.samples import frechet_distance


def features(mean, covariance, n: int = 200, seed: int = 0) -> torch.Tensor:
    """Rows whose sample mean and covariance are exactly these."""
    mean = torch.as_tensor(mean, dtype=torch.float64)
    covariance = torch.as_tensor(covariance, dtype=torch.float64)
    rows = torch.randn(n, len(mean), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    rows = rows - rows.mean(0)
    whitened = torch.linalg.solve_triangular(
        torch.linalg.cholesky(torch.cov(rows.T).reshape(len(mean), -1)), rows.T, upper=False
    )
    return mean + (torch.linalg.cholesky(covariance) @ whitened).T


def random_covariance(d: int, seed: int) -> torch.Tensor:
    root = torch.randn(d, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return root @ root.T + 0.1 * torch.eye(d, dtype=torch.float64)


def test_equal_covariances_leave_the_squared_distance_of_the_means():
    covariance = random_covariance(3, 0)
    a, b = features([0, 0, 0], covariance, seed=1), features([1, -2, 2], covariance, n=150, seed=2)
    assert frechet_distance(a, b) == pytest.approx(9, abs=1e-9)


def test_independent_features_add_the_squared_differences_of_standard_deviations():
    a, b = features([0, 0], [[4, 0], [0, 9]], seed=1), features([0, 3], [[1, 0], [0, 0.25]], seed=2)
    assert frechet_distance(a, b) == pytest.approx((2 - 1) ** 2 + (3 - 0.5) ** 2 + 9, abs=1e-9)


@pytest.mark.parametrize("d", [2, 5, 64])
def test_equals_the_formula_with_scipys_matrix_square_root(d):
    from scipy.linalg import sqrtm

    cov_a, cov_b = random_covariance(d, 3), random_covariance(d, 4)
    a, b = features(torch.zeros(d), cov_a, seed=1), features(torch.ones(d), cov_b, seed=2)
    root = np.real(sqrtm((cov_a @ cov_b).numpy()))
    expected = d + (cov_a.trace() + cov_b.trace()).item() - 2 * np.trace(root)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-7)
    assert frechet_distance(b, a) == pytest.approx(expected, rel=1e-7)


def test_a_set_has_no_distance_to_itself():
    a = features(torch.zeros(6), random_covariance(6, 0))
    assert 0 <= frechet_distance(a, a) < 1e-9
    assert 0 <= frechet_distance(a.float(), a.float()[torch.randperm(len(a))]) < 1e-6


def test_one_feature():
    assert frechet_distance(features([0], [[4]]), features([1], [[1]], seed=3)) == pytest.approx(2, abs=1e-9)


def test_fewer_rows_than_features_still_give_a_distance():
    a = torch.randn(10, 40, generator=torch.Generator().manual_seed(0))
    assert 0 <= frechet_distance(a, a) < 1e-4
    assert frechet_distance(a, a + 1) == pytest.approx(40, rel=1e-4)


@pytest.mark.parametrize(
    "a, b", [((5, 3), (5, 4)), ((1, 3), (5, 3)), ((5,), (5,)), ((2, 1, 3), (2, 1, 3))], ids=str
)
def test_wrong_shapes_are_refused_in_a_sentence(a, b):
    with pytest.raises(ValueError, match=r"expected \(n, d\), \(m, d\)|expected more than 1"):
        frechet_distance(torch.zeros(a), torch.zeros(b))
