"""The ELBO against the linear-Gaussian model, where everything is known exactly."""

import math

import pytest
import torch
from linear_vae import ExactlySampledVAE, LinearVAE

from vae_course.elbo import ElboTerms, GaussianPosterior, elbo_terms, reconstruction_terms
from vae_course.models.vae import VAE, Autoencoder


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("shift, factor", [(0.0, 1.0), (0.4, 1.0), (0.0, 1.6), (-0.3, 0.5)])
def test_gap_to_log_px_is_exactly_the_kl_to_the_posterior(shift, factor):
    model = ExactlySampledVAE(shift, factor)
    x = model.data(20)
    with torch.no_grad():
        elbo = elbo_terms(model, x, n_samples=4).elbo
    gap = model.toy.log_prob(x) - elbo
    torch.testing.assert_close(gap, model.gap(x).detach(), rtol=1e-9, atol=1e-9)
    assert (gap > -1e-9).all()
    assert bool((gap > 1e-3).all()) == ((shift, factor) != (0.0, 1.0))


def test_sampled_elbo_has_the_exact_mean():
    model = LinearVAE(0.3, 1.5)
    x = model.data(1).expand(20_000, -1)
    with torch.no_grad():
        elbo = elbo_terms(model, x, generator()).elbo
    error = elbo.std() / math.sqrt(len(elbo))
    exact = model.exact_elbo(x[:1])
    assert abs(elbo.mean() - exact) < 4 * error
    assert exact < model.toy.log_prob(x[:1])
    assert model.gap(x[:1]) > 10 * error, "the gap must be visible at this precision"


def test_more_draws_leave_the_mean_and_shrink_the_noise():
    model = LinearVAE(0.3, 1.5)
    x = model.data(1).expand(4_000, -1)
    with torch.no_grad():
        one, many = (elbo_terms(model, x, generator(), n) for n in (1, 16))
    assert many.reconstruction.shape == one.reconstruction.shape == (4_000,)
    assert abs(many.elbo.mean() - model.exact_elbo(x[:1])) < 4 * many.elbo.std() / math.sqrt(len(x))
    ratio = (one.elbo.var() / many.elbo.var()).item()
    assert ratio == pytest.approx(16, rel=4 * math.sqrt(2 * 2 * 3 / len(x)) + 0.1)


def test_terms_are_sums_over_pixels_and_latents_for_each_example():
    torch.manual_seed(0)
    model = VAE((1, 4, 6), latent_dim=3, hidden_dims=[8])
    x = torch.rand(5, 1, 4, 6)
    terms = elbo_terms(model, x, generator(3))
    q = model.encode(x)
    logits = model.decode(q.mean + (q.log_var / 2).exp() * torch.randn(5, 3, generator=generator(3)))
    by_hand = torch.nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="none").sum((1, 2, 3))
    kl = torch.distributions.kl_divergence(
        torch.distributions.Normal(q.mean, (q.log_var / 2).exp()), torch.distributions.Normal(0.0, 1.0)
    )
    torch.testing.assert_close(terms.reconstruction, by_hand)
    torch.testing.assert_close(terms.kl_per_dimension, kl)
    torch.testing.assert_close(terms.kl, kl.sum(-1))


def test_loss_is_minus_the_mean_elbo_and_linear_in_beta():
    terms = ElboTerms(torch.tensor([90.0, 110.0]), torch.tensor([20.0, 30.0]), torch.zeros(2, 1))
    assert torch.equal(terms.negative_elbo, torch.tensor([110.0, 140.0]))
    assert torch.equal(terms.elbo, torch.tensor([-110.0, -140.0]))
    assert terms.loss() == -terms.elbo.mean() == 125
    assert terms.loss(0.0) == 100
    assert terms.loss(4.0) == 200


def test_draws_repeat_with_the_generator():
    model = LinearVAE()
    x = model.data(3)
    first, second = (elbo_terms(model, x, generator(7)).elbo for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, elbo_terms(model, x, generator(8)).elbo)


def test_gradient_of_the_loss_is_the_exact_one():
    """d/d shift and d/d log factor of KL(q ‖ p(z|x)), which is all of −ELBO that depends on q."""
    model = ExactlySampledVAE(0.4, 1.3)
    x = model.data(10)
    elbo_terms(model, x, n_samples=4).loss().backward()
    ours = [parameter.grad.clone() for parameter in (model.shift, model.log_factor)]
    model.zero_grad()
    model.gap(x).mean().backward()
    for got, exact in zip(ours, (model.shift.grad, model.log_factor.grad), strict=True):
        torch.testing.assert_close(got, exact, rtol=1e-9, atol=1e-9)
        assert exact.abs().min() > 0.1


def test_score_function_and_reparameterized_gradients_agree_in_mean():
    """Both estimate the gradient of E_q[log p(x|z)] with respect to μ and log σ² of q."""
    model, n = LinearVAE(), 40_000
    x = model.data(1)
    mean = torch.tensor([[0.2, -0.4]], dtype=torch.float64)
    log_var = torch.tensor([[-0.5, 0.3]], dtype=torch.float64)

    def gradients(estimator) -> tuple[torch.Tensor, torch.Tensor]:
        # One row of parameters for each draw, so that its gradient is that draw's estimate.
        rows = [value.expand(n, -1).clone().requires_grad_() for value in (mean, log_var)]
        return torch.autograd.grad(estimator(GaussianPosterior(*rows)).sum(), rows)

    def reparameterized(q):
        return model.log_likelihood(x, q.sample(generator=generator(1)))

    def score_function(q):
        z = q.sample(generator=generator(2)).detach()
        return model.log_likelihood(x, z).detach() * q.log_prob(z)

    weight, sigma = model.toy.weight, model.toy.sigma
    exact_mean = (x - model.toy.mean(mean)) @ weight / sigma**2
    exact_log_var = -0.5 * log_var.exp() * weight.square().sum(0) / sigma**2
    pairs = zip(
        gradients(reparameterized), gradients(score_function), (exact_mean, exact_log_var), strict=True
    )
    for smooth, score, exact in pairs:
        errors = [estimate.std(0) / math.sqrt(n) for estimate in (smooth, score)]
        assert ((smooth.mean(0) - score.mean(0)).abs() < 4 * torch.hypot(*errors)).all()
        assert ((smooth.mean(0) - exact[0]).abs() < 4 * errors[0]).all()
        assert (errors[0] < errors[1]).all(), "the reparameterized gradient is the less noisy one here"
        assert (4 * errors[1] < 0.2 * exact[0].abs()).any(), "the comparison is too coarse to mean anything"


def test_at_least_one_draw_is_needed():
    model = LinearVAE()
    with pytest.raises(ValueError, match="n_samples is 0"):
        elbo_terms(model, model.data(2), n_samples=0)


def test_an_autoencoder_has_a_reconstruction_and_no_elbo():
    torch.manual_seed(0)
    model = Autoencoder((1, 4, 4), latent_dim=2, hidden_dims=[8])
    x = torch.rand(3, 1, 4, 4)
    terms = reconstruction_terms(model, x)
    logits = model.decode(model.encode(x))
    by_hand = torch.nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="none").sum((1, 2, 3))
    torch.testing.assert_close(terms.reconstruction, by_hand)
    assert not terms.kl.any() and terms.kl_per_dimension.shape == (3, 2)
    with pytest.raises(TypeError, match="has no ELBO"):
        elbo_terms(model, x)
