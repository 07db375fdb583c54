"""Chapter 07's exercises: independently written wrong answers are named, unusual right ones pass."""

import math

import numpy as np
import pytest
import torch
from exercise_answers import assert_recognized, reference_of, stub_of, verdict_of
from scipy.linalg import sqrtm

from vae_course.evaluation.samples import (
    BiasPoint,
    extrapolate,
    frechet_distance,
    memorization,
    precision_recall,
    relative_power,
)
from vae_course.teaching.engine import exercises


def spectrum(images):
    """(side, side) mean power, with numpy."""
    return (np.abs(np.fft.fft2(images.numpy()[:, 0].astype(float))) ** 2).mean(axis=0)


def radius(side):
    f = np.fft.fftfreq(side)
    return np.hypot(*np.meshgrid(f, f, indexing="ij"))


def lost(samples, data, cutoff, of=spectrum, inside=None):
    mask = (radius(data.shape[-1]) >= cutoff - 1e-9) if inside is None else inside
    return 1 - of(samples)[mask].sum() / of(data)[mask].sum()


def fit(x, distances, at=0.0):
    return float(np.polyval(np.polyfit(np.asarray(x, float), distances, 1), at))


def reach(points, bank):
    return np.sqrt(((points.numpy()[:, None] - bank.numpy()[None]) ** 2).sum(-1))


def spread(x, ddof=1):
    return np.cov(x.numpy(), rowvar=False, ddof=ddof)


def gaussians(a, b, times=2.0, ddof=1):
    """Squared Fréchet distance with scipy's matrix root."""
    means = np.square(a.numpy().mean(0) - b.numpy().mean(0)).sum()
    cov = [spread(x, ddof) for x in (a, b)]
    return means + np.trace(cov[0] + cov[1]) - times * np.trace(np.real(sqrtm(cov[0] @ cov[1])))


def means_apart(a, b):
    return float(np.linalg.norm(a.numpy().mean(0) - b.numpy().mean(0)))


def radii(centers, k):
    return np.array([sorted(row)[k] for row in reach(centers, centers)])


def inside(points, centers, k):
    found = [
        any(d <= r for d, r in zip(row, radii(centers, k), strict=True)) for row in reach(points, centers)
    ]
    return float(np.mean(found))


def wins(a, b, tie=0.5):
    total = 0.0
    for x in a:
        for y in b:
            total += 1.0 if x < y - 1e-6 else tie if abs(x - y) <= 1e-6 else 0.0
    return total / (len(a) * len(b))


RIGHT = {"A": "thief", "B": "mean", "C": "draw", "D": "one class"}
BROKEN = {
    "07.1": {
        "weights ignored": [lambda p, w: sum(p) / len(p)],
        "the likeliest picture": [lambda p, w: p[int(torch.sort(w, descending=True).indices[0])]],
        "weights not normalized": [
            lambda p, w: sum(a * b for a, b in zip(w, p, strict=True)),
            lambda p, w: (w.view(-1, 1, 1, 1) * p).mean(dim=0),
        ],
        "softmax of the weights": [lambda p, w: torch.tensordot(torch.softmax(w, dim=0), p, dims=1)],
        "median": [lambda p, w: torch.median(p, dim=0)[0]],
        "squared weights": [lambda p, w: torch.tensordot(w.square() / w.square().sum(), p, dims=1)],
        "one gray value for all pixels": [
            lambda p, w: torch.full(p.shape[1:], float((p.mean((1, 2, 3)) * w).sum() / w.sum()))
        ],
    },
    "07.2": {
        "the best numbers taken for the best model": [RIGHT | {"A": "mean", "B": "one class"}],
        "mean and draw mixed up": [RIGHT | {"B": "draw", "C": "mean"}],
        "low recall taken for blur": [RIGHT | {"D": "mean", "B": "one class"}],
        "precision taken for theft": [RIGHT | {"D": "thief", "A": "one class"}],
    },
    "07.3": {
        "pictures averaged before the transform": [
            lambda s, d, c: lost(s, d, c, lambda x: np.abs(np.fft.fft2(x.numpy().mean(axis=(0, 1)))) ** 2)
        ],
        "size instead of power": [
            lambda s, d, c: lost(s, d, c, lambda x: np.abs(np.fft.fft2(x.numpy()[:, 0])).mean(axis=0)),
            lambda s, d, c: 1 - math.sqrt(1 - lost(s, d, c)),
        ],
        "low frequencies instead of high ones": [
            lambda s, d, c: lost(s, d, c, inside=radius(d.shape[-1]) < c - 1e-9),
            lambda s, d, c: lost(s, d, c, inside=np.fft.fftshift(radius(d.shape[-1]) >= c - 1e-9)),
        ],
        "all frequencies": [lambda s, d, c: lost(s, d, 0.0)],
        "what is left instead of what is missing": [lambda s, d, c: 1 - lost(s, d, c)],
        "upside down": [lambda s, d, c: lost(d, s, c)],
        "summed over the pictures": [lambda s, d, c: lost(s, d, c, lambda x: spectrum(x) * x.shape[0])],
        "mean of the ratios": [
            lambda s, d, c: 1 - (spectrum(s) / spectrum(d))[radius(d.shape[-1]) >= c - 1e-9].mean()
        ],
        "each axis by itself": [
            lambda s, d, c: lost(
                s, d, c,
                inside=np.maximum(*np.meshgrid(*[np.abs(np.fft.fftfreq(d.shape[-1]))] * 2)) >= c - 1e-9,
            )
        ],
    },
    "07.4": {
        "line in n": [lambda n, d: fit(n, d), lambda n, d: fit(n, d, 1_000_000)],
        "line in log n": [lambda n, d: fit(np.log(n), d)],
        "line in the root of 1/n": [lambda n, d: fit(1 / np.sqrt(n), d)],
        "slope instead of intercept": [lambda n, d: np.polyfit(1 / np.array(n), d, 1)[0]],
        "the largest n": [lambda n, d: max(zip(n, d, strict=True))[1]],
        "the smallest distance": [lambda n, d: sorted(d)[0]],
        "mean of the distances": [lambda n, d: np.mean(d)],
        "line at n = 1": [lambda n, d: fit(1 / np.array(n), d, 1.0)],
    },
    "07.5": {
        "ties not counted": [lambda s, t, h: wins(reach(s, t).min(1), reach(h, t).min(1), 0.0)],
        "ties counted in full": [lambda s, t, h: wins(reach(s, t).min(1), reach(h, t).min(1), 1.0)],
        "distance to the farthest": [lambda s, t, h: wins(reach(s, t).max(1), reach(h, t).max(1))],
        "upside down": [lambda s, t, h: wins(reach(h, t).min(1), reach(s, t).min(1))],
        "mean distance instead of the nearest": [
            lambda s, t, h: wins(reach(s, t).mean(1), reach(h, t).mean(1))
        ],
        "nearest sample of each training point": [
            lambda s, t, h: wins(reach(s, t).min(0), reach(h, t).min(0))
        ],
        "samples compared with held-out points": [
            lambda s, t, h: wins(reach(s, t).min(1), reach(s, h).min(1)),
            lambda s, t, h: np.mean(reach(s, t).min(1) < reach(s, h).min(1) - 1e-6),
        ],
        "compared with the mean of the held-out distances": [
            lambda s, t, h: np.mean(reach(s, t).min(1) < reach(h, t).min(1).mean())
        ],
        "ratio of the mean distances": [
            lambda s, t, h: reach(s, t).min(1).mean() / reach(h, t).min(1).mean()
        ],
    },
    "07.6": {
        "means only": [lambda a, b: means_apart(a, b) ** 2],
        "covariances only": [lambda a, b: gaussians(a, b) - means_apart(a, b) ** 2],
        "distance of the means not squared": [
            lambda a, b: gaussians(a, b) - means_apart(a, b) ** 2 + means_apart(a, b)
        ],
        "the factor 2 is missing": [lambda a, b: gaussians(a, b, times=1.0)],
        "the root of each entry": [
            lambda a, b: (
                means_apart(a, b) ** 2 + np.trace(spread(a) + spread(b))
                - 2 * np.sqrt(np.abs(np.diag(spread(a) @ spread(b)))).sum()
            )
        ],
        "variances only": [
            lambda a, b: (
                means_apart(a, b) ** 2 + ((np.diag(spread(a)) ** 0.5 - np.diag(spread(b)) ** 0.5) ** 2).sum()
            )
        ],
        "no root": [
            lambda a, b: (
                means_apart(a, b) ** 2 + np.trace(spread(a) + spread(b)) - 2 * np.trace(spread(a) @ spread(b))
            )
        ],
        "the root of the distance": [lambda a, b: math.sqrt(gaussians(a, b))],
        "divided by n": [lambda a, b: gaussians(a, b, ddof=0)],
    },
    "07.7": {
        "the center counted as its own neighbor": [lambda p, c, k: inside(p, c, k - 1)],
        "only the nearest center asked": [
            lambda p, c, k: np.mean(reach(p, c).min(1) <= radii(c, k)[reach(p, c).argmin(1)])
        ],
        "roles exchanged": [lambda p, c, k: inside(c, p, k)],
        "reach of the points": [lambda p, c, k: np.mean(reach(p, c).min(1) <= radii(p, k))],
        "share of centers with a point": [lambda p, c, k: np.mean(reach(p, c).min(0) <= radii(c, k))],
        "one reach for all": [lambda p, c, k: np.mean(reach(p, c).min(1) <= radii(c, k).mean())],
        "mean over pairs": [lambda p, c, k: np.mean(reach(p, c) <= radii(c, k)[None])],
        "squared distances against distances": [
            lambda p, c, k: np.mean((reach(p, c) ** 2 <= radii(c, k)).any(1))
        ],
        "the share outside": [lambda p, c, k: 1 - inside(p, c, k)],
    },
}  # fmt: skip

UNUSUAL = {
    "07.1": {
        "numpy loop": lambda p, w: torch.tensor(np.average(p.numpy(), axis=0, weights=w.numpy())),
    },
    "07.3": {"numpy": lost},
    "07.4": {"polyfit": lambda n, d: fit(1 / np.array(n), d)},
    "07.5": {"loops": lambda s, t, h: wins(reach(s, t).min(1), reach(h, t).min(1))},
    "07.6": {"a matrix root": gaussians, "the package": frechet_distance},
    "07.7": {"loops": inside, "the package": lambda p, c, k: precision_recall(c, p, k=k).precision},
}


def test_classic_mistakes_are_recognized():
    assert_recognized("07", BROKEN)


@pytest.mark.parametrize(("number", "name"), [(n, name) for n, named in UNUSUAL.items() for name in named])
def test_unusual_right_answers_pass(number, name):
    verdict = verdict_of(number, UNUSUAL[number][name])
    assert verdict.correct, verdict.message


@pytest.mark.parametrize("exercise", exercises("07"), ids=lambda exercise: exercise.id)
def test_stub_is_not_answered_and_reference_is_right(exercise):
    assert verdict_of(exercise.id, stub_of(exercise)).status == "not answered"
    assert verdict_of(exercise.id, reference_of(exercise)).correct


def test_the_package_agrees_with_the_exercises():
    generator = torch.Generator().manual_seed(0)
    data = torch.rand(20, 1, 12, 12, generator=generator)
    kept = 1 - reference_of(exercises("07")[2])(0.5 * data, data, 0.25)
    assert relative_power(0.5 * data, data, high=1.0) == pytest.approx(kept.item(), rel=1e-4)
    sizes, distances = [100, 400, 200], [9.0, 3.2, 5.0]
    points = [BiasPoint(n, d, d, d) for n, d in zip(sizes, distances, strict=True)]
    assert extrapolate(points) == pytest.approx(reference_of(exercises("07")[3])(sizes, distances))
    rows = [torch.randn(n, 4, generator=generator) for n in (50, 200, 120)]
    ours = reference_of(exercises("07")[4])(*rows).item()
    assert memorization(*rows).closer == pytest.approx(ours, abs=1e-3)
