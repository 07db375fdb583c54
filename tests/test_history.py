"""The record of a run."""

import json

import pytest

from vae_course.training.loop import History


def record(epoch: int, held_out: bool = True) -> dict:
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
    history = History([record(0), record(1)])
    assert history.curve("train", "kl") == ([0, 1], [20.0, 21.0])
    assert history.curve() == ([0, 1], [101.0, 100.0])
    assert history.last["epoch"] == 1


def test_curves_that_are_not_there_are_refused_in_a_sentence():
    history = History([record(0, held_out=False)])
    with pytest.raises(ValueError, match="no held-out data: give validation="):
        history.curve("validation", "kl")
    with pytest.raises(ValueError, match="unknown part 'test'; choose 'train' or 'validation'"):
        history.curve("test", "kl")
    with pytest.raises(ValueError, match="unknown term 'loss'; choose one of negative_elbo"):
        history.curve("train", "loss")


def test_json_keeps_everything(tmp_path):
    history = History([record(0), record(1)], stopped_early=True, best_epoch=1)
    path = tmp_path / "deep" / "history.json"
    history.to_json(path)
    assert History.from_json(path) == history
    assert json.loads(path.read_text())["records"][1]["validation"]["kl"] == 22.0
    assert [file.name for file in path.parent.iterdir()] == ["history.json"]
