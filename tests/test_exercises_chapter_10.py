"""Chapter 10's exercises: independently written wrong answers are named, unusual right ones pass."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from exercise_answers import assert_recognized, verdict_of
from exercise_answers_10_text import BROKEN as BROKEN_TEXT
from exercise_answers_10_text import UNUSUAL as UNUSUAL_TEXT

from vae_course.evaluation.bounds import bits_per_dimension
from vae_course.exercises.chapter_10 import EXERCISES

LN2 = math.log(2)


def turn(z):
    return torch.polar(torch.ones_like(z.abs()), z.angle())


BROKEN = {
    "10.1": {
        "change of variables forgotten": [lambda n, s, d: n / s.numel() / LN2 - math.log2(d)],
        "change of variables with the wrong sign": [
            lambda n, s, d: ((n / LN2 - torch.log2(s).sum()) / s.numel() - math.log2(d)).item()
        ],
        "density without a cell": [lambda n, s, d: (n / LN2 + torch.log2(s).sum()) / s.numel()],
        "cell with the wrong sign": [
            lambda n, s, d: (n / LN2 + torch.log2(s).sum()) / s.numel() + math.log2(d)
        ],
        "one cell for the whole row": [
            lambda n, s, d: (n / LN2 + torch.log2(s).sum() - math.log2(d)) / s.numel()
        ],
        "density divided by the columns, corrections added to that": [
            lambda n, s, d: n / s.numel() / LN2 + torch.log2(s / d).sum()
        ],
        "logarithm of the mean std": [lambda n, s, d: n / s.numel() / LN2 + torch.log2(s.mean() / d)],
        "nats": [lambda n, s, d: (n + torch.log(s / d).sum()) / s.numel()],
        "bits of the whole row": [lambda n, s, d: n / LN2 + torch.log2(s / d).sum()],
    },
    "10.2": {
        "scaled by itself": [
            lambda a, b: torch.stack(
                [(b[:, f] - b[:, f].mean()) / b[:, f].std() for f in range(b.shape[1])], 1
            )
        ],
        "each clip by itself": [lambda a, b: torch.stack([(clip - clip.mean()) / clip.std() for clip in b])],
        "held-out clips among the statistics": [
            lambda a, b: torch.stack(
                [
                    (b[:, f] - torch.cat([a[:, f], b[:, f]]).mean()) / torch.cat([a[:, f], b[:, f]]).std()
                    for f in range(b.shape[1])
                ],
                1,
            )
        ],
        "one mean for all frequencies": [lambda a, b: (b - a.mean()) / a.std()],
        "a mean for each frame as well": [lambda a, b: (b - a.mean(0)) / a.std(0)],
        "divided by the variance": [
            lambda a, b: (b - a.mean(2).mean(0)[:, None]) / (a.std((0, 2))[:, None] ** 2)
        ],
        "not centered": [lambda a, b: b / a.std((0, 2))[:, None]],
        "the training part returned": [lambda a, b: (a - a.mean((0, 2))[:, None]) / a.std((0, 2))[:, None]],
    },
    "10.3": {
        "magnitudes kept": [lambda m, p, w, t: t(w(p * m))],
        "wanted magnitudes multiplied in": [lambda m, p, w, t: m * turn(t(w(m * p)))],
        "wave without the magnitudes": [lambda m, p, w, t: turn(t(w(p)))],
        "phases lost on the way": [lambda m, p, w, t: turn(t(w(m + 0j)))],
        "angles instead of complex numbers": [lambda m, p, w, t: torch.angle(t(w(m * p)))],
        "divided by the wanted magnitudes": [lambda m, p, w, t: t(w(m * p)) / m],
    },
}

UNUSUAL = {
    "10.1": {
        "the package": lambda n, s, d: bits_per_dimension(
            n, len(s), -s.double().log().sum(), len(s) * math.log(d)
        ),
        "column by column": lambda n, s, d: n / LN2 / len(s) + np.log2(s.numpy() / d).mean(),
    },
    "10.2": {
        "reshaped": lambda a, b: (
            (b - a.transpose(0, 1).flatten(1).mean(1)[:, None]) / a.transpose(0, 1).flatten(1).std(1)[:, None]
        ),
        "divisor n": lambda a, b: (b - a.mean((0, 2))[:, None]) / a.std((0, 2), correction=0)[:, None],
    },
    "10.3": {
        "by angles": lambda m, p, w, t: turn(t(w(torch.polar(m, p.angle())))),
        "sgn": lambda m, p, w, t: torch.sgn(t(w(m * p))),
    },
}


def test_each_classic_mistake_is_recognized_by_name(capsys):
    with capsys.disabled():
        assert_recognized("10", {**BROKEN, **BROKEN_TEXT})


@pytest.mark.parametrize(
    ("identifier", "name"),
    [(i, name) for i, named in {**UNUSUAL, **UNUSUAL_TEXT}.items() for name in named],
)
def test_a_correct_but_unusual_answer_passes(identifier, name):
    verdict = verdict_of(identifier, {**UNUSUAL, **UNUSUAL_TEXT}[identifier][name])
    assert verdict.correct, verdict


def test_rounds_of_griffin_lim_bring_the_magnitudes_closer():
    exercise = next(e for e in EXERCISES if e.id == "10.3")
    magnitude, phase, to_wave, to_transform = exercise.cases(0)[0]

    def miss(phase):
        return (to_transform(to_wave(magnitude * phase)).abs() - magnitude).norm().item()

    misses = [miss(phase)]
    for _ in range(20):
        phase = exercise.reference(magnitude, phase, to_wave, to_transform)
        misses.append(miss(phase))
    assert misses[20] < 0.6 * misses[0]
    assert all(a >= b - 1e-4 for a, b in pairwise(misses))
