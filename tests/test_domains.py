"""Measures that chapter 10 takes in every domain: bits, cost, opponents without a code, sound in a page."""

import base64
import io
import math
import re
import wave

import pytest
import torch

from vae_course import evaluate, load, seed_everything
from vae_course.evaluation.bounds import (
    bits_per_dimension,
    feature_bits,
    gaussian_with_covariance,
    gaussian_without_code,
)
from vae_course.evaluation.costs import PeakMemory, training_cost
from vae_course.models.vae import VAE, GaussianVAE
from vae_course.teaching.display import play, wav_bytes


def test_bits_of_a_gaussian_written_down_in_steps_are_the_entropy_of_the_steps():
    """Raw values N(5, 3²) written down in steps of 0.5: exact entropy of the cells against density × cell."""
    cells = torch.arange(-200, 260, dtype=torch.float64) * 0.5
    normal = torch.distributions.Normal(torch.tensor(5.0, dtype=torch.float64), 3.0)
    probability = (normal.cdf(cells + 0.25) - normal.cdf(cells - 0.25)).clamp_min(1e-300)
    exact = -(probability * probability.log2()).sum().item()
    scaled_entropy = 0.5 * math.log(2 * math.pi * math.e)  # of (raw − 5) / 3, nats
    bits = bits_per_dimension(scaled_entropy, 1, log_volume=-math.log(3), log_cell=math.log(0.5))
    assert bits == pytest.approx(exact, abs=5e-3)
    assert bits_per_dimension(math.log(2) * 30, 10) == pytest.approx(3)
    with pytest.raises(ValueError, match="at least 1"):
        bits_per_dimension(1.0, 0)


def test_feature_bits_is_the_elbo_with_both_corrections():
    data = load("biopsies", "test")
    seed_everything(0)
    model = GaussianVAE.for_data(data, latent_dim=2, hidden_dims=(8,))
    nats = evaluate(model, data, batch_size=500).negative_elbo.value
    expected = (nats - data.log_volume.mean().item() - data.log_cell) / (30 * math.log(2))
    assert feature_bits(model, data).value == pytest.approx(expected, rel=1e-5)


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


def test_peak_memory_sees_what_lives_at_the_same_time():
    with PeakMemory() as one_by_one:
        for _ in range(5):
            torch.zeros(1000)
    with PeakMemory() as together:
        kept = [torch.zeros(1000) for _ in range(5)]
        views = [x[:10] for x in kept]
    assert len(views) == 5 and one_by_one.peak < 3 * 4000 and together.peak == 5 * 4000


def test_training_cost_counts_weights_gradients_and_moments_and_leaves_the_model_alone():
    train = load("digits")
    seed_everything(0)
    model = VAE.for_data(train, latent_dim=2, hidden_dims=(64,))
    before = [p.clone() for p in model.parameters()]
    small, large = (training_cost(model, train, batch_size=n, updates=1) for n in (2, 512))
    weights = sum(p.numel() for p in model.parameters())
    assert small.parameters == weights
    assert 4 * 4 * weights < small.peak_bytes < 9 * 4 * weights
    assert large.peak_bytes > small.peak_bytes + 510 * 784 * 4
    assert small == small and large.seconds_per_epoch > 0 and large.peak_mib == large.peak_bytes / 2**20
    assert training_cost(model, train, batch_size=2, updates=1).peak_bytes == small.peak_bytes
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


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
