"""Chapter 02's exercises: independently written wrong answers are named, unusual right ones pass."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from exercise_answers import assert_recognized, verdict_of
from exercise_answers_02 import (
    BROKEN,
    FIRST,
    SECOND,
    SIZES,
    count,
    gaussian,
    kl_terms,
    noise,
    pictures,
    pixels,
)
from exercise_answers_02_5 import UNUSUAL as UNUSUAL_STEPS
from torch import nn
from torch.distributions import Independent, Normal, kl_divergence

from vae_course.elbo import elbo_terms
from vae_course.models.vae import VAE

UNUSUAL = {
    "02.1": {
        "torch.distributions": lambda m, lv: kl_divergence(
            Independent(Normal(m, lv.exp().sqrt()), 1), Independent(Normal(torch.zeros_like(m), 1.0), 1)
        ),
        "the usual other order": lambda m, lv: -0.5 * torch.sum(1 + lv - m.pow(2) - lv.exp(), dim=1),
        "float64": lambda m, lv: kl_terms(m.double(), lv.double()).sum(-1),
        "list of tensors": lambda m, lv: [row.sum() for row in kl_terms(m, lv)],
    },
    "02.2": {
        "normal_ in place": lambda m, lv, g=None: m + lv.mul(0.5).exp() * noise(m.shape, g),
        "noise with the sign turned": lambda m, lv, g=None: m - lv.exp().sqrt() * noise(m.shape, g),
        "float64 noise": lambda m, lv, g=None: (
            m + lv.exp().sqrt() * torch.randn(m.shape, generator=g, dtype=torch.float64)
        ),
        "addcmul": lambda m, lv, g=None: torch.addcmul(m, lv.mul(0.5).exp(), noise(m.shape, g)),
        "torch.normal of zeros and ones": lambda m, lv, g=None: (
            m + lv.exp() ** 0.5 * torch.normal(0.0, 1.0, m.shape, generator=g)
        ),
    },
    "02.3": {
        "torch.distributions": lambda a, x: pixels(a, x).sum(dim=(1, 2, 3)),
        "softplus": lambda a, x: (F.softplus(a) - x * a).sum(dim=(1, 2, 3)),
        "two log-sigmoids, float64": lambda a, x: (
            -(x * F.logsigmoid(a.double()) + (1 - x) * F.logsigmoid(-a.double())).reshape(len(x), -1).sum(1)
        ),
        "one image at a time": lambda a, x: torch.stack(
            [
                F.binary_cross_entropy_with_logits(one, two, reduction="sum")
                for one, two in zip(a, x, strict=True)
            ]
        ),
        "weighted mean": lambda a, x: pixels(a, x).flatten(1).mean(1) * x[0].numel(),
    },
    "02.4": {
        "tensors and floats": {"side": 16.0, "features": torch.tensor(8192), "parameters": np.int64(172868)}
    },
    "02.6": {
        "likelihood.mean": lambda model, n, g=None: model.likelihood.mean(
            model.decode(gaussian(n, model.latent_dim, g))
        ),
        "model.sample": lambda model, n, g=None: model.sample(n, generator=g),
        "in two halves": lambda model, n, g=None: torch.cat(
            [
                model.decode(gaussian(n // 2, model.latent_dim, g)).sigmoid(),
                model.decode(gaussian(n - n // 2, model.latent_dim, g)).sigmoid(),
            ]
        ),
        "without a graph": torch.no_grad()(pictures(gaussian)),
    },
    "02.5": UNUSUAL_STEPS,
}


def test_each_classic_mistake_is_recognized_by_name(capsys):
    with capsys.disabled():
        assert_recognized("02", BROKEN)


@pytest.mark.parametrize(
    ("identifier", "name"), [(identifier, name) for identifier, named in UNUSUAL.items() for name in named]
)
def test_a_correct_but_unusual_answer_passes(identifier, name):
    verdict = verdict_of(identifier, UNUSUAL[identifier][name])
    assert verdict.correct, verdict


def test_the_sizes_are_those_of_the_real_network():
    layers = nn.Sequential(FIRST, nn.ReLU(), SECOND, nn.ReLU(), nn.Flatten(), nn.Linear(8192, 20))
    assert SECOND(FIRST(torch.zeros(1, 3, 64, 64))).shape == (1, 32, SIZES["side"], SIZES["side"])
    assert count(layers) == SIZES["parameters"]
    assert verdict_of("02.4", SIZES).correct
    # The package builds the same encoder from the same description.
    encoder = VAE(image_shape=(3, 64, 64), latent_dim=10, architecture="conv", hidden_dims=(16, 32)).encoder
    assert count(encoder) == SIZES["parameters"]


def test_the_right_spread_with_wrong_derivatives_is_not_right():
    def answer(mean, log_var, generator=None):
        std = log_var.mul(0.5).exp().detach() + 0 * log_var
        return mean + (std + log_var - log_var.detach()) * noise(mean.shape, generator)

    verdict = verdict_of("02.2", answer)
    assert verdict.status == "wrong" and "derivatives" in verdict.message


def test_a_strange_spread_is_reported_with_numbers():
    verdict = verdict_of("02.2", lambda m, lv, g=None: m + 3 * lv.mul(0.5).exp() * noise(m.shape, g))
    assert verdict.status == "wrong" and "instead of 0.368" in verdict.message


def test_a_training_step_must_return_its_three_terms():
    def answer(model, optimizer, x, beta=1.0):
        terms = elbo_terms(model, x)
        optimizer.zero_grad()
        terms.loss(beta).backward()
        optimizer.step()
        return {"loss": terms.loss(beta).item()}

    verdict = verdict_of("02.5", answer)
    assert verdict.status == "contract" and "'reconstruction' is missing" in verdict.message


def test_generate_must_decode_and_keep_the_shape():
    assert "never called" in verdict_of("02.6", lambda model, n, g=None: torch.rand(n, 1, 4, 4)).message
    flat = verdict_of(
        "02.6", lambda m, n, g=None: m.decode(gaussian(n, m.latent_dim, g)).sigmoid().flatten(1)
    )
    assert flat.status == "contract" and "(8000, 1, 4, 4)" in flat.message
