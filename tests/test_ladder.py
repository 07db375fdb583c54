"""The convolutional ladder: one way down for draws, densities and pictures, with numbers that agree."""

import math

import pytest
import torch
from tiny_data import tiny_images
from torch.distributions import Normal

from benchmarks.ladder import LadderVAE, load_ladder
from recipes.shipping import ship
from vae_course.elbo import elbo_terms
from vae_course.evaluation.bounds import evaluate, importance_weighted_bound
from vae_course.evaluation.code_use import active_units, kl_per_dimension
from vae_course.randomness import seed_everything
from vae_course.training.loop import fit
from vae_course.weights import save_checkpoint

pytestmark = pytest.mark.bench

DATA = tiny_images(96, (1, 8, 8))


def make(seed=0, rough=True, data=DATA, **arguments):
    seed_everything(seed)
    given = {"top_dim": 3, "widths": (4, 6), "layers": (1, 2), "latent_channels": (1, 2), "hidden": 8}
    model = LadderVAE.for_data(data, **given | arguments)
    if rough:  # the start has q = p below the top and a decoder that ignores z; nothing to see there
        layers = (*model.quarter_layers, *model.half_layers)
        for part in (model.output[-1], *(layer.to_posterior for layer in layers)):
            torch.nn.init.normal_(part.weight, std=0.5)
            torch.nn.init.normal_(part.bias, std=0.5)
    return model.eval()


@pytest.fixture(scope="module")
def trained():
    model = make(rough=False)
    fit(model, DATA, epochs=20, batch_size=16, learning_rate=5e-3, device="cpu", progress=False)
    return model


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_shapes_of_code_draws_and_pictures():
    model, x = make(), DATA.batch(slice(0, 5))
    assert model.sizes == [3, 8, 8, 16] and model.latent_dim == 35
    posterior = model.encode(x)
    assert posterior.sample().shape == (5, 35) and posterior.sample(4).shape == (4, 5, 35)
    assert posterior.mean.shape == posterior.log_var.shape == posterior.kl_per_dimension().shape == (5, 35)
    assert posterior.log_prob(torch.randn(2, 3, 5, 35)).shape == (2, 3, 5)
    assert model.decode(torch.randn(2, 3, 35)).shape == (2, 3, 1, 8, 8)
    assert model.sample(3).shape == (3, 1, 8, 8) and model.reconstruct(x).shape == (5, 1, 8, 8)


@pytest.mark.parametrize("n", [None, 3])
def test_what_a_draw_remembers_is_what_is_computed_without_memory(n):
    model, x = make(), DATA.batch(slice(0, 5))
    posterior = model.encode(x)
    z = posterior.sample(n, seeded())
    remembered = posterior.log_prob(z), model.decode(z)
    copy = z.clone()
    torch.testing.assert_close(remembered[0], posterior.log_prob(copy), rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(remembered[1], model.decode(copy), rtol=1e-4, atol=1e-4)
    assert not torch.allclose(model.decode(torch.randn_like(z)), remembered[1])


def test_a_picture_is_remembered_for_one_use_and_one_code_only():
    model, x = make(), DATA.batch(slice(0, 5))
    first, second = model.encode(x), model.encode(x.flip(0))
    z, other = first.sample(generator=seeded()), second.sample(generator=seeded(1))
    torch.testing.assert_close(model.decode(z), model.decode(z.clone()), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(model.decode(other), model.decode(other.clone()), rtol=1e-4, atol=1e-4)
    model.eval().encode(x).sample()
    assert model.decode(model.encode(x).sample()) is not None and model._drawn is None


def test_several_draws_of_an_example_see_its_own_message():
    model, x = make(), DATA.batch(slice(0, 4))
    z = torch.randn(3, 4, model.latent_dim, generator=seeded())
    together = model.encode(x).log_prob(z)
    alone = torch.stack([model.encode(x[i : i + 1]).log_prob(z[:, i : i + 1])[:, 0] for i in range(4)], dim=1)
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-3)


def test_the_density_of_a_lower_layer_depends_on_the_layers_above():
    model, x = make(), DATA.batch(slice(0, 2))
    z = torch.zeros(2, model.latent_dim)
    above = torch.cat([torch.ones(2, 3), z[:, 3:]], dim=-1)
    posterior = model.encode(x)
    change = posterior.log_prob(above) - posterior.log_prob(z)
    of_the_top = posterior.top.log_prob(above[:, :3]) - posterior.top.log_prob(z[:, :3])
    assert (change - of_the_top).abs().min() > 1e-3


def test_the_divergence_agrees_with_monte_carlo():
    model, x = make(), DATA.batch(slice(0, 3))
    posterior = model.encode(x)
    with torch.no_grad():
        z = posterior.sample(8000, seeded())
        ratio = posterior.log_prob(z) - Normal(0, 1).log_prob(z).sum(-1)
        difference = ratio - posterior.drawn[1].kl_per_dimension().sum(-1)
    error = difference.std(0) / math.sqrt(len(z))
    assert (difference.mean(0).abs() < 5 * error + 1e-3).all() and (posterior.kl() > 0.1).all()


def test_the_bounds_are_in_order(trained):
    bound = evaluate(trained, DATA, n_samples=20)
    few, many = (importance_weighted_bound(trained, DATA, k=k) for k in (5, 200))
    assert -bound.negative_elbo.value < few.value < many.value
    assert bound.negative_elbo.value - bound.reconstruction.value == pytest.approx(bound.kl.value)


def test_the_bound_stays_below_the_likelihood_known_from_the_prior():
    """With few latent variables log p(x) comes from the prior itself, without any posterior."""
    data = tiny_images(3, (1, 4, 4))
    model = make(1, data=data, top_dim=1, layers=(0, 1), latent_channels=(1, 1), widths=(4, 4))
    assert model.latent_dim == 2
    x = data.batch(slice(0, 3))
    axis = torch.linspace(-6, 6, 161)
    z = torch.cartesian_prod(axis, axis)
    with torch.no_grad():
        pictures = model.decode(z)[:, None]
        log_p = model.likelihood.log_prob(x, pictures) + Normal(0, 1).log_prob(z).sum(-1)[:, None]
        exact = log_p.double().logsumexp(0) + 2 * math.log(axis[1] - axis[0])
        bound = elbo_terms(model, x, seeded(), n_samples=2000).elbo
        tight = importance_weighted_bound(model, data, k=4000)
    assert (bound < exact).all()
    assert tight.value == pytest.approx(exact.mean().item(), abs=0.1)


def test_gradients_reach_every_network():
    model = make()
    elbo_terms(model, DATA.batch(slice(0, 16))).loss().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_at_first_nothing_is_said_below_the_top():
    model = make(rough=False)
    kl = kl_per_dimension(model, DATA)
    assert kl[3:].abs().max() == 0
    torch.testing.assert_close(model.decode(torch.randn(2, 35)), model.output_offset.expand(2, -1, -1, -1))


def test_training_helps_and_every_measure_reads_it(trained):
    before = evaluate(make(rough=False), DATA).negative_elbo.value
    assert evaluate(trained, DATA).negative_elbo.value < before - 1
    assert 1 <= active_units(trained, DATA) <= 35
    assert torch.equal(kl_per_dimension(trained, DATA), kl_per_dimension(trained, DATA))


def test_bfloat16_changes_numbers_little_and_not_their_type(trained):
    x = DATA.batch(slice(0, 32))
    with torch.no_grad():
        exact = elbo_terms(trained, x, seeded())
        with torch.autocast("cpu", torch.bfloat16):
            rough = elbo_terms(trained, x, seeded())
    assert rough.kl.dtype == rough.reconstruction.dtype == torch.float32
    assert rough.negative_elbo.mean().item() == pytest.approx(exact.negative_elbo.mean().item(), rel=0.02)


@pytest.mark.parametrize("half", [False, True])
def test_a_checkpoint_brings_it_back(tmp_path, trained, half):
    (ship if half else save_checkpoint)(tmp_path / "ladder.pt", trained)
    again = load_ladder(tmp_path / "ladder.pt")
    assert again.config == trained.config
    z = torch.randn(4, 35, generator=seeded())
    tolerance = {"rtol": 2e-2, "atol": 2e-2} if half else {}
    torch.testing.assert_close(again.decode(z), trained.decode(z), **tolerance)


def test_wrong_sizes_are_named():
    with pytest.raises(ValueError, match="divisible by 4"):
        LadderVAE(image_shape=(1, 30, 28))
    with pytest.raises(ValueError, match="layers is"):
        LadderVAE(layers=(-1, 1))
    with pytest.raises(ValueError, match="code of size 35"):
        make().decode(torch.zeros(2, 3))
