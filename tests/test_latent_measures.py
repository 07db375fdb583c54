"""Active units and KL per dimension on encoders made by hand."""

import math

import pytest
import torch
from tiny_data import Rows, tiny_images
from torch import nn

from vae_course.elbo import GaussianPosterior
from vae_course.evaluation.bounds import evaluate
from vae_course.evaluation.code_use import active_units, kl_per_dimension, posterior_means
from vae_course.models.vae import VAE, Autoencoder


class HandMade(nn.Module):
    """Means are the rows times a scale for each dimension; log σ² is given."""

    def __init__(self, scale, log_var):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scale))
        self.log_var = nn.Parameter(torch.tensor(log_var))

    def encode(self, x):
        return GaussianPosterior(x * self.scale, self.log_var.expand(len(x), -1))


def unit_variance_rows(n: int, dimensions: int) -> torch.Tensor:
    rows = torch.randn(n, dimensions, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return ((rows - rows.mean(0)) / rows.std(0)).float()


def test_active_units_counts_dimensions_whose_mean_varies():
    scale = [1.0, 0.11, 0.09, 0.0]  # variances 1, 0.0121, 0.0081, 0
    model = HandMade(scale, [0.0] * 4)
    data = Rows(unit_variance_rows(3_000, 4) + 5)  # an offset is not activity
    assert active_units(model, data) == 2


def test_a_collapsed_unit_is_inactive_however_wide_its_posterior():
    model = HandMade([1.0, 0.0], [-4.0, 3.0])
    assert active_units(model, Rows(unit_variance_rows(100, 2))) == 1


def test_kl_per_dimension_is_the_mean_over_the_data():
    model = HandMade([1.0, 0.5, 0.0], [-2.0, 0.0, 0.0])
    data = Rows(unit_variance_rows(2_500, 3))
    mean_square = (2_500 - 1) / 2_500  # of unit-variance rows; std uses n − 1
    expected = torch.tensor([0.5 * (mean_square + math.exp(-2) - 1 + 2), 0.5 * 0.25 * mean_square, 0.0])
    torch.testing.assert_close(kl_per_dimension(model, data), expected)


def test_kl_per_dimension_adds_up_to_the_rate():
    torch.manual_seed(0)
    data = tiny_images(50)
    model = VAE.for_data(data, latent_dim=3, hidden_dims=[8])
    assert kl_per_dimension(model, data).sum().item() == pytest.approx(
        evaluate(model, data).kl.value, rel=1e-5
    )


def test_posterior_means_are_in_the_order_of_the_data():
    torch.manual_seed(0)
    data = tiny_images(50)
    vae, point = VAE((1, 8, 8), 2, [8]), Autoencoder((1, 8, 8), 2, [8])
    with torch.no_grad():
        expected = vae.encode(data.floats()).mean, point.encode(data.floats())
    for model, codes in zip((vae, point), expected, strict=True):
        found = posterior_means(model, data)
        assert found.shape == (50, 2) and not found.requires_grad
        torch.testing.assert_close(found, codes, rtol=1e-4, atol=1e-6)
        assert model.training, "a measure must leave the mode as it was"


def test_dynamically_binarized_data_are_read_with_the_seed():
    torch.manual_seed(0)
    data = tiny_images(30, binarize="dynamic")
    model = VAE((1, 8, 8), 2, [8])
    first = posterior_means(model, data)
    assert torch.equal(first, posterior_means(model, data))
    assert not torch.equal(first, posterior_means(model, data, seed=1))


def test_one_example_has_no_variance():
    with pytest.raises(ValueError, match="at least 2 examples"):
        active_units(HandMade([1.0], [0.0]), Rows(torch.zeros(1, 1)))
    with pytest.raises(ValueError, match="data set is empty"):
        posterior_means(HandMade([1.0], [0.0]), Rows(torch.zeros(0, 1)))
