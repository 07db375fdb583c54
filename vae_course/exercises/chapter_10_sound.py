"""Exercise of chapter 10: one round of Griffin-Lim."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vae_course.exercises.exercise import Exercise, Mistake


def griffin_lim_round(magnitude: Tensor, phase: Tensor, to_wave, to_transform) -> Tensor:
    wave = to_wave(magnitude * phase)  # a real sound, but no longer with exactly these magnitudes
    transform = to_transform(wave)
    return transform / transform.abs().clamp_min(1e-8)


def _tools():
    window = torch.hann_window(32)

    def to_wave(transform: Tensor) -> Tensor:
        return torch.istft(transform, 32, 8, window=window, length=120)

    def to_transform(wave: Tensor) -> Tensor:
        return torch.stft(wave, 32, 8, window=window, pad_mode="constant", return_complex=True)

    return to_wave, to_transform


def _round_cases(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    to_wave, to_transform = _tools()
    cases = []
    for scale in (1.0, 3.0):
        magnitude = to_transform(scale * torch.randn(120, generator=generator)).abs()
        angle = 2 * math.pi * torch.rand(magnitude.shape, generator=generator)
        cases.append((magnitude, torch.polar(torch.ones_like(angle), angle), to_wave, to_transform))
    return cases


def _real_pairs(answer, *arguments) -> Tensor:
    """Complex answers as (..., 2), so that they can be compared as numbers."""
    result = answer(*arguments)
    return torch.view_as_real(result) if torch.is_tensor(result) and result.is_complex() else result


ROUND = Exercise(
    id="10.3",
    title="One round of Griffin-Lim",
    contract="griffin_lim_round(magnitude, phase, to_wave, to_transform): the wanted magnitudes, float "
    "(bins, frames); present phases, complex of the same shape with absolute value 1; to_wave(transform) "
    "gives a wave (samples,) and to_transform(wave) its complex transform (bins, frames). Returns the phases "
    "after one round, complex (bins, frames), absolute value 1 (where the transform is not 0).",
    stub='''def griffin_lim_round(magnitude, phase, to_wave, to_transform) -> torch.Tensor:
    """magnitude: float, phase: complex with absolute value 1, both (bins, frames). Returns the new phase."""
    ...''',
    hints=(
        "What is the complex transform that has these magnitudes and these phases?",
        "Make a wave of it and transform that again: its magnitudes have changed, and so have its phases.",
        "A complex number divided by its absolute value is its phase.",
    ),
    mistakes=(
        Mistake(
            "magnitudes kept",
            "The wave's own magnitudes are not the wanted ones: hand on its phases alone.",
            lambda magnitude, phase, to_wave, to_transform: to_transform(to_wave(magnitude * phase)),
        ),
        Mistake(
            "wanted magnitudes multiplied in",
            "Absolute value 1 is asked for; the magnitudes come back in at the start of the next round.",
            lambda magnitude, phase, to_wave, to_transform: (
                magnitude * griffin_lim_round(magnitude, phase, to_wave, to_transform)
            ),
        ),
        Mistake(
            "wave without the magnitudes",
            "The round starts from the wanted magnitudes with the present phases.",
            lambda magnitude, phase, to_wave, to_transform: griffin_lim_round(
                torch.ones_like(magnitude), phase, to_wave, to_transform
            ),
        ),
        Mistake(
            "phases lost on the way",
            "What do the present phases do in your round?",
            lambda magnitude, phase, to_wave, to_transform: griffin_lim_round(
                magnitude, torch.ones_like(phase), to_wave, to_transform
            ),
        ),
        Mistake(
            "angles instead of complex numbers",
            "The angle is asked for in the form cos + i sin.",
            lambda magnitude, phase, to_wave, to_transform: griffin_lim_round(
                magnitude, phase, to_wave, to_transform
            ).angle(),
        ),
        Mistake(
            "divided by the wanted magnitudes",
            "Then the absolute value is 1 only where the wave already has the wanted magnitude.",
            lambda magnitude, phase, to_wave, to_transform: (
                to_transform(to_wave(magnitude * phase)) / magnitude.clamp_min(1e-8)
            ),
        ),
    ),
    reference=griffin_lim_round,
    cases=_round_cases,
    observe=_real_pairs,
    tolerance=1e-3,
)
