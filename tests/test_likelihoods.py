"""Likelihoods against torch.distributions, sums and integrals."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import distributions

from vae_course.likelihoods import SMALLEST_SIGMA, Bernoulli, Gaussian, make

shapes = st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 6), st.integers(1, 6))


def parameters_and_uniform(shape, draws, seed):
    generator = torch.Generator().manual_seed(seed)
    params = 3 * torch.randn(*draws, *shape, generator=generator, dtype=torch.float64)
    return params, torch.rand(shape, generator=generator, dtype=torch.float64)


@settings(max_examples=25, deadline=None)
@given(shape=shapes, draws=st.sampled_from([(), (1,), (3,), (2, 3)]), seed=st.integers(0, 1000))
def test_bernoulli_log_prob_equals_torch_distributions(shape, draws, seed):
    logits, uniform = parameters_and_uniform(shape, draws, seed)
    x = uniform.round()
    expected = distributions.Bernoulli(logits=logits).log_prob(x.expand_as(logits)).sum((-3, -2, -1))
    assert expected.shape == (*draws, shape[0])
    torch.testing.assert_close(Bernoulli().log_prob(x, logits), expected)


@settings(max_examples=25, deadline=None)
@given(
    shape=shapes,
    draws=st.sampled_from([(), (1,), (3,), (2, 3)]),
    seed=st.integers(0, 1000),
    sigma=st.floats(0.01, 5),
)
def test_gaussian_log_prob_equals_torch_distributions(shape, draws, seed, sigma):
    means, x = parameters_and_uniform(shape, draws, seed)
    expected = distributions.Normal(means, sigma).log_prob(x).sum((-3, -2, -1))
    ours = Gaussian(sigma).log_prob(x, means)
    assert ours.shape == (*draws, shape[0])
    torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-5)


def test_bernoulli_probabilities_of_all_binary_pictures_sum_to_one():
    logits = torch.randn(1, 1, 2, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    pictures = torch.tensor(list(itertools.product((0.0, 1.0), repeat=6)), dtype=torch.float64)
    log_prob = Bernoulli().log_prob(pictures.reshape(-1, 1, 2, 3), logits.expand(64, 1, 2, 3))
    assert log_prob.exp().sum().item() == pytest.approx(1, abs=1e-12)


def test_gaussian_density_integrates_to_one():
    x = torch.linspace(-8, 9, 20_001, dtype=torch.float64)[:, None]
    density = Gaussian(0.8).log_prob(x, torch.full_like(x, 0.4)).exp()
    assert torch.trapezoid(density, x[:, 0]).item() == pytest.approx(1, abs=1e-6)


def test_bernoulli_on_gray_values_is_the_expectation_over_binarized_pictures():
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(1, 1, 1, 4, generator=generator, dtype=torch.float64)
    gray = torch.rand(1, 1, 1, 4, generator=generator, dtype=torch.float64)
    expectation = 0.0
    for bits in itertools.product((0.0, 1.0), repeat=4):
        b = torch.tensor(bits, dtype=torch.float64).reshape(1, 1, 1, 4)
        chance = torch.where(b == 1, gray, 1 - gray).prod()
        expectation += (chance * Bernoulli().log_prob(b, logits)).item()
    assert Bernoulli().log_prob(gray, logits).item() == pytest.approx(expectation, abs=1e-12)


def test_bernoulli_is_finite_for_extreme_logits():
    x = torch.tensor([[0.0, 1.0, 0.0, 1.0]])
    logits = torch.tensor([[1e4, 1e4, -1e4, -1e4]]).requires_grad_()
    log_prob = Bernoulli().log_prob(x, logits)
    assert log_prob.item() == pytest.approx(-2e4)
    log_prob.sum().backward()
    torch.testing.assert_close(logits.grad, x - torch.tensor([[1.0, 1.0, 0.0, 0.0]]))


@pytest.mark.parametrize("likelihood", [Bernoulli(), Gaussian(0.5)], ids=["bernoulli", "gaussian"])
def test_draws_have_the_stated_mean(likelihood):
    params = torch.tensor([-2.0, 0.0, 0.3, 1.5])
    n = 40_000
    draws = likelihood.sample(params.expand(n, 4), generator=torch.Generator().manual_seed(0))
    error = draws.std(0) / math.sqrt(n)
    assert ((draws.mean(0) - likelihood.mean(params)).abs() < 4 * error).all()
    again = likelihood.sample(params.expand(n, 4), generator=torch.Generator().manual_seed(0))
    assert torch.equal(draws, again)


def test_draws_have_the_stated_values_and_spread():
    params = torch.zeros(20_000)
    binary = Bernoulli().sample(params, generator=torch.Generator().manual_seed(0))
    assert set(binary.tolist()) == {0.0, 1.0}
    spread = Gaussian(0.5).sample(params, generator=torch.Generator().manual_seed(0)).std().item()
    assert spread == pytest.approx(0.5, abs=4 * 0.5 / math.sqrt(2 * len(params)))


def test_learned_sigma_is_best_at_the_root_mean_square_error():
    generator = torch.Generator().manual_seed(0)
    x, means = torch.rand(6, 1, 4, 4, generator=generator), torch.rand(6, 1, 4, 4, generator=generator)
    likelihood = Gaussian((x - means).square().mean().sqrt().item(), learned=True)
    likelihood.log_prob(x, means).sum().backward()
    assert likelihood.log_sigma.grad.abs().item() < 1e-3  # Rybkin et al. 2021, eq. 6
    wide = Gaussian(1.0, learned=True)
    wide.log_prob(x, means).sum().backward()
    assert wide.log_sigma.grad.item() < -10, "a too wide σ must be pulled down"


def test_sigma_is_saved_and_trained_only_when_learned():
    fixed, learned = Gaussian(0.25), Gaussian(0.25, learned=True)
    assert [list(module.state_dict()) for module in (fixed, learned)] == [["log_sigma"]] * 2
    assert (len(list(fixed.parameters())), len(list(learned.parameters()))) == (0, 1)
    assert fixed.sigma.item() == pytest.approx(0.25)


def test_learned_sigma_cannot_make_the_density_infinite():
    likelihood = Gaussian(1.0, learned=True)
    with torch.no_grad():
        likelihood.log_sigma.fill_(-200.0)
    assert likelihood.sigma.item() == pytest.approx(SMALLEST_SIGMA)
    assert torch.isfinite(likelihood.log_prob(torch.zeros(1, 3), torch.zeros(1, 3))).all()


@pytest.mark.parametrize("sigma", [0.0, -1.0, 1e-5, math.nan, math.inf])
def test_sigma_out_of_range_is_refused(sigma):
    with pytest.raises(ValueError, match=r"standard deviation of at least 0\.001"):
        Gaussian(sigma)


def test_likelihoods_by_name():
    assert isinstance(make("bernoulli"), Bernoulli)
    assert list(make("gaussian").parameters()) == []
    assert len(list(make("gaussian_learned").parameters())) == 1
    with pytest.raises(ValueError, match="unknown likelihood 'poisson'; choose one of bernoulli, gaussian"):
        make("poisson")


@pytest.mark.parametrize("name", ["bernoulli", "continuous_bernoulli", "discretized_logistic"])
@pytest.mark.parametrize("change", [lambda x: 255 * x, lambda x: x - 0.5])
def test_pixels_outside_the_unit_interval_are_refused(name, change):
    likelihood, x = make(name), torch.linspace(0, 1, 12).reshape(2, 6)
    assert likelihood.log_prob(x, torch.zeros(2, 6)).isfinite().all()
    with pytest.raises(ValueError, match=r"x has values from .* of values in \[0, 1\]: divide bytes by 255"):
        likelihood.log_prob(change(x), torch.zeros(2, 6))
