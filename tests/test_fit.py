"""The training loop: what it does to the weights, what it records, and that it repeats."""

import io
import json
import math
import sys
from dataclasses import replace

import pytest
import torch
from linear_vae import LinearVAE
from tiny_data import Rows, tiny_images

from vae_course.elbo import ElboTerms
from vae_course.models.vae import VAE, Autoencoder
from vae_course.randomness import seed_everything
from vae_course.training.loop import History, fit

TRAIN, HELD_OUT = tiny_images(96), tiny_images(40, seed=1)
QUIET = {"device": "cpu", "progress": False}


def small_vae(kind=VAE, **arguments):
    seed_everything(0)
    return kind.for_data(TRAIN, latent_dim=2, hidden_dims=[16], **arguments)


def weights(model) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def without_seconds(history) -> list[dict]:
    return [{k: v for k, v in record.items() if k != "seconds"} for record in history.records]


def test_training_lowers_the_negative_elbo_on_new_examples():
    model = small_vae()
    history = fit(model, TRAIN, HELD_OUT, epochs=15, batch_size=16, learning_rate=3e-3, **QUIET)
    epochs, values = history.curve("validation", "negative_elbo")
    assert epochs == list(range(16))
    assert values[-1] < values[0] - 3
    assert not model.training


def test_training_reaches_the_exact_posterior_of_the_linear_model():
    model = LinearVAE(shift=0.6, factor=1.8)
    data = Rows(model.data(400))
    history = fit(
        model,
        data,
        epochs=15,
        batch_size=50,
        learning_rate=0.05,
        schedule="cosine",
        kl_warmup=0.0,
        eval_examples=None,
        **QUIET,
    )
    assert model.shift.abs().max() < 0.03
    assert model.log_factor.abs().max() < 0.03
    exact = -model.toy.log_prob(data.rows).mean().item()
    gap = model.gap(data.rows).mean().item()
    assert gap < 0.005
    # One draw for each example: its noise is that of log p(x|z).
    noise = 1.5 / math.sqrt(len(data))
    assert history.last["train"]["negative_elbo"] == pytest.approx(exact + gap, abs=4 * noise)


@pytest.mark.parametrize("binarize", [None, "dynamic"])
def test_a_run_repeats_bit_for_bit_and_another_seed_differs(binarize):
    train = replace(TRAIN, binarize=binarize)

    def run(seed):
        model = small_vae()
        history = fit(model, train, HELD_OUT, epochs=2, batch_size=20, seed=seed, **QUIET)
        return weights(model), without_seconds(history)

    first, second, other = run(5), run(5), run(6)
    assert torch.equal(first[0], second[0]) and first[1] == second[1]
    assert not torch.equal(first[0], other[0])


def test_the_run_does_not_depend_on_the_global_random_state():
    results = []
    for disturbance in (1, 2):
        model = small_vae()
        torch.manual_seed(disturbance)
        fit(model, replace(TRAIN, binarize="dynamic"), epochs=1, **QUIET)
        results.append(weights(model))
    assert torch.equal(*results)


def test_held_out_data_never_train():
    results = []
    for held_out in (None, HELD_OUT, tiny_images(7, seed=9)):
        model = small_vae()
        fit(model, TRAIN, held_out, epochs=3, batch_size=20, **QUIET)
        results.append(weights(model))
    assert torch.equal(results[0], results[1]) and torch.equal(results[0], results[2])


def test_measuring_more_examples_does_not_change_the_weights():
    results = []
    for limit in (1, None):
        model = small_vae()
        fit(model, TRAIN, epochs=2, eval_examples=limit, **QUIET)
        results.append(weights(model))
    assert torch.equal(*results)


def test_each_example_is_used_once_an_epoch():
    class Watched(Rows):
        def to(self, device):
            return self

        def batch(self, index, generator=None):
            seen.append(index)
            return super().batch(index)

    seen: list = []
    model = LinearVAE()
    fit(model, Watched(model.data(23)), epochs=2, batch_size=5, eval_examples=1, **QUIET)
    batches = [index for index in seen if len(index) > 1]  # the records read a single example
    assert [len(index) for index in batches] == [5, 5, 5, 5, 3] * 2
    first, second = torch.cat(batches[:5]), torch.cat(batches[5:])
    assert first.sort().values.tolist() == second.sort().values.tolist() == list(range(23))
    assert first.tolist() != second.tolist(), "each epoch has its own order"


def test_the_history_starts_before_the_first_update():
    model = small_vae()
    history = fit(model, TRAIN, HELD_OUT, epochs=3, batch_size=40, eval_examples=None, **QUIET)
    untrained = small_vae()
    untrained_only = fit(untrained, TRAIN, HELD_OUT, epochs=0, eval_examples=None, **QUIET)
    assert torch.equal(weights(untrained), weights(small_vae())), "no epoch, no update"
    for part in ("train", "validation"):
        assert history.records[0][part] == untrained_only.records[0][part]
    assert [(r["epoch"], r["step"]) for r in history.records] == [(0, 0), (1, 3), (2, 6), (3, 9)]
    seconds = [r["seconds"] for r in history.records]
    assert seconds[0] == 0 and seconds == sorted(seconds)
    for record in history.records:
        for part in (record["train"], record["validation"]):
            assert part["negative_elbo"] == pytest.approx(part["reconstruction"] + part["kl"], rel=1e-6)


def test_records_are_means_over_the_examples_at_kl_weight_one():
    model = LinearVAE(0.4, 1.4)
    data = Rows(model.data(1_500))
    history = fit(model, data, epochs=0, beta=0.1, eval_examples=None, **QUIET)
    with torch.no_grad():
        kl, exact = model.encode(data.rows).kl().mean().item(), -model.exact_elbo(data.rows).mean().item()
    record = history.last["train"]
    assert record["kl"] == pytest.approx(kl)
    assert record["negative_elbo"] == pytest.approx(exact, abs=4 * 2 / math.sqrt(1_500))


def test_an_autoencoder_trains_without_a_kl_term():
    model = small_vae(Autoencoder)
    history = fit(model, TRAIN, HELD_OUT, epochs=10, batch_size=16, learning_rate=3e-3, **QUIET)
    _, values = history.curve("validation", "reconstruction")
    assert values[-1] < values[0] - 3
    assert {record["train"]["kl"] for record in history.records} == {0.0}


def test_a_learned_sigma_is_trained():
    model = small_vae(likelihood="gaussian_learned")
    before = model.likelihood.sigma.item()
    fit(model, TRAIN, epochs=20, batch_size=16, learning_rate=1e-2, kl_warmup=0.0, **QUIET)
    assert model.likelihood.sigma.item() < before


@pytest.mark.parametrize("limit", [1, 30, None])
def test_records_are_means_over_the_examples_measured(limit):
    def objective(model, x, generator):
        kl = torch.full((len(x), 1), 2.0)
        return ElboTerms(model.shift.square().sum() + 5 * torch.ones(len(x)), kl[:, 0], kl)

    model = LinearVAE()
    history = fit(model, Rows(model.data(50)), epochs=0, objective=objective, eval_examples=limit, **QUIET)
    assert history.last["train"] == {"negative_elbo": 7, "reconstruction": 5, "kl": 2}


def test_progress_is_about_ten_lines_that_repeat(capsys):
    texts = []
    for _ in range(2):
        fit(small_vae(), TRAIN, HELD_OUT, epochs=23, batch_size=96, device="cpu", eval_examples=10)
        texts.append(capsys.readouterr().out)
    lines = texts[0].splitlines()
    assert 8 <= len(lines) <= 12
    assert lines[0].startswith("epoch  0/23") and lines[-1].startswith("epoch 23/23")
    assert "held-out −ELBO" in lines[0] and "nats" in lines[0]
    assert texts[0] == texts[1]
    fit(small_vae(), TRAIN, epochs=1, **QUIET)
    assert capsys.readouterr().out == ""


def test_pictures_in_other_shapes_are_taken_and_what_holds_none_is_told():
    """As :func:`as_image_data` takes them."""
    expected, *others = [small_vae() for _ in range(3)]
    fit(expected, TRAIN, HELD_OUT, epochs=1, **QUIET)
    sets = (TRAIN.images, HELD_OUT.images), (TRAIN.floats().numpy(), HELD_OUT.floats().numpy())
    for model, (train, held_out) in zip(others, sets, strict=True):
        fit(model, train, held_out, epochs=1, **QUIET)
        assert torch.equal(weights(model), weights(expected))
    with pytest.raises(
        TypeError, match=r"the training set is of type object, which holds no pictures; expected"
    ):
        fit(small_vae(), object(), **QUIET)
    with pytest.raises(
        TypeError, match=r"the held-out set is of type object, which holds no pictures; expected"
    ):
        fit(small_vae(), TRAIN, object(), **QUIET)


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_it_trains_where_gradients_are_switched_off(context):
    expected, model = small_vae(), small_vae()
    fit(expected, TRAIN, epochs=1, **QUIET)
    with context():
        fit(model, TRAIN, epochs=1, **QUIET)
        assert not torch.is_grad_enabled()
    assert torch.equal(weights(model), weights(expected))


@pytest.mark.parametrize("encoding", ["cp1252", "cp437", "gbk", "ascii"])
def test_progress_on_a_terminal_that_lacks_letters(encoding, monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    fit(small_vae(), TRAIN, epochs=1, device="cpu")
    stream.flush()
    assert stream.buffer.getvalue().decode(encoding).count("-ELBO") == 2


def made_up_record(epoch: int, held_out: bool = True) -> dict:
    terms = {"negative_elbo": 100.0 - epoch, "reconstruction": 80.0 - 2 * epoch, "kl": 20.0 + epoch}
    return {
        "epoch": epoch,
        "step": 10 * epoch,
        "learning_rate": 1e-3,
        "beta": 1.0,
        "seconds": 0.1 * epoch,
        "train": terms,
        "validation": {name: value + 1 for name, value in terms.items()} if held_out else None,
    }


def test_curves():
    history = History([made_up_record(0), made_up_record(1)])
    assert history.curve("train", "kl") == ([0, 1], [20.0, 21.0])
    assert history.curve() == ([0, 1], [101.0, 100.0])
    assert history.last["epoch"] == 1


def test_curves_that_are_not_there_are_refused_in_a_sentence():
    history = History([made_up_record(0, held_out=False)])
    with pytest.raises(ValueError, match="no held-out data: give validation="):
        history.curve("validation", "kl")


def test_json_keeps_everything(tmp_path):
    history = History([made_up_record(0), made_up_record(1)], stopped_early=True, best_epoch=1)
    path = tmp_path / "deep" / "history.json"
    history.to_json(path)
    assert History.from_json(path) == history
    assert json.loads(path.read_text())["records"][1]["validation"]["kl"] == 22.0
    assert [file.name for file in path.parent.iterdir()] == ["history.json"]
