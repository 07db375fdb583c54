"""The arena: what is cached, what is shipped, what is loaded, and the table."""

import json
from pathlib import Path

import pytest
import torch
from tiny_data import tiny_images

from recipes import arena
from recipes.arena import Run, measure_run, plan, summarize
from recipes.arena_measures import MEASURES, arena_rows, judge_pictures
from recipes.arena_recipes import (
    DECODER,
    LABELS,
    RECIPES,
    TRAINERS,
    decoder_parameters,
    save_arena,
    train,
)
from vae_course.models.gan import Generator
from vae_course.models.networks import Classifier
from vae_course.randomness import seed_everything
from vae_course.training.loop import TrainingDiverged
from vae_course.weights import ARENA, WEIGHTS, ArenaModel, arena_results, read_arena

DATA, HELD_OUT = tiny_images(96, (1, 28, 28)), tiny_images(48, (1, 28, 28), seed=1)
FAST = {"vq_vae": {"n_codes": 8, "code_dim": 4}, "hierarchical": {"top_dim": 3}}


@pytest.fixture(scope="module")
def judge():
    seed_everything(0)
    return Classifier((1, 28, 28), 4).eval()


@pytest.fixture(scope="module")
def entries():
    return {name: train(name, 1, DATA, 1, RECIPES[name] | FAST.get(name, {})) for name in RECIPES}


def test_every_contestant_has_a_recipe_a_trainer_and_a_label():
    assert list(RECIPES) == list(TRAINERS) == list(LABELS) and set(ARENA) == set(LABELS)


@pytest.mark.parametrize("name", RECIPES)
def test_a_contestant_survives_its_file(name, entries, tmp_path):
    entry = entries[name]
    save_arena(tmp_path / "whole.pt", entry, cpu_seconds=1.0)
    save_arena(tmp_path / "part.pt", entry, int8=True, without=() if name == "gan" else ("encoder",))
    whole, part = read_arena(tmp_path / "whole.pt"), read_arena(tmp_path / "part.pt")
    draws = [e.sample(6, torch.Generator().manual_seed(0)) for e in (entry, whole, part)]
    assert draws[0].shape == (6, 1, 28, 28) and 0 <= draws[0].min() and draws[0].max() <= 1
    if name != "vq_vae":  # rounding may turn a draw of a letter
        assert all((draws[0] - draw).abs().mean() < 0.002 for draw in draws[1:])
    assert not any(parameter.requires_grad for parameter in whole.model.parameters())
    assert (tmp_path / "part.pt").stat().st_size < (tmp_path / "whole.pt").stat().st_size
    if name == "gan":
        return
    x = HELD_OUT.batch(slice(0, 3))
    rebuilt = entry.model.reconstruct(x)
    torch.testing.assert_close(whole.model.reconstruct(x), rebuilt, atol=0.02, rtol=0)
    with pytest.raises(ValueError, match="left out"):
        part.model.reconstruct(x)


def test_all_share_one_decoder(entries):
    sizes = {
        name: sum(p.numel() for p in entry.model.decoder.parameters()) for name, entry in entries.items()
    }
    convolutions = 64 * 32 * 16 + 32 + 32 * 16 + 1
    assert sizes.pop("vq_vae") == 4 * 64 + 64 + convolutions
    assert set(sizes.values()) == {decoder_parameters()} == {32 * 3136 + 3136 + convolutions}


def test_a_run_repeats_and_another_seed_differs():
    def weights(seed):
        return train("vae_bernoulli", seed, DATA, 1, RECIPES["vae_bernoulli"]).model.state_dict()

    first, again, other = weights(0), weights(0), weights(1)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_an_autoencoder_is_drawn_from_the_moments_of_its_codes(entries):
    entry = entries["ae"]
    codes = entry.model.encode(DATA.floats()).detach()
    mean, factor = entry.codes
    torch.testing.assert_close(mean, codes.mean(0), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(factor @ factor.T, torch.cov(codes.T), atol=1e-3, rtol=1e-3)


def test_a_finished_run_is_not_trained_again(judge, tmp_path, monkeypatch):
    run = Run("vae_bernoulli", 0, RECIPES["vae_bernoulli"], examples=96, epochs=1)
    first = measure_run(run, DATA, HELD_OUT, judge, tmp_path)
    assert first["cpu_seconds"] > 0 and first["rate"] >= 0 and first["frechet_low"] <= first["frechet"]
    assert first["negative_elbo"] == pytest.approx(first["distortion"] + first["rate"])

    def never(*_):
        raise AssertionError("trained twice")

    monkeypatch.setattr(arena, "train", never)
    assert measure_run(run, DATA, HELD_OUT, judge, tmp_path) == first
    (measured,) = tmp_path.glob("*.json")
    measured.write_text(json.dumps({key: first[key] for key in ("frechet", "cpu_seconds")}))
    assert measure_run(run, DATA, HELD_OUT, judge, tmp_path) == first  # what was missing is measured again
    with pytest.raises(AssertionError, match="trained twice"):
        measure_run(Run("vae_bernoulli", 0, {"batch_size": 7}), DATA, HELD_OUT, judge, tmp_path)


def test_a_diverged_seed_stays_in_the_table_with_its_reason(judge, tmp_path, monkeypatch):
    def diverge(name, seed, *_):
        if seed == 1:
            raise TrainingDiverged("the loss is not finite at step 3.")
        return entry_of(seed)

    def entry_of(seed):
        torch.manual_seed(seed)
        return ArenaModel("gan", seed, Generator(**DECODER))

    monkeypatch.setattr(arena, "train", diverge)
    records = [
        measure_run(run, DATA, HELD_OUT, judge, tmp_path) for run in plan(["gan"], (0, 1, 2), examples=96)
    ]
    (row,) = summarize(records, ["gan"])
    assert row["failed"] == [{"seed": 1, "why": "the loss is not finite at step 3."}]
    assert len(row["measures"]["frechet"]["values"]) == 2 and row["measures"]["negative_elbo"] is None
    (text,) = arena_rows({"rows": [row]}, ["frechet", "negative_elbo"])
    assert text["model"] == "GAN (1 failed)" and "±" in text["frechet"] and text["negative_elbo"] == "–"
    (headed,) = arena_rows({"rows": [row]}, {"frechet": "Fréchet distance"})
    assert headed == {"model": text["model"], "Fréchet distance": text["frechet"]}
    small = {"values": [0.0091], "mean": 0.0091, "low": 0.0089, "high": 0.0093}
    (text,) = arena_rows({"rows": [row | {"measures": {"mse": small}}]}, ["mse"])
    assert text["mse"] == "0.0091 ± 0.0002"


def test_the_judge_prefers_data_to_noise_and_to_one_picture(judge):
    real, others = HELD_OUT.floats(), tiny_images(48, (1, 28, 28), seed=2).floats()
    noise = torch.rand(real.shape, generator=torch.Generator().manual_seed(0))
    good, bad, single = (judge_pictures(x, real, judge) for x in (others, noise, real[:1].expand_as(real)))
    assert good["frechet"] < bad["frechet"] and good["frechet"] < single["frechet"]
    assert single["classes"] == 1 and single["recall"] < good["recall"]
    assert single["coverage"] < good["coverage"]


def test_the_shipped_table_is_in_both_places():
    asset = Path(arena.__file__).parents[1] / "assets" / "results" / "realism.json"
    assert asset.read_text() == (WEIGHTS / "arena" / "realism.json").read_text()


def test_the_shipped_table_holds_every_contestant_and_every_seed():
    results = arena_results()
    assert [(row["name"], row["label"]) for row in results["rows"]] == list(LABELS.items())
    assert {(r["name"], r["seed"]) for r in results["runs"]} == {(n, s) for n in LABELS for s in (0, 1, 2)}
    for row in results["rows"]:
        assert set(row["measures"]) == set(MEASURES)
        assert len(row["measures"]["frechet"]["values"]) + len(row["failed"]) == 3
    assert results["reference"]["frechet"] < min(r["measures"]["frechet"]["low"] for r in results["rows"])


def test_its_settings_and_keys_are_today_s():
    results = arena_results()
    assert {row["name"]: row["settings"] for row in results["rows"]} == json.loads(json.dumps(RECIPES))
    keys = {(run.name, run.seed): run.key for run in plan(list(RECIPES), (0, 1, 2))}
    assert {(r["name"], r["seed"]): r["key"] for r in results["runs"]} == keys
