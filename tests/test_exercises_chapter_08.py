"""Chapter 08's exercises: independently written wrong answers are named, unusual right ones pass."""

import numpy as np
import pytest
import torch
from exercise_answers import assert_recognized, stub_of, verdict_of

from vae_course.teaching.engine import exercises


def replaced(z, j, column):
    return torch.cat([z[:, :j], column[:, None], z[:, j + 1 :]], dim=1)


def overwriting(log_likelihood, z, unit, noise):
    z[:, unit] = noise
    return log_likelihood(z).mean() - log_likelihood(z).mean()


def means_of(losses):
    return {size: np.mean(values) for size, values in losses.items()}


def chosen(mean, tolerance, pick=min):
    good = [size for size in mean if mean[size] - min(mean.values()) <= tolerance]
    return pick(good)


def neighbors(losses, tolerance):
    mean = means_of(losses)
    order = sorted(mean)
    for i in range(len(order) - 1):
        if mean[order[i]] <= mean[order[i + 1]] + tolerance:
            return order[i]
    return order[-1]


RIGHT = {"encoder": 258, "decoder": 128}
BROKEN = {
    "08.3": {
        "variance over the latent dimensions": [lambda m, t=0.01: sum(row.var() > t for row in m)],
        "standard deviation instead of variance": [lambda m, t=0.01: sum(c.std() > t for c in m.T)],
        "mean square instead of variance": [
            lambda m, t=0.01: (m.pow(2).mean(dim=0) > t).sum().item(),
            lambda m, t=0.01: (m.mean(dim=0).abs() > t).sum().item(),
        ],
        "threshold ignored": [lambda m, t=0.01: (m.var(dim=0) > 1e-2).sum().item()],
        "inactive units counted": [lambda m, t=0.01: (m.var(dim=0) < t).sum().item()],
        "share instead of number": [lambda m, t=0.01: (m.var(dim=0) > t).double().mean().item()],
    },
    "08.1": {
        "mean without log_var": [RIGHT | {"encoder": 128 + 1}],
        "mean without log_var and bias": [RIGHT | {"encoder": 128}],
        "encoder's biases forgotten": [RIGHT | {"encoder": 2 * 128}],
        "wrong hidden layer": [RIGHT | {"encoder": 2 * 257}],
        "bias of an input": [RIGHT | {"decoder": 129}],
        "decoder's wrong layer": [RIGHT | {"decoder": 256}],
    },
    "08.4": {
        "only the best size": [lambda losses, t: min(losses, key=lambda k: np.mean(losses[k]))],
        "the luckiest seed": [lambda losses, t: chosen({k: min(v) for k, v in losses.items()}, t)],
        "the unluckiest seed": [lambda losses, t: chosen({k: max(v) for k, v in losses.items()}, t)],
        "compared with the largest size": [
            lambda losses, t: min(
                k for k in losses if np.mean(losses[k]) - np.mean(losses[max(losses)]) <= t
            )
        ],
        "stops at the first small gain": [neighbors],
        "the largest size within the tolerance": [lambda losses, t: chosen(means_of(losses), t, max)],
        "first in the dict": [lambda losses, t: chosen(means_of(losses), t, lambda good: good[0])],
    },
    "08.2": {
        "z overwritten": [overwriting],
        "sign turned round": [lambda f, z, j, e: f(replaced(z, j, e)).mean() - f(z).mean()],
        "sum over pictures": [lambda f, z, j, e: f(z).sum() - f(replaced(z, j, e)).sum()],
        "one number for each picture": [lambda f, z, j, e: f(z) - f(replaced(z, j, e))],
        "zero instead of noise": [lambda f, z, j, e: f(z).mean() - f(replaced(z, j, 0 * e)).mean()],
        "noise added": [lambda f, z, j, e: f(z).mean() - f(replaced(z, j, z[:, j] + e)).mean()],
        "all other units replaced": [
            lambda f, z, j, e: f(z).mean() - f(e[:, None].expand_as(z)).mean(),
        ],
    },
}  # fmt: skip

UNUSUAL = {
    "08.3": {
        "numpy": lambda m, t=0.01: np.sum(np.var(m.numpy(), axis=0, ddof=1) > t),
        "second moment minus square": lambda m, t=0.01: torch.sum(m.pow(2).mean(0) - m.mean(0) ** 2 > t),
    },
    "08.1": {"floats": {"encoder": 258.0, "decoder": 128.0}},
    "08.4": {
        "sorted": lambda losses, t: next(
            k for k in sorted(losses) if np.mean(losses[k]) <= min(np.mean(v) for v in losses.values()) + t
        ),
        "numpy": lambda losses, t: chosen(means_of(losses), t),
    },
    "08.2": {
        "a loop over pictures": lambda f, z, j, e: sum(f(z) - f(replaced(z, j, e))) / len(z),
        "a mask": lambda f, z, j, e: (f(z) - f(torch.where(torch.arange(4) == j, e[:, None], z))).mean(),
        "numpy's mean": lambda f, z, j, e: np.mean((f(z) - f(replaced(z, j, e))).numpy()),
    },
}


def test_classic_mistakes_are_recognized():
    assert_recognized("08", BROKEN)


@pytest.mark.parametrize(("number", "name"), [(n, name) for n, named in UNUSUAL.items() for name in named])
def test_unusual_right_answers_pass(number, name):
    verdict = verdict_of(number, UNUSUAL[number][name])
    assert verdict.correct, verdict.message


@pytest.mark.parametrize("exercise", exercises("08"), ids=lambda exercise: exercise.id)
def test_stub_is_not_answered_and_reference_is_right(exercise):
    assert verdict_of(exercise.id, stub_of(exercise)).status == "not answered"
    right = exercise.value if exercise.reference is None else exercise.reference
    assert verdict_of(exercise.id, right).correct
