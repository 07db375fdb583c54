"""A VAE for real numbers: its likelihood, its ELBO terms, training on a table."""

import pytest
import torch
from torch.distributions import Normal

from vae_course import elbo_terms, evaluate, fit, load, seed_everything
from vae_course.evaluation.code_use import collapse_report
from vae_course.likelihoods import GaussianPerFeature
from vae_course.models.vae import GaussianVAE


def test_log_prob_is_the_librarys():
    likelihood = GaussianPerFeature((2, 3, 1))
    with torch.no_grad():
        likelihood.log_sigma.copy_(torch.randn(2, 3, 1))
    x, params = torch.randn(5, 2, 3, 4), torch.randn(7, 5, 2, 3, 4)
    expected = Normal(params, likelihood.sigma).log_prob(x).sum((-1, -2, -3))
    assert torch.allclose(likelihood.log_prob(x, params), expected, atol=1e-4)


def test_samples_have_the_standard_deviations():
    likelihood = GaussianPerFeature((1, 1, 3), sigma=0.5)
    with torch.no_grad():
        likelihood.log_sigma.copy_(torch.tensor([[[0.1, 1.0, 3.0]]]).log())
    draws = likelihood.sample(torch.zeros(20_000, 1, 1, 3), torch.Generator().manual_seed(0))
    assert torch.allclose(draws.std(0).flatten(), torch.tensor([0.1, 1.0, 3.0]), rtol=0.03)


def test_sigma_is_learned_for_each_feature():
    """Noise of a known size in each column around a known mean: the likeliest σ is that size."""
    noise = torch.tensor([0.3, 1.0, 2.0])
    x = noise * torch.randn(4000, 1, 1, 3, generator=torch.Generator().manual_seed(0))
    likelihood = GaussianPerFeature((1, 1, 3))
    optimizer = torch.optim.Adam(likelihood.parameters(), lr=0.05)
    for _ in range(150):
        optimizer.zero_grad()
        (-likelihood.log_prob(x, torch.zeros_like(x)).mean()).backward()
        optimizer.step()
    assert torch.allclose(likelihood.sigma.flatten(), noise, rtol=0.05)


def test_it_takes_part_in_fit_evaluate_and_the_collapse_report():
    train, validation = load("biopsies"), load("biopsies", "validation")
    seed_everything(0)
    model = GaussianVAE.for_data(train, latent_dim=4, hidden_dims=(32,))
    terms = elbo_terms(model, validation.batch(slice(0, 7)), torch.Generator().manual_seed(0), n_samples=3)
    assert terms.negative_elbo.shape == (7,) and terms.kl_per_dimension.shape == (7, 4)
    history = fit(model, train, validation, epochs=15, batch_size=32, learning_rate=5e-3, progress=False)
    before, after = history.records[0]["validation"], history.last["validation"]
    assert after["negative_elbo"] < before["negative_elbo"] - 10
    assert collapse_report(model, validation).active_units >= 2
    assert evaluate(model, validation).kl.value > 2


def test_the_configuration_rebuilds_the_model():
    model = GaussianVAE((2, 64, 64), (2, 64, 1), latent_dim=8, hidden_dims=(4, 4, 8, 8), architecture="conv")
    again = GaussianVAE(**model.config)
    again.load_state_dict(model.state_dict())
    x = torch.randn(3, 2, 64, 64)
    assert torch.equal(model.encode(x).mean, again.encode(x).mean)
    assert model.reconstruct(x).shape == x.shape and model.sample(2).shape == (2, 2, 64, 64)
    with pytest.raises(ValueError, match="built for images of shape"):
        model.encode(torch.randn(3, 1, 64, 64))
