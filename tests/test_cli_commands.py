"""``evaluate``, ``sample`` and ``interpolate`` on a small trained model."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from cli_run import Said, train_small
from matplotlib.image import imread

from vae_course import VAE, load, load_model, save_checkpoint
from vae_course.__main__ import main
from vae_course.cli import UsageError, find_image, paths_figure
from vae_course.data.images import ImageData
from vae_course.evaluation.bounds import importance_weighted_bound
from vae_course.evaluation.code_use import active_units
from vae_course.models.vae import Autoencoder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run with dynamic binarization, so that the commands have a reading to take over."""
    folder = tmp_path_factory.mktemp("cli") / "results"
    assert train_small(folder, "--epochs", "2", "--binarize", "dynamic", "--seed", "4", "--quiet") == 0
    return folder


@pytest.fixture
def said(capsys, tmp_path, monkeypatch):
    """Run a command in an empty folder and give its exit code and words."""
    monkeypatch.chdir(tmp_path)

    def call(*words: object) -> Said:
        code = main([str(word) for word in words])
        captured = capsys.readouterr()
        return Said(code, captured.out, captured.err)

    return call


class TestEvaluate:
    def test_repeats_what_training_measured(self, run, said):
        result = said("evaluate", "--model", run)
        assert result.code == 0, result.err
        metrics = json.loads((run / "metrics.json").read_text())
        for name in ("negative_elbo", "reconstruction", "kl"):
            assert f"{metrics[name]['value']:.2f} ± {metrics[name]['standard_error']:.2f}" in result.out
        assert "dynamic binarization; nats per example" in result.out

    def test_importance_weighted_bound(self, run, said):
        result = said("evaluate", "--model", run, "--importance-samples", 20, "--subset", 150, "--seed", 1)
        assert result.code == 0, result.err
        model = load_model(run / "model.pt")
        data = load("digits", "test", subset=150, seed=1, binarize="dynamic")
        bound = importance_weighted_bound(model, data, k=20, seed=1)
        assert f"{-bound.value:.2f} ± {bound.standard_error:.2f}" in result.out and "K = 20" in result.out

    def test_active_units(self, run, said):
        result = said("evaluate", "--model", run, "--binarize", "none")
        expected = active_units(load_model(run / "model.pt"), load("digits", "test"))
        assert f" {expected} of 2 " in result.out

    def test_a_file_does_as_well_as_its_folder(self, run, said):
        assert said("evaluate", "--model", run).out == said("evaluate", "--model", run / "model.pt").out

    def test_split_and_binarization_can_be_chosen(self, run, said):
        result = said("evaluate", "--model", run, "--split", "validation", "--binarize", "none")
        assert "validation part, 300 images, gray values" in result.out

    def test_a_density_is_said_to_be_one(self, said, tmp_path):
        model = VAE(latent_dim=2, hidden_dims=(8,), likelihood="gaussian")
        save_checkpoint(tmp_path / "density.pt", model)
        out = said("evaluate", "--model", tmp_path / "density.pt", "--dataset", "digits").out
        assert "p(x|z) is gaussian, a density: the values may be negative; compare only with the same" in out

    def test_one_image_has_no_standard_error(self, run, said):
        assert "± nan" in said("evaluate", "--model", run, "--subset", 1).out

    def test_a_model_without_settings_needs_a_data_set(self, said, tmp_path):
        save_checkpoint(tmp_path / "own.pt", VAE(latent_dim=2, hidden_dims=(8,)))
        result = said("evaluate", "--model", tmp_path / "own.pt")
        assert result.code == 2 and "--dataset is missing" in result.err
        assert said("evaluate", "--model", tmp_path / "own.pt", "--dataset", "digits").code == 0

    def test_other_image_shapes_are_refused(self, said, tmp_path):
        save_checkpoint(tmp_path / "rgb.pt", VAE(image_shape=(3, 8, 8), latent_dim=2, hidden_dims=(8,)))
        result = said("evaluate", "--model", tmp_path / "rgb.pt", "--dataset", "digits")
        assert result.code == 2 and "images of 1x28x28, and the model takes 3x8x8" in result.err


class TestModelFiles:
    def test_missing(self, said, tmp_path):
        for path in (tmp_path, tmp_path / "nothing", tmp_path / "model.pt"):
            result = said("evaluate", "--model", path)
            assert result.code == 2 and "there is no checkpoint" in result.err

    def test_not_ours(self, said, tmp_path):
        (tmp_path / "text.pt").write_text("hello")
        torch.save({"weights": torch.zeros(3)}, tmp_path / "foreign.pt")
        for name in ("text.pt", "foreign.pt"):
            result = said("sample", "--model", tmp_path / name)
            assert result.code == 2 and "not a model that train wrote" in result.err
            assert result.err.count("\n") == 1

    def test_an_autoencoder_is_no_vae(self, said, tmp_path):
        save_checkpoint(tmp_path / "ae.pt", Autoencoder(latent_dim=2, hidden_dims=(8,)))
        result = said("sample", "--model", tmp_path / "ae.pt")
        assert result.code == 2 and "an Autoencoder" in result.err

    def test_an_unfinished_run(self, said, tmp_path):
        save_checkpoint(tmp_path / "checkpoint.pt", VAE(latent_dim=2, hidden_dims=(8,)))
        result = said("evaluate", "--model", tmp_path)
        assert result.code == 2 and "train --resume" in result.err


class TestSample:
    def test_writes_a_picture_and_says_so(self, run, said, tmp_path):
        result = said("sample", "--model", run, "--n", 9, "--output", tmp_path / "deep" / "s.png")
        assert result.code == 0 and str(tmp_path / "deep" / "s.png") in result.out
        pixels = imread(tmp_path / "deep" / "s.png")
        assert abs(pixels.shape[0] - pixels.shape[1]) <= 2  # 3 x 3

    def test_a_seed_repeats(self, run, said, tmp_path):
        for name, seed in (("a", 1), ("b", 1), ("c", 2)):
            said("sample", "--model", run, "--n", 4, "--seed", seed, "--output", tmp_path / f"{name}.png")
        a, b, c = (imread(tmp_path / f"{name}.png") for name in "abc")
        np.testing.assert_array_equal(a, b)
        assert np.abs(a - c).max() > 0

    @pytest.mark.parametrize("ending", ["pdf", "svg"])
    def test_other_formats(self, run, said, tmp_path, ending):
        assert said("sample", "--model", run, "--n", 1, "--output", tmp_path / f"s.{ending}").code == 0
        start = (tmp_path / f"s.{ending}").read_bytes()[:5]
        assert start == (b"%PDF-" if ending == "pdf" else b"<?xml")

    def test_noise(self, run, said, tmp_path):
        for more in ([], ["--noise"]):
            said("sample", "--model", run, "--n", 1, "--output", tmp_path / f"{len(more)}.png", *more)
        mean, draw = (imread(tmp_path / f"{i}.png")[10:-10, 10:-10, 0] for i in range(2))
        grey = [((picture > 0.2) & (picture < 0.8)).mean() for picture in (mean, draw)]
        assert grey[1] < grey[0]

    @pytest.mark.parametrize("name", ["s.gif", "s", "folder"])
    def test_bad_outputs_are_refused_before_the_work(self, run, said, tmp_path, name):
        (tmp_path / "folder").mkdir()
        result = said("sample", "--model", run, "--output", tmp_path / name)
        assert result.code == 2 and result.err.startswith("python -m vae_course sample: --output: ")


class TestInterpolate:
    def test_between_two_classes(self, run, said, tmp_path):
        words = ("--from", 3, "--to", 8, "--steps", 6, "--output", tmp_path / "i.png")
        result = said("interpolate", "--model", run, *words)
        assert result.code == 0, result.err
        assert "Wrote" in result.out
        height, width, _ = imread(tmp_path / "i.png").shape
        assert width > 6 * height

    def test_between_two_images(self, run, said, tmp_path):
        words = ("--from", "index:17", "--to", "index:42", "--output", tmp_path / "i.png")
        result = said("interpolate", "--model", run, *words)
        assert "image 17 to image 42" in result.out

    def test_path_is_straight_and_has_the_originals_at_its_ends(self, run):
        model, data = load_model(run / "model.pt"), load("digits", "test")
        picture = np.asarray(paths_figure(model, data, [(5, 9)], 3).axes[0].get_images()[0].get_array())
        cells = [picture[:, 30 * i : 30 * i + 28, 0] for i in range(5)]
        x = data.batch(torch.tensor([5, 9]))
        with torch.no_grad():
            mean = model.encode(x).mean
            middle = model.likelihood.mean(model.decode(mean.mean(0, keepdim=True)))[0, 0]
        np.testing.assert_array_equal(cells[0], x[0, 0])
        np.testing.assert_array_equal(cells[4], x[1, 0])
        np.testing.assert_allclose(cells[1], model.reconstruct(x)[0, 0], atol=1e-5)
        np.testing.assert_allclose(cells[2], middle, atol=1e-5)
        np.testing.assert_allclose(cells[3], model.reconstruct(x)[1, 0], atol=1e-5)

    @pytest.mark.parametrize("first", ["index:300", "12345", "tree", "index:-1", "-1", "index:"])
    def test_images_that_are_not_there(self, run, said, first):
        result = said("interpolate", "--model", run, "--from", first, "--to", 8)
        assert result.code == 2 and f"--from: {first} is neither a class (0, 1, 2" in result.err
        assert "nor index:0 to index:299" in result.err

    def test_one_step_is_refused(self, run, said):
        result = said("interpolate", "--model", run, "--from", 3, "--to", 8, "--steps", 1)
        assert result.code == 2 and "--steps" in result.err


class TestFindImage:
    names = ("T-shirt/top", "Ankle boot", "Bag")

    def data(self, labels):
        images = torch.zeros(len(labels), 1, 2, 2, dtype=torch.uint8)
        return ImageData("toy", "test", images, torch.tensor(labels), self.names)

    @pytest.mark.parametrize("text", ["Ankle boot", "ANKLE BOOT"])
    def test_capitals_of_class_names_do_not_matter(self, text):
        assert find_image(self.data([0, 1, 2]), text, "--from", 0) == 1

    def test_a_seed_chooses_among_the_images_of_a_class(self):
        data = self.data([0, 1] * 20)
        found = {find_image(data, "ankle boot", "--from", seed) for seed in range(50)}
        assert len(found) > 5 and all(index % 2 == 1 for index in found)

    def test_a_class_without_images(self):
        with pytest.raises(UsageError, match="include none of class bag"):
            find_image(self.data([0, 1]), "bag", "--from", 0)

    def test_without_labels_only_numbers_count(self):
        data = ImageData("toy", "test", torch.zeros(5, 1, 2, 2, dtype=torch.uint8), None, self.names)
        assert find_image(data, "index:3", "--from", 0) == 3
        with pytest.raises(UsageError, match=r"bag is neither a class \(there are none\) nor index:0"):
            find_image(data, "bag", "--from", 0)


ON_A_DEVICE = """
import sys, torch
from vae_course.__main__ import main

assert torch.cuda.is_available()
out = sys.argv[1]
small = "--dataset digits --subset 200 --hidden-dims 16 --latent-dim 2 --epochs 1 --binarize dynamic --quiet"
ends = "--from 3 --to 8"
grid = "--latent-dims 2 --seeds 1 --examples 100 --epochs 1 --hidden-dims 8"
for line in (
    f"train {small} --output {out}/run",
    f"evaluate --model {out}/run --importance-samples 3 --subset 50",
    f"evaluate --model {out}/run --device cpu",
    f"sample --model {out}/run --n 4 --noise --output {out}/samples.png",
    f"interpolate --model {out}/run {ends} --output {out}/path.png",
    f"sweep {grid} --output {out}/sweep",
):
    assert main(line.split()) == 0, line
"""


def test_every_command_runs_where_there_is_an_accelerator(tmp_path):
    words = [sys.executable, "-m", "tools.stand_in_device", sys.executable, "-c", ON_A_DEVICE, "results"]
    root = Path(__file__).parents[1]
    done = subprocess.run(
        words,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
