"""The β and latent-size explorer: the plain parts, then the widget with its button, used as by a reader."""

import base64
import re
import struct

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_data import tiny_images

from benchmarks.sliders import slider_latency
from recipes.one_model import fit_one_model
from vae_course.evaluation.bounds import evaluate
from vae_course.evaluation.code_use import rate_distortion, view_setting
from vae_course.models.one_model import OneModel
from vae_course.plots.chapter_08 import SettingPanel
from vae_course.randomness import seed_everything
from vae_course.widgets.beta_latent import (
    BetaLatentExplorer,
    BetaLatentView,
    TrainingCanceled,
    explore_beta_latent,
    strip_alt,
    train_for_real,
)

DATA, HELD_OUT = tiny_images(192), tiny_images(40, seed=1)


@pytest.fixture(scope="module")
def model() -> OneModel:
    seed_everything(0)
    model = OneModel.for_data(DATA, latent_dim=6, hidden_dims=(32, 24))
    fit_one_model(model, DATA, epochs=10, batch_size=64, progress=False, device="cpu")
    return model


def png_size(png: bytes) -> tuple[int, int]:
    return struct.unpack(">II", png[16:24])


def pixels(png: bytes, tmp_path) -> np.ndarray:
    (tmp_path / "shown.png").write_bytes(png)
    return np.asarray(Image.open(tmp_path / "shown.png").convert("RGB")).astype(int)


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


def test_the_panel_holds_the_numbers_of_its_setting(model):
    view = BetaLatentView(model, HELD_OUT, n=5)
    figure = view.draw(4.0, 3)
    shown = view.view(4.0, 3)
    assert view.panel.dot.get_xydata().tolist() == [[shown.rate, shown.distortion]]
    heights = [segment[1][1] for segment in view.panel.bars.get_segments()]
    assert heights == pytest.approx(shown.kl_per_dimension.tolist())
    assert f"{shown.loss:.1f} nats" in view.panel.title.get_text() and "k = 3" in view.panel.title.get_text()
    picture = view.panel.image.get_array()
    assert np.allclose(picture[:8, :8, 0] / 255, HELD_OUT.floats()[0, 0], atol=0.003)
    assert np.allclose(picture[14:22, :8, 0] / 255, shown.reconstructions[0, 0], atol=0.003)
    lines = [line.get_label() for line in figure.axes[1].lines[:-1]]
    assert lines == ["k = 2", "k = 4"]
    assert view.draw(1.0, 2) is figure


def test_the_fast_picture_is_the_slow_one(model, tmp_path):
    view = BetaLatentView(model, HELD_OUT, n=5)
    fast = [pixels(view.png(beta, k), tmp_path) for beta, k in ((0.5, 6), (8.0, 2), (0.5, 6))]
    view.panel.figure.savefig(tmp_path / "slow.png", dpi=100)
    slow = np.asarray(Image.open(tmp_path / "slow.png").convert("RGB")).astype(int)
    assert slow.shape == fast[0].shape
    differ = [(abs(other - fast[2]).max(-1) > 40).mean() for other in (slow, fast[1])]
    assert differ[0] < 0.01 and differ[0] < differ[1] / 3  # the order of text and lines differs by a hair
    assert (fast[0] == fast[2]).all() and (fast[0] != fast[1]).any()  # nothing is left of the former setting


def test_a_view_leaves_the_number_of_threads_as_it_was(model):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        BetaLatentView(model, HELD_OUT, n=5).view(1.0, 3)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_the_panel_refuses_another_number_of_pictures(model):
    x = HELD_OUT.floats()
    panel = SettingPanel(x[:4], {}, 6)
    with pytest.raises(ValueError, match="this panel shows 4 and 8"):
        panel.update(view_setting(model, x, 1.0, 3, n=5))


def test_the_strip_covers_both_sliders(model):
    figure = BetaLatentView(model, HELD_OUT, n=6).strip(betas=(0.25, 8.0), sizes=(2, 6))
    assert len(figure.axes) == 4
    assert [axes.get_title() for axes in figure.axes[:2]] == ["β = 0.25", "β = 8"]
    assert [figure.axes[i].get_ylabel() for i in (0, 2)] == ["k = 2", "k = 6"]
    assert all("nats" in axes.get_xlabel() for axes in figure.axes)


def test_the_alternative_text_names_the_corners_that_the_strip_shows(model):
    view = BetaLatentView(model, HELD_OUT, n=6)
    alt = strip_alt(view.strip_views())
    titles = [axes.get_title() for axes in view.strip().axes if axes.get_title()]
    assert titles == ["β = 0.25", "β = 1", "β = 4"]
    assert re.findall(r"β = [\d.]+", alt) == [titles[0], titles[-1]] * 2


def test_training_for_real_is_an_ordinary_vae_of_the_same_size(model):
    shares = []
    result = train_for_real(model, DATA, HELD_OUT, 2.0, 3, epochs=3, on_progress=shares.append)
    assert result.model.config == model.at(2.0, 3).config
    measured = evaluate(result.model, HELD_OUT)
    assert result.trained == pytest.approx(measured.reconstruction.value + 2 * measured.kl.value)
    assert result.gap == pytest.approx(result.shortcut - result.trained)
    assert shares == sorted(shares) and shares[-1] == 1
    assert f"{abs(result.gap):.2f} nats" in str(result)


def test_training_for_real_stops_when_asked(model):
    asked = 0

    def canceled() -> bool:
        nonlocal asked
        asked += 1
        return asked > 2

    with pytest.raises(TrainingCanceled, match="of 100 updates"):
        train_for_real(model, DATA, HELD_OUT, 1.0, 3, epochs=100, canceled=canceled)
    assert asked == 3


def test_the_sliders_redraw_while_they_are_dragged(model):
    explorer = BetaLatentExplorer(BetaLatentView(model, HELD_OUT, n=5))
    assert explorer.beta.continuous_update and explorer.k.continuous_update
    seen = {explorer.picture.value}
    for control, value in ((explorer.beta, 8.0), (explorer.k, 2), (explorer.beta, 0.25)):
        control.value = value
        seen.add(explorer.picture.value)
    assert len(seen) == 4
    html = explorer.picture.value
    png = base64.b64decode(re.search(r"base64,([^\"]+)", html).group(1))
    assert f'width="{png_size(png)[0]}"' in html and "β = 0.25, latent size 2" in html


def test_errors_reach_the_reader(model, monkeypatch):
    explorer = BetaLatentExplorer(BetaLatentView(model, HELD_OUT, n=5), DATA, HELD_OUT)

    def broken(*_arguments):
        raise RuntimeError("no such luck")

    monkeypatch.setattr(explorer.view, "png", broken)
    with pytest.raises(RuntimeError, match="no such luck"):
        explorer.k.value = 3
    assert "no such luck" in explorer.picture.value
    explorer.held_out = None  # training ends in an error, far from any cell
    explorer.epochs = 1
    explorer.start_training()
    explorer.wait(60)
    assert 'role="alert"' in explorer.status.value and not explorer.train_button.disabled


def test_the_button_trains_shows_the_gap_and_can_be_pressed_again(model):
    explorer = BetaLatentExplorer(BetaLatentView(model, HELD_OUT, n=5), DATA, HELD_OUT, epochs=2)
    explorer.beta.value, explorer.k.value = 2.0, 4
    explorer.train_button.click()
    explorer.wait(60)
    assert explorer.comparison.k == 4 and explorer.comparison.beta == pytest.approx(2.0, rel=0.1)
    assert f"{abs(explorer.comparison.gap):.2f} nats" in explorer.status.value
    assert not explorer.train_button.disabled and explorer.cancel_button.disabled


def test_cancel_ends_a_long_training(model):
    explorer = BetaLatentExplorer(BetaLatentView(model, HELD_OUT, n=5), DATA, HELD_OUT, epochs=100_000)
    explorer.train_button.click()
    assert not explorer.cancel_button.disabled and explorer.train_button.disabled
    explorer.cancel_button.click()
    explorer.wait(60)
    assert not explorer._thread.is_alive()
    assert "canceled after" in explorer.status.value and explorer.comparison is None


def test_without_training_data_there_is_no_button_and_the_still_figure_is_shown(model, capsys):
    explorer = explore_beta_latent(model, HELD_OUT)
    assert explorer.train_button not in explorer.box.children and len(explorer.box.children) == 3
    out = capsys.readouterr().out
    assert "β, 0.25 to 8" in out and "distortion" in out


def test_the_benchmark_moves_real_sliders():
    latency = slider_latency(moves=6)
    assert 0 < latency.median <= latency.percentile_95 <= latency.slowest and latency.moves == 6
