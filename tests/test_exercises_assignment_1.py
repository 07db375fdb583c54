"""Assignment A1's questions: independently written wrong answers are named, unusual right ones pass."""

import math

import numpy as np
import pytest
import torch
from exercise_answers import assert_graded_fairly, verdict_of
from torch.distributions import Independent, Normal, kl_divergence

from vae_course.exercises.points import NotYet, require
from vae_course.teaching.engine import exercises


def density(x, mean, log_var):
    """−log density of each column."""
    return -Normal(mean, (log_var / 2).exp()).log_prob(x)


def divergence(mean, log_var, prior_std):
    return kl_divergence(
        Normal(mean, (log_var / 2).exp()), Normal(torch.zeros_like(mean), torch.full_like(mean, prior_std))
    )


def noisy(shape, generator):
    return torch.empty(shape).normal_(generator=generator)


def terms(x, encode, decode, log_var_x, beta=1.0, generator=None, at_mean=False):
    mean, log_var = encode(x)
    z = mean if at_mean else mean + (log_var / 2).exp() * noisy(mean.shape, generator)
    return density(x, decode(z), log_var_x).sum(1), divergence(mean, log_var, 1.0).sum(1)


def packed(loss, reconstruction=lambda rec: rec, kl=lambda kl: kl, at_mean=False):
    """A whole answer to A1.5 from the two right terms and what is done to them."""

    def answer(x, encode, decode, log_var_x, beta=1.0, generator=None):
        rec, rate = terms(x, encode, decode, log_var_x, beta, generator, at_mean)
        return {"reconstruction": reconstruction(rec), "kl": kl(rate), "loss": loss(rec, rate, beta)}

    return answer


def usual(rec, kl, beta):
    return torch.mean(rec + beta * kl)


BROKEN = {
    "A1.1": {
        "scaled by the held-out table itself": [lambda a, b: (b - b.mean(dim=0)) / b.std(dim=0)],
        "scaled by both tables together": [
            lambda a, b: (b - torch.vstack((a, b)).mean(0)) / torch.vstack((a, b)).std(0)
        ],
        "one scale for all columns": [lambda a, b: b.sub(a.mean()).div(a.std())],
        "scaled along the rows": [lambda a, b: ((b.T - b.mean(1)) / b.std(1)).T],
        "divided by the variance": [lambda a, b: (b - a.mean(0)) / a.std(0) ** 2],
        "mean not subtracted": [lambda a, b: b / a.std(0)],
        "not divided": [lambda a, b: b - torch.mean(a, 0)],
        "squeezed into [0, 1]": [lambda a, b: (b - a.min(0).values) / (a.max(0).values - a.min(0).values)],
        "the training table returned": [lambda a, b: (a - a.mean(0)) / a.std(0)],
    },
    "A1.2": {
        "½ log 2π left out": [
            lambda x, m, lv: (density(x, m, lv) - 0.5 * math.log(2 * math.pi)).sum(1),
            lambda x, m, lv: torch.nn.functional.gaussian_nll_loss(
                m, x, lv.exp().expand_as(x), reduction="none"
            ).sum(1),
        ],
        "squared error only": [
            lambda x, m, lv: torch.nn.functional.mse_loss(m, x, reduction="none").sum(1),
            lambda x, m, lv: torch.nn.functional.mse_loss(m, x, reduction="none").mean(1),
            lambda x, m, lv: ((x - m) ** 2 / torch.exp(lv)).sum(1) / 2,
        ],
        "log σ² left out": [lambda x, m, lv: (density(x, m, lv) - lv / 2).sum(1)],
        "missing one half": [lambda x, m, lv: 2 * density(x, m, lv).sum(1)],
        "log_var taken for log σ": [lambda x, m, lv: -Normal(m, lv.exp()).log_prob(x).sum(1)],
        "σ where σ² belongs": [
            lambda x, m, lv: (
                ((math.log(2 * math.pi) + lv).expand_as(x) + (x - m).square() / torch.sqrt(lv.exp())).sum(1)
                / 2
            )
        ],
        "flipped sign": [lambda x, m, lv: Normal(m, (lv / 2).exp()).log_prob(x).sum(1)],
        "averaged over the columns": [lambda x, m, lv: density(x, m, lv).mean(1)],
        "one number for the whole batch": [
            lambda x, m, lv: density(x, m, lv).sum(),
            lambda x, m, lv: density(x, m, lv).sum(1).mean(),
        ],
        "not summed over the columns": [density],
    },
    "A1.3": {
        "prior_std ignored": [lambda m, lv, s: divergence(m, lv, 1.0).sum(1)],
        "prior_std taken for the variance": [lambda m, lv, s: divergence(m, lv, math.sqrt(s)).sum(1)],
        "log s² left out": [lambda m, lv, s: 0.5 * ((m / s) ** 2 + lv.exp() / s**2 - 1 - lv).sum(1)],
        "only the mean rescaled": [lambda m, lv, s: divergence(m / s, lv, 1.0).sum(1)],
        "multiplied by s² instead of divided": [lambda m, lv, s: divergence(m, lv, 1 / s).sum(1)],
        "KL the other way round": [
            lambda m, lv, s: kl_divergence(
                Normal(torch.zeros_like(m), torch.full_like(m, s)), Normal(m, (lv / 2).exp())
            ).sum(1)
        ],
        "missing one half": [lambda m, lv, s: 2 * divergence(m, lv, s).sum(1)],
        "flipped sign": [lambda m, lv, s: -divergence(m, lv, s).sum(1)],
        "log_var taken for log σ": [
            lambda m, lv, s: kl_divergence(
                Normal(m, lv.exp()), Normal(torch.zeros_like(m), torch.full_like(m, s))
            ).sum(1)
        ],
        "averaged over the latent dimensions": [lambda m, lv, s: divergence(m, lv, s).mean(1)],
        "one number for the whole batch": [
            lambda m, lv, s: divergence(m, lv, s).sum(),
            lambda m, lv, s: divergence(m, lv, s).sum(1).mean(),
        ],
    },
    "A1.4": {
        "one draw instead of n": [lambda m, lv, n, g=None: m + (lv / 2).exp() * noisy(m.shape, g)],
        "sampling switched off": [lambda m, lv, n, g=None: m.expand(n, *m.shape)],
        "the same draw n times": [
            lambda m, lv, n, g=None: (m + (lv / 2).exp() * noisy(m.shape, g)).repeat(n, 1, 1)
        ],
        "one noise for the whole batch": [
            lambda m, lv, n, g=None: m + (lv / 2).exp() * noisy((n, 1, m.shape[1]), g)
        ],
        "variance used as standard deviation": [
            lambda m, lv, n, g=None: m + lv.exp() * noisy((n, *m.shape), g)
        ],
        "noise not scaled": [lambda m, lv, n, g=None: m + 0 * lv + noisy((n, *m.shape), g)],
        "sign of log_var flipped": [lambda m, lv, n, g=None: m + (-lv / 2).exp() * noisy((n, *m.shape), g)],
        "log_var used as standard deviation": [lambda m, lv, n, g=None: m + lv * noisy((n, *m.shape), g)],
        "no gradient": [
            lambda m, lv, n, g=None: (m + (lv / 2).exp() * noisy((n, *m.shape), g)).detach(),
            lambda m, lv, n, g=None: m.detach() + (lv / 2).exp() * noisy((n, *m.shape), g),
        ],
        "generator ignored": [lambda m, lv, n, g=None: Normal(m, (lv / 2).exp()).rsample((n,))],
        "always the same noise": [
            lambda m, lv, n, g=None: (
                m + (lv / 2).exp() * noisy((n, *m.shape), torch.Generator().manual_seed(0))
            )
        ],
    },
    "A1.5": {
        "terms averaged over the batch": [packed(usual, lambda rec: rec.mean(), lambda kl: kl.mean())],
        "a term with the wrong sign": [packed(usual, lambda rec: -rec), packed(usual, kl=lambda kl: -kl)],
        "a term averaged over its dimensions": [
            packed(usual, reconstruction=lambda rec: rec / 5),
            packed(usual, kl=lambda kl: kl / 3),
        ],
        "missing one half": [packed(usual, kl=lambda kl: 2 * kl)],
        "one half too many": [packed(usual, reconstruction=lambda rec: rec / 2)],
        "β left out": [packed(lambda rec, kl, beta: (rec + kl).mean())],
        "β on the wrong term": [packed(lambda rec, kl, beta: (beta * rec + kl).mean())],
        "KL subtracted from the loss": [packed(lambda rec, kl, beta: rec.mean() - beta * kl.mean())],
        "the ELBO instead of its negative": [packed(lambda rec, kl, beta: -usual(rec, kl, beta))],
        "loss summed over the batch": [packed(lambda rec, kl, beta: (rec + beta * kl).sum())],
        "KL summed over the batch": [packed(lambda rec, kl, beta: rec.mean() + beta * kl.sum())],
        "reconstruction summed over the batch": [packed(lambda rec, kl, beta: rec.sum() + beta * kl.mean())],
        "decoded at the mean": [packed(usual, at_mean=True)],
    },
    "A1.6": {
        "σ given instead of σ²": [{"beta 1": math.sqrt(0.2), "beta 4": math.sqrt(0.5)}],
        "log σ² given": [{"beta 1": math.log(0.2), "beta 4": math.log(0.5)}],
        "β ignored": [{"beta 1": 0.2, "beta 4": 0.2}],
        "β on the reconstruction term": [{"beta 1": 0.2, "beta 4": 0.06}],
    },
    "A1.7": {
        "A and C exchanged": [{"run 1": "A", "run 2": "B", "run 3": "C"}],
        "A and B exchanged": [{"run 1": "C", "run 2": "A", "run 3": "B"}],
    },
}
UNUSUAL = {
    "A1.1": [
        lambda a, b: torch.from_numpy((b.numpy() - a.numpy().mean(0)) / a.numpy().std(0)),  # divides by n
        lambda a, b: torch.stack([(row - a.mean(0)) / a.std(0) for row in b]),
    ],
    "A1.2": [
        lambda x, m, lv: -Independent(Normal(m, lv.exp().sqrt()), 1).log_prob(x),
        lambda x, m, lv: -torch.distributions.MultivariateNormal(m, torch.diag(lv.exp())).log_prob(x),
        lambda x, m, lv: [float(density(a, b, lv).sum()) for a, b in zip(x, m, strict=True)],
    ],
    "A1.3": [
        lambda m, lv, s: divergence(m / s, lv - 2 * math.log(s), 1.0).sum(1),
        lambda m, lv, s: torch.einsum("bk->b", divergence(m.double(), lv.double(), s)),
        lambda m, lv, s: np.sum(divergence(m, lv, s).numpy(), axis=-1),
    ],
    "A1.4": [
        lambda m, lv, n, g=None: torch.stack([m + (lv / 2).exp() * noisy(m.shape, g) for _ in range(n)]),
        lambda m, lv, n, g=None: m - lv.exp().sqrt() * noisy((n, *m.shape), g),
    ],
    "A1.5": [
        packed(usual),
        packed(lambda rec, kl, beta: rec.mean() + beta * kl.mean()),
        packed(lambda rec, kl, beta: float(usual(rec, kl, beta))),
    ],
    "A1.6": [{"beta 1": 1 / 5, "beta 4": np.float64(0.51)}, {"beta 1": torch.tensor(0.21), "beta 4": 0.49}],
    "A1.7": [{"run 1": "c", "run 2": " B ", "run 3": "A"}],
}


def test_the_answers_get_what_they_deserve():
    assert_graded_fairly("A1", BROKEN, UNUSUAL)


def test_an_answer_fitted_to_the_visible_cases_earns_nothing():
    exercise = exercises("A1")[1]
    known = {
        tuple(x.shape): (x, exercise.reference(x, mean, log_var))
        for x, mean, log_var in exercise.cases(exercise.seed)
    }
    lookup = lambda x, mean, log_var: known[tuple(x.shape)][1]  # noqa: E731
    assert verdict_of("A1.2", lookup).correct
    with pytest.raises(NotYet, match=r"Question A1\.2"):
        require("A1.2", lookup)
