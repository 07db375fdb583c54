"""The conditional VAE: what each part sees, and that the package's tools take it."""

from dataclasses import replace

import pytest
import torch
from tiny_data import tiny_images

from vae_course.data.images import ConditionedData, DataError, with_classes
from vae_course.elbo import elbo_terms
from vae_course.evaluation.bounds import evaluate, importance_weighted_bound
from vae_course.evaluation.code_use import active_units, posterior_means
from vae_course.models.conditional import ConditionalVAE
from vae_course.training.loop import fit
from vae_course.weights import load_model, save_checkpoint


@pytest.fixture
def data():
    return with_classes(tiny_images(64))


def make(data, architecture="mlp", **more):
    torch.manual_seed(0)
    sizes = {"mlp": (24,), "conv": (6, 12)}[architecture]
    return ConditionalVAE.for_data(data, latent_dim=3, hidden_dims=sizes, architecture=architecture, **more)


@pytest.mark.parametrize("architecture", ["mlp", "conv"])
def test_shapes_with_and_without_a_sample_axis(data, architecture, tmp_path):
    model = make(data, architecture)
    x, c = data.batch(slice(0, 5))
    posterior = model.encode((x, c))
    assert posterior.mean.shape == (5, 3)
    z = posterior.sample(4)
    assert model.decode(z, c).shape == (4, 5, 1, 8, 8)
    assert model.log_likelihood((x, c), z).shape == (4, 5)
    assert model.reconstruct((x, c)).shape == x.shape == model.sample(c).shape
    save_checkpoint(tmp_path / "model.pt", model)
    rebuilt = load_model(tmp_path / "model.pt")
    assert torch.equal(rebuilt.reconstruct((x, c)), model.reconstruct((x, c)))


@pytest.mark.parametrize("architecture", ["mlp", "conv"])
def test_both_halves_depend_on_the_condition_and_rows_do_not_mix(data, architecture):
    model = make(data, architecture)
    x, c = data.batch(slice(0, 6))
    other = c.roll(1, dims=1)
    assert not torch.allclose(model.encode((x, c)).mean, model.encode((x, other)).mean)
    z = torch.zeros(6, 3)
    assert not torch.allclose(model.decode(z, c), model.decode(z, other))
    one = model.encode((x[2:3], c[2:3])).mean
    assert torch.allclose(one, model.encode((x, c)).mean[2:3], atol=1e-6)
    assert torch.allclose(model.decode(z[:1], c[2:3]), model.decode(z, c)[2:3], atol=1e-6)


def test_the_elbo_is_a_bound_of_log_p_given_c_and_the_tools_take_the_model(data):
    model = make(data)
    terms = elbo_terms(model, data.batch(slice(None)), torch.Generator().manual_seed(0))
    assert terms.negative_elbo.shape == (64,)
    with torch.no_grad():
        bounds = [importance_weighted_bound(model, data, k=k).value for k in (1, 20, 400)]
    assert bounds[0] < bounds[1] < bounds[2]
    assert posterior_means(model, data).shape == (64, 3)
    assert 0 <= active_units(model, data) <= 3


def test_told_the_class_it_needs_fewer_nats_and_draws_the_class_it_is_told():
    from vae_course import VAE

    data = tiny_images(400, seed=1)
    told = with_classes(data)
    torch.manual_seed(0)
    plain = VAE.for_data(data, latent_dim=3, hidden_dims=(48,))
    model = ConditionalVAE.for_data(told, latent_dim=3, hidden_dims=(48,))
    for each, part in ((plain, data), (model, told)):
        fit(each, part, epochs=40, batch_size=40, learning_rate=5e-3, progress=False, device="cpu")
    with_class, without = evaluate(model, told), evaluate(plain, data)
    assert without.negative_elbo.value - with_class.negative_elbo.value > 0.5
    drawn = model.sample(torch.eye(4).repeat(5, 1), torch.Generator().manual_seed(0))
    top, bottom = drawn[:, :, :4].mean((1, 2, 3)), drawn[:, :, 4:].mean((1, 2, 3))
    left, right = drawn[..., :4].mean((1, 2, 3)), drawn[..., 4:].mean((1, 2, 3))
    found = torch.stack([top, bottom, left, right], dim=1).argmax(1)
    assert torch.equal(found, torch.arange(4).repeat(5))


def test_conditioned_data_keeps_pairs_together(data):
    part = data.select(data.labels == 2).to("cpu")
    assert len(part) and (part.batch(slice(None))[1].argmax(1) == 2).all()
    x, c = data.batch(torch.tensor([5, 3]))
    assert torch.equal(c.argmax(1), data.labels[[5, 3]]) and len(x) == 2
    with pytest.raises(DataError, match=r"float32 of shape \(64, size\) is expected"):
        ConditionedData(data.data, torch.zeros(63, 2))
    with pytest.raises(DataError, match="has no labels; give conditions of your own"):
        with_classes(replace(data.data, labels=None))
    some = data.subset(8, seed=1)
    assert len(some.images) == 8 and torch.equal(some.conditions.argmax(1), some.labels)


def test_loud_classes_are_conditions():
    from vae_course import load

    digits = load("digits", "test", subset=20)
    loud = with_classes(digits, 4.0).conditions
    assert torch.equal(loud.argmax(1), digits.labels) and set(loud.unique().tolist()) == {0.0, 4.0}


def test_calling_it_gives_a_picture_with_gradients_and_the_posterior_and_arrays_are_taken(data):
    model = make(data)
    pair = data.batch(slice(0, 3))
    picture, posterior = model(pair, torch.Generator().manual_seed(0))
    z = posterior.sample(generator=torch.Generator().manual_seed(0))
    assert picture.requires_grad and torch.equal(picture, torch.sigmoid(model.decode(z, pair[1])))
    arrays = tuple(part.double().numpy() for part in pair)
    assert torch.equal(model.log_likelihood(arrays, z), model.log_likelihood(pair, z))


def test_wrong_conditions_are_one_sentence(data):
    model = make(data)
    x, c = data.batch(slice(0, 2))
    for wrong in (data.labels[:2], c[:, :3], c[:1]):
        with pytest.raises(ValueError, match=r"expected floats of shape \(2, 4\)"):
            model.encode((x, wrong))
