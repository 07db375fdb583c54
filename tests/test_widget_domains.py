"""Spectrogram figures, and the explorer that walks between two examples of any kind of data."""

import pytest
import torch

from vae_course import load, seed_everything
from vae_course.models.text import TextVAE
from vae_course.models.vae import VAE, GaussianVAE
from vae_course.plots import spectrograms
from vae_course.widgets.codes import (
    Domain,
    draw_all,
    draw_picture,
    draw_sound,
    draw_text,
    explore_domains,
    place_scene,
)


@pytest.fixture(scope="module")
def domains():
    seed_everything(0)
    digits = load("digits", "test")
    sound = load("spoken_digits_synthetic", "test", subset=10)
    texts = load("invented_names", "test", subset=10)
    models = {
        "picture": VAE.for_data(digits, latent_dim=3, hidden_dims=(8,)),
        "sound": GaussianVAE.for_data(sound, latent_dim=3, hidden_dims=(2, 2, 4, 4), architecture="conv"),
        "text": TextVAE.for_data(texts, latent_dim=3, hidden_dim=8, embedding_dim=4),
    }
    ends = {"picture": digits, "sound": sound, "text": texts}
    draw = {
        "picture": draw_picture,
        "sound": draw_sound(sound),
        "text": draw_text(texts.tokenizer),
    }
    return {
        kind: Domain(model.eval(), ends[kind].batch(slice(0, 2)), draw[kind])
        for kind, model in models.items()
    }


def test_the_path_starts_and_ends_at_the_examples_means(domains):
    for domain in domains.values():
        with torch.no_grad():
            codes = domain.model.encode(domain.ends).mean
        assert torch.allclose(domain.code(0.0), codes[:1]) and torch.allclose(domain.code(1.0), codes[1:])
        assert torch.allclose(domain.code(0.25), 0.75 * codes[:1] + 0.25 * codes[1:], atol=1e-6)


@pytest.mark.parametrize("kind", ["picture", "sound", "text"])
def test_every_kind_is_drawn(domains, kind):
    scene = place_scene(domains[kind])
    first, second = scene(t=0.3), scene(t=0.8)
    titles = [axes.get_title() for axes in scene.figure.axes]
    assert titles == ["from (t = 0)", "t = 0.80", "to (t = 1)"]
    drawn = [len(a.images) + len(a.patches) + len(a.texts) for a in scene.figure.axes]
    assert min(drawn) == max(drawn) > 0  # nothing of the former place is left
    assert first != second and scene(t=0.3) == first


def test_the_drawn_sound_is_in_decibels(domains):
    image = place_scene(domains["sound"]).figure.axes[1].images[0]
    assert image.get_clim() == (-60, 0) and image.get_array().shape == (128, 64)


def test_the_still_twin_has_a_row_for_each_kind(domains):
    assert len(draw_all(domains).axes) == 15


def test_the_explorer_redraws_when_a_control_moves(domains):
    shell = explore_domains(domains, alt="Three rows of drawings, each a walk between two examples.")
    first = shell.picture.value
    shell.controls["t"].value = 0.9
    shell.controls["kind"].value = "sound"
    assert shell.picture.value != first and shell.values == {"kind": "sound", "t": 0.9}


def test_spectrograms_share_axes_in_hertz_and_seconds():
    data = load("spoken_digits_synthetic", "test", subset=10)
    figure = spectrograms(data.decibels(data.values[:7]), data.settings, list("abcdefg"), columns=4)
    grid, bar = figure.axes[:8], figure.axes[8]
    assert [axes.get_title() for axes in grid[:7]] == list("abcdefg") and not grid[7].get_visible()
    assert grid[0].images[0].get_extent() == [0, 0.63, 0, 4] and bar.get_ylabel() == "level (dB)"
    assert grid[0].get_ylabel() == "frequency (kHz)" and grid[4].get_xlabel() == "time (s)"
