"""An interrupted run that is resumed equals one that was never interrupted."""

from dataclasses import replace

import pytest
import torch
from tiny_data import InterruptedAt, Rows, tiny_images
from torch import nn

from vae_course.elbo import reconstruction_terms
from vae_course.models.vae import VAE, Autoencoder
from vae_course.randomness import seed_everything
from vae_course.training.loop import fingerprint, fit
from vae_course.weights import CheckpointError, load_checkpoint, save_checkpoint

QUIET = {"device": "cpu", "progress": False}
HELD_OUT = tiny_images(30, seed=1)
RUNS = {
    "adam": {},
    "cosine": {"schedule": "cosine", "warmup": 0.2},
    "kl warm-up": {"kl_warmup": 0.8, "beta": 2.0},
    "clip": {"gradient_clip": 0.5},
    "early stopping": {
        "epochs": 20,
        "patience": 2,
        "learning_rate": 0.05,
        "schedule": "constant",
        "kl_warmup": 0.0,
    },
    "dynamic binarization": {"binarize": "dynamic"},
    "everything": {
        "schedule": "linear",
        "warmup": 0.1,
        "kl_warmup": 0.3,
        "gradient_clip": 5.0,
        "patience": 3,
        "binarize": "dynamic",
    },
}


def run(path, settings, *, interrupt_at=None, resume=False, kind=VAE, build_seed=0):
    """One call of fit: 6 epochs of 5 updates. The records read the training set twice in each epoch."""
    settings = {"epochs": 6, "batch_size": 10, **settings}
    train = tiny_images(50, binarize=settings.pop("binarize", None))
    seed_everything(build_seed)
    model = kind.for_data(train, latent_dim=2, hidden_dims=[8])
    data = train if interrupt_at is None else InterruptedAt(train, interrupt_at)
    history = fit(model, data, HELD_OUT, checkpoint=path, resume=resume, **settings, **QUIET)
    return model.state_dict(), history


def assert_same(one, other):
    (weights, history), (other_weights, other_history) = one, other
    for name, value in weights.items():
        assert torch.equal(value, other_weights[name]), name
    for record, other_record in zip(history.records, other_history.records, strict=True):
        assert {**record, "seconds": 0} == {**other_record, "seconds": 0}
    assert (history.stopped_early, history.best_epoch) == (
        other_history.stopped_early,
        other_history.best_epoch,
    )


@pytest.mark.parametrize("name", RUNS)
def test_resumed_equals_uninterrupted(tmp_path, name):
    settings = RUNS[name]
    straight = run(tmp_path / "straight.pt", settings)
    path = tmp_path / "interrupted.pt"
    # 1 read for the record before training, then 6 for each epoch: stop in the middle of epochs 3 and 5.
    for call, epoch, build_seed in ((16, 2, 0), (15, 4, 7)):
        with pytest.raises(KeyboardInterrupt):
            run(path, settings, interrupt_at=call, resume=True, build_seed=build_seed)
        assert load_checkpoint(path)["training"]["epoch"] == epoch
    assert_same(run(path, settings, resume=True, build_seed=99), straight)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["interrupted.pt", "straight.pt"]


def test_the_early_stopping_run_above_does_stop(tmp_path):
    """Otherwise the comparison would not cover the return to the best weights."""
    _, history = run(tmp_path / "run.pt", RUNS["early stopping"])
    assert history.stopped_early and 5 < history.best_epoch < history.last["epoch"] < 20


def test_an_autoencoder_resumes_too(tmp_path):
    straight = run(tmp_path / "straight.pt", {}, kind=Autoencoder)
    path = tmp_path / "interrupted.pt"
    with pytest.raises(KeyboardInterrupt):
        run(path, {}, interrupt_at=20, kind=Autoencoder)
    assert_same(run(path, {}, resume=True, kind=Autoencoder, build_seed=1), straight)


def test_a_model_of_ones_own_resumes_too(tmp_path):
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.encode = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
            self.decode = nn.Linear(3, 64)

        def log_likelihood(self, x, z):
            return -(self.decode(z) - x.flatten(1)).square().sum(-1)

    def train(path, call=None, resume=False):
        torch.manual_seed(0)
        model, data = Own(), tiny_images(50)
        data = data if call is None else InterruptedAt(data, call)
        history = fit(
            model,
            data,
            epochs=3,
            batch_size=10,
            objective=reconstruction_terms,
            checkpoint=path,
            resume=resume,
            **QUIET,
        )
        return model.state_dict(), history

    straight, path = train(tmp_path / "straight.pt"), tmp_path / "interrupted.pt"
    with pytest.raises(KeyboardInterrupt):
        train(path, call=12)
    assert_same(train(path, resume=True), straight)


def test_interrupted_before_the_first_checkpoint_it_starts_again(tmp_path):
    path = tmp_path / "run.pt"
    with pytest.raises(KeyboardInterrupt):
        run(path, {}, interrupt_at=3)
    assert not path.exists()
    assert_same(run(path, {}, resume=True), run(tmp_path / "straight.pt", {}))


def test_without_resume_an_old_checkpoint_is_replaced(tmp_path):
    path = tmp_path / "run.pt"
    run(path, {"seed": 1})
    assert_same(run(path, {"seed": 2}), run(tmp_path / "straight.pt", {"seed": 2}))
    assert load_checkpoint(path)["training"]["settings"]["seed"] == 2


def test_the_clock_continues(tmp_path):
    path = tmp_path / "run.pt"
    with pytest.raises(KeyboardInterrupt):
        run(path, {}, interrupt_at=16)
    content = load_checkpoint(path)
    content["training"]["history"]["records"][-1]["seconds"] = 1000.0
    torch.save(content, path)
    _, history = run(path, {}, resume=True)
    assert all(record["seconds"] > 1000 for record in history.records[3:])


@pytest.mark.parametrize(
    "changed, sentence",
    [
        ({"epochs": 9}, r"other settings \(epochs 6 → 9\)"),
        ({"learning_rate": 0.1, "beta": 2.0}, r"\(learning_rate 0.008 → 0.1; beta 1.0 → 2.0\)"),
        ({"seed": 3}, "seed 0 → 3"),
    ],
)
def test_other_settings_are_refused(tmp_path, changed, sentence):
    path = tmp_path / "run.pt"
    run(path, {})
    before = path.read_bytes()
    with pytest.raises(CheckpointError, match=sentence):
        run(path, changed, resume=True)
    assert path.read_bytes() == before


def test_another_model_or_other_data_are_refused(tmp_path):
    path = tmp_path / "run.pt"
    run(path, {})
    with pytest.raises(CheckpointError, match="belongs to another model"):
        run(path, {}, resume=True, kind=Autoencoder)
    other = VAE((1, 8, 8), latent_dim=3, hidden_dims=[8])
    arguments = {"epochs": 6, "batch_size": 10, "checkpoint": path, "resume": True, **QUIET}
    with pytest.raises(CheckpointError, match="belongs to another model"):
        fit(other, tiny_images(50), HELD_OUT, **arguments)
    same = VAE((1, 8, 8), latent_dim=2, hidden_dims=[8])
    with pytest.raises(CheckpointError, match="examples 50 → 49"):
        fit(same, tiny_images(49), HELD_OUT, **arguments)


@pytest.mark.parametrize("content", ["other pictures", "other labels", "one pixel"])
def test_other_data_of_equal_size_are_refused(tmp_path, content):
    data, path = tiny_images(50), tmp_path / "run.pt"
    other = tiny_images(50, seed=1)
    if content == "one pixel":
        pictures = data.images.clone()
        pictures[31, 0, 4, 4] ^= 1
        other = replace(data, images=pictures)
    elif content == "other labels":
        other = replace(data, labels=other.labels)

    def train(data, resume=False):
        seed_everything(0)
        model = VAE.for_data(data, latent_dim=2, hidden_dims=[8])
        fit(model, data, epochs=1, checkpoint=path, resume=resume, **QUIET)

    train(data)
    train(data, resume=True)
    with pytest.raises(CheckpointError, match="other training data: as many examples, but not the same"):
        train(other, resume=True)


def test_a_checkpoint_of_an_earlier_version_is_taken_up(tmp_path):
    """It held nothing of the data."""
    straight, path = run(tmp_path / "straight.pt", {}), tmp_path / "old.pt"
    with pytest.raises(KeyboardInterrupt):
        run(path, {}, interrupt_at=16)
    content = load_checkpoint(path)
    state = content["training"]
    del state["data"], state["device"], state["arithmetic"]
    torch.save(content, path)
    assert_same(run(path, {}, resume=True), straight)


def test_large_data_are_looked_at_in_places():
    """A fingerprint reads at most 64 MiB of a tensor."""
    rows = Rows(torch.zeros(40_000_000, dtype=torch.float32)[:, None])
    plain = fingerprint(rows)
    rows.rows[1::3] = 1.0  # every third number is read, from the first on
    assert fingerprint(rows) == plain
    rows.rows[0] = 1.0
    assert fingerprint(rows) != plain


def test_a_file_without_the_state_of_training_is_refused(tmp_path):
    path = tmp_path / "model.pt"
    model = VAE((1, 8, 8), latent_dim=2, hidden_dims=[8])
    save_checkpoint(path, model)
    with pytest.raises(CheckpointError, match="without the state of its training"):
        fit(model, tiny_images(50), checkpoint=path, resume=True, **QUIET)


def test_a_damaged_checkpoint_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "run.pt"
    run(path, {})
    path.write_bytes(path.read_bytes()[:-100])
    before = path.read_bytes()
    with pytest.raises(CheckpointError, match="cannot be read: it is cut short"):
        run(path, {}, resume=True)
    assert path.read_bytes() == before


def test_places_that_cannot_hold_a_checkpoint_are_refused_before_training(tmp_path):
    with pytest.raises(ValueError, match="is a folder; give the name of a file in it"):
        run(tmp_path, {})
    with pytest.raises(ValueError, match="resume needs a file to continue from"):
        run(None, {}, resume=True)
