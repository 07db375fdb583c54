"""The sweep: every cell once, kept, resumed, and measured like any other model; and its command."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_data import tiny_images

from vae_course.__main__ import main
from vae_course.evaluation.bounds import evaluate
from vae_course.evaluation.code_use import active_units, cost, kl_per_dimension, size_report
from vae_course.models.networks import Classifier
from vae_course.models.vae import VAE
from vae_course.plots.curves import PANELS, rate_distortion_panel, size_panel
from vae_course.training import sweep
from vae_course.training.loop import TrainingDiverged
from vae_course.training.sweep import Cell, describe, plan, run_sweep
from vae_course.weights import shipped_sweep

SETTINGS = {"hidden_dims": (16,), "epochs": 2, "batch_size": 32}


@pytest.fixture(scope="module")
def parts():
    return tiny_images(96), tiny_images(64, seed=1)


def cells(dims=(2, 3), betas=(1.0,), seeds=2) -> list[Cell]:
    return plan("tiny", dims, betas, seeds, 96, **SETTINGS)


def test_plan_has_every_combination_once():
    found = plan("tiny", [2, 4, 2], [1, 4], 3, 96)
    assert len(found) == len({cell.key for cell in found}) == 2 * 2 * 3
    assert [cell.seed for cell in found] == [0] * 4 + [1] * 4 + [2] * 4


@pytest.mark.parametrize("name", ["latent_dim", "beta", "seed", "examples", "epochs", "kl_warmup", "dataset"])
def test_every_setting_changes_the_key(name):
    cell = cells()[0]
    other = "else" if name == "dataset" else getattr(cell, name) + 1
    assert replace(cell, **{name: other}).key != cell.key


def test_whole_number_and_float_beta_are_the_same_cell():
    assert plan("tiny", [2], [1], 1, 9)[0].key == plan("tiny", [2], [1.0], 1, 9)[0].key


def test_interrupted_sweep_goes_on_and_gives_the_same(parts, tmp_path, monkeypatch, capsys):
    whole = run_sweep(cells(), *parts, measure=size_report, progress=False)
    train_one, trained = sweep.run_cell, []

    def stop_at_third(cell, *arguments):
        if len(trained) == 2:
            raise KeyboardInterrupt
        trained.append(cell)
        return train_one(cell, *arguments)

    monkeypatch.setattr(sweep, "run_cell", stop_at_third)
    with pytest.raises(KeyboardInterrupt):
        run_sweep(cells(), *parts, measure=size_report, folder=tmp_path, progress=False)
    monkeypatch.setattr(sweep, "run_cell", train_one)
    (tmp_path / cells()[1].file_name).write_text('{"dataset": "ti')  # a damaged file is trained again
    again = run_sweep(cells(), *parts, measure=size_report, folder=tmp_path)
    assert again == whole
    assert capsys.readouterr().out.count("from an earlier run") == 1
    assert len(list(tmp_path.iterdir())) == 4


def test_a_cell_is_its_settings_and_what_the_measure_finds(parts, capsys):
    (record,) = run_sweep(cells()[:1], *parts, measure=lambda model, train, held_out: {"rows": len(held_out)})
    assert record == {
        "dataset": "tiny", "latent_dim": 2, "beta": 1.0, "seed": 0, "examples": 96, "hidden_dims": [16],
        "epochs": 2, "batch_size": 32, "learning_rate": 6e-3, "kl_warmup": 0.5, "rows": 64,
    }  # fmt: skip
    assert capsys.readouterr().out == "1/1   k =   2   β = 1   seed 0\n"


def test_cell_wants_its_number_of_pictures(parts):
    with pytest.raises(ValueError, match="96 training pictures and was given 64"):
        run_sweep(cells()[:1], parts[1], parts[1], measure=size_report, progress=False)


def test_a_cell_that_diverges_is_named(parts):
    (cell,) = plan("tiny", [2], [1], 1, 96, **{**SETTINGS, "learning_rate": 1e30})
    with pytest.raises(TrainingDiverged, match=r"tiny_k2_beta1_seed0_.*json: the loss is not finite at step"):
        run_sweep([cell], *parts, measure=size_report, progress=False)


def test_the_process_is_left_as_it_was(parts):
    precision, threads, state = (
        torch.get_float32_matmul_precision(),
        torch.get_num_threads(),
        torch.get_rng_state(),
    )
    torch.set_num_threads(2)
    try:
        run_sweep(cells()[:1], *parts, measure=lambda *_: {}, progress=False)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert torch.get_float32_matmul_precision() == precision
    assert torch.equal(torch.get_rng_state(), state)


def test_a_record_is_told_in_a_line():
    record = {"latent_dim": 4, "beta": 0.5, "seed": 2}
    assert describe(record) == "k =   4   β = 0.5   seed 2"
    record |= {"negative_elbo": 100.0, "distortion": 80.0, "rate": 20.0, "used_units": 3}
    assert describe(record).endswith("seed 2:   −ELBO  100.0 =   80.0 + KL 20.0 nats,  3 units in use")


def test_report_agrees_with_the_single_measures(parts):
    train, held_out = parts
    torch.manual_seed(0)
    model = VAE.for_data(train, latent_dim=3, hidden_dims=(16,))
    report = size_report(model, train, held_out, Classifier(train.shape, 4))
    bound = evaluate(model, held_out)
    assert report["negative_elbo"] == bound.negative_elbo.value
    assert report["distortion"] + report["rate"] == pytest.approx(report["negative_elbo"])
    assert report["active_units"] == active_units(model, held_out)
    assert report["used_units"] == sum(nats >= 0.05 for nats in report["kl_per_dimension"])
    kl = kl_per_dimension(model, held_out)
    assert report["kl_per_dimension"] == pytest.approx(sorted(kl.tolist(), reverse=True), abs=1e-4)
    assert sum(report["kl_per_dimension"]) == pytest.approx(report["rate"], abs=1e-3)
    assert report["frechet"] > 0 and 0 <= report["precision"] <= 1 and 0 <= report["recall"] <= 1
    assert size_report(model, train, held_out)["frechet"] is None
    assert size_report(model, replace(train, labels=None), held_out)["probe_accuracy"] is None


def test_cost_of_a_fully_connected_model():
    found = cost(VAE(image_shape=(1, 4, 4), latent_dim=3, hidden_dims=(5,)))
    assert found["parameters"] == (16 * 5 + 5) + (5 * 6 + 6) + (3 * 5 + 5) + (5 * 16 + 16)
    assert found["operations"] == 2 * (16 * 5 + 5 * 6 + 3 * 5 + 5 * 16)


def test_figures_show_every_measure_that_was_taken(parts):
    records = run_sweep(cells(betas=(1.0, 4.0)), *parts, measure=size_report, progress=False)
    figure = size_panel({"tiny": records})
    assert [axes.get_ylabel() for axes in figure.axes] == list(PANELS.values())
    drawn = {axes.get_ylabel(): len(axes.containers) for axes in figure.axes}
    assert drawn[PANELS["distortion"]] == 1 and drawn[PANELS["frechet"]] == 0  # no judge, no curve
    axes = rate_distortion_panel(records).axes[0]
    assert sorted(text.get_text() for text in axes.texts) == ["2", "2", "3", "3"]


class TestCommand:
    SMALL = "--latent-dims 2 3 --seeds 2 --examples 100 --epochs 1 --hidden-dims 8 --batch-size 50".split()

    def test_leaves_table_figures_and_advice(self, tmp_path, capsys):
        words = ["sweep", "--dataset", "digits", "--betas", "1", "4", *self.SMALL, "--output", str(tmp_path)]
        assert main(words) == 0
        out = capsys.readouterr().out
        assert out.count("latent size") == 2 and "digits, β = 4: " in out
        names = {path.name for path in tmp_path.iterdir()}
        assert names >= {
            "sweep.json",
            "digits_sizes_beta1.png",
            "digits_rate_distortion.png",
            "cells",
        }
        assert len(json.loads((tmp_path / "sweep.json").read_text())) == 8
        assert main(words) == 0
        assert capsys.readouterr().out.count("from an earlier run") == 8

    def test_own_images(self, tmp_path, capsys):
        images = tiny_images(60, (1, 8, 8)).images[:, 0].numpy()
        np.save(tmp_path / "mine.npy", images)
        words = ["--images", str(tmp_path / "mine.npy"), *self.SMALL, "--output", str(tmp_path / "all")]
        assert main(["sweep", *words]) == 0
        records = json.loads((tmp_path / "all" / "sweep.json").read_text())
        assert len(records) == 4 and {record["examples"] for record in records} == {48}
        assert all(record["frechet"] is None for record in records)  # nobody is there to judge them
        out = capsys.readouterr().out
        assert "48 images to learn from, 6 held out; 4 models" in out and "latent size" in out


def test_unknown_shipped_sweep_is_told():
    with pytest.raises(ValueError, match="no shipped sweep 'cats'"):
        shipped_sweep("cats")
