"""One model for every β and latent size: interpolation, truncation, and the fold into an ordinary VAE."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recipes.one_model import decode, encode, modulated
from vae_course.elbo import elbo_terms
from vae_course.models.one_model import Modulated, OneModel, hats
from vae_course.models.vae import VAE

SHAPE = (1, 6, 6)


def shaken(seed: int = 0, **arguments) -> OneModel:
    """A small model in which no parameter is at its neutral start, or folding would be tested on nothing."""
    torch.manual_seed(seed)
    model = OneModel(image_shape=SHAPE, **{"latent_dim": 12, "hidden_dims": (24, 16), **arguments})
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
        model.input_mean += torch.rand(SHAPE)
        model.output_offset += torch.randn(SHAPE)
    return model.double().eval()


def pictures(n: int = 5) -> torch.Tensor:
    return torch.rand(n, *SHAPE, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


def each(value, n: int = 5) -> torch.Tensor:
    return torch.as_tensor(value, dtype=torch.float64).expand(n)


def close(a: torch.Tensor, b: torch.Tensor) -> bool:
    return torch.allclose(a, b, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("beta", "k"), [(0.2, 2), (0.37, 3), (1.0, 8), (3.3, 11), (10.0, 12)])
@pytest.mark.parametrize("hidden", [(24, 16), (20,), (16, 14, 12)])
def test_at_is_the_same_function_as_an_ordinary_vae(beta, k, hidden):
    model, x = shaken(hidden_dims=hidden), pictures()
    plain = model.at(beta, k)
    assert type(plain) is VAE and plain.latent_dim == k and plain.config["hidden_dims"] == list(hidden)
    whole, cut = encode(model, x, each(beta), each(k)), plain.encode(x)
    assert cut.mean.shape == (5, k)
    assert close(whole.mean[:, :k], cut.mean) and close(whole.log_var[:, :k], cut.log_var)
    z = torch.randn(5, 12, dtype=torch.float64)
    assert close(decode(model, z, each(beta), each(k)), plain.decode(z[:, :k]))


def test_the_setting_changes_the_function():
    model, x = shaken(), pictures()
    assert not close(model.at(1.0, 6).encode(x).mean, model.at(2.0, 6).encode(x).mean)
    assert not close(model.at(1.0, 6).encode(x).mean, model.at(1.0, 7).encode(x).mean[:, :6])


def test_dimensions_beyond_k_carry_no_kl_and_do_not_reach_the_picture():
    model, x = shaken(), pictures()
    beta, k = each(1.0), each([2.0, 5, 7, 11, 12])
    posterior = encode(model, x, beta, k)
    beyond = torch.arange(12) >= k[:, None]
    assert (posterior.kl_per_dimension()[beyond] == 0).all()
    assert (posterior.kl_per_dimension()[~beyond] > 0).all()
    z = torch.randn(5, 12, dtype=torch.float64)
    other = torch.where(beyond, torch.randn(5, 12, dtype=torch.float64), z)
    assert torch.equal(decode(model, z, beta, k), decode(model, other, beta, k))
    inside = z.clone()
    inside[:, 1] += 1
    assert not close(decode(model, z, beta, k), decode(model, inside, beta, k))


def test_settings_of_a_batch_do_not_touch_each_other():
    model, x = shaken(), pictures(3)
    beta, k = each([0.3, 1.0, 9.0], 3), each([2, 12, 5], 3)
    together = encode(model, x, beta, k).mean
    for i in range(3):
        assert close(together[i], encode(model, x[i : i + 1], beta[i : i + 1], k[i : i + 1]).mean[0])


def test_every_parameter_learns():
    model = shaken().train()
    x = pictures(64)
    beta = torch.linspace(0.2, 10, 64).double()
    k = torch.arange(64).double() % 11 + 2
    posterior = encode(model, x, beta, k)
    (decode(model, posterior.sample(), beta, k).square().sum() + posterior.kl().sum()).backward()
    still = [name for name, part in model.named_parameters() if part.grad is None or not part.grad.any()]
    assert still == []


def test_the_result_of_at_owns_its_weights_and_takes_the_elbo():
    model, x = shaken(), pictures()
    plain = model.at(1.0, 6)
    before = elbo_terms(plain, x, torch.Generator().manual_seed(0)).negative_elbo
    with torch.no_grad():
        for tensor in [*model.parameters(), model.input_mean, model.output_offset]:
            tensor.zero_()
    after = elbo_terms(plain, x, torch.Generator().manual_seed(0)).negative_elbo
    assert torch.equal(before, after) and torch.isfinite(before).all()
    assert plain.float().sample(3).shape == (3, *SHAPE)


@pytest.mark.parametrize(
    ("beta", "k", "word"),
    [(0.1, 4, "0.2 to 10"), (11, 4, "0.2 to 10"), (1, 1, "2 to 12"), (1, 13, "2 to 12"), (1, 2.5, "whole")],
)
def test_settings_out_of_range_are_refused(beta, k, word):
    with pytest.raises(ValueError, match=word):
        shaken().at(beta, k)


@pytest.mark.parametrize(
    "bad", [{"beta_range": (2, 1)}, {"beta_range": (0, 1)}, {"latent_dim": 2}, {"hidden_dims": ()}]
)
def test_models_that_cannot_be_are_refused(bad):
    with pytest.raises(ValueError, match="expected"):
        OneModel(**bad)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.floats(0.01, 1000), min_size=1, max_size=8),
    st.lists(st.floats(0.02, 500), min_size=2, max_size=6, unique=True),
)
def test_hats_interpolate_the_logarithm(values, knots):
    knots = sorted(knots)
    if min(b / a for a, b in pairwise(knots)) < 1.001:
        return
    value = torch.tensor(values, dtype=torch.float64)
    weights = hats(value, knots)
    assert (weights >= 0).all() and torch.allclose(weights.sum(-1), torch.ones(len(values)).double())
    assert ((weights > 1e-12).sum(-1) <= 2).all()
    found = weights @ torch.tensor(knots, dtype=torch.float64).log()
    assert torch.allclose(found, value.clamp(knots[0], knots[-1]).log(), atol=1e-9)


def test_banks_mix_before_the_activation():
    torch.manual_seed(0)
    layer = Modulated(3, 4, 2, "relu", n_banks=2).double()
    x, c = torch.randn(6, 3).double(), torch.randn(6, 2).double()
    first, second = (torch.tensor([row] * 6).double() for row in ((1.0, 0), (0, 1.0)))
    pre = [
        torch.nn.functional.linear(x, layer.linear.weight[i : i + 4], layer.linear.bias[i : i + 4])
        for i in (0, 4)
    ]
    for banks, wanted in (
        (first, pre[0]),
        (second, pre[1]),
        (0.25 * first + 0.75 * second, 0.25 * pre[0] + 0.75 * pre[1]),
    ):
        assert close(modulated(layer, x, c, banks), wanted.relu())
