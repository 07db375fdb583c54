"""A loss that is no number stops the run and says where and why."""

import itertools
from dataclasses import replace

import pytest
import torch
from tiny_data import Rows, tiny_images

from vae_course.elbo import elbo_terms
from vae_course.models.vae import VAE
from vae_course.randomness import seed_everything
from vae_course.training.loop import TrainingDiverged, fit

TRAIN, HELD_OUT = tiny_images(96), tiny_images(40, seed=1)
QUIET = {"device": "cpu", "progress": False}


def small_vae():
    seed_everything(0)
    return VAE.for_data(TRAIN, latent_dim=2, hidden_dims=[16])


def test_nan_in_the_data():
    rows = TRAIN.floats()
    rows[70, 0, 3, 3] = torch.nan
    with pytest.raises(TrainingDiverged, match=r"step 0 \(epoch 0\); the data hold NaN"):
        fit(small_vae(), Rows(rows), epochs=1, **QUIET)
    with pytest.raises(TrainingDiverged, match=r"not finite at step \d+ \(epoch 1\); the data hold NaN"):
        fit(small_vae(), Rows(rows), epochs=1, batch_size=8, eval_examples=1, **QUIET)


def test_nan_in_the_held_out_data():
    rows = HELD_OUT.floats()
    rows[3] = torch.inf
    with pytest.raises(TrainingDiverged, match="the data hold NaN or infinite values"):
        fit(small_vae(), TRAIN, Rows(rows), epochs=1, **QUIET)


def test_a_huge_learning_rate():
    with pytest.raises(TrainingDiverged, match=r"at step \d+ \(epoch \d+\); .*lower learning_rate"):
        fit(small_vae(), TRAIN, epochs=20, batch_size=16, learning_rate=1e30, **QUIET)


def test_weights_that_were_broken_before():
    model = small_vae()
    with torch.no_grad():
        model.decoder.layers[0].weight[0, 0] = torch.nan
    with pytest.raises(TrainingDiverged, match=r"step 0 .* weights were not finite before the first update"):
        fit(model, TRAIN, epochs=1, **QUIET)


def test_weights_that_break_on_the_way():
    model = small_vae()
    plain, calls = model.encode, itertools.count()

    def encode(x):
        if next(calls) == 6:  # one record, then updates
            with torch.no_grad():
                model.encoder.layers[1].weight.fill_(torch.inf)
        return plain(x)

    model.encode = encode
    with pytest.raises(TrainingDiverged, match="weights are no longer finite: lower learning_rate or set"):
        fit(model, TRAIN, epochs=5, batch_size=16, **QUIET)


@pytest.mark.parametrize(
    "term, cause", [("kl", "bound log σ²"), ("reconstruction", r"are images in \[0, 1\]\?")]
)
def test_the_term_that_overflowed_is_named(term, cause):
    def objective(model, x, generator):
        terms = elbo_terms(model, x, generator)
        return replace(terms, **{term: getattr(terms, term) * torch.inf})

    with pytest.raises(TrainingDiverged, match=cause):
        fit(small_vae(), TRAIN, epochs=1, objective=objective, **QUIET)
