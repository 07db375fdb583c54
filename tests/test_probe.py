"""The linear probe: right where the truth is known, and blind where there is nothing to see."""

import pytest
import torch
from tiny_data import tiny_images

from vae_course.evaluation.code_use import linear_probe, probe_accuracy
from vae_course.models.vae import VAE


def clouds(n: int, distance: float, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Two Gaussian classes in 3-D whose means are ``distance`` standard deviations apart."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 2, (n,), generator=generator)
    x = torch.randn(n, 3, generator=generator)
    x[:, 1] += distance * labels
    return x, labels


@pytest.mark.parametrize("distance", [1.0, 2.0, 4.0])
def test_reaches_the_best_possible_accuracy_of_two_gaussians(distance):
    train, held_out = clouds(4000, distance, 0), clouds(4000, distance, 1)
    best = 0.5 * (1 + torch.erf(torch.tensor(distance / 2 / 2**0.5)).item())
    assert linear_probe(*train, *held_out) == pytest.approx(best, abs=0.02)


def test_is_at_chance_when_the_code_says_nothing():
    x, labels = clouds(2000, 0.0, 0)
    assert linear_probe(x[:1000], labels[:1000], x[1000:], labels[1000:]) == pytest.approx(0.5, abs=0.06)


def test_does_not_depend_on_the_scale_of_a_dimension():
    train, held_out = clouds(500, 2.0, 0), clouds(500, 2.0, 1)
    scale = torch.tensor([1e3, 1e-3, 1.0])
    plain = linear_probe(*train, *held_out)
    assert linear_probe(
        train[0] * scale + 7, train[1], held_out[0] * scale + 7, held_out[1]
    ) == pytest.approx(plain, abs=0.01)


def test_a_dimension_that_never_moves_does_no_harm():
    (x, labels), (y, truth) = clouds(500, 2.0, 0), clouds(500, 2.0, 1)
    x, y = (torch.cat([part, torch.zeros(len(part), 1)], 1) for part in (x, y))
    assert linear_probe(x, labels, y, truth) > 0.75


def test_cannot_see_what_no_straight_line_separates():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(3000, 2, generator=generator)
    labels = (x.prod(1) > 0).long()  # exclusive or
    assert linear_probe(x[:2000], labels[:2000], x[2000:], labels[2000:]) < 0.6


def test_of_a_model_needs_labels():
    data = tiny_images(60)
    model = VAE(image_shape=data.shape, latent_dim=4, hidden_dims=(8,))
    assert 0 <= probe_accuracy(model, data, tiny_images(60, seed=1)) <= 1
    from dataclasses import replace

    with pytest.raises(ValueError, match="no labels"):
        probe_accuracy(model, replace(data, labels=None), data)
