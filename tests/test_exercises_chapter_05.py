"""Chapter 05's exercises: independently written wrong answers are named, unusual right ones pass."""

import math

import pytest
import torch
from exercise_answers import assert_recognized, reference_of, stub_of, verdict_of
from test_loss_doctor import BUGS
from torch.distributions import ContinuousBernoulli, Normal
from torch.nn import functional as F

from vae_course.evaluation.loss_translator import LossWeights, effective_beta
from vae_course.likelihoods import ContinuousBernoulli as PackageBernoulli
from vae_course.teaching.engine import exercises
from vae_course.teaching.grading import grade


def package_normalizer(logits):
    """What the package's continuous Bernoulli has beyond cross-entropy, −½ l − log(1 + e^−l) at x = ½."""
    flat = logits.double().reshape(-1, 1)
    density = PackageBernoulli().log_prob(torch.full_like(flat, 0.5), flat)
    return (density + (0.5 * flat + F.softplus(-flat))[:, 0]).reshape(logits.shape).to(logits.dtype)


def unit(error):
    return 0.5 if error == "mse" else 1.0


def normal(x, mean, std):
    return Normal(mean, std).log_prob(x)


BROKEN = {
    "05.3": {
        "one half forgotten": [lambda e, n, a, b: b / (a / n), lambda e, n, a, b: b * n / (a * unit(e))],
        "one half for every error": [lambda e, n, a, b: b * n / (2 * a)],
        "number of pixels forgotten": [lambda e, n, a, b: unit(e) * b / a],
        "divided by the number of pixels": [lambda e, n, a, b: unit(e) * b / a / n],
        "upside down": [lambda e, n, a, b: 1 / (unit(e) * b * n / a)],
        "error weight ignored": [lambda error, features, w, kl: kl * features * unit(error)],
        "error weight multiplied": [lambda e, n, a, b: a * b * n * unit(e)],
    },
    "05.2": {
        "not a number at λ = ½": [
            lambda a: (a / (2 * a.sigmoid() - 1)).log(),
            lambda a: (2 * torch.atanh((1 - 2 * a.sigmoid()).abs()) / (1 - 2 * a.sigmoid()).abs()).log(),
        ],
        "infinite for large logits": [
            lambda a: torch.where(
                a.abs() < 0.03,
                math.log(2) + a**2 / 12,
                torch.log(torch.logit(a.sigmoid()) / (2 * a.sigmoid() - 1)),
            )
        ],
        "cut off near one half": [
            lambda a: torch.where(a.abs() < 0.5, math.log(2), package_normalizer(a)),
        ],
        "sign turned": [lambda a: -package_normalizer(a.double()).float()],
        "logarithm forgotten": [lambda a: torch.exp(package_normalizer(a))],
        "probabilities expected": [
            lambda a: package_normalizer(torch.log(a / (1 - a))),
            lambda a: package_normalizer(torch.logit(a, eps=1e-6)),
        ],
        "summed over the features": [lambda a: package_normalizer(a).sum(-1)],
    },
    "05.6": {
        "root mean squared error": [lambda x, y: F.mse_loss(y, x) ** 0.5],
        "mean squared error": [lambda x, y: F.mse_loss(y, x)],
        "signed error": [lambda x, y: torch.mean(x - y), lambda x, y: abs(float((x - y).mean()))],
        "median error": [lambda x, y: torch.median(torch.abs(y - x))],
        "summed over the pixels": [lambda x, y: F.l1_loss(y, x, reduction="sum") / len(x)],
        "one scale for each picture": [lambda x, y: (x - y).abs().mean((1, 2, 3))],
        "standard deviation of the Laplace": [lambda x, y: math.sqrt(2) * F.l1_loss(y, x)],
        "factor 2 of the normalizer": [lambda x, y: F.l1_loss(y, x) * 2, lambda x, y: F.l1_loss(y, x) / 2],
    },
    "05.1": {
        "log σ left out": [
            lambda x, y, s: ((x - y) ** 2).sum((1, 2, 3)) / (2 * s.exp() ** 2),
            lambda x, y, s: (((x - y) / s.exp()) ** 2 / 2 + 0.9189385).sum((1, 2, 3)),
        ],
        "log σ counted once for each picture": [
            lambda x, y, s: ((x - y) ** 2).sum((1, 2, 3)) / (2 * s.exp() ** 2) + s + 0.9189385,
        ],
        "constant left out": [
            lambda x, y, s: (((x - y) / s.exp()) ** 2 / 2 + s).sum((1, 2, 3)),
        ],
        "log σ taken for log σ²": [lambda x, y, s: -normal(x, y, s.exp().sqrt()).sum((1, 2, 3))],
        "log σ² in the place of log σ": [lambda x, y, s: (-normal(x, y, s.exp()) + s).sum((1, 2, 3))],
        "one half forgotten": [
            lambda x, y, s: (-normal(x, y, s.exp()) + 0.5 * ((x - y) / s.exp()) ** 2).sum((1, 2, 3))
        ],
        "sign of log σ": [lambda x, y, s: (-normal(x, y, s.exp()) - 2 * s).sum((1, 2, 3))],
        "averaged over the pixels": [lambda x, y, s: -normal(x, y, s.exp()).mean((1, 2, 3))],
        "summed or averaged over the batch": [
            lambda x, y, s: -normal(x, y, s.exp()).sum(),
            lambda x, y, s: -normal(x, y, s.exp()).sum((1, 2, 3)).mean(),
        ],
        "log-density instead of its negative": [lambda x, y, s: normal(x, y, s.exp()).sum((1, 2, 3))],
    },
}
NAMED = {  # value exercises: what an answer with this mistake says
    "a negative loss blamed on the KL alone": {
        "A": "sign",
        "B": "pixels",
        "C": "no sampling",
        "D": "at the mean",
    },
    "collapse blamed on missing noise": {
        "A": "bytes",
        "B": "no sampling",
        "C": "log_var",
        "D": "at the mean",
    },
    "training and evaluation mixed up": {"A": "bytes", "B": "pixels", "C": "at the mean", "D": "no sampling"},
    "a good run blamed on log σ²": {"A": "bytes", "B": "pixels", "C": "log_var", "D": "at the mean"},
}


UNUSUAL = {
    "05.3": {
        "the package": lambda e, n, a, b: effective_beta(LossWeights(e, n, a, b)),
        "a tensor": lambda e, n, a, b: torch.tensor(b * n / a * unit(e)),
    },
    "05.2": {
        "the package": package_normalizer,
        "float64": lambda a: package_normalizer(a.double()),
        "torch.distributions with a wide cut": lambda a: torch.where(
            a.abs() < 100,
            ContinuousBernoulli(logits=a.double().clamp(-30, 30), lims=(0.49, 0.51))
            ._cont_bern_log_norm()
            .float(),
            a.abs().log(),
        ).where(a.abs() < 30, a.abs().log()),
    },
    "05.6": {
        "torch's loss": lambda x, y: F.l1_loss(y, x),
        "a float": lambda x, y: float((x - y).double().abs().mean()),
        "norm": lambda x, y: (x - y).flatten().norm(p=1) / x.numel(),
    },
    "05.1": {
        "torch.distributions": lambda x, y, s: -normal(x, y, s.exp()).sum((1, 2, 3)),
        "by hand": lambda x, y, s: (
            ((x - y) ** 2).sum((1, 2, 3)) / (2 * torch.exp(2 * s))
            + x[0].numel() * (s + 0.5 * math.log(2 * math.pi))
        ),
    },
}


def test_every_classic_mistake_is_named():
    fingerprints = {name: [answer] for name, answer in NAMED.items()}
    assert_recognized("05", BROKEN | {"05.4": BUGS, "05.5": fingerprints})


@pytest.mark.parametrize("identifier,name", [(i, name) for i, answers in UNUSUAL.items() for name in answers])
def test_unusual_right_answers_pass(identifier, name):
    verdict = verdict_of(identifier, UNUSUAL[identifier][name])
    assert verdict.correct, verdict


@pytest.mark.parametrize("exercise", exercises("05"), ids=lambda exercise: exercise.id)
def test_solution_passes_and_stub_does_not(exercise):
    assert grade(exercise, reference_of(exercise)).correct
    assert grade(exercise, stub_of(exercise)).status == "not answered"
    assert len(exercise.hints) >= 2 and len(exercise.mistakes) >= 3
