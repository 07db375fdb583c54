"""The β and latent-size explorer: the plain parts, then the widget with its button, used as by a reader."""

import io
import re

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_data import tiny_images

from recipes.one_model import fit_one_model
from vae_course.evaluation.bounds import evaluate
from vae_course.evaluation.code_use import rate_distortion, view_setting
from vae_course.models.one_model import OneModel
from vae_course.randomness import seed_everything
from vae_course.widgets.beta_latent import (
    BetaLatentView,
    TrainingCanceled,
    draw_setting_strip,
    explore_beta_latent,
    train_for_real,
)

DATA, HELD_OUT = tiny_images(192), tiny_images(40, seed=1)


@pytest.fixture(scope="module")
def model() -> OneModel:
    seed_everything(0)
    model = OneModel.for_data(DATA, latent_dim=6, hidden_dims=(32, 24))
    fit_one_model(model, DATA, epochs=10, batch_size=64, progress=False, device="cpu")
    return model


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def test_a_view_says_what_the_evaluation_says(model):
    x = HELD_OUT.floats()
    view = view_setting(model, x, 2.0, 4, n=5)
    measured = evaluate(model.at(2.0, 4), HELD_OUT)
    assert view.rate == pytest.approx(measured.kl.value, rel=1e-5)
    assert view.distortion == pytest.approx(measured.reconstruction.value, abs=1e-3)  # the same seed
    assert view.loss == pytest.approx(view.distortion + 2 * view.rate)
    assert view.kl_per_dimension.shape == (4,) and view.kl_per_dimension.sum().item() == pytest.approx(
        view.rate
    )
    assert view.reconstructions.shape == (5, 1, 8, 8) and view.samples.shape == (10, 1, 8, 8)
    assert torch.equal(view.reconstructions, model.at(2.0, 4).reconstruct(x[:5]))
    rates, distortions = rate_distortion(model, x, [2.0], 4)
    assert (rates, distortions) == ([view.rate], [view.distortion])


def test_samples_of_neighboring_sizes_start_from_the_same_draw(model):
    x = HELD_OUT.floats()
    few, many = (view_setting(model, x, 1.0, k).samples for k in (5, 6))
    other = model.at(1.0, 6).sample(16)
    assert (few - many).abs().mean() < 0.7 * (few - other).abs().mean()


def test_the_picture_holds_the_numbers_of_its_setting(model):
    view = BetaLatentView(model, HELD_OUT, n=5)
    view.scene(beta=4.0, k=3)
    shown = view.view(4.0, 3)
    assert view.dot.get_xydata().tolist() == [[shown.rate, shown.distortion]]
    heights = [segment[1][1] for segment in view.bars.get_segments()]
    assert heights == pytest.approx(shown.kl_per_dimension.tolist())
    assert f"{shown.loss:.1f} nats" in view.title.get_text() and "k = 3" in view.title.get_text()
    picture = view.image.get_array()
    assert np.allclose(picture[:8, :8, 0] / 255, HELD_OUT.floats()[0, 0], atol=0.003)
    assert np.allclose(picture[14:22, :8, 0] / 255, shown.reconstructions[0, 0], atol=0.003)
    lines = [line.get_label() for line in view.scene.figure.axes[1].lines[:-1]]
    assert lines == ["k = 2", "k = 4"]


def test_the_fast_picture_is_the_slow_one(model):
    scene = BetaLatentView(model, HELD_OUT, n=5).scene
    first, other, again = (scene(beta=beta, k=k) for beta, k in ((0.5, 6), (8.0, 2), (0.5, 6)))
    buffer = io.BytesIO()
    scene.figure.savefig(buffer, format="png", dpi=100)
    fast, slow = pixels(again), pixels(buffer.getvalue())
    assert slow.shape == fast.shape
    differ = [(abs(picture - fast).max(-1) > 40).mean() for picture in (slow, pixels(other))]
    assert differ[0] < 0.01 and differ[0] < differ[1] / 3  # the order of text and lines differs by a hair
    assert first == again != other  # nothing is left of the former setting


def test_the_strip_covers_both_sliders_and_its_alternative_text_names_the_corners(model, capsys):
    view = BetaLatentView(model, HELD_OUT, n=6)
    figure = draw_setting_strip([[view.view(beta, k) for beta in (0.25, 8.0)] for k in (2, 6)])
    assert [axes.get_title() for axes in figure.axes[:2]] == ["β = 0.25", "β = 8"]
    assert [figure.axes[i].get_ylabel() for i in (0, 2)] == ["k = 2", "k = 6"]
    assert len(figure.axes) == 4 and all("nats" in axes.get_xlabel() for axes in figure.axes)
    titles = [axes.get_title() for axes in draw_setting_strip(view.strip_views()).axes if axes.get_title()]
    assert titles == ["β = 0.25", "β = 1", "β = 4"]
    explore_beta_latent(model, HELD_OUT)
    alt = capsys.readouterr().out.splitlines()[-1]
    assert re.findall(r"β = [\d.]+", alt) == [titles[0], titles[-1]] * 2


def test_training_for_real_is_an_ordinary_vae_of_the_same_size(model):
    seen = []
    result = train_for_real(model, DATA, HELD_OUT, 2.0, 3, 3, lambda *steps: seen.append(steps))
    assert result.model.config == model.at(2.0, 3).config
    measured, shortcut = (evaluate(m, HELD_OUT) for m in (result.model, model.at(2.0, 3)))
    assert result.trained == pytest.approx(measured.reconstruction.value + 2 * measured.kl.value)
    assert result.shortcut == pytest.approx(shortcut.reconstruction.value + 2 * shortcut.kl.value)
    assert seen == sorted(seen) and {total for _, total in seen} == {seen[-1][0]}
    assert f"{abs(result.shortcut - result.trained):.2f} nats" in str(result)


def test_training_for_real_stops_when_asked(model):
    asked = []

    def watch(steps: int, total: int) -> None:
        asked.append(steps)
        if steps == 2:
            raise TrainingCanceled(f"of {total} updates")

    with pytest.raises(TrainingCanceled, match="of 100 updates"):
        train_for_real(model, DATA, HELD_OUT, 1.0, 3, 100, watch)
    assert set(asked) == {0, 1, 2}


def test_the_sliders_redraw_while_they_are_dragged(model):
    explorer = explore_beta_latent(model, HELD_OUT, n=5)
    beta, k = explorer.controls.values()
    assert beta.continuous_update and k.continuous_update
    seen = {explorer.picture.value}
    for control, value in ((beta, 8.0), (k, 2), (beta, 0.25)):
        control.value = value
        seen.add(explorer.picture.value)
    assert len(seen) == 4
    assert "β = 0.25, latent size k = 2" in explorer.picture.value


def test_an_error_of_the_training_reaches_the_reader(model):
    training = explore_beta_latent(model, HELD_OUT, DATA, n=5).training
    training.parts = (model, DATA, None)  # training ends in an error, far from any cell
    training.epochs = 1
    training.start()
    training.wait(60)
    assert 'role="alert"' in training.status.value and not training.button.disabled


def test_the_button_trains_shows_the_gap_and_its_caveat_and_can_be_pressed_again(model):
    explorer = explore_beta_latent(model, HELD_OUT, DATA, epochs=2, n=5)
    training = explorer.training
    explorer.controls["beta"].value, explorer.controls["k"].value = 2.0, 4
    training.button.click()
    training.wait(60)
    gap = training.comparison.shortcut - training.comparison.trained
    assert training.comparison.model.latent_dim == 4
    assert "β = 2, k = 4: trained for real" in training.status.value
    assert f"{abs(gap):.2f} nats" in training.status.value
    assert "2 passes are a short training" in training.status.value
    assert not training.button.disabled and training.cancel.disabled


def test_cancel_ends_a_long_training(model):
    training = explore_beta_latent(model, HELD_OUT, DATA, epochs=100_000, n=5).training
    training.button.click()
    assert not training.cancel.disabled and training.button.disabled
    training.cancel.click()
    training.wait(60)
    assert not training._thread.is_alive()
    assert "canceled after" in training.status.value and training.comparison is None


def test_without_training_data_there_is_no_button_and_the_still_figure_is_shown(model, capsys):
    explorer = explore_beta_latent(model, HELD_OUT)
    assert explorer.training is None and len(explorer.box.children) == 3
    out = capsys.readouterr().out
    assert "β, 0.25 to 8" in out and "distortion" in out
