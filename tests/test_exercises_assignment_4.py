"""Assignment A4's questions: independently written wrong answers are named, unusual right ones pass."""

import math

import numpy as np
import pytest
import torch
from exercise_answers import assert_graded_fairly
from sklearn.metrics import roc_auc_score
from torch.distributions import Categorical, kl_divergence
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

from tools.classroom.graded.A4 import CENTER, FORWARD_STD, QUESTIONS
from vae_course.evaluation.frechet import frechet_distance


def histogram(p, limit):
    """How many samples of each class are sure."""
    p = p.numpy()
    return np.bincount(p.argmax(1)[p.max(1) >= np.float32(limit)], minlength=p.shape[1])


def judged(divergence, enough=np.greater_equal, limit=lambda given: given, sure=None):
    def answer(p, confidence, least):
        counts = histogram(p, limit(confidence))
        share = counts / counts.sum()
        return {
            "classes": int(enough(counts, least).sum()),
            "sure": histogram(p, confidence).sum() / len(p) if sure is None else sure(counts),
            "kl": divergence(share),
        }

    return answer


def to_uniform(share):
    uniform = Categorical(probs=torch.ones(len(share), dtype=torch.double))
    return float(kl_divergence(Categorical(probs=torch.tensor(share)), uniform))


def undefined(share):
    with np.errstate(all="ignore"):
        return float(np.sum(share * np.log(share * len(share))))


def reversed_kl(share):
    with np.errstate(all="ignore"):
        return float(np.mean(-np.log(share * len(share))))


def hinge(catch=None, fool=None):
    def caught(r, f):
        return torch.clamp(1 - r, min=0).mean() + torch.clamp(f + 1, min=0).mean()

    return lambda r, f: {"catch": (catch or caught)(r, f), "fool": (fool or (lambda r, f: -f.mean()))(r, f)}


def spread(a):
    return a.double().std(0)


def middle(a):
    return a.double().mean(0)


def table(normal, odd):
    """+1, 0 or −1 for each pair: odd above, equal, below."""
    return np.sign(odd.numpy()[:, None] - normal.numpy()[None])


def accuracy(normal, odd, threshold):
    return ((odd > threshold).sum() + (normal <= threshold).sum()) / (len(odd) + len(normal))


TWO = {"forward std": FORWARD_STD, "reverse std": 0.8, "reverse kl": math.log(3)}
REPORT = {"model 1": "A", "model 2": "C", "model 3": "B", "model 4": "D"}
BROKEN = {
    "A4.1": {
        "samples in doubt counted as well": [judged(to_uniform, limit=lambda given: 0.0)],
        "KL the other way round": [judged(reversed_kl)],
        "0 · log 0 left undefined": [judged(undefined)],
        "entropy instead of the divergence": [
            judged(lambda share: float(Categorical(probs=torch.tensor(share)).entropy()))
        ],
        "bits instead of nats": [judged(lambda share: to_uniform(share) / math.log(2))],
        "one sample is enough": [judged(to_uniform, enough=lambda counts, least: counts > 0)],
        "more than least demanded": [judged(to_uniform, enough=np.greater)],
        "a count where a share is asked for": [judged(to_uniform, sure=lambda counts: counts.sum())],
    },
    "A4.2": {
        "labels exchanged": [
            hinge(lambda r, f: torch.clamp(1 + r, min=0).mean() + torch.clamp(1 - f, min=0).mean())
        ],
        "the generator helps the discriminator": [
            hinge(fool=lambda r, f: f.mean()),
            hinge(fool=lambda r, f: torch.clamp(f + 1, min=0).mean()),
        ],
        "a hinge for the generator too": [hinge(fool=lambda r, f: torch.clamp(1 - f, min=0).mean())],
        "no hinge for the discriminator": [hinge(lambda r, f: 2 - r.mean() + f.mean())],
        "no margin": [hinge(lambda r, f: torch.clamp(-r, min=0).mean() + torch.clamp(f, min=0).mean())],
        "cross-entropy instead of a hinge": [
            hinge(lambda r, f: cross_entropy(r, torch.ones_like(r)) + cross_entropy(f, torch.zeros_like(f)))
        ],
        "summed over the samples": [
            hinge(lambda r, f: torch.clamp(1 - r, min=0).sum() + torch.clamp(f + 1, min=0).sum())
        ],
        "mean over both sets together": [
            hinge(
                lambda r, f: (
                    (torch.clamp(1 - r, min=0).sum() + torch.clamp(f + 1, min=0).sum()) / (len(r) + len(f))
                )
            )
        ],
    },
    "A4.3": {
        "variances compared instead of standard deviations": [
            lambda a, b: (
                (middle(a) - middle(b)).square().sum() + (spread(a) ** 2 - spread(b) ** 2).square().sum()
            )
        ],
        "root taken": [lambda a, b: torch.cat([middle(a) - middle(b), spread(a) - spread(b)]).norm()],
        "averaged over the dimensions": [
            lambda a, b: ((middle(a) - middle(b)) ** 2 + (spread(a) - spread(b)) ** 2).mean()
        ],
        "means only": [lambda a, b: (middle(a) - middle(b)).norm() ** 2],
        "spreads only": [lambda a, b: (spread(a) - spread(b)).norm() ** 2],
        "one mean for all dimensions": [lambda a, b: (a.mean() - b.mean()) ** 2 + (a.std() - b.std()) ** 2],
        "cross term forgotten": [
            lambda a, b: (middle(a) - middle(b)).square().sum() + (spread(a) ** 2 + spread(b) ** 2).sum()
        ],
        "differences not squared": [lambda a, b: (middle(a) - middle(b) + spread(a) - spread(b)).sum()],
    },
    "A4.4": {
        "the wrong way round": [lambda n, o: float((table(o, n) / 2 + 0.5).mean())],
        "ties count for nothing": [lambda n, o: float((table(n, o) > 0).mean())],
        "ties count in full": [lambda n, o: float((table(n, o) >= 0).mean())],
        "always the better side": [lambda n, o: 0.5 + abs(float((table(n, o) / 2).mean()))],
        "compared with the mean of the normal ones": [lambda n, o: np.mean(o.numpy() > n.numpy().mean())],
        "compared with the largest normal score": [lambda n, o: np.mean(o.numpy() > n.numpy().max())],
        "accuracy at a threshold": [
            lambda n, o: accuracy(n, o, torch.cat([o, n]).median()),
            lambda n, o: accuracy(n, o, torch.cat([o, n]).mean()),
        ],
        "difference of the means": [lambda n, o: o.mean() - n.mean()],
    },
    "A4.5": {
        "the variance instead of the standard deviation": [{**TWO, "forward std": FORWARD_STD**2}],
        "width of the humps forgotten": [{**TWO, "forward std": 4.899}],
        "the two directions exchanged": [{**TWO, "forward std": 0.8, "reverse std": 4.96}],
        "covering in both directions": [{**TWO, "reverse std": 4.96}],
        "log 2 instead of log 3": [{**TWO, "reverse kl": 0.693}],
        "bits instead of nats": [{**TWO, "reverse kl": 1.585}],
    },
    "A4.6": {
        "mode and posterior collapse exchanged": [{**REPORT, "model 1": "B", "model 3": "A"}],
        "memory taken for quality": [{**REPORT, "model 2": "D"}],
        "blur taken for posterior collapse": [{**REPORT, "model 4": "B"}],
    },
}
UNUSUAL = {
    "A4.1": [
        judged(to_uniform),
        judged(lambda share: math.log(len(share)) - float(Categorical(probs=torch.tensor(share)).entropy())),
    ],
    "A4.2": [hinge(), hinge(lambda r, f: torch.maximum(1 - r, 0 * r).mean() + (f + 1).clip(0).mean())],
    "A4.3": [
        lambda a, b: sum(
            frechet_distance(x[:, None].double(), y[:, None].double()) for x, y in zip(a.T, b.T, strict=True)
        ),
        lambda a, b: (
            (a.mean(0) - b.mean(0)) ** 2 + a.var(0) + b.var(0) - 2 * (a.var(0) * b.var(0)).sqrt()
        ).sum(),
        lambda a, b: (
            np.sum((a.numpy().mean(0) - b.numpy().mean(0)) ** 2)
            + np.sum((a.numpy().std(0) - b.numpy().std(0)) ** 2)
        ),
    ],
    "A4.4": [
        lambda n, o: roc_auc_score([0] * len(n) + [1] * len(o), torch.cat([n, o])),
        lambda n, o: float((table(n, o) / 2 + 0.5).mean()),
        lambda n, o: sum((a > b) + (a == b) / 2 for a in o.tolist() for b in n.tolist()) / len(n) / len(o),
    ],
    "A4.5": [{"forward std": 4.97, "reverse std": 0.81, "reverse kl": torch.tensor(1.1)}],
    "A4.6": [{name: code.lower() for name, code in REPORT.items()}],
}


def test_the_answers_get_what_they_deserve():
    assert_graded_fairly("A4", BROKEN, UNUSUAL)


def test_the_key_of_cover_or_choose_is_the_minimum_that_a_grid_finds():
    x = torch.linspace(-60, 60, 12_001, dtype=torch.float64)
    centers = torch.tensor([-CENTER, 0.0, CENTER], dtype=torch.float64)
    log_target = torch.distributions.Normal(centers, 0.8).log_prob(x[:, None]).logsumexp(1) - math.log(3)
    means, stds = (
        torch.linspace(-12, 12, 97).double(),
        torch.cat([torch.arange(3, 60) / 20, torch.arange(30, 121) / 10]),
    )
    best = {"forward": (math.inf, 0.0), "reverse": (math.inf, 0.0)}
    for std in stds.double():
        log_model = torch.distributions.Normal(means[:, None], std).log_prob(x)
        found = {
            "forward": (log_target.exp() * (log_target - log_model)).sum(1) * 0.01,
            "reverse": (log_model.exp() * (log_model - log_target)).sum(1) * 0.01,
        }
        for name, values in found.items():
            best[name] = min(best[name], (values.min().item(), std.item()))
    key = QUESTIONS["A4.5"].value
    assert best["forward"][1] == pytest.approx(key["forward std"], abs=0.1)
    assert best["reverse"][1] == pytest.approx(key["reverse std"], abs=0.05)
    assert best["reverse"][0] == pytest.approx(key["reverse kl"], abs=0.005)
