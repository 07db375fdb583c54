"""Synthetic spoken digits: formant tones that only sound a little like the words. No files, no network.

The classic recipe of speech synthesis (Klatt 1980, "Software for a cascade/parallel formant synthesizer"),
cut down: a buzz of harmonics shaped by three resonances (formants) that glide from target to target, and hiss
for the consonants. Four invented speakers differ in pitch, size of the throat, speed and breath; every take
differs a little. Use them to run the course offline, not to learn anything about speech.
"""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor

from vae_course.data.sound import SoundData, make_sound_data
from vae_course.data.spectrogram import Spectrogram

TAKES = 25  # of each digit and speaker: 0-2 test, 3-5 validation, the rest training
SPEAKERS = {  # pitch in Hz, size factor on formants, length of a word in s, breath
    "low": (105.0, 0.94, 0.46, 0.02),
    "middle": (140.0, 1.00, 0.42, 0.05),
    "high": (195.0, 1.10, 0.38, 0.03),
    "bright": (235.0, 1.17, 0.34, 0.08),
}
# Targets of each digit: (share of the word, F1, F2, F3 in Hz, voice 0-1, hiss 0-1, center of the hiss in Hz).
# Formants of American vowels after Peterson & Barney (1952), the rest by ear.
WORDS = (
    (
        (0.20, 300, 1800, 2600, 0.3, 0.6, 3300),
        (0.25, 300, 2200, 2800, 1, 0, 3300),
        (0.20, 350, 1200, 1600, 0.8, 0, 3300),
        (0.35, 480, 850, 2400, 1, 0, 3300),
    ),
    (
        (0.30, 300, 700, 2200, 0.7, 0, 2000),
        (0.40, 640, 1190, 2390, 1, 0, 2000),
        (0.30, 280, 1300, 2400, 0.4, 0, 2000),
    ),
    ((0.15, 300, 1600, 2500, 0, 0.9, 3000), (0.85, 300, 870, 2240, 1, 0, 3000)),
    (
        (0.25, 350, 1300, 2300, 0, 0.25, 2600),
        (0.25, 350, 1200, 1600, 0.8, 0, 2600),
        (0.50, 270, 2290, 3010, 1, 0, 2600),
    ),
    (
        (0.25, 400, 1000, 2300, 0, 0.25, 2200),
        (0.45, 570, 840, 2410, 1, 0, 2200),
        (0.30, 400, 1200, 1650, 0.7, 0, 2200),
    ),
    (
        (0.22, 500, 1100, 2300, 0, 0.25, 2200),
        (0.33, 730, 1090, 2440, 1, 0, 2200),
        (0.28, 320, 2150, 2800, 0.9, 0, 2200),
        (0.17, 300, 1000, 2300, 0.4, 0.15, 2200),
    ),
    (
        (0.32, 390, 1900, 2550, 0, 0.8, 3500),
        (0.28, 390, 1990, 2550, 1, 0, 3500),
        (0.12, 390, 1990, 2550, 0, 0, 3500),
        (0.28, 390, 1990, 2550, 0, 0.8, 3500),
    ),
    (
        (0.28, 450, 1800, 2500, 0, 0.8, 3500),
        (0.24, 530, 1840, 2480, 1, 0, 3500),
        (0.14, 300, 1000, 2300, 0.4, 0.1, 2500),
        (0.18, 500, 1500, 2450, 0.9, 0, 2500),
        (0.16, 280, 1300, 2400, 0.4, 0, 2500),
    ),
    (
        (0.35, 480, 2000, 2600, 1, 0, 3000),
        (0.35, 300, 2250, 2900, 0.9, 0, 3000),
        (0.14, 300, 2000, 2700, 0, 0, 3000),
        (0.16, 300, 1800, 2600, 0, 0.7, 3000),
    ),
    (
        (0.22, 280, 1300, 2400, 0.4, 0, 2500),
        (0.30, 730, 1090, 2440, 1, 0, 2500),
        (0.26, 320, 2150, 2800, 1, 0, 2500),
        (0.22, 280, 1300, 2400, 0.4, 0, 2500),
    ),
)
BANDWIDTHS = (70.0, 100.0, 150.0)  # of the formants, Hz
WEIGHTS = (1.0, 0.6, 0.3)


def load_formant_digits(split: str) -> SoundData:
    """One split of 1,000 synthetic clips: 4 speakers, 10 digits, 25 takes; made in about a second, once."""
    settings = Spectrogram()
    clips = _all_clips()
    take = clips["takes"]
    parts = {"test": take < 3, "validation": (take >= 3) & (take < 6), "train": take >= 6}
    parts["train+validation"] = take >= 3
    digits = tuple(str(digit) for digit in range(10))
    wanted = {name: clips[name] for name in ("waves", "used", "labels", "speakers")}
    return make_sound_data(
        "spoken_digits_synthetic",
        split,
        wanted,
        parts["train"],
        parts[split],
        digits,
        tuple(SPEAKERS),
        settings,
    )


@cache
def _all_clips() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    parts = [
        (synthesize(digit, name, TAKES, generator), digit, number)
        for number, name in enumerate(SPEAKERS)
        for digit in range(10)
    ]
    one = torch.ones(TAKES, dtype=torch.int64)
    return {
        "waves": torch.cat([waves for (waves, _), _, _ in parts]),
        "used": torch.cat([used for (_, used), _, _ in parts]),
        "labels": torch.cat([digit * one for _, digit, _ in parts]),
        "speakers": torch.cat([number * one for _, _, number in parts]),
        "takes": torch.arange(TAKES).repeat(len(parts)),
    }


def synthesize(digit: int, speaker: str, takes: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Several takes of one digit by one speaker.

    Returns:
        waves int16 (takes, samples) with their peak at full scale, and how many samples each lasts, (takes,).
    """
    settings = Spectrogram()
    pitch, size, seconds, breath = SPEAKERS[speaker]

    def jitter(spread: float, *shape: int) -> Tensor:
        return torch.exp(spread * torch.randn(takes, *shape, generator=generator))

    length = (seconds * jitter(0.08)).clamp(0.2, 0.6)
    time = torch.arange(settings.samples) / settings.rate
    place = time / length[:, None]  # 0 at the start of the word, 1 at its end
    track = _track(WORDS[digit], place, jitter(0.1, len(WORDS[digit])))
    formants = track[..., :3] * size * jitter(0.03, 1, 3)
    voice, hiss = track[..., 3:4].squeeze(-1), track[..., 4:5].squeeze(-1) + breath
    fundamental = pitch * jitter(0.05, 1) * (1.12 - 0.24 * place.clamp(0, 1))
    waves = voice * _buzz(fundamental, formants, settings.rate)
    waves = waves + 0.5 * hiss * _hiss(track[..., 5], generator, settings)
    edges = (place * 12).clamp(0, 1) * ((1 - place) * 12).clamp(0, 1)
    waves = waves * edges + 2e-4 * torch.randn(waves.shape, generator=generator)
    used = (length * settings.rate).long().clamp_max(settings.samples)
    waves = waves * (torch.arange(settings.samples) < used[:, None])
    waves = 32_767 * waves / waves.abs().amax(1, keepdim=True)
    return waves.round().to(torch.int16), used


def _track(word, place: Tensor, stretch: Tensor) -> Tensor:
    """Formants, voice, hiss and its center at each sample, (takes, samples, 6): glides between targets."""
    targets = torch.tensor([row[1:] for row in word])
    share = torch.tensor([row[0] for row in word]) * stretch
    share = share / share.sum(1, keepdim=True)
    middle = share.cumsum(1) - share / 2
    # a soft choice of the target: sharp in the middle of a segment, a glide at its borders
    weight = torch.softmax(
        -(((place[..., None] - middle[:, None]) / (0.5 * share[:, None])) ** 2) * 2, dim=-1
    )
    return weight @ targets


def _buzz(fundamental: Tensor, formants: Tensor, rate: int) -> Tensor:
    """Harmonics of the pitch, each as strong as the three resonances let it be: (takes, samples)."""
    phase = 2 * math.pi * torch.cumsum(fundamental / rate, dim=1)
    total = torch.zeros_like(phase)
    highest = int(3900 / fundamental.min())
    for k in range(1, highest + 1):
        frequency = k * fundamental
        gain = sum(
            weight / (1 + ((frequency - formants[..., i]) / width) ** 2)
            for i, (weight, width) in enumerate(zip(WEIGHTS, BANDWIDTHS, strict=True))
        )
        total += gain * (frequency < 3900) * torch.sin(k * phase)
    return total


def _hiss(center: Tensor, generator: torch.Generator, settings: Spectrogram) -> Tensor:
    """White noise around a center frequency, (takes, samples)."""
    white = torch.randn(center.shape, generator=generator)
    window = torch.hann_window(settings.n_fft)
    transform = torch.stft(
        white, settings.n_fft, settings.hop, window=window, pad_mode="constant", return_complex=True
    )
    frequency = torch.arange(transform.shape[1])[:, None] * settings.rate / settings.n_fft
    middle = center[:, :: settings.hop][:, : transform.shape[2]]
    middle = torch.nn.functional.pad(middle, (0, transform.shape[2] - middle.shape[1]), value=3000.0)
    shaped = transform * torch.exp(-(((frequency - middle[:, None]) / 600) ** 2))
    return torch.istft(shaped, settings.n_fft, settings.hop, window=window, length=settings.samples)
