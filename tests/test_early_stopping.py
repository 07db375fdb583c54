"""Early stopping on the held-out −ELBO."""

import pytest
import torch
from linear_vae import LinearVAE
from tiny_data import Rows, tiny_images

from vae_course.models.vae import VAE
from vae_course.randomness import seed_everything
from vae_course.training.loop import fit
from vae_course.weights import load_model

QUIET = {"device": "cpu", "progress": False}
STEADY = {"schedule": "constant", "warmup": 0.0, "kl_warmup": 0.0}


def overfitting_run(tmp_path=None, epochs=60, **settings):
    """Eight training pictures of noise: the held-out −ELBO soon rises."""
    seed_everything(0)
    generator = torch.Generator().manual_seed(0)
    pictures = torch.randint(0, 256, (48, 1, 6, 6), generator=generator, dtype=torch.uint8)
    data = tiny_images(48, (1, 6, 6))
    train, held_out = (
        type(data)("noise", name, images, None, ())
        for name, images in (("train", pictures[:8]), ("validation", pictures[8:]))
    )
    model = VAE.for_data(train, latent_dim=2, hidden_dims=[32])
    arguments = {"epochs": epochs, "batch_size": 4, "learning_rate": 1e-2, **STEADY, **QUIET, **settings}
    history = fit(model, train, held_out, **arguments)
    return model, history, train, held_out, arguments


def test_it_stops_and_returns_to_the_best_weights():
    model, history, train, held_out, arguments = overfitting_run(patience=3)
    _, values = history.curve("validation", "negative_elbo")
    best = min(range(len(values)), key=values.__getitem__)
    assert history.stopped_early and history.best_epoch == best
    assert history.last["epoch"] == best + 3 < 60
    again = fit(model, train, held_out, **{**arguments, "epochs": 0, "patience": None})
    assert again.records[0]["validation"]["negative_elbo"] == pytest.approx(values[best], abs=1e-6)
    assert values[-1] > values[best]


def test_without_patience_the_last_weights_stay_and_the_best_epoch_is_known():
    model, history, train, held_out, arguments = overfitting_run(epochs=20)
    assert not history.stopped_early and history.last["epoch"] == 20
    _, values = history.curve("validation", "negative_elbo")
    assert history.best_epoch == min(range(len(values)), key=values.__getitem__) < 20
    again = fit(model, train, held_out, **{**arguments, "epochs": 0})
    assert again.records[0]["validation"]["negative_elbo"] == pytest.approx(values[-1], abs=1e-6)


def test_patience_that_is_never_spent_still_returns_the_best_weights():
    model, history, train, held_out, arguments = overfitting_run(epochs=6, patience=50)
    assert not history.stopped_early
    _, values = history.curve("validation", "negative_elbo")
    again = fit(model, train, held_out, **{**arguments, "epochs": 0, "patience": None})
    assert again.records[0]["validation"]["negative_elbo"] == pytest.approx(min(values), abs=1e-6)


def test_the_stop_is_said(capsys):
    _, history, *_ = overfitting_run(patience=3, progress=True)
    last = capsys.readouterr().out.splitlines()[-1]
    assert f"epoch {history.last['epoch']:>2}/60" in last
    assert f"stopped: no better since epoch {history.best_epoch}" in last


def test_epochs_inside_the_kl_warmup_do_not_count():
    """While the KL weight rises, −ELBO at weight 1 gets worse for good reasons."""
    _, history, *_ = overfitting_run(epochs=40, patience=3, kl_warmup=0.5)
    assert history.best_epoch >= 20
    _, values = history.curve("validation", "negative_elbo")
    assert min(values[:20]) < values[history.best_epoch], "the test needs an earlier, lower value"


def test_the_checkpoint_of_a_finished_run_holds_the_best_weights(tmp_path):
    path = tmp_path / "run.pt"
    model, history, train, held_out, arguments = overfitting_run(patience=3, checkpoint=path)
    assert history.stopped_early
    saved = load_model(path).state_dict()
    assert all(torch.equal(saved[name], value) for name, value in model.state_dict().items())
    seed_everything(0)
    fresh = VAE.for_data(train, latent_dim=2, hidden_dims=[32])
    resumed = fit(fresh, train, held_out, **arguments, resume=True)
    assert resumed == history, "a finished run has nothing left to do"
    assert all(torch.equal(saved[name], value) for name, value in fresh.state_dict().items())


def test_patience_needs_held_out_data():
    model = LinearVAE()
    with pytest.raises(ValueError, match="patience needs held-out data: give validation="):
        fit(model, Rows(model.data(4)), patience=2, **QUIET)
