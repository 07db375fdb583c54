"""Settings of a run do to the updates what their names say."""

import itertools
import math

import pytest
from tiny_data import tiny_images

from vae_course.elbo import elbo_terms
from vae_course.machine import Adam
from vae_course.models.vae import VAE
from vae_course.randomness import seed_everything
from vae_course.training.loop import fit
from vae_course.training.settings import learning_rate_factor

TRAIN = tiny_images(96)
QUIET = {"device": "cpu", "progress": False}


def small_vae():
    seed_everything(0)
    return VAE.for_data(TRAIN, latent_dim=2, hidden_dims=[16])


def test_gradients_are_clipped_to_the_norm_asked_for():
    def last_norm(clip):
        model = small_vae()
        fit(model, TRAIN, epochs=1, gradient_clip=clip, **QUIET)
        return math.hypot(*(parameter.grad.norm().item() for parameter in model.parameters()))

    free = last_norm(None)
    assert last_norm(free / 10) == pytest.approx(free / 10, rel=1e-3)
    assert last_norm(free * 10) == pytest.approx(free, rel=1e-3)


@pytest.mark.parametrize(
    "settings", [{}, {"schedule": "cosine", "warmup": 0.3}, {"schedule": "constant", "warmup": 0}], ids=str
)
def test_the_optimizer_moves_by_the_scheduled_rate(settings, monkeypatch):
    rates = []
    plain = Adam.step
    monkeypatch.setattr(Adam, "step", lambda self: rates.append(self.param_groups[0]["lr"]) or plain(self))
    history = fit(small_vae(), TRAIN, epochs=5, batch_size=48, learning_rate=2e-3, **settings, **QUIET)
    schedule, warmup = settings.get("schedule", "linear"), settings.get("warmup", 0.05)
    expected = [2e-3 * learning_rate_factor(schedule, step, 10, warmup) for step in range(10)]
    assert rates == pytest.approx(expected)
    assert [r["learning_rate"] for r in history.records][1:] == rates[1::2]


def test_the_kl_weight_rises_to_beta_and_is_used():
    weights_used = []

    class Watched:
        def __init__(self, terms):
            self.terms = terms

        def __getattr__(self, name):
            return getattr(self.terms, name)

        def loss(self, beta):
            weights_used.append(beta)
            return self.terms.loss(beta)

    history = fit(
        small_vae(),
        TRAIN,
        epochs=4,
        batch_size=48,
        beta=3.0,
        kl_warmup=0.5,
        objective=lambda *arguments: Watched(elbo_terms(*arguments)),
        **QUIET,
    )
    assert weights_used == pytest.approx([0, 0.75, 1.5, 2.25, 3, 3, 3, 3])
    assert [r["beta"] for r in history.records] == pytest.approx([0, 1.5, 3, 3, 3])


def test_a_larger_beta_lowers_the_rate():
    rates = []
    for beta in (0.0, 1.0, 20.0):
        history = fit(small_vae(), TRAIN, epochs=10, batch_size=16, learning_rate=3e-3, beta=beta, **QUIET)
        rates.append(history.last["train"]["kl"])
    assert all(after < before for before, after in itertools.pairwise(rates))
