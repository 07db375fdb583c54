"""The record: the command from end to end in small, and the shipped weights against what is said of them."""

import hashlib
import json
from pathlib import Path

import pytest
import torch

from benchmarks import record
from benchmarks import record as record_bound
from benchmarks.ladder import LadderVAE, load_ladder
from benchmarks.record import bounds
from vae_course.data.loading import load
from vae_course.evaluation.bounds import importance_weighted_bound
from vae_course.randomness import seed_everything
from vae_course.weights import save_checkpoint

pytestmark = pytest.mark.bench

ASSETS = Path(record.__file__).parents[1] / "assets"
SMALL = {"top_dim": 2, "widths": (4, 4), "layers": (1, 1), "latent_channels": (1, 1), "hidden": 8}


@pytest.fixture
def weights(tmp_path):
    seed_everything(0)
    model = LadderVAE.for_data(load("digits"), **SMALL)
    torch.nn.init.normal_(model.output[-1].weight, std=0.1)
    save_checkpoint(tmp_path / "small.pt", model)
    return tmp_path / "small.pt"


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    monkeypatch.setattr(record_bound, "BLOCK", 8)
    monkeypatch.setattr(record_bound, "ALIKE", 4)
    monkeypatch.setattr(record_bound, "CHUNK", 6)


def measured(weights, kept, n=20, k=20, **more):
    return bounds(str(weights), ("digits", "dynamic", "test"), n, k, kept, progress=False, **more)[0]


def test_blocks_make_up_the_estimate_of_the_package(weights, tmp_path):
    values = measured(weights, tmp_path / "kept.json", k=200, bfloat16=False)
    test = load("digits", "test", binarize="dynamic").select(torch.arange(20))
    wanted = importance_weighted_bound(load_ladder(weights), test, k=200)
    assert values.shape == (20,)
    assert values.mean().item() == pytest.approx(wanted.value, abs=4 * wanted.standard_error)


def test_an_interrupted_measurement_goes_on_and_ends_with_the_same_numbers(weights, tmp_path, monkeypatch):
    whole = measured(weights, tmp_path / "whole.json")
    real, calls = record_bound.block_of_bounds, []

    def stops_at_the_second(*task):
        calls.append(task[2])
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*task)

    monkeypatch.setattr(record_bound, "block_of_bounds", stops_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        measured(weights, tmp_path / "kept.json")
    again = measured(weights, tmp_path / "kept.json")
    assert torch.equal(again, whole) and calls == [0, 8, 8, 16]
    measured(weights, tmp_path / "kept.json", k=21)  # another question: nothing kept may answer it
    assert calls[4:] == [0, 8, 16]


def test_the_number_of_processes_changes_nothing(weights, tmp_path):
    one = measured(weights, tmp_path / "one.json", n=16)
    two = measured(weights, tmp_path / "two.json", n=16, processes=2)
    # New processes have the module's own CHUNK, which only changes the order of the random numbers.
    assert one.shape == two.shape == (16,)
    assert two.mean().item() == pytest.approx(one.mean().item(), rel=0.05)


def test_the_command_trains_measures_and_goes_on_where_it_stopped(tmp_path, data_root, monkeypatch):
    monkeypatch.setattr(record, "SIZES", SMALL | {"widths": (32, 32)})
    monkeypatch.setenv("VAE_COURSE_DATA", str(data_root))
    folders = [f"--{name}={tmp_path / name}" for name in ("work", "assets")]
    words = ["--epochs=2", "--examples=256", "--k=4", "--test-examples=20", "--processes=1", "--device=cpu"]
    record.main([*words, *folders])
    path = tmp_path / "assets" / "results" / "record.json"
    result = json.loads(path.read_text())
    assert [entry["epoch"] for entry in result["curve"]] == [0, 1, 2]
    test = result["test"]
    assert (
        test["k"] == 4
        and test["test_digits"] == 20
        and test["nll"]["value"] < result["curve"][0]["train"]["negative_elbo"] * 1.5
    )
    assert (tmp_path / "assets" / "figures" / "record.png").stat().st_size > 1000
    file = tmp_path / "work" / "record_mnist.pt"
    assert hashlib.sha256(file.read_bytes()).hexdigest() == result["weights_sha256"]
    record.main([*words, *folders])  # nothing is left to train or to measure
    again = json.loads(path.read_text())
    assert again["test"]["nll"] == test["nll"] and again["curve"] == result["curve"]


def test_the_record_that_is_reported_is_whole():
    result = json.loads((ASSETS / "results" / "record.json").read_text())
    test = result["test"]
    assert test["k"] >= 1000 and test["test_digits"] == 10_000
    assert test["nll"]["value"] < test["negative_elbo"]["value"]
