"""Chapter 01's toy against torch.distributions, adaptive quadrature and Monte Carlo."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats
from torch.distributions import Independent, Normal

from vae_course.data.toys import CurveModel

CROSSING = torch.tensor([0.0, 1.1266943])
POINTS = torch.tensor(
    [
        [0.0, 1.1266943],
        [0.0, -1.5],
        [0.0, 0.0],
        [0.3, 0.9],
        [1.5, 1.0],
        [-3.0, -0.5],
        [4.0, 3.0],
        [-9.0, 0.0],
    ],
    dtype=torch.float64,
)


def scalar_log_joint(model, x, z):
    """log p(x, z) of the curve model written out again with scipy and plain numbers."""
    mean = (0.9 * z - 1.5 * math.sin(2.2 * z), -1.5 * math.cos(2.2 * z))
    return stats.norm.logpdf(z) + sum(stats.norm.logpdf(float(x[i]), mean[i], model.sigma) for i in (0, 1))


@pytest.mark.parametrize("sigma", [0.1, 0.25, 0.8, 5.0])
@pytest.mark.parametrize("x", POINTS.tolist())
def test_curve_log_marginal_against_adaptive_quadrature(sigma, x):
    model = CurveModel(sigma)
    z = torch.linspace(-14, 14, 20_001, dtype=torch.float64)
    log_joint = model.log_joint(torch.tensor(x), z)
    peak, highest = float(log_joint.max()), float(z[log_joint.argmax()])
    inside = z[log_joint > peak - 60]  # outside it the integrand is below 1e-26 of its peak

    def integrand(value):
        return math.exp(scalar_log_joint(model, x, value) - peak)

    modes = [v for v in (highest, -highest) if inside[0] < v < inside[-1]]
    value, _ = integrate.quad(
        integrand, float(inside[0]), float(inside[-1]), points=modes, limit=500, epsabs=0, epsrel=1e-10
    )
    assert float(model.log_marginal(torch.tensor(x))) == pytest.approx(peak + math.log(value), abs=1e-7)


def test_curve_densities_against_torch_distributions():
    model = CurveModel(0.3)
    z = torch.linspace(-3, 3, len(POINTS), dtype=torch.float64)
    likelihood = Independent(Normal(model.mean(z), 0.3), 1).log_prob(POINTS)
    assert torch.allclose(model.log_likelihood(POINTS, z), likelihood, atol=1e-12)
    prior = Normal(torch.tensor(0.0, dtype=torch.float64), 1.0).log_prob(z)
    assert torch.allclose(model.log_joint(POINTS, z), likelihood + prior, atol=1e-12)


def test_curve_density_integrates_to_one():
    model = CurveModel()
    step = 0.1
    axis = torch.arange(-8, 8, step, dtype=torch.float64)
    total = model.log_marginal(torch.cartesian_prod(axis, axis)).exp().sum() * step**2
    assert float(total) == pytest.approx(1, abs=1e-9)


def test_curve_posterior_is_a_density_and_agrees_with_bayes():
    model = CurveModel()
    z, density = model.posterior(POINTS)
    assert density.shape == (len(POINTS), len(z)) and density.dtype == torch.float64
    assert torch.allclose(
        torch.trapezoid(density, z), torch.ones(len(POINTS), dtype=torch.float64), atol=1e-9
    )
    bayes = (model.log_joint(POINTS[:, None], z) - model.log_marginal(POINTS)[:, None]).exp()
    assert (density - bayes).abs().max() < 1e-6


def test_curve_posterior_has_two_modes_where_the_curve_crosses_itself():
    model = CurveModel()
    ends = model.mean(torch.tensor([-1.1002581, 1.1002581]))
    assert torch.allclose(ends, CROSSING.expand(2, 2), atol=1e-6)
    z, density = model.posterior(CROSSING)
    peaks = z[1:-1][(density[1:-1] > density[:-2]) & (density[1:-1] > density[2:]) & (density[1:-1] > 0.5)]
    assert len(peaks) == 2
    assert torch.allclose(peaks, torch.tensor([-1.1, 1.1], dtype=torch.float64), atol=0.1)
    assert density[(z.abs() < 0.5)].max() < 1e-3  # and nearly nothing between them


def test_curve_samples_follow_the_model():
    model = CurveModel()
    x, z = model.sample(40_000, seed=0)
    assert x.shape == (40_000, 2) and z.shape == (40_000,) and x.dtype == z.dtype == torch.float32
    assert abs(float(z.mean())) < 4 / math.sqrt(40_000)
    residual = (x - model.mean(z)) / model.sigma
    assert stats.kstest(residual.flatten().numpy(), "norm").pvalue > 1e-4
    assert stats.kstest(z.numpy(), "norm").pvalue > 1e-4
    again, _ = model.sample(40_000, seed=0)
    other, _ = model.sample(40_000, seed=1)
    assert torch.equal(x, again) and not torch.equal(x, other)


def test_curve_marginal_against_monte_carlo_over_the_prior():
    model = CurveModel()
    x = POINTS[:5]
    z = torch.randn(200_000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    likelihood = model.log_likelihood(x[:, None], z).exp()
    error = 4 * likelihood.std(dim=1) / math.sqrt(len(z))
    assert ((model.log_marginal(x).exp() - likelihood.mean(dim=1)).abs() < error).all()


@pytest.mark.parametrize("sigma", [0.1, 0.25, 0.8])
@pytest.mark.parametrize("x", POINTS.tolist())
def test_curve_gap_between_log_evidence_and_elbo_is_the_kl(sigma, x):
    model, x = CurveModel(sigma), torch.tensor(x)
    q_mean, q_log_var = torch.meshgrid(torch.linspace(-4, 4, 9), torch.linspace(-9, 3, 7), indexing="ij")
    elbo, kl = model.elbo(x, q_mean, q_log_var), model.kl_to_posterior(x, q_mean, q_log_var)
    assert elbo.shape == kl.shape == (9, 7) and elbo.dtype == kl.dtype == torch.float64
    gap = model.log_marginal(x) - elbo
    assert (gap - kl).abs().max() < 1e-6
    assert (kl > 0).all()


@settings(deadline=None, max_examples=25)
@given(
    x=st.tuples(st.floats(-6, 6), st.floats(-6, 6)),
    q_mean=st.floats(-8, 8),
    q_log_var=st.floats(-12, 4),
    sigma=st.floats(0.05, 20),
)
def test_curve_gap_is_the_kl_for_any_q(x, q_mean, q_log_var, sigma):
    model = CurveModel(sigma)
    q = torch.tensor(q_mean, dtype=torch.float64), torch.tensor(q_log_var, dtype=torch.float64)
    x = torch.tensor(x, dtype=torch.float64)
    gap, kl = float(model.log_marginal(x) - model.elbo(x, *q)), float(model.kl_to_posterior(x, *q))
    assert gap == pytest.approx(kl, abs=1e-6, rel=1e-9)
    assert kl > -1e-9


def test_curve_elbo_against_monte_carlo():
    model, x = CurveModel(), torch.tensor([0.3, 0.9])
    q = Normal(torch.tensor(-1.0, dtype=torch.float64), 0.4)
    torch.manual_seed(0)
    z = q.sample((100_000,))
    terms = model.log_joint(x, z) - q.log_prob(z)
    exact = model.elbo(x, q.mean, q.variance.log())
    assert abs(float(exact - terms.mean())) < 4 * float(terms.std()) / math.sqrt(len(z))


def test_curve_elbo_broadcasts_many_x_against_many_q():
    model = CurveModel()
    q_mean, q_log_var = torch.linspace(-1, 1, 300), torch.tensor(-2.0)  # more q than are handled at once
    table = model.elbo(POINTS[:, None], q_mean, q_log_var)
    divergences = model.kl_to_posterior(POINTS[:, None], q_mean, q_log_var)
    assert table.shape == divergences.shape == (len(POINTS), 300)
    assert float(table[3, 299]) == pytest.approx(
        float(model.elbo(POINTS[3], q_mean[299], q_log_var)), abs=1e-9
    )
    single = model.kl_to_posterior(POINTS[3], q_mean[299], q_log_var)
    assert float(divergences[3, 299]) == pytest.approx(float(single), abs=1e-9)


def test_curve_refuses_what_it_cannot_do_in_a_sentence():
    with pytest.raises(ValueError, match=r"sigma is 0.0, but .* expected: try 0.25\."):
        CurveModel(0.0)
    with pytest.raises(ValueError, match=r"standard deviation .* keep q_log_var above"):
        CurveModel().kl_to_posterior(CROSSING, torch.tensor(0.0), torch.tensor(-20.0))
