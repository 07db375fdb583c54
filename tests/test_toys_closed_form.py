"""Mixtures and the linear-Gaussian toy against torch.distributions and Monte Carlo."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch.distributions import Independent, MultivariateNormal, Normal

from vae_course.data.toys import LinearGaussian, ring_mixture

MIXTURES = {"ring": (ring_mixture(), 8), "large": (ring_mixture(25, radius=9.0, std=0.05), 25)}


@pytest.mark.parametrize("kind", MIXTURES)
def test_mixture_samples_stay_at_their_modes_and_hit_all_equally(kind):
    mixture, modes = MIXTURES[kind]
    n = 20_000
    points, mode = mixture.sample(n, seed=0)
    assert points.shape == (n, 2) and points.dtype == torch.float32 and mode.dtype == torch.int64
    expected = n / modes
    counts = torch.bincount(mode, minlength=modes).double()
    assert ((counts - expected).abs() < 4.5 * math.sqrt(expected * (1 - 1 / modes))).all()
    residual = (points - mixture.centers[mode]) / mixture.std
    assert stats.kstest(residual.flatten().numpy(), "norm").pvalue > 1e-4
    nearest, distance = mixture.nearest(points)
    assert torch.equal(nearest, mode)
    # the distance in the plane is Rayleigh: 3 standard deviations hold all but exp(-9 / 2) of the points
    share = float((distance < 3 * mixture.std).double().mean())
    assert share == pytest.approx(1 - math.exp(-4.5), abs=4 * math.sqrt(math.exp(-4.5) / n))
    assert torch.equal(mixture.sample(n, seed=0)[0], points)
    assert not torch.equal(mixture.sample(n, seed=1)[0], points)


def test_mixture_centers_are_where_they_are_said_to_be():
    ring = ring_mixture(4, radius=3.0)
    assert torch.allclose(ring.centers, torch.tensor([[3, 0], [0, 3], [-3, 0], [0, -3]]).double(), atol=1e-12)


def linear_model(observed, latent, sigma, seed=0):
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(observed, latent, generator=generator)
    return LinearGaussian(weight, torch.randn(observed, generator=generator), sigma)


linear_models = st.builds(
    linear_model, st.integers(1, 6), st.integers(1, 4), st.floats(0.05, 3), st.integers(0, 100)
)


@settings(deadline=None, max_examples=40)
@given(model=linear_models, n=st.integers(1, 7))
def test_linear_log_prob_against_torch_distributions(model, n):
    x, z = model.sample(n, seed=3)
    observed, latent = model.weight.shape
    assert x.shape == (n, observed) and z.shape == (n, latent) and x.dtype == torch.float64
    covariance = model.weight @ model.weight.T + model.sigma**2 * torch.eye(observed, dtype=torch.float64)
    reference = MultivariateNormal(model.bias, covariance).log_prob(x)
    assert torch.allclose(model.log_prob(x), reference, rtol=1e-8, atol=1e-8)


@settings(deadline=None, max_examples=40)
@given(model=linear_models)
def test_linear_posterior_fulfils_bayes_rule_at_any_z(model):
    x, z = model.sample(5, seed=4)
    mean, covariance = model.posterior(x)
    assert mean.shape == z.shape and covariance.shape == (z.shape[1], z.shape[1])
    identity = torch.eye(z.shape[1], dtype=torch.float64)
    prior = MultivariateNormal(torch.zeros(z.shape[1], dtype=torch.float64), identity)
    for latent in (z, torch.zeros_like(z)):
        likelihood = Independent(Normal(model.mean(latent), model.sigma), 1).log_prob(x)
        posterior = MultivariateNormal(mean, covariance).log_prob(latent)
        joint = prior.log_prob(latent) + likelihood
        assert torch.allclose(joint - posterior, model.log_prob(x), rtol=1e-7, atol=1e-6)


def test_linear_samples_have_the_exact_mean_and_covariance():
    model = linear_model(3, 2, 0.5)
    n = 50_000
    x, z = model.sample(n, seed=0)
    covariance = model.weight @ model.weight.T + 0.25 * torch.eye(3, dtype=torch.float64)
    variance = covariance.diagonal()
    assert ((x.mean(0) - model.bias).abs() < 4 * (variance / n).sqrt()).all()
    error = 4 * ((variance[:, None] * variance + covariance**2) / n).sqrt()
    assert ((torch.cov(x.T) - covariance).abs() < error).all()
    assert stats.kstest(z.flatten().numpy(), "norm").pvalue > 1e-4
    assert torch.equal(model.sample(10, seed=0)[0], model.sample(10, seed=0)[0])


def test_linear_log_prob_takes_any_leading_shape():
    model = linear_model(3, 2, 0.5)
    x, _ = model.sample(12)
    assert torch.equal(model.log_prob(x.reshape(3, 4, 3)), model.log_prob(x).reshape(3, 4))
    assert model.log_prob(x[0]).shape == ()


@pytest.mark.parametrize(
    ("weight", "bias", "sigma", "words"),
    [
        (torch.ones(3, 2), torch.ones(2), 1.0, r"\(3, 2\).*\(2,\).*\(D, k\)"),
        (torch.ones(3, 2), torch.ones(3), 0.0, "sigma is 0.0"),
    ],
)
def test_linear_refuses_what_does_not_fit_in_a_sentence(weight, bias, sigma, words):
    with pytest.raises(ValueError, match=words):
        LinearGaussian(weight, bias, sigma)
