"""``python -m vae_course train``: what it leaves, what it refuses, and that an interruption costs nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from cli_run import SMALL, train_small

import vae_course
from vae_course import History, load, load_model
from vae_course.__main__ import main
from vae_course.cli import parse
from vae_course.data.images import ImageData
from vae_course.evaluation.bounds import evaluate
from vae_course.training.loop import TrainingDiverged

PICTURES = [
    "training_history.png",
    "reconstructions.png",
    "latent_space.png",
    "manifold.png",
    "samples.png",
    "interpolation.png",
]
NUMBERS = ["config.json", "history.json", "metrics.json"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run."""
    folder = tmp_path_factory.mktemp("cli") / "new" / "results"
    assert train_small(folder, "--epochs", "2", "--quiet") == 0
    return folder


def interrupt_after_checkpoint(monkeypatch, folder: Path, reads: int = 2) -> None:
    """Ctrl-C in the middle of an epoch: at the n-th read of data after the first checkpoint was written."""
    read, count = ImageData.batch, [0]

    def batch(self, *arguments, **more):
        count[0] += (folder / "checkpoint.pt").exists()
        if count[0] == reads:
            raise KeyboardInterrupt
        return read(self, *arguments, **more)

    monkeypatch.setattr(ImageData, "batch", batch)


def without_seconds(history: History) -> list[dict]:
    return [{name: value for name, value in r.items() if name != "seconds"} for r in history.records]


class TestResults:
    def test_leaves_everything_and_nothing_else(self, run):
        assert sorted(path.name for path in run.iterdir()) == sorted(["model.pt", *NUMBERS, *PICTURES])

    def test_pictures_are_pictures(self, run):
        from matplotlib.image import imread

        for name in PICTURES:
            pixels = imread(run / name)
            assert pixels.shape[0] > 100 and pixels.shape[1] > 300
            assert pixels[..., :3].std() > 0.05, f"{name} is blank"

    def test_configuration_tells_what_was_asked(self, run):
        config = json.loads((run / "config.json").read_text())
        asked = {"dataset": "digits", "subset": 200, "latent_dim": 2, "hidden_dims": [32], "epochs": 2}
        assert asked.items() <= config["settings"].items()
        assert config["model"] == load_model(run / "model.pt").config
        assert str(run) not in (run / "config.json").read_text()

    def test_history_starts_before_training(self, run):
        history = History.from_json(run / "history.json")
        assert [record["epoch"] for record in history.records] == [0, 1, 2]
        assert history.records[2]["train"]["negative_elbo"] < history.records[0]["train"]["negative_elbo"]

    def test_metrics_are_those_of_the_saved_model_on_the_test_part(self, run):
        metrics = json.loads((run / "metrics.json").read_text())
        expected = evaluate(load_model(run / "model.pt"), load("digits", "test"), seed=0)
        for name in ("negative_elbo", "reconstruction", "kl"):
            assert metrics[name]["value"] == pytest.approx(getattr(expected, name).value, rel=1e-6)
            assert metrics[name]["standard_error"] > 0
        assert metrics["unit"] == "nats per example" and metrics["split"] == "test"
        total = metrics["reconstruction"]["value"] + metrics["kl"]["value"]
        assert metrics["negative_elbo"]["value"] == pytest.approx(total)

    def test_watches_validation_and_measures_test_once_at_the_end(self, tmp_path, monkeypatch):
        events = []
        for place, name in ((vae_course, "fit"), (vae_course.evaluation, "evaluate")):
            inner = getattr(place, name)

            def wrapped(*arguments, inner=inner, name=name, **more):
                events.append((name, [a.split for a in arguments if isinstance(a, ImageData)]))
                return inner(*arguments, **more)

            monkeypatch.setattr(place, name, wrapped)
        assert train_small(tmp_path / "r", "--epochs", "1", "--quiet") == 0
        assert events == [("fit", ["train", "validation"]), ("evaluate", ["test"])]

    def test_says_what_it_wrote(self, tmp_path, capsys):
        assert train_small(tmp_path / "r", "--epochs", "1") == 0
        out = capsys.readouterr().out
        for name in ("model.pt", *NUMBERS, *PICTURES):
            assert name in out
        assert "200 train, 300 validation, 300 test" in out and "nats per example" in out

    def test_quiet_says_nothing(self, tmp_path, capsys):
        assert train_small(tmp_path / "r", "--epochs", "0", "--quiet") == 0
        captured = capsys.readouterr()
        assert (captured.out, captured.err) == ("", "")

    def test_a_seed_gives_the_same_weights_and_another_does_not(self, run, tmp_path):
        for name, seed in (("same", "0"), ("other", "1")):
            assert train_small(tmp_path / name, "--epochs", "2", "--seed", seed, "--quiet") == 0
        first, same, other = (
            torch.cat([value.flatten() for value in load_model(folder / "model.pt").state_dict().values()])
            for folder in (run, tmp_path / "same", tmp_path / "other")
        )
        assert torch.equal(first, same)
        assert not torch.equal(first, other)

    def test_every_option_at_once(self, tmp_path):
        words = """--dataset digits --subset 200 --epochs 2 --latent_dim 3 --beta 0.5 --hidden_dims 4 8
        --batch_size 50 --learning_rate 2e-3 --architecture conv --likelihood gaussian-learned --seed 3
        --binarize dynamic --schedule cosine --warmup 0.1 --kl_warmup 0.5 --gradient_clip 1
        --free_bits 0.1 --patience 5 --activation silu --device cpu --quiet
        --precision highest --eval-examples 100"""
        folder = tmp_path / "r"
        assert main(["train", *words.split(), "--output", str(folder)]) == 0
        settings = json.loads((folder / "config.json").read_text())["settings"]
        assert settings == {
            "dataset": "digits", "subset": 200, "epochs": 2, "latent_dim": 3, "beta": 0.5,
            "hidden_dims": [4, 8], "batch_size": 50, "learning_rate": 2e-3, "architecture": "conv",
            "likelihood": "gaussian_learned", "seed": 3, "binarize": "dynamic", "schedule": "cosine",
            "warmup": 0.1, "kl_warmup": 0.5, "free_bits": 0.1,
            "gradient_clip": 1.0, "patience": 5, "activation": "silu", "augment": False,
            "precision": "highest", "eval_examples": 100,
        }  # fmt: skip
        assert load_model(folder / "model.pt").config["architecture"] == "conv"
        assert not (folder / "manifold.png").exists()

    def test_augmentation_reaches_the_training_images_alone(self, tmp_path, run):
        assert train_small(tmp_path / "r", "--epochs", "2", "--augment", "--quiet") == 0
        plain, changed = (History.from_json(f / "history.json").records for f in (run, tmp_path / "r"))
        assert changed[0]["validation"] == plain[0]["validation"] and changed[0]["train"] != plain[0]["train"]
        assert changed[2]["validation"] != plain[2]["validation"]

    def test_one_latent_dimension(self, tmp_path):
        assert train_small(tmp_path / "r", "--latent-dim", "1", "--epochs", "1", "--quiet") == 0
        assert (tmp_path / "r" / "latent_space.png").exists()

    def test_the_command_of_the_readme_on_real_digits(self, data_root, tmp_path, monkeypatch):
        monkeypatch.setenv("VAE_COURSE_DATA", str(data_root))
        words = """train --dataset mnist --epochs 50 --latent-dim 20 --beta 1.0 --hidden-dims 512 256
        --batch-size 128 --learning-rate 1e-3"""
        arguments = [*words.split(), "--output", f"{tmp_path}/results/"]
        assert parse(arguments).epochs == 50
        quick = ["--subset", "256", "--epochs", "1", "--quiet"]
        assert main([*arguments, *quick]) == 0
        metrics = json.loads((tmp_path / "results" / "metrics.json").read_text())
        assert metrics["images"] == 10_000 and 100 < metrics["negative_elbo"]["value"] < 543


class TestRefusals:
    def test_a_folder_with_a_run_is_left_alone(self, run, capsys):
        before = {path.name: path.read_bytes() for path in run.iterdir()}
        assert train_small(run, "--epochs", "1") == 2
        err = capsys.readouterr().err
        assert all(word in err for word in ("holds a run already", "--resume"))
        assert {path.name: path.read_bytes() for path in run.iterdir()} == before

    def test_a_folder_with_other_files_is_used(self, tmp_path):
        (tmp_path / "notes.txt").write_text("mine")
        assert train_small(tmp_path, "--epochs", "0", "--quiet") == 0

    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            (["--architecture", "conv", "--hidden-dims", *"44444"], "cannot be halved 5 times"),
            (["--device", "tpu9"], "--device: "),
            (["--resume"], "there is no run in"),
        ],
    )
    def test_what_does_not_go_together_exits_2_and_writes_nothing(self, tmp_path, capsys, words, sentence):
        assert main(["train", "--output", str(tmp_path / "r"), *words]) == 2
        err = capsys.readouterr().err
        assert sentence in err and err.count("\n") == 1
        assert not (tmp_path / "r").exists()

    def test_output_that_is_a_file(self, tmp_path, capsys):
        (tmp_path / "file").write_text("mine")
        for path in (tmp_path / "file", tmp_path / "file" / "below"):
            assert train_small(path) == 2
            assert "is no folder that can be written in" in capsys.readouterr().err

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
    def test_output_that_is_not_writable(self, tmp_path, capsys):
        tmp_path.chmod(0o500)
        assert train_small(tmp_path / "r") == 2
        assert "is no folder that can be written in" in capsys.readouterr().err

    def test_a_subset_larger_than_the_set_exits_1_and_writes_nothing(self, tmp_path, capsys):
        assert main(["train", "--subset", "5000", "--output", str(tmp_path / "r")]) == 1
        err = capsys.readouterr().err
        assert "1,197" in err and err.count("\n") == 1
        assert not (tmp_path / "r").exists()

    def test_divergence_exits_1_with_its_sentence(self, tmp_path, capsys):
        assert train_small(tmp_path / "r", "--learning-rate", "1e30", "--epochs", "3", "--quiet") == 1
        err = capsys.readouterr().err
        assert "not finite at step" in err and err.count("\n") == 1

    def test_divergence_is_told_whatever_its_cause(self, tmp_path, capsys, monkeypatch):
        def diverge(*arguments, **more):
            raise TrainingDiverged("the loss is not finite at step 7.")

        monkeypatch.setattr(vae_course, "fit", diverge)
        assert train_small(tmp_path / "r") == 1
        assert capsys.readouterr().err == "python -m vae_course train: the loss is not finite at step 7.\n"

    def test_a_full_disk_exits_1_with_a_sentence(self, tmp_path, capsys, monkeypatch):
        def refuse(*arguments):
            raise OSError(28, "No space left on device", str(tmp_path / "r" / "samples.png"))

        monkeypatch.setattr(vae_course.plots, "write_figure", refuse)
        assert train_small(tmp_path / "r", "--epochs", "1", "--quiet") == 1
        err = capsys.readouterr().err
        assert "samples.png" in err and "No space left" in err and err.count("\n") == 1


class TestResume:
    @pytest.mark.parametrize("more", [[], ["--schedule", "cosine", "--kl-warmup", "0.5", "--patience", "2"]])
    def test_an_interrupted_run_ends_like_an_uninterrupted_one(self, tmp_path, monkeypatch, capsys, more):
        more = [*more, "--epochs", "4", "--batch-size", "64", "--quiet"]
        whole, parts = tmp_path / "whole", tmp_path / "in parts"
        assert train_small(whole, *more) == 0
        with monkeypatch.context() as patch:
            interrupt_after_checkpoint(patch, parts)
            assert train_small(parts, *more) == 130
        err = capsys.readouterr().err
        assert "interrupted; 1 of 4 epochs are saved" in err
        assert f"python -m vae_course train --resume --output '{parts}'" in err
        assert sorted(path.name for path in parts.iterdir()) == ["checkpoint.pt", "config.json"]

        assert main(["train", "--resume", "--output", str(parts), "--quiet", "--device", "cpu"]) == 0
        one, other = (load_model(folder / "model.pt").state_dict() for folder in (whole, parts))
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one)
        histories = [History.from_json(folder / "history.json") for folder in (whole, parts)]
        assert without_seconds(histories[0]) == without_seconds(histories[1])
        assert (whole / "metrics.json").read_bytes() == (parts / "metrics.json").read_bytes()
        assert (whole / "config.json").read_bytes() == (parts / "config.json").read_bytes()

    def test_interrupted_before_the_first_checkpoint(self, tmp_path, monkeypatch, capsys):
        folder = tmp_path / "r"
        with monkeypatch.context() as patch:
            patch.setattr(ImageData, "batch", lambda *arguments: (_ for _ in ()).throw(KeyboardInterrupt))
            assert train_small(folder, "--epochs", "1", "--quiet") == 130
        assert "0 of 1 epochs" in capsys.readouterr().err
        assert main(["train", "--resume", "--output", str(folder), "--quiet"]) == 0
        assert (folder / "metrics.json").exists()

    def test_interrupted_while_drawing(self, tmp_path, monkeypatch, capsys):
        folder = tmp_path / "r"

        def interrupt(*arguments, **more):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(vae_course.plots, "samples", interrupt)
            assert train_small(folder, "--epochs", "1", "--quiet") == 130
        assert "1 of 1 epochs" in capsys.readouterr().err
        assert not (folder / "metrics.json").exists()
        assert main(["train", "--resume", "--output", str(folder), "--quiet"]) == 0
        assert (folder / "samples.png").exists() and not (folder / "checkpoint.pt").exists()

    def test_interrupted_before_anything_was_written(self, tmp_path, monkeypatch, capsys):
        def interrupt(*arguments, **more):
            raise KeyboardInterrupt

        monkeypatch.setattr(vae_course, "load", interrupt)
        assert train_small(tmp_path / "r") == 130
        assert "nothing was written" in capsys.readouterr().err
        assert not (tmp_path / "r").exists()

    def test_a_finished_run_has_nothing_left_to_do(self, run, capsys):
        before = {path.name: path.read_bytes() for path in run.iterdir()}
        assert main(["train", "--resume", "--output", str(run)]) == 0
        assert "finished" in capsys.readouterr().out
        assert {path.name: path.read_bytes() for path in run.iterdir()} == before

    def test_other_settings_are_refused_by_name(self, run, capsys):
        assert main(["train", "--resume", "--output", str(run), "--latent_dim", "5"]) == 2
        err = capsys.readouterr().err
        assert "--latent-dim" in err and "was started with 2, not 5" in err

    def test_the_same_settings_may_be_repeated(self, run):
        assert train_small(run, "--epochs", "2", "--resume", "--quiet") == 0

    def test_a_damaged_configuration_is_told(self, tmp_path, capsys):
        (tmp_path / "config.json").write_text("{half")
        assert main(["train", "--resume", "--output", str(tmp_path)]) == 2
        assert "config.json is not readable" in capsys.readouterr().err

    def test_a_damaged_checkpoint_is_told(self, tmp_path, monkeypatch, capsys):
        with monkeypatch.context() as patch:
            interrupt_after_checkpoint(patch, tmp_path)
            assert train_small(tmp_path, "--epochs", "4", "--quiet") == 130
        (tmp_path / "checkpoint.pt").write_bytes(b"not a checkpoint")
        capsys.readouterr()
        assert main(["train", "--resume", "--output", str(tmp_path), "--quiet"]) == 2
        err = capsys.readouterr().err
        assert "checkpoint.pt" in err and err.count("\n") == 1

    @pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C of another process is sent differently there")
    def test_ctrl_c_in_a_terminal(self, tmp_path):
        folder = tmp_path / "r"
        words = ["train", *SMALL, "--epochs", "100000", "--output", str(folder)]
        process = subprocess.Popen(
            [sys.executable, "-m", "vae_course", *words],
            cwd=Path(__file__).parents[1],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            # A shell starts background jobs with Ctrl-C ignored, and a child would inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        try:
            for _ in range(1200):
                if (folder / "checkpoint.pt").exists() or process.poll() is not None:
                    break
                time.sleep(0.1)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=60)
        finally:
            process.kill()
        assert process.returncode == 130
        assert "of 100000 epochs are saved" in err and "--resume" in err
        assert "Traceback" not in err
        assert (folder / "checkpoint.pt").exists()
