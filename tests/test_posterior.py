"""The Gaussian posterior against torch.distributions and Monte Carlo."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Normal, kl_divergence

from vae_course.elbo import GaussianPosterior, bound_log_var, standard_normal_log_prob


def random_posterior(batch: int, latent: int, seed: int = 0, dtype=torch.float64) -> GaussianPosterior:
    generator = torch.Generator().manual_seed(seed)
    mean = 2 * torch.randn(batch, latent, generator=generator, dtype=dtype)
    return GaussianPosterior(mean, torch.randn(batch, latent, generator=generator, dtype=dtype))


def as_normal(q: GaussianPosterior) -> Normal:
    return Normal(q.mean, (q.log_var / 2).exp())


sizes = {
    "batch": st.integers(1, 6),
    "latent": st.integers(1, 9),
    "seed": st.integers(0, 10_000),
}


@settings(max_examples=30, deadline=None)
@given(**sizes)
def test_kl_equals_torch_distributions(batch, latent, seed):
    q = random_posterior(batch, latent, seed)
    expected = kl_divergence(as_normal(q), Normal(0.0, 1.0))
    torch.testing.assert_close(q.kl_per_dimension(), expected)
    torch.testing.assert_close(q.kl(), expected.sum(-1))
    assert q.kl().shape == (batch,)


def test_kl_equals_its_monte_carlo_estimate():
    q = random_posterior(4, 3)
    z = q.sample(100_000, generator=torch.Generator().manual_seed(1))
    estimate = q.log_prob(z) - standard_normal_log_prob(z)
    error = estimate.std(0) / math.sqrt(len(z))
    assert ((estimate.mean(0) - q.kl()).abs() < 4 * error).all()
    assert (error < 0.02 * q.kl()).all(), "the comparison is too coarse to mean anything"


def test_kl_of_the_prior_is_zero():
    zeros = torch.zeros(3, 5)
    assert torch.equal(GaussianPosterior(zeros, zeros).kl(), torch.zeros(3))


def test_kl_stays_exact_and_not_negative_close_to_the_prior():
    log_var = torch.logspace(-12, -1, 300).repeat(2)
    log_var[300:] *= -1
    q = GaussianPosterior(torch.zeros(1, 600), log_var[None])
    assert (q.kl_per_dimension() >= 0).all()
    wide = log_var.abs() > 1e-3  # exp(log σ²) − 1 would be wrong by up to 24 % here in float32
    exact = GaussianPosterior(q.mean.double(), q.log_var.double()).kl_per_dimension()
    torch.testing.assert_close(q.kl_per_dimension()[:, wide].double(), exact[:, wide], rtol=1e-3, atol=0.0)


@settings(max_examples=30, deadline=None)
@given(**sizes, draws=st.integers(1, 4))
def test_log_prob_equals_torch_distributions(batch, latent, seed, draws):
    q = random_posterior(batch, latent, seed)
    z = q.sample(draws, generator=torch.Generator().manual_seed(seed))
    assert z.shape == (draws, batch, latent)
    expected = as_normal(q).log_prob(z).sum(-1)
    torch.testing.assert_close(q.log_prob(z), expected)
    torch.testing.assert_close(q.log_prob(z[0]), expected[0])


def test_standard_normal_log_prob_equals_torch_distributions():
    z = random_posterior(5, 4).mean
    torch.testing.assert_close(standard_normal_log_prob(z), Normal(0.0, 1.0).log_prob(z).sum(-1))


def test_draws_have_the_posteriors_mean_and_spread():
    q = random_posterior(2, 3)
    n = 50_000
    z = q.sample(n, generator=torch.Generator().manual_seed(2))
    assert ((z.mean(0) - q.mean).abs() < 4 * q.std / math.sqrt(n)).all()
    assert ((z.std(0) - q.std).abs() < 4 * q.std / math.sqrt(2 * n)).all()
    one = (z - q.mean) / q.std
    correlation = (one[:, :, 0] * one[:, :, 1]).mean(0)
    assert (correlation.abs() < 4 / math.sqrt(n)).all(), "dimensions must be drawn independently"


def test_draws_repeat_with_the_generator_and_differ_without():
    q = random_posterior(3, 2)
    first, second = (q.sample(generator=torch.Generator().manual_seed(5)) for _ in range(2))
    assert first.shape == (3, 2)
    assert torch.equal(first, second)
    assert not torch.equal(first, q.sample(generator=torch.Generator().manual_seed(6)))


def test_gradients_reach_mean_and_log_var():
    mean, log_var = torch.randn(3, 2).requires_grad_(), torch.randn(3, 2).requires_grad_()
    q = GaussianPosterior(mean, log_var)
    z = q.sample(generator=torch.Generator().manual_seed(0))
    z.sum().backward()
    torch.testing.assert_close(mean.grad, torch.ones(3, 2))
    torch.testing.assert_close(log_var.grad, ((z - mean) / 2).detach())  # dz/d log σ² = ½ σ ε


@settings(max_examples=50, deadline=None)
@given(raw=st.floats(-1e30, 1e30), limit=st.floats(1.0, 20.0))
def test_bounded_log_var_stays_inside_and_keeps_the_sign(raw, limit):
    bounded = bound_log_var(torch.tensor(raw), limit)
    assert abs(bounded.item()) <= limit * (1 + 1e-6)
    assert bounded.item() * raw >= 0
    assert torch.isfinite(bounded.exp()) and bounded.exp() > 0


def test_bounded_log_var_is_nearly_the_identity_and_rises():
    small = torch.linspace(-1, 1, 21)
    torch.testing.assert_close(bound_log_var(small), small, rtol=0, atol=2e-3)
    assert bound_log_var(torch.tensor(3.0)).item() == pytest.approx(2.96, abs=0.005)
    raw = torch.linspace(-60, 60, 50).requires_grad_()
    bounded = bound_log_var(raw)
    assert (bounded.diff() > 0).all()
    bounded.sum().backward()
    assert (raw.grad > 0).all(), "unlike a hard clamp, the bound must leave a gradient"
