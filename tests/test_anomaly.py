"""Anomaly scores and AUROC: against the definition, scikit-learn, and a model with a known answer."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from linear_vae import LinearVAE
from tiny_data import Rows

from vae_course.evaluation.baselines import (
    auroc,
    auroc_difference,
    auroc_interval,
    isolation_forest_scores,
    pca_scores,
)
from vae_course.evaluation.bounds import elbo_scores, importance_weighted_scores

scores = st.lists(st.integers(0, 6), min_size=1, max_size=12)


@given(normal=scores, anomalous=scores)
def test_auroc_is_the_share_of_pairs_in_the_right_order(normal, anomalous):
    pairs = [(a > b) + 0.5 * (a == b) for a in anomalous for b in normal]
    value = auroc(torch.tensor(normal), torch.tensor(anomalous))
    assert value == pytest.approx(sum(pairs) / len(pairs))
    assert value + auroc(torch.tensor(anomalous), torch.tensor(normal)) == pytest.approx(1)


def test_auroc_is_scikit_learn_s():
    from sklearn.metrics import roc_auc_score

    rng = np.random.RandomState(0)
    normal, anomalous = rng.randn(70), rng.randn(40) + 1
    truth = roc_auc_score([0] * 70 + [1] * 40, np.concatenate([normal, anomalous]))
    assert auroc(torch.tensor(normal), torch.tensor(anomalous)) == pytest.approx(truth)


def test_the_bootstrap_interval_has_the_width_that_theory_gives():
    """Hanley & McNeil 1982, eq. 1, for normal scores one standard deviation apart."""
    rng = np.random.RandomState(1)
    n = 400
    normal, anomalous = torch.tensor(rng.randn(n)), torch.tensor(rng.randn(n) + 1)
    a, low, high = interval = auroc_interval(normal, anomalous)
    q1, q2 = a / (2 - a), 2 * a * a / (1 + a)
    error = math.sqrt((a * (1 - a) + (n - 1) * (q1 - a * a) + (n - 1) * (q2 - a * a)) / n**2)
    assert (high - low) == pytest.approx(2 * 1.96 * error, rel=0.15)
    assert low < a < high
    assert f"{interval:.2f}" == f"{a:.2f} ({low:.2f} to {high:.2f})"


def test_a_paired_difference_is_narrower_than_two_intervals():
    rng = np.random.RandomState(2)
    normal, anomalous = rng.randn(100), rng.randn(100) + 1
    first = torch.tensor(normal), torch.tensor(anomalous)
    second = tuple(torch.tensor(part + 0.2 * rng.randn(100)) for part in (normal, anomalous))
    gap, low, high = auroc_difference(first, second)
    assert gap == pytest.approx(auroc(*first) - auroc(*second))
    assert high - low < 0.5 * (auroc_interval(*first).high - auroc_interval(*first).low)
    with pytest.raises(ValueError, match="same examples"):
        auroc_difference(first, (first[0][:5], first[1]))


@pytest.fixture
def linear():
    """A linear model with its exact posterior, for which both scores must be −log p(x), and data of it."""
    model = LinearVAE()
    return model, model.data(3000)


def test_scores_of_an_exact_model_are_minus_log_p(linear):
    model, x = linear
    truth = -model.toy.log_prob(x[:50])
    bound = importance_weighted_scores(model, Rows(x[:50]), k=5)
    assert torch.allclose(bound, truth, atol=1e-6)
    noisy = elbo_scores(model, Rows(x[:50]), n_samples=4000)
    assert torch.allclose(noisy, truth, atol=0.15)


def test_pca_and_forest_find_what_leaves_the_plane(linear):
    _, x = linear
    strange = x[:40] + torch.tensor([4.0, -4.0, 0.0, 0.0])
    normal = x[2000:]
    assert auroc(pca_scores(x[:1000], normal, 2), pca_scores(x[:1000], strange, 2)) > 0.95
    found = [isolation_forest_scores(x[:1000], rows) for rows in (normal, strange)]
    assert auroc(*found) > 0.9


def test_scores_must_be_numbers():
    with pytest.raises(ValueError, match="at least one finite number"):
        auroc(torch.tensor([1.0, math.nan]), torch.ones(2))
    with pytest.raises(ValueError, match="at least one finite number"):
        auroc(torch.tensor([]), torch.ones(2))
