"""Copies side by side do not touch each other, and points train with the same loops as pictures."""

import pytest
import torch
from torch.distributions import Normal

from vae_course.data.tables import PointData
from vae_course.elbo import elbo_terms
from vae_course.models.toys import PointVAE, SideBySide
from vae_course.randomness import seed_everything
from vae_course.training.loop import fit

QUIET = {"device": "cpu", "progress": False}


def some_points(n=40, copies=3):
    return torch.randn(n, copies, 2, generator=torch.Generator().manual_seed(0))


def test_each_copy_is_an_ordinary_network():
    torch.manual_seed(0)
    net, x = SideBySide(3, (2, 5, 4)), some_points()
    for s in range(3):
        hidden = torch.relu(x[:, s] @ net.weights[0][s] + net.biases[0][s])
        torch.testing.assert_close(net(x)[:, s], hidden @ net.weights[1][s] + net.biases[1][s])


def moved_by(train, x, copy):
    """Which copies' trained weights change when the points of one copy change."""
    results = []
    for points in (x, torch.where(torch.arange(x.shape[1])[:, None] == copy, x.flip(0) * 2 + 1, x)):
        seed_everything(0)
        results.append(train(PointData(points)))
    return [not torch.equal(results[0][s], results[1][s]) for s in range(x.shape[1])]


def train_vae(data):
    model = PointVAE(3, latent_dim=2, hidden_dims=(8,))
    fit(model, data, epochs=2, batch_size=10, eval_examples=10, **QUIET)
    return model.decoder.weights[0].detach()


def test_copies_do_not_touch_each_other():
    assert moved_by(train_vae, some_points(), copy=1) == [False, True, False]


def test_the_likelihood_and_the_elbo_are_sums_over_copies():
    torch.manual_seed(0)
    model, x = PointVAE(3, latent_dim=2, hidden_dims=(8,)), some_points()
    with torch.no_grad():
        model.log_sigma.copy_(torch.tensor([[0.0], [-1.0], [0.5]]))
    z = torch.randn(40, 6)
    expected = sum(
        Normal(model.decode(z)[:, s], model.log_sigma[s].exp()).log_prob(x[:, s]).sum(-1) for s in range(3)
    )
    torch.testing.assert_close(model.log_likelihood(x, z), expected)
    terms = elbo_terms(model, x, torch.Generator().manual_seed(0))
    assert terms.kl.shape == (40,) and terms.kl_per_dimension.shape == (40, 6)


def test_samples_carry_the_model_s_own_noise():
    model = PointVAE(2, hidden_dims=(4,))
    with torch.no_grad():
        for parameter in model.decoder.parameters():
            parameter.zero_()
        model.log_sigma.copy_(torch.tensor([[0.1], [2.0]]).log())
    points = model.sample(20_000, torch.Generator().manual_seed(0))
    assert points.shape == (20_000, 2, 2)
    assert points.std((0, 2)).tolist() == pytest.approx([0.1, 2.0], rel=0.02)
    assert (model.sample(5, noise=False) == 0).all()


def test_point_data():
    data = PointData(torch.zeros(4, 2), torch.tensor([0, 1, 0, 1]), ("a", "b"))
    assert len(data) == 4 and data.shape == (2,) and data.to("cpu").class_names == ("a", "b")
