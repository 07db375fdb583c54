"""Chapter 04's exercises: independently written wrong answers are named, unusual right ones pass."""

import math

import numpy as np
import pytest
import torch
from exercise_answers import assert_recognized, verdict_of
from torch.distributions import Categorical, Independent, MixtureSameFamily, MultivariateNormal, Normal
from torch.distributions import kl_divergence as divergence

from vae_course.elbo import ElboTerms, GaussianPosterior
from vae_course.evaluation.code_use import log_aggregate
from vae_course.models.toys import water_filling


def normal(mean, log_var):
    return Normal(mean, (0.5 * log_var).exp())


def each(mq, lq, mp, lp):
    return divergence(normal(mq, lq), normal(mp, lp))


def mixture(z, mean, log_var, weight=None):
    logits = torch.zeros(len(mean)) if weight is None else weight
    return MixtureSameFamily(Categorical(logits=logits), Independent(normal(mean, log_var), 1)).log_prob(z)


def pairs(z, mean, log_var):
    return torch.stack([normal(mean, log_var).log_prob(point).sum(-1) for point in z])


def saw(step, total, cycles):
    length = total / cycles
    return step / length - math.floor(step / length)


def best_two(information, scale):
    """The gap of the two best latents for each factor, divided by ``scale``."""
    ordered = information.sort(0).values
    return (ordered[-1] - ordered[-2]) / scale


BROKEN = {
    "04.5": {
        "allowance for each example": [lambda kl, free: torch.maximum(kl, torch.tensor(free)).sum(1).mean(0)],
        "one allowance for the whole code": [
            lambda kl, free: max(kl.sum(1).mean(), torch.tensor(free)),
            lambda kl, free: torch.maximum(kl.sum(1), torch.tensor(free)).mean(),
        ],
        "maximum and minimum swapped": [lambda kl, free: torch.clamp(kl.mean(0), max=free).sum()],
        "allowance subtracted": [lambda kl, free: torch.relu(kl.mean(0) - free).sum()],
        "allowance added": [lambda kl, free: free + kl.sum(1).mean()],
        "averaged over the latent dimensions": [
            lambda kl, free: torch.clamp(kl.mean(0), min=free).mean(),
            lambda kl, free: torch.clamp(kl, min=free).mean(),
        ],
        "batch and latent axes swapped": [lambda kl, free: torch.clamp(kl.mean(-1), min=free).sum()],
        "not summed over the latent dimensions": [lambda kl, free: torch.clamp(kl.mean(0), min=free)],
    },
    "04.2": {
        "β forgotten": [{"active": 3, "rate": 3.119, "beta": 8}],
        "a direction at the water level counted": [{"active": 3, "rate": 2.079, "beta": 8}],
        "one half forgotten": [{"active": 2, "rate": 4.159, "beta": 8}],
        "bits instead of nats": [{"active": 2, "rate": 0.5 * math.log2(64), "beta": 8}],
        "water level without σ²": [{"active": 2, "rate": 0.5 * math.log(8 / 2), "beta": 8}],
        "level of the wrong eigenvalue": [{"active": 2, "rate": 2.079, "beta": 8 / 0.25}],
        "λ taken for β": [{"active": 2, "rate": 2.079, "beta": 2}],
    },
    "04.6": {
        "one long rise": [lambda s, t, c, r: min(s / (r * t), 1.0)],
        "rising through the whole cycle": [lambda s, t, c, r: saw(s, t, c)],
        "never reaching 1": [lambda s, t, c, r: min(saw(s, t, c), r)],
        "rising and falling": [
            lambda s, t, c, r: 2 * min(saw(s, t, c), 1 - saw(s, t, c)),
            lambda s, t, c, r: min(saw(s, t, c) / r, (1 - saw(s, t, c)) / (1 - r)),
        ],
        "falling from 1 to 0": [lambda s, t, c, r: max(0.0, 1 - saw(s, t, c) / r)],
        "share of the run instead of the cycle": [lambda s, t, c, r: min(1.0, s % (t / c) / (r * t))],
        "number of cycles taken for their length": [lambda s, t, c, r: min(1.0, (s % c) / (r * c))],
    },
    "04.1": {
        "direction swapped": [lambda mq, lq, mp, lp: each(mp, lp, mq, lq).sum(1)],
        "p taken for the standard normal": [
            lambda mq, lq, mp, lp: divergence(normal(mq, lq), Normal(0.0, 1.0)).sum(1)
        ],
        "distance not divided by the variance of p": [
            lambda mq, lq, mp, lp: (each(mq * 0, lq, mp * 0, lp) + (mq - mp) ** 2 / 2).sum(1)
        ],
        "distance divided by the variance of q": [
            lambda mq, lq, mp, lp: (each(mq * 0, lq, mp * 0, lp) + (mq - mp) ** 2 / lq.exp() / 2).sum(1)
        ],
        "sign of the logarithms flipped": [lambda mq, lq, mp, lp: (each(mq, lq, mp, lp) + lq - lp).sum(1)],
        "missing one half": [lambda mq, lq, mp, lp: 2 * each(mq, lq, mp, lp).sum(1)],
        "log_var taken for log σ": [
            lambda mq, lq, mp, lp: divergence(Normal(mq, lq.exp()), Normal(mp, lp.exp())).sum(1)
        ],
        "not summed over the latent dimensions": [each],
        "averaged over the latent dimensions": [lambda mq, lq, mp, lp: each(mq, lq, mp, lp).mean(1)],
    },
    "04.3": {
        "mean of the logarithms": [lambda z, m, lv: pairs(z, m, lv).mean(1)],
        "divided by n forgotten": [lambda z, m, lv: mixture(z, m, lv) + math.log(len(m))],
        "a mixture for each dimension by itself": [
            lambda z, m, lv: sum(
                mixture(z[:, j : j + 1], m[:, j : j + 1], lv[:, j : j + 1]) for j in range(z.shape[1])
            )
        ],
        "densities that underflow": [lambda z, m, lv: torch.log(torch.exp(pairs(z, m, lv)).mean(1))],
        "one Gaussian with the mean moments": [
            lambda z, m, lv: normal(m.mean(0), lv.mean(0)).log_prob(z).sum(1),
            lambda z, m, lv: Normal(m.mean(0), lv.exp().mean(0).sqrt()).log_prob(z).sum(1),
        ],
        "missing constant": [lambda z, m, lv: mixture(z, m, lv) + z.shape[1] * math.log(2 * math.pi) / 2],
        "log_var taken for log σ": [lambda z, m, lv: mixture(z, m, 2 * lv)],
        "normalizer forgotten": [
            lambda z, m, lv: torch.logsumexp(pairs(z, m, lv) + 0.5 * lv.sum(1), 1) - math.log(len(m))
        ],
        "summed over the points": [lambda z, m, lv: torch.logsumexp(pairs(z, m, lv), 0) - math.log(len(z))],
    },
    "04.4": {
        "gap between factors instead of latents": [
            lambda i, h: (
                sum((row.sort().values[-1] - row.sort().values[-2]) / h[row.argmax()] for row in i) / len(i)
            )
        ],
        "not divided by the entropy": [lambda i, h: best_two(i, torch.ones_like(h)).mean()],
        "divided by the largest information": [lambda i, h: best_two(i, i.max(0).values).mean()],
        "the second best forgotten": [lambda i, h: (i.max(0).values / h).mean()],
        "largest minus smallest": [lambda i, h: ((i.max(0).values - i.min(0).values) / h).mean()],
        "largest minus the mean of the others": [
            lambda i, h: ((s := i.sort(0).values)[-1] - s[:-1].mean(0)).div(h).mean()
        ],
        "summed over the factors": [lambda i, h: best_two(i, h).sum()],
        "mean gap over mean entropy": [lambda i, h: best_two(i, torch.ones_like(h)).sum() / h.sum()],
        "not averaged over the factors": [best_two],
    },
}

UNUSUAL = {
    "04.5": {
        "the package's loss": lambda kl, free: ElboTerms(torch.zeros(len(kl)), kl.sum(-1), kl).loss(
            1.0, free
        ),
        "a loop": lambda kl, free: sum(max(free, column.mean()) for column in kl.T),
    },
    "04.2": {"tensors": {"active": 2.0, "rate": torch.tensor(2.0794), "beta": np.int64(8)}},
    "04.6": {
        "numpy": lambda s, t, c, r: np.clip(saw(s, t, c) / r, 0, 1),
    },
    "04.1": {
        "torch.distributions": lambda mq, lq, mp, lp: divergence(
            Independent(normal(mq, lq), 1), Independent(normal(mp, lp), 1)
        ),
        "full covariances": lambda mq, lq, mp, lp: divergence(
            MultivariateNormal(mq, torch.diag_embed(lq.exp())),
            MultivariateNormal(mp, torch.diag_embed(lp.exp())),
        ),
    },
    "04.3": {
        "torch.distributions": mixture,
        "the package": lambda z, m, lv: log_aggregate(z, GaussianPosterior(m, lv)),
    },
    "04.4": {
        "numpy": lambda i, h: float(np.mean(-np.diff(-np.sort(-i.numpy(), axis=0), axis=0)[0] / h.numpy())),
        "a loop": lambda i, h: (
            sum(
                (column.max() - column[column < column.max()].max()) / own
                for column, own in zip(i.T, h, strict=True)
            )
            / len(h)
        ),
    },
}


def test_each_classic_mistake_is_recognized_by_name(capsys):
    with capsys.disabled():
        assert_recognized("04", BROKEN)


@pytest.mark.parametrize(
    ("identifier", "name"), [(identifier, name) for identifier, named in UNUSUAL.items() for name in named]
)
def test_a_correct_but_unusual_answer_passes(identifier, name):
    verdict = verdict_of(identifier, UNUSUAL[identifier][name])
    assert verdict.correct, verdict


def test_the_water_level_is_the_package_s():
    rates = water_filling(torch.tensor([8.0, 2.0, 0.5]), 2 * 0.25)
    assert verdict_of("04.2", {"active": int((rates > 0).sum()), "rate": rates.sum(), "beta": 8}).correct
    left = [
        int((water_filling(torch.tensor([8.0, 2.0, 0.5]), beta * 0.25) > 0).sum()) for beta in (7.99, 8.0)
    ]
    assert left == [2, 1]
