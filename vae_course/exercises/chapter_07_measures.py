"""Exercises of chapter 07 on its measures: missing power, and the bias of a distance."""

from __future__ import annotations

import torch
from torch import Tensor

from vae_course.exercises.exercise import Exercise, Mistake


def missing_power(samples: Tensor, data: Tensor, cutoff: float) -> Tensor:
    frequency = torch.fft.fftfreq(data.shape[-1])  # cycles per pixel, in the order of fft2
    high = (frequency[:, None] ** 2 + frequency**2).sqrt() >= cutoff
    power = [torch.fft.fft2(images).abs().square().mean((0, 1))[high].sum() for images in (samples, data)]
    return 1 - power[0] / power[1]


def _high(side: int, cutoff: float) -> Tensor:
    frequency = torch.fft.fftfreq(side)
    return (frequency[:, None] ** 2 + frequency**2).sqrt() >= cutoff


def _each_axis(side: int, cutoff: float) -> Tensor:
    frequency = torch.fft.fftfreq(side).abs()
    return torch.maximum(frequency[:, None], frequency) >= cutoff


def _power(images: Tensor) -> Tensor:
    return torch.fft.fft2(images).abs().square().mean((0, 1))


def _ratio(of, samples: Tensor, data: Tensor, high: Tensor) -> Tensor:
    return of(samples)[high].sum() / of(data)[high].sum()


def _wave_cases(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    cases = []
    for side, cutoff in ((8, 0.3), (12, 0.2), (8, 0.45)):
        data = torch.rand(6, 1, side, side, generator=generator)
        soft = 0.7 * data + 0.15 * (data.roll(1, -1) + data.roll(1, -2))
        cases.append((soft[:4] * torch.rand(4, 1, 1, 1, generator=generator), data, cutoff))
    return cases


MISSING_POWER = Exercise(
    id="07.3",
    title="What is missing above a frequency?",
    contract="missing_power(samples, data, cutoff): both float (n, 1, side, side), n may differ; cutoff in "
    "cycles per pixel. Of all waves with sqrt(fx² + fy²) >= cutoff (corners included) returns 1 minus the "
    "power of the samples over that of the data; power is the mean over pictures of the squared size of "
    "the Fourier coefficient. A number, at most 1.",
    stub='''def missing_power(samples: torch.Tensor, data: torch.Tensor, cutoff: float) -> torch.Tensor:
    """samples, data: (n, 1, side, side); cutoff: cycles per pixel. Returns a number, at most 1."""
    ...''',
    hints=(
        "torch.fft.fft2 gives one complex number for each wave, torch.fft.fftfreq(side) the frequencies.",
        "fft2 puts frequency 0 into the corner, and so does fftfreq: no shift is needed if you use both.",
        "First the squared size of each coefficient, then the mean over pictures, then the sum over waves.",
    ),
    mistakes=(
        Mistake(
            "pictures averaged before the transform",
            "The average of many pictures has no texture left, whatever the pictures had.",
            lambda s, d, c: (
                1 - _ratio(lambda x: _power(x.mean(0, keepdim=True)), s, d, _high(d.shape[-1], c))
            ),
        ),
        Mistake(
            "size instead of power",
            "Twice the size of a wave is four times the power.",
            (
                lambda s, d, c: (
                    1 - _ratio(lambda x: torch.fft.fft2(x).abs().mean((0, 1)), s, d, _high(d.shape[-1], c))
                ),
                lambda s, d, c: 1 - _ratio(_power, s, d, _high(d.shape[-1], c)).sqrt(),
            ),
        ),
        Mistake(
            "low frequencies instead of high ones",
            "Which waves are finer than the cutoff?",
            (
                lambda s, d, c: 1 - _ratio(_power, s, d, ~_high(d.shape[-1], c)),
                lambda s, d, c: (
                    1 - _ratio(lambda x: torch.fft.fftshift(_power(x)), s, d, _high(d.shape[-1], c))
                ),
            ),
        ),
        Mistake(
            "all frequencies",
            "The cutoff does not change your answer.",
            lambda s, d, c: 1 - _power(s).sum() / _power(d).sum(),
        ),
        Mistake(
            "what is left instead of what is missing",
            "Samples that are like data miss nothing: the answer is 0 then.",
            lambda s, d, c: _ratio(_power, s, d, _high(d.shape[-1], c)),
        ),
        Mistake(
            "upside down",
            "Divide the power of the samples by that of the data.",
            lambda s, d, c: 1 - 1 / _ratio(_power, s, d, _high(d.shape[-1], c)),
        ),
        Mistake(
            "summed over the pictures",
            "There may be more samples than data: take the mean over the pictures.",
            lambda s, d, c: 1 - _ratio(lambda x: _power(x) * len(x), s, d, _high(d.shape[-1], c)),
        ),
        Mistake(
            "mean of the ratios",
            "One wave with next to no power would decide it all: sum the powers, then divide.",
            lambda s, d, c: 1 - (_power(s) / _power(d))[_high(d.shape[-1], c)].mean(),
        ),
        Mistake(
            "each axis by itself",
            "A diagonal wave is finer than either of its two parts.",
            lambda s, d, c: 1 - _ratio(_power, s, d, _each_axis(d.shape[-1], c)),
        ),
    ),
    reference=missing_power,
    cases=_wave_cases,
)


def at_infinity(sizes: list[int], distances: list[float]) -> float:
    x = 1 / torch.tensor(sizes, dtype=torch.float64)
    y = torch.tensor(distances, dtype=torch.float64)
    slope = ((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum()
    return (y.mean() - slope * x.mean()).item()  # the line at 1/n = 0


def _line(x: Tensor, distances: list[float], at: float = 0.0) -> float:
    y = torch.tensor(distances, dtype=torch.float64)
    slope = ((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum()
    return (y.mean() + slope * (at - x.mean())).item()


def _sizes(sizes: list[int]) -> Tensor:
    return torch.tensor(sizes, dtype=torch.float64)


def _slope(sizes: list[int], distances: list[float]) -> float:
    return _line(1 / _sizes(sizes), distances, 1.0) - _line(1 / _sizes(sizes), distances)


AT_INFINITY = Exercise(
    id="07.4",
    title="The distance for infinitely many pictures",
    contract="at_infinity(sizes, distances): two lists of numbers, at least two different sizes. Returns "
    "the value at n = infinity of the straight line in 1/n that fits the distances best by least squares: a "
    "number.",
    stub='''def at_infinity(sizes: list[int], distances: list[float]) -> float:
    """sizes: pictures on each side; distances: measured with them. Returns the distance without bias."""
    ...''',
    hints=(
        "With x = 1/n the model is distance = a + b·x. Which of a and b is asked for?",
        "numpy.polyfit(x, y, 1) returns slope and intercept.",
    ),
    mistakes=(
        Mistake(
            "line in n",
            "A line in n goes to minus infinity. The bias falls like 1/n.",
            (
                lambda n, d: _line(_sizes(n), d),
                lambda n, d: _line(_sizes(n), d, 1e9),
                lambda n, d: _line(_sizes(n), d, 1e6),
            ),
        ),
        Mistake(
            "line in log n",
            "The bias falls like 1/n, not like log n.",
            (lambda n, d: _line(_sizes(n).log(), d), lambda n, d: _line(_sizes(n).log10(), d, 9)),
        ),
        Mistake(
            "line in the root of 1/n",
            "1/√n is how the *scatter* falls. The bias falls like 1/n.",
            lambda n, d: _line(_sizes(n) ** -0.5, d),
        ),
        Mistake(
            "slope instead of intercept",
            "The slope says how strong the bias is; what is left when 1/n is 0?",
            _slope,
        ),
        Mistake(
            "the largest n",
            "The bias is small there, but not gone.",
            lambda n, d: d[n.index(max(n))],
        ),
        Mistake(
            "the smallest distance",
            "Where the line ends may be below everything that was measured.",
            lambda n, d: min(d),
        ),
        Mistake(
            "mean of the distances",
            "All of them are biased, and so is their mean.",
            lambda n, d: sum(d) / len(d),
        ),
        Mistake(
            "line at n = 1",
            "1/n = 1 is one picture. Infinitely many pictures are at 1/n = 0.",
            lambda n, d: _line(1 / _sizes(n), d, 1.0),
        ),
    ),
    reference=at_infinity,
    cases=lambda seed: [
        ([2000, 500, 1000, 125], [30.1, 36.5, 32.0, 61.0]),
        ([100, 400], [9.0, 3.0]),
        ([64, 256, 128], [4.0, 1.5, 1.4]),
    ],
    tolerance=1e-4,
)
