"""The collapse report on encoders made by hand, whose information is known."""

import math

import pytest
import torch
from test_latent_measures import HandMade, unit_variance_rows
from tiny_data import Rows, tiny_images
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from vae_course.elbo import GaussianPosterior, standard_normal_log_prob
from vae_course.evaluation.bounds import evaluate
from vae_course.evaluation.code_use import active_units, collapse_report, kl_per_dimension, log_aggregate
from vae_course.models.vae import VAE


def test_log_aggregate_is_the_density_of_the_mixture():
    generator = torch.Generator().manual_seed(0)
    mean, log_var, z = (torch.randn(n, 3, generator=generator).double() for n in (40, 40, 700))
    mixture = MixtureSameFamily(
        Categorical(logits=torch.zeros(40).double()), Independent(Normal(mean, (log_var / 2).exp()), 1)
    )
    torch.testing.assert_close(log_aggregate(z, GaussianPosterior(mean, log_var)), mixture.log_prob(z))


def test_log_aggregate_keeps_its_digits_for_narrow_clouds_far_out():
    mean = torch.tensor([[30.0], [30.001]])
    q = GaussianPosterior(mean, torch.full((2, 1), -14.0))
    expected = torch.logaddexp(*q.log_prob(mean[:1])[:, None].double()) - math.log(2)
    torch.testing.assert_close(log_aggregate(mean[:1], q), expected, rtol=1e-4, atol=1e-4)


def test_rate_units_and_kl_are_those_of_the_other_measures():
    torch.manual_seed(0)
    data = tiny_images(60)
    model = VAE.for_data(data, latent_dim=3, hidden_dims=[8])
    report = collapse_report(model, data)
    assert report.rate.value == pytest.approx(evaluate(model, data).kl.value, rel=1e-5)
    assert report.active_units == active_units(model, data)
    assert report.rate.value == pytest.approx(kl_per_dimension(model, data).sum().item(), rel=1e-5)
    assert model.training, "a measure must leave the mode as it was"


def test_a_gaussian_channel_has_the_information_of_shannon():
    # x ~ N(0, 1), μ = a x, σ² = 1 − a²: q(z) is the prior, and I = −½ log(1 − a²) is the whole KL.
    a = 0.8
    model = HandMade([a, 0.0], [math.log(1 - a * a), 0.0])
    report = collapse_report(model, Rows(unit_variance_rows(4_000, 2)), examples=4_000, queries=4_000)
    shannon = -0.5 * math.log(1 - a * a)
    assert report.mutual_information.value == pytest.approx(
        shannon, abs=4 * report.mutual_information.standard_error
    )
    assert abs(report.aggregate_kl) < 0.05
    assert report.active_units == 1


def test_codes_off_the_prior_are_not_information():
    class Moved(HandMade):
        def encode(self, x):
            return GaussianPosterior(torch.full_like(x, 2.0), torch.zeros_like(x))

    report = collapse_report(Moved([1.0], [0.0]), Rows(unit_variance_rows(100, 1)))
    assert report.rate.value == pytest.approx(2)
    assert report.mutual_information.value == pytest.approx(0, abs=1e-6)
    assert report.aggregate_kl == pytest.approx(2)
    assert report.active_units == 0


def test_the_aggregate_kl_is_the_divergence_of_the_mixture_from_the_prior():
    model = HandMade([1.5, 0.5], [-1.0, -1.0])
    data = Rows(unit_variance_rows(500, 2))
    report = collapse_report(model, data, examples=500, queries=500)
    q = model.encode(data.rows)
    generator = torch.Generator().manual_seed(5)
    z = q.sample(20, generator=generator).reshape(-1, 2)
    direct = log_aggregate(z, q).detach() - standard_normal_log_prob(z)
    assert report.aggregate_kl == pytest.approx(direct.mean().item(), abs=0.15)


def test_examples_that_are_told_apart_reach_the_ceiling_and_not_more():
    model = HandMade([1.0, 1.0], [-14.0, -14.0])
    report = collapse_report(model, Rows(unit_variance_rows(300, 2)), examples=200)
    assert report.mutual_information.value <= math.log(200) + 1e-9
    assert report.mutual_information.value == pytest.approx(math.log(200), abs=0.05)


def test_one_example_is_refused():
    with pytest.raises(ValueError, match="at least 2 examples"):
        collapse_report(HandMade([1.0], [0.0]), Rows(torch.zeros(1, 1)))
