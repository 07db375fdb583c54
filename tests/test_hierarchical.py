"""The two-layer VAE: the ladder posterior against the product of Gaussians, the bound against numbers."""

import math

import pytest
import torch
from tiny_data import tiny_images
from torch.distributions import Normal

from vae_course.elbo import elbo_terms
from vae_course.evaluation.bounds import evaluate, importance_weighted_bound
from vae_course.evaluation.code_use import active_units, collapse_report, kl_per_dimension
from vae_course.models.hierarchical import HierarchicalVAE
from vae_course.randomness import seed_everything
from vae_course.training.loop import fit
from vae_course.weights import load_model, save_checkpoint

DATA = tiny_images(128, (1, 8, 8))


def make(seed=0, rough=True, **arguments):
    seed_everything(seed)
    given = {"latent_dim": 3, "top_dim": 2, "hidden_dims": (16,), "top_hidden": 8, **arguments}
    model = HierarchicalVAE.for_data(DATA, **given)
    if rough:
        for part in (model.lower_prior, model.top_encoder):
            for parameter in part.parameters():
                torch.nn.init.normal_(parameter, std=0.5)
    return model.eval()


@pytest.fixture(scope="module")
def trained():
    model = make(rough=False)
    fit(model, DATA, epochs=25, batch_size=32, learning_rate=5e-3, device="cpu", progress=False)
    return model


def test_the_lower_posterior_is_the_product_of_prior_and_message():
    model, x = make(), DATA.batch(slice(0, 5))
    posterior = model.encode(x)
    top = torch.randn(5, 2)
    prior, message, lower = model.prior_of_lower(top), posterior.message, posterior.lower(top)
    precision = 1 / prior.std**2 + 1 / message.std**2
    mean = (prior.mean / prior.std**2 + message.mean / message.std**2) / precision
    torch.testing.assert_close(prior.mean + prior.std * lower.mean, mean)
    torch.testing.assert_close(prior.std * lower.std, precision.rsqrt())


def test_the_terms_in_noise_coordinates_are_those_in_z1():
    model, x = make(), DATA.batch(slice(0, 4))
    posterior = model.encode(x)
    z = posterior.sample(generator=torch.Generator().manual_seed(0))
    kl = posterior.kl_per_dimension()
    top = z[:, :2]
    prior, lower = model.prior_of_lower(top), posterior.lower(top)
    own = Normal(prior.mean + prior.std * lower.mean, prior.std * lower.std)
    wanted = torch.distributions.kl_divergence(own, Normal(prior.mean, prior.std))
    torch.testing.assert_close(kl[:, 2:], wanted, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(kl[:, :2], posterior.top.kl_per_dimension())
    z1 = model.lower_code(z)
    jacobian = prior.log_var.sum(-1) / 2
    density = posterior.top.log_prob(top) + own.log_prob(z1).sum(-1)
    torch.testing.assert_close(posterior.log_prob(z), density + jacobian, rtol=1e-4, atol=1e-4)


def test_the_divergence_agrees_with_monte_carlo():
    model, x = make(), DATA.batch(slice(0, 3))
    posterior = model.encode(x)
    z = posterior.sample(40_000, torch.Generator().manual_seed(0))
    estimate = (posterior.log_prob(z) - Normal(0, 1).log_prob(z).sum(-1)).detach()
    error = estimate.std(0) / math.sqrt(len(z))
    assert ((estimate.mean(0) - posterior.kl()).abs() < 5 * error + 1e-4).all()


def test_sampling_shapes_and_the_mean_over_draws():
    posterior = make().encode(DATA.batch(slice(0, 6)))
    assert posterior.sample().shape == (6, 5) and posterior.sample(7).shape == (7, 6, 5)
    assert posterior.kl_per_dimension().shape == (6, 5)
    assert posterior.log_prob(posterior.sample(7)).shape == (7, 6)
    assert posterior.mean.shape == posterior.log_var.shape == (6, 5)


def test_the_untrained_model_is_an_ordinary_vae_in_its_lower_code():
    model = make(rough=False)
    z = torch.randn(4, 5)
    torch.testing.assert_close(model.lower_code(z), z[:, 2:])


def test_the_bound_is_below_the_importance_weighted_one(trained):
    bound = evaluate(trained, DATA, n_samples=20)
    tighter = importance_weighted_bound(trained, DATA, k=200)
    assert -bound.negative_elbo.value < tighter.value
    assert bound.negative_elbo.value - bound.reconstruction.value == pytest.approx(bound.kl.value)


def test_the_exact_likelihood_on_a_grid_lies_above_the_bound():
    model = make(2, latent_dim=1, top_dim=1)
    x = DATA.batch(slice(0, 3))
    axis = torch.linspace(-6, 6, 241)
    z = torch.cartesian_prod(axis, axis)
    with torch.no_grad():
        log_p = (
            model.likelihood.log_prob(x, model.decode(z)[:, None]) + Normal(0, 1).log_prob(z).sum(-1)[:, None]
        )
        exact = log_p.double().logsumexp(0) + 2 * math.log(axis[1] - axis[0])
        bound = elbo_terms(model, x, torch.Generator().manual_seed(0), n_samples=2000).elbo
    assert (bound < exact).all()
    tight = importance_weighted_bound(model, tiny_images(3, (1, 8, 8)), k=5)
    assert math.isfinite(tight.value)


def test_gradients_reach_every_network():
    model = make()
    elbo_terms(model, DATA.batch(slice(0, 16))).loss().backward()
    assert all(p.grad is not None and p.grad.any() for p in model.parameters())


def test_the_usual_measures_read_it(trained):
    report = collapse_report(trained, DATA)
    assert 0 < report.mutual_information.value <= math.log(len(DATA))
    assert 1 <= active_units(trained, DATA) <= 5
    assert torch.equal(kl_per_dimension(trained, DATA), kl_per_dimension(trained, DATA))
    assert (
        trained.sample(3).shape == (3, 1, 8, 8) and trained.reconstruct(DATA.batch(slice(0, 2))).shape[0] == 2
    )


def test_training_helps_and_the_upper_layer_is_used(trained):
    assert (
        evaluate(trained, DATA).negative_elbo.value
        < evaluate(make(rough=False), DATA).negative_elbo.value - 1
    )
    assert (trained.lower_code(torch.randn(9, 5)).std(0) > 0).all()


def test_a_checkpoint_brings_it_back(tmp_path, trained):
    save_checkpoint(tmp_path / "h.pt", trained)
    again = load_model(tmp_path / "h.pt")
    assert again.config == trained.config
    assert all(torch.equal(again.state_dict()[n], v) for n, v in trained.state_dict().items())


def test_wrong_sizes_are_named():
    with pytest.raises(ValueError, match="code of size 5"):
        make().decode(torch.zeros(2, 3))
