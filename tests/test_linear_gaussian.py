"""The linear-Gaussian VAE against quadrature-free truths: torch.distributions and the closed form."""

import math

import pytest
import torch
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from vae_course.data.toys import LinearGaussian
from vae_course.elbo import elbo_terms
from vae_course.models.toys import (
    LinearGaussianVAE,
    covariance_spectrum,
    principal_component_model,
    subspace_angle,
    water_filling,
)


def toy(widths=(2.0, 1.0), features=5, sigma=0.5, seed=0) -> LinearGaussian:
    generator = torch.Generator().manual_seed(seed)
    basis = torch.linalg.qr(torch.randn(features, features, generator=generator, dtype=torch.float64))[0]
    return LinearGaussian(
        basis[:, : len(widths)] * torch.tensor(widths), torch.linspace(-1, 1, features), sigma
    )


def random_model(features=5, latent=2, seed=0) -> LinearGaussianVAE:
    torch.manual_seed(seed)
    model = LinearGaussianVAE(features, latent, sigma=0.6)
    with torch.no_grad():
        for parameter in (model.encoder, model.bias, model.log_var):
            parameter.copy_(0.5 * torch.randn_like(parameter))
    return model


def trained(x, latent, beta=1.0, steps=400, **arguments) -> LinearGaussianVAE:
    torch.manual_seed(1)
    model = LinearGaussianVAE(x.shape[1], latent, **arguments)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(parameters, lr=0.05)
    decay = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.01, steps)
    for _ in range(steps):
        optimizer.zero_grad()
        model.exact_terms(x).loss(beta).backward()
        optimizer.step()
        decay.step()
    return model


def test_exact_terms_are_the_mean_of_the_sampled_ones():
    model, x = random_model(), toy().sample(6)[0]
    exact = model.exact_terms(x)
    sampled = elbo_terms(model, x, torch.Generator().manual_seed(0), n_samples=40_000)
    torch.testing.assert_close(sampled.kl, exact.kl)
    torch.testing.assert_close(sampled.reconstruction, exact.reconstruction, rtol=0.02, atol=0)


def test_log_likelihood_is_that_of_torch_distributions():
    model, x = random_model(), toy().sample(4)[0]
    z = torch.randn(3, 4, 2, dtype=torch.float64)
    expected = Normal(model.decode(z), model.log_sigma.exp()).log_prob(x).sum(-1)
    torch.testing.assert_close(model.log_likelihood(x, z), expected)


def test_the_gap_is_the_kl_to_the_exact_posterior_and_what_the_elbo_lacks():
    model, x = random_model(), toy().sample(7)[0]
    q, (mean, covariance) = model.encode(x), model.truth().posterior(x)
    direct = kl_divergence(
        MultivariateNormal(q.mean, torch.diag_embed(q.log_var.exp())), MultivariateNormal(mean, covariance)
    )
    torch.testing.assert_close(model.gap(x), direct)
    lacking = model.truth().log_prob(x) - model.exact_terms(x).elbo
    torch.testing.assert_close(model.gap(x), lacking.detach())


def test_the_closed_form_has_the_likelihood_of_no_worse_model():
    x = toy().sample(500)[0]
    best = principal_component_model(x, 2)
    level = best.log_prob(x).mean()
    assert level > toy().log_prob(x).mean(), "fitted to these data, it must beat the model they came from"
    for factor, shift in ((1.02, 0), (0.98, 0), (1, 0.02)):
        other = LinearGaussian(best.weight * factor, best.bias + shift, best.sigma)
        assert other.log_prob(x).mean() < level
    for sigma in (0.98 * best.sigma, 1.02 * best.sigma):
        assert LinearGaussian(best.weight, best.bias, sigma).log_prob(x).mean() < level


def test_the_closed_form_finds_the_model_behind_many_data():
    truth = toy()
    best = principal_component_model(truth.sample(20_000)[0], 2)
    assert best.sigma == pytest.approx(0.5, rel=0.01)
    assert best.weight.norm(dim=0).tolist() == pytest.approx([2, 1], rel=0.03)
    assert subspace_angle(best.weight, truth.weight) < 1.5


def test_training_by_gradient_arrives_at_the_closed_form():
    x = toy().sample(300)[0]
    model, best = trained(x, 2), principal_component_model(x, 2)
    assert model.gap(x).max() < 1e-3
    assert subspace_angle(model.weight.detach(), best.weight) < 0.1
    assert model.log_sigma.exp().item() == pytest.approx(best.sigma, rel=1e-3)
    assert model.truth().log_prob(x).mean().item() == pytest.approx(best.log_prob(x).mean().item(), abs=1e-4)
    # A diagonal q closes the gap only with orthogonal columns: the axes, not just the plane, are found.
    gram = model.weight.detach().T @ model.weight.detach()
    assert abs(gram[0, 1]) < 1e-2 * gram.diagonal().min()


def test_rates_of_a_trained_model_are_those_of_water_filling():
    x, beta, sigma = toy((2.0, 1.0, 0.6)).sample(300)[0], 3.0, 0.5
    model = trained(x, 3, beta, sigma=sigma, learn_sigma=False)
    expected = water_filling(covariance_spectrum(x)[0][:3], beta * sigma**2)
    rates = model.exact_terms(x).kl_per_dimension.detach().mean(0).sort(descending=True).values
    torch.testing.assert_close(rates, expected, rtol=0.01, atol=2e-3)
    assert expected[-1] == 0, "one dimension must lie under the water"


def test_water_filling_by_hand():
    rates = water_filling(torch.tensor([4.0, 1.0, 0.5]), 1.0)
    assert rates.tolist() == pytest.approx([math.log(2), 0, 0])


def test_angles_between_subspaces():
    a = torch.eye(4)[:, :2]
    assert subspace_angle(a, a @ torch.tensor([[1.0, 2.0], [0.0, -3.0]])) == pytest.approx(0, abs=1e-5)
    assert subspace_angle(a, torch.eye(4)[:, 1:3]) == pytest.approx(90)
    tilted = torch.tensor([[1.0, 0], [0, math.cos(1e-6)], [0, math.sin(1e-6)], [0, 0]], dtype=torch.float64)
    assert subspace_angle(a, tilted) == pytest.approx(math.degrees(1e-6), rel=1e-3)


def test_bad_sizes_are_refused():
    with pytest.raises(ValueError, match="latent_dim is 6"):
        LinearGaussianVAE(5, 6)
    with pytest.raises(ValueError, match="sigma 0"):
        LinearGaussianVAE(5, 2, sigma=0)
    with pytest.raises(ValueError, match="k < D"):
        principal_component_model(torch.randn(10, 3), 3)
    with pytest.raises(ValueError, match="nothing is left for the noise"):
        principal_component_model(torch.randn(10, 1) * torch.ones(3), 1)
