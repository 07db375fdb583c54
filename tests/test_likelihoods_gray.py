"""The likelihoods of gray pixels against torch.distributions, sums, integrals and finite differences."""

import math

import pytest
import torch
from tiny_data import tiny_images
from torch import distributions

from vae_course.likelihoods import (
    LARGEST_START,
    LIKELIHOODS,
    ContinuousBernoulli,
    DiscretizedLogistic,
    FeatureLoss,
    Gaussian,
    Laplace,
    make,
)
from vae_course.models.vae import VAE
from vae_course.training.loop import fit


def gray(shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def normal(shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("draws", [(), (3,), (2, 3)])
def test_continuous_bernoulli_equals_torch_distributions_away_from_one_half(draws):
    x = gray((4, 1, 3, 3))
    logits = 4 * normal((*draws, 4, 1, 3, 3))
    logits = logits + 0.6 * torch.sign(logits)
    expected = distributions.ContinuousBernoulli(logits=logits).log_prob(x.expand_as(logits))
    ours = ContinuousBernoulli().log_prob(x, logits)
    assert ours.shape == (*draws, 4)
    torch.testing.assert_close(ours, expected.sum((-3, -2, -1)))
    expected_mean = distributions.ContinuousBernoulli(logits=logits).mean
    torch.testing.assert_close(ContinuousBernoulli().mean(logits), expected_mean)


@pytest.mark.parametrize("logit", [0.0, 1e-12, -1e-6, 1e-3, -0.1, 0.4999, 0.5001, -3.0, 40.0, -700.0])
def test_continuous_bernoulli_density_integrates_to_one_and_has_the_stated_mean(logit):
    # Gauss-Legendre in pieces: fine enough for the steep ends.
    import numpy as np

    node, weight = (torch.from_numpy(part) for part in np.polynomial.legendre.leggauss(20))
    edges = torch.linspace(0, 1, 401, dtype=torch.float64)
    width = 1 / 400
    x = (edges[:-1, None] + width * (node + 1) / 2).reshape(-1, 1)
    mass = weight.repeat(400) * width / 2
    density = ContinuousBernoulli().log_prob(x, torch.full_like(x, logit)).exp()
    assert (mass * density).sum().item() == pytest.approx(1, abs=1e-10)
    mean = ContinuousBernoulli().mean(torch.tensor(logit, dtype=torch.float64)).item()
    assert (mass * density * x[:, 0]).sum().item() == pytest.approx(mean, abs=1e-10)


def test_continuous_bernoulli_is_stable_near_one_half_in_single_precision():
    logits = torch.linspace(-1, 1, 4001, requires_grad=True)
    x = torch.full((4001, 1), 0.3)
    ContinuousBernoulli().log_prob(x, logits[:, None]).sum().backward()
    exact = 0.3 - ContinuousBernoulli().mean(logits.detach().double())
    torch.testing.assert_close(logits.grad.double(), exact, rtol=0, atol=2e-6)


@pytest.mark.parametrize("logit", [-1e4, -80.0, 0.0, 80.0, 1e4])
def test_continuous_bernoulli_is_finite_with_finite_gradients(logit):
    for x in (0.0, 0.5, 1.0):
        logits = torch.full((1, 1), logit, requires_grad=True)
        value = ContinuousBernoulli().log_prob(torch.full((1, 1), x), logits)
        value.sum().backward()
        assert torch.isfinite(value).all() and torch.isfinite(logits.grad).all()


def test_laplace_equals_torch_distributions():
    x, medians = gray((4, 1, 3, 3)), normal((2, 4, 1, 3, 3))
    expected = distributions.Laplace(medians, 0.3).log_prob(x.expand_as(medians)).sum((-3, -2, -1))
    torch.testing.assert_close(Laplace(0.3).log_prob(x, medians), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("scale", [0.001, 0.02, 0.5, 5.0])
@pytest.mark.parametrize("center", [-0.5, 0.0, 0.3, 1.0, 2.0])
def test_discretized_logistic_probabilities_of_all_values_sum_to_one(scale, center):
    x = torch.arange(256, dtype=torch.float64)[:, None] / 255
    likelihood = DiscretizedLogistic(scale).double()
    log_prob = likelihood.log_prob(x, torch.full_like(x, center))
    assert (log_prob <= 0).all()
    assert log_prob.exp().sum().item() == pytest.approx(1, abs=1e-9)


def test_discretized_logistic_equals_the_difference_of_distribution_functions():
    x = torch.tensor([[10.0, 0.0, 200.0, 255.0]], dtype=torch.float64) / 255
    centers = torch.tensor([[0.1, 0.2, 0.7, 0.9]], dtype=torch.float64)
    cdf = lambda value: torch.sigmoid((value - centers) / 0.1)  # noqa: E731
    probability = cdf(x + 0.5 / 255) - cdf(x - 0.5 / 255)
    probability[0, 1], probability[0, 3] = cdf(x + 0.5 / 255)[0, 1], 1 - cdf(x - 0.5 / 255)[0, 3]
    ours = DiscretizedLogistic(0.1).log_prob(x, centers)
    torch.testing.assert_close(ours, probability.log().sum(-1), rtol=1e-6, atol=1e-6)


def test_discretized_logistic_far_from_the_center_is_finite_with_gradients():
    centers = torch.tensor([[-50.0, 50.0]], requires_grad=True)
    value = DiscretizedLogistic(0.01, learned=True).log_prob(torch.tensor([[0.5, 0.5]]), centers)
    value.sum().backward()
    assert torch.isfinite(value).all()
    torch.testing.assert_close(centers.grad, torch.tensor([[100.0, -100.0]]), rtol=1e-3, atol=0)


@pytest.mark.parametrize("name", sorted(LIKELIHOODS))
def test_draws_have_the_mean_of_the_density(name):
    likelihood = make(name)
    params = torch.tensor([0.2, 0.45, 0.7])
    n = 40_000
    draws = likelihood.sample(params.expand(n, 3), generator=torch.Generator().manual_seed(0))
    # The discretized logistic piles up at 0 and 1, so its picture is only near its mean.
    slack = 0.03 if name == "discretized_logistic" else 0
    error = draws.std(0) / math.sqrt(n)
    assert ((draws.mean(0) - likelihood.mean(params)).abs() < 4 * error + slack).all()
    again = likelihood.sample(params.expand(n, 3), generator=torch.Generator().manual_seed(0))
    assert torch.equal(draws, again)


def test_draws_of_the_discretized_logistic_follow_its_probabilities():
    likelihood = DiscretizedLogistic(0.2, levels=5)
    n = 40_000
    draws = likelihood.sample(torch.full((n,), 0.4), generator=torch.Generator().manual_seed(0))
    values = torch.arange(5)[:, None] / 4
    expected = likelihood.log_prob(values, torch.full((5, 1), 0.4)).exp()
    share = torch.stack([(draws == value).float().mean() for value in values[:, 0]])
    assert ((share - expected).abs() < 4 * (expected * (1 - expected) / n).sqrt()).all()
    assert share.sum() == 1


def test_draws_of_the_continuous_bernoulli_follow_its_distribution_function():
    logits = torch.tensor([-6.0, -1e-6, 0.0, 0.3, 9.0])
    draws = ContinuousBernoulli().sample(logits.expand(20_000, 5), torch.Generator().manual_seed(0))
    reference = distributions.ContinuousBernoulli(logits=logits.double())
    for place in (0.05, 0.3, 0.8):
        expected = reference.cdf(torch.full((5,), place, dtype=torch.float64))
        share = (draws <= place).double().mean(0)
        assert ((share - expected).abs() < 4 * (expected * (1 - expected) / 20_000).sqrt() + 1e-9).all()


@pytest.mark.parametrize("name", sorted(LIKELIHOODS))
def test_params_for_mean_shows_the_picture(name):
    likelihood, picture = make(name), torch.tensor([0.06, 0.5, 0.9])
    torch.testing.assert_close(
        likelihood.mean(likelihood.params_for_mean(picture)), picture, atol=1e-5, rtol=0
    )


def test_a_pixel_that_is_always_black_leaves_the_continuous_bernoulli_room():
    start = ContinuousBernoulli().params_for_mean(torch.tensor([1e-5, 1 - 1e-5]))
    torch.testing.assert_close(start, torch.tensor([-LARGEST_START, LARGEST_START]))


@pytest.mark.parametrize(
    "likelihood,best",
    [
        (lambda b: Laplace(b, learned=True), lambda x, m: (x - m).abs().mean()),
        (lambda b: Gaussian(b, learned=True), lambda x, m: (x - m).square().mean().sqrt()),
    ],
    ids=["laplace", "gaussian"],
)
def test_a_learned_scale_is_best_at_the_typical_error(likelihood, best):
    x, params = gray((6, 16)).float(), gray((6, 16), seed=1).float()
    at_best = likelihood(best(x, params).item())
    at_best.log_prob(x, params).sum().backward()
    (parameter,) = at_best.parameters()
    assert parameter.grad.abs().item() < 1e-3


@pytest.mark.parametrize("scale", [0.0, 1e-5, math.nan, math.inf])
def test_scales_out_of_range_are_refused(scale):
    for likelihood in (Laplace, DiscretizedLogistic):
        with pytest.raises(ValueError, match=r"expected a scale of at least 0\.001"):
            likelihood(scale)


class TwoLayers(torch.nn.Module):
    """A judge with a body, as FeatureLoss wants it, that can be computed by hand."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 3), torch.nn.ReLU())


def test_feature_loss_is_the_pixel_likelihood_minus_the_weighted_distance():
    judge = TwoLayers()
    loss = FeatureLoss(judge, Gaussian(0.5), weight=2.0, layers=(2,))
    x, params = gray((3, 1, 2, 2)).float(), gray((5, 3, 1, 2, 2), seed=1).float()
    expected = Gaussian(0.5).log_prob(x, params)
    for draw in range(5):
        difference = judge.body(x) - judge.body(params[draw])
        expected[draw] -= 2.0 * 0.5 * difference.square().sum(-1).detach()
    torch.testing.assert_close(loss.log_prob(x, params), expected)
    assert torch.equal(loss.log_prob(x, x), Gaussian(0.5).log_prob(x, x))
    assert torch.equal(loss.mean(params), params)


def test_feature_loss_sends_gradients_to_the_picture_and_never_to_the_judge():
    judge = TwoLayers()
    loss = FeatureLoss(judge, Gaussian(0.5), layers=(2,))
    params = gray((3, 1, 2, 2)).float().requires_grad_()
    loss.log_prob(1 - params.detach(), params).sum().backward()
    assert params.grad.abs().max() > 0
    assert list(loss.parameters()) and not any(p.requires_grad for p in loss.parameters())
    assert all(p.requires_grad and p.grad is None for p in judge.parameters()), (
        "the caller's judge is untouched"
    )


@pytest.mark.parametrize("name", sorted(LIKELIHOODS))
def test_a_vae_with_this_likelihood_starts_at_the_mean_picture_and_learns(name):
    data = tiny_images(200, shape=(1, 8, 8))
    torch.manual_seed(0)
    model = VAE.for_data(data, latent_dim=2, hidden_dims=(16,), likelihood=name)
    shown = model.likelihood.mean(model.output_offset)
    torch.testing.assert_close(shown, data.floats().mean(0), atol=0.01, rtol=0)
    history = fit(model, data, epochs=3, batch_size=32, learning_rate=1e-2, progress=False)
    losses = history.curve("train", "negative_elbo")[1]
    assert losses[-1] < losses[0]
    again = VAE(**model.config)
    again.load_state_dict(model.state_dict())
    assert type(again.likelihood) is type(model.likelihood)
