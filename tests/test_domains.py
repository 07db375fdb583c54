"""Measures that chapter 10 takes in every domain: bits, cost, opponents without a code, sound in a page."""

import base64
import io
import math
import re
import wave

import pytest
import torch
from without_code import gaussian_without_code

from vae_course import load
from vae_course.elbo import without_code
from vae_course.evaluation.baselines import (
    file_bits,
    gaussian_plane,
    gaussian_with_covariance,
    linear_neighbors,
)
from vae_course.exercises.chapter_10 import bits_per_number
from vae_course.models.neighbors import NeighborDecoder
from vae_course.teaching.display import play, wav_bytes


def test_bits_of_a_gaussian_written_down_in_steps_are_the_entropy_of_the_steps():
    """Raw values N(5, 3²) written down in steps of 0.5: exact entropy of the cells against density × cell."""
    cells = torch.arange(-200, 260, dtype=torch.float64) * 0.5
    normal = torch.distributions.Normal(torch.tensor(5.0, dtype=torch.float64), 3.0)
    probability = (normal.cdf(cells + 0.25) - normal.cdf(cells - 0.25)).clamp_min(1e-300)
    exact = -(probability * probability.log2()).sum().item()
    scaled_entropy = 0.5 * math.log(2 * math.pi * math.e)  # of (raw − 5) / 3, nats
    bits = bits_per_number(scaled_entropy, torch.tensor([3.0]), 0.5)
    assert float(bits) == pytest.approx(exact, abs=5e-3)


def test_opponents_without_a_code():
    train, test = load("biopsies"), load("biopsies", "test")
    alone, together = gaussian_without_code(train, test), gaussian_with_covariance(train, test)
    x = test.values.flatten(1)
    known = train.values.flatten(1)
    library = torch.distributions.Normal(known.mean(0), known.std(0, correction=0)).log_prob(x).sum(1)
    assert alone.value == pytest.approx(-library.mean().item(), rel=1e-4)
    assert together.value < alone.value - 10  # the columns hang together
    full = torch.distributions.MultivariateNormal(known.mean(0).double(), known.double().T.cov())
    assert together.value == pytest.approx(-full.log_prob(x.double()).mean().item(), rel=1e-4)


def test_the_opponent_shares_its_spread_where_the_model_does():
    """Silence that never varies would otherwise have a boundless density."""
    data = load("spoken_digits_synthetic", "validation", subset=30)
    shared = gaussian_without_code(data, data).value
    off = (data.values - data.values.mean(0)).double()
    sigma = off.square().mean((0, 3), keepdim=True).sqrt()[0]
    normal = torch.distributions.Normal(data.values.mean(0).double(), sigma)
    assert shared == pytest.approx(
        -normal.log_prob(data.values.double()).sum((1, 2, 3)).mean().item(), rel=1e-5
    )


def test_a_plane_is_a_density_with_the_variance_of_the_data():
    data = load("biopsies")
    project, plane = gaussian_plane(data, 5)
    values = data.values
    assert torch.allclose(project(project(values)), project(values), atol=1e-4)
    known = values.flatten(1)
    assert torch.allclose(plane.variance, known.var(0, correction=0), atol=0.07)
    _, larger = gaussian_plane(data, 12)
    alone = gaussian_without_code(data, data).value
    assert -larger.log_prob(known).mean() < -plane.log_prob(known).mean() < alone


def test_linear_neighbors_beat_levels_by_themselves():
    train, held_out = load("spoken_digits_synthetic"), load("spoken_digits_synthetic", "validation")
    corrections = held_out.log_volume.mean().item() + held_out.log_cell
    alone = gaussian_without_code(train, held_out).value - corrections
    assert linear_neighbors(train, held_out).value < 0.9 * alone


def test_levels_are_off_by_what_was_added_where_there_is_sound():
    data = load("spoken_digits_synthetic", "test", subset=10)
    levels = data.decibels(data.values)
    assert data.off_by(levels) == 0
    silent = torch.where(data.filled()[:, None], 0.0, 7.0)
    assert data.off_by(levels + silent) == 0
    assert data.off_by(levels + 2) == pytest.approx(2, abs=1e-4)


def test_file_bits_count_a_lossless_file():
    noise = torch.randint(0, 256, (9, 3, 16, 16), dtype=torch.uint8)
    assert 8 < file_bits(noise, "PNG") < 9
    assert file_bits(torch.zeros_like(noise), "PNG") < 0.5


def test_a_model_without_a_code_trains_in_the_same_loop():
    model = NeighborDecoder(channels=1, width=4, depth=1, components=1)
    x = load("digits", subset=4).floats()
    terms = without_code(model, x)
    assert torch.equal(terms.negative_elbo, -model.log_prob(x)) and not terms.kl.any()


def test_a_clip_becomes_a_wave_file():
    clip = torch.sin(torch.arange(800) / 5.0) * 0.01
    with wave.open(io.BytesIO(wav_bytes(clip, 8000))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 8000)
        assert file.getnframes() == 800
    assert wav_bytes(torch.zeros(5), 8000)[-10:] == b"\0" * 10


def test_players_carry_their_names(monkeypatch):
    from vae_course.teaching import display as figures

    shown = []
    monkeypatch.setattr(figures, "publish", lambda data, metadata=None: shown.append(data))
    play(
        {"a < b": torch.ones(4), "second": torch.ones(3)},
        8000,
        alt="Two very short clicks, one after the other.",
    )
    page = shown[0]["text/html"]
    assert "a &lt; b" in page and page.count("<audio") == 2
    sound = base64.b64decode(re.search(r"base64,([^\"]+)", page).group(1))
    assert sound[:4] == b"RIFF" and shown[0]["text/plain"].startswith("Two very short")
