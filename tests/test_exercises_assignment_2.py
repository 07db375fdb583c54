"""Assignment A2's questions: independently written wrong answers are named, unusual right ones pass."""

import math

import numpy as np
import torch
from exercise_answers import assert_graded_fairly

LOG_2 = math.log(2)


def spent(v, level):
    return torch.log(torch.sqrt(v / level)).relu()


def left(v, level):
    return torch.minimum(v, torch.tensor(level))


def answer_2(level, rate=spent, error=left):
    return lambda v, beta, sigma: {
        "rate": rate(v, level(beta, sigma)),
        "squared_error": error(v, level(beta, sigma)),
    }


def true_level(beta, sigma):
    return beta * sigma * sigma


def ramp(step, total, share):
    return np.clip(step / (total * share), 0, 1)


def averages(curve):
    return {beta: np.mean(runs, axis=0) for beta, runs in curve.items()}


def best(allowed, value):
    """The β with the smallest value among those allowed."""
    return lambda curve, bits: min(
        (b for b, m in averages(curve).items() if allowed(m, bits)), key=lambda b: value(averages(curve)[b])
    )


def lucky(curve, bits):
    pairs = [(d, b) for b, runs in curve.items() for r, d in runs if r / LOG_2 <= bits]
    return sorted(pairs)[0][1]


BROKEN = {
    "A2.1": {
        "β taken whole": [lambda s, b: b * s],
        "the wrong way round": [lambda s, b: s / b**0.5, lambda s, b: s / b],
        "the variance returned": [lambda s, b: b * s * s],
        "β has no effect": [lambda s, b: s],
        "square root of everything": [lambda s, b: (s * b) ** 0.5],
    },
    "A2.2": {
        "β left out of the level": [answer_2(lambda beta, sigma: sigma**2)],
        "σ where σ² belongs": [answer_2(lambda beta, sigma: sigma * beta)],
        "divided by β instead of multiplied": [answer_2(lambda beta, sigma: sigma**2 / beta)],
        "negative rates kept": [answer_2(true_level, rate=lambda v, t: torch.log(v / t) / 2)],
        "missing one half": [answer_2(true_level, rate=lambda v, t: torch.log(v / t).relu())],
        "bits instead of nats": [answer_2(true_level, rate=lambda v, t: spent(v, t) / LOG_2)],
        "error of drowned directions set to the level": [
            answer_2(true_level, error=lambda v, t: t * torch.ones(len(v)))
        ],
        "drowned directions without error": [answer_2(true_level, error=lambda v, t: t * (v > t).float())],
        "error at the mean instead of a draw": [
            answer_2(true_level, error=lambda v, t: v * torch.minimum(t / v, torch.ones(len(v))) ** 2)
        ],
    },
    "A2.3": {
        "rises for the whole run": [lambda s, n, w, b: b * (s / n)],
        "never capped": [lambda s, n, w, b: b * s / (n * w)],
        "rises to 1 instead of beta": [lambda s, n, w, b: ramp(s, n, w)],
        "capped at 1": [lambda s, n, w, b: min(b * ramp(s, n, w), 1)],
        "warmup read as steps": [lambda s, n, w, b: b if s else 0.0],
        "falls instead of rising": [lambda s, n, w, b: b - b * ramp(s, n, w)],
        "jumps instead of rising": [lambda s, n, w, b: b if s >= w * n else 0.0],
        "starts at 1": [lambda s, n, w, b: (1 - ramp(s, n, w)) + b * ramp(s, n, w)],
    },
    "A2.4": {
        "bits taken for nats": [best(lambda m, bits: m[0] <= bits, lambda m: m[1])],
        "multiplied by log 2 the wrong way": [best(lambda m, bits: m[0] <= bits / LOG_2, lambda m: m[1])],
        "budget ignored": [best(lambda m, bits: True, lambda m: m[1])],
        "lowest rate instead of lowest distortion": [best(lambda m, bits: True, lambda m: m[0])],
        "lowest −ELBO within the budget": [best(lambda m, bits: m[0] <= bits * LOG_2, lambda m: m.sum())],
        "one lucky seed": [lucky],
        "the distortion returned": [
            lambda curve, bits: min(m[1] for m in averages(curve).values() if m[0] <= bits * LOG_2)
        ],
    },
    "A2.5": {"order reversed": [{"panel A": 1, "panel B": 64, "panel C": 1024}]},
    "A2.6": {
        "A and C exchanged": [{"run 1": "C", "run 2": "A", "run 3": "B", "run 4": "D"}],
        "a strong decoder taken for a bad start": [{"run 1": "A", "run 2": "C", "run 3": "C", "run 4": "D"}],
        "few active units taken for collapse": [{"run 1": "A", "run 2": "C", "run 3": "B", "run 4": "A"}],
    },
}
UNUSUAL = {
    "A2.1": [lambda s, b: torch.tensor(s * s * b).sqrt(), lambda s, b: np.exp(math.log(s) + math.log(b) / 2)],
    "A2.2": [
        answer_2(true_level),
        lambda v, beta, sigma: {
            "squared_error": [min(float(x), beta * sigma**2) for x in v],
            "rate": [max(0.0, 0.5 * math.log(float(x) / (beta * sigma**2))) for x in v],
        },
    ],
    "A2.3": [
        lambda s, n, w, b: float(np.interp(s, [0, w * n], [0, b])),
        lambda s, n, w, b: torch.tensor(b * ramp(s, n, w)),
    ],
    "A2.4": [
        best(lambda m, bits: m[0] / LOG_2 <= bits, lambda m: m[1]),
        # the rate falls with β, so the smallest β within the budget is the best one here
        lambda curve, bits: min(b for b, m in averages(curve).items() if m[0] <= bits * LOG_2),
    ],
    "A2.5": [{"panel A": 64.0, "panel B": np.int64(1024), "panel C": 1}],
    "A2.6": [{"run 1": "a", "run 2": "c", "run 3": "b", "run 4": "d"}],
}


def test_the_answers_get_what_they_deserve():
    assert_graded_fairly("A2", BROKEN, UNUSUAL)
