"""Chapter 01's exercises: independently written wrong answers are named, unusual right ones pass."""

import math

import numpy as np
import pytest
import torch
from exercise_answers import assert_recognized, verdict_of
from torch.distributions import Independent, Normal, kl_divergence

LOG_2PI = math.log(2 * math.pi)


def density(loop):
    """An answer to 01.7 from a function of one row: lists of floats in, one float out."""
    return lambda x, mean, std: torch.tensor(
        [loop(list(zip(a, b, strict=True)), std) for a, b in zip(x.tolist(), mean.tolist(), strict=True)]
    )


def normal(x, mean, std):
    return Normal(mean, std).log_prob(x)


def weights(log_joint, log_q):
    return np.asarray(log_joint, dtype=np.float64) - np.asarray(log_q, dtype=np.float64)


def kl_by_torch(a, b, c, d):
    return kl_divergence(Normal(a, b), Normal(c, d))


def written_out(mq, sq, mp, sp, half=0.5, constant=0.5, power=2):
    return sp.log() - sq.log() + half * (sq**2 + (mq - mp) ** power) / sp**2 - constant


def randn(shape, generator):
    return torch.randn(shape, generator=generator)


def seeded(seed):
    return torch.Generator().manual_seed(seed)


MATCH = {"autoencoder": "A", "vae": "B", "gan": "D", "held_out": "none"}

BROKEN = {
    "01.7": {
        "missing normalizer": [
            density(lambda row, s: -sum((a - m) ** 2 for a, m in row) / (2 * s * s)),
            lambda x, mean, std: -(x - mean).pow(2).sum(1).div(2 * std**2),
        ],
        "normalizer without the standard deviation": [
            density(lambda row, s: sum(-((a - m) ** 2) / (2 * s * s) - 0.5 * LOG_2PI for a, m in row)),
        ],
        "normalizer counted once": [
            density(
                lambda row, s: -sum((a - m) ** 2 for a, m in row) / (2 * s * s) - 0.5 * LOG_2PI - math.log(s)
            ),
        ],
        "missing one half": [
            density(lambda row, s: sum(-(((a - m) / s) ** 2) - 0.5 * LOG_2PI - math.log(s) for a, m in row)),
            lambda x, mean, std: 2 * normal(x, mean, std).sum(1),
        ],
        "standard deviation taken for the variance": [
            lambda x, mean, std: normal(x, mean, torch.tensor(std).sqrt()).sum(1),
            density(
                lambda row, var: sum(
                    -((a - m) ** 2) / (2 * var) - 0.5 * math.log(2 * math.pi * var) for a, m in row
                )
            ),
        ],
        "flipped sign": [lambda x, mean, std: -normal(x, mean, std).sum(1)],
        "averaged over the dimensions": [lambda x, mean, std: normal(x, mean, std).mean(1)],
        "not summed over the dimensions": [normal],
        "summed over the batch": [
            lambda x, mean, std: float(normal(x, mean, std).sum()),
            lambda x, mean, std: normal(x, mean, std).sum(dim=0),
        ],
        "density instead of its logarithm": [lambda x, mean, std: normal(x, mean, std).exp().prod(1)],
    },
    "01.2": {
        "missing grid width": [lambda j, dz: j.double().logsumexp(1)],
        "average over the grid": [
            lambda j, dz: (j - j.amax(1, True)).exp().mean(1).log() + j.amax(1),
        ],
        "sum of logarithms": [
            lambda j, dz: np.mean(j.numpy(), axis=1),
            lambda j, dz: torch.einsum("ng->n", j) * dz,
        ],
        "underflow": [lambda j, dz: torch.log(torch.sum(torch.exp(j) * dz, dim=1))],
        "width outside the logarithm": [lambda j, dz: dz * j.logsumexp(1), lambda j, dz: dz + j.logsumexp(1)],
        "largest term only": [lambda j, dz: j.amax(1), lambda j, dz: j.sort(1).values[:, -1] + math.log(dz)],
        "wrong axis": [lambda j, dz: np.log(dz) + j.T.logsumexp(1)],
        "density instead of its logarithm": [lambda j, dz: (dz * j.exp()).sum(1)],
    },
    "01.3": {
        "entropy with the wrong sign": [lambda j, q: np.mean(j.numpy() + q.numpy(), 1)],
        "entropy of q left out": [lambda j, q: j.sum(1) / j.shape[1]],
        "flipped sign": [lambda j, q: -np.mean(weights(j, q), 1), lambda j, q: (q - j).mean(1)],
        "sum over the samples": [lambda j, q: weights(j, q).sum(1)],
        "log of the mean weight": [lambda j, q: np.logaddexp.reduce(weights(j, q), 1) - np.log(j.shape[1])],
        "samples weighted by q again": [lambda j, q: torch.einsum("ns,ns->n", q.exp(), j - q)],
        "averaged over the examples": [lambda j, q: weights(j, q).mean()],
        "not averaged": [weights],
    },
    "01.4": {
        "bound taken for the likelihood": [{**MATCH, "vae": "C"}],
        "KL term forgotten": [{**MATCH, "vae": "a"}],
        "autoencoder taken for a density model": [{**MATCH, "autoencoder": "B"}],
        "likelihood given to the GAN": [{**MATCH, "gan": "B"}],
        "discriminator taken for a density": [{**MATCH, "held_out": "discriminator"}],
        "encoder given to the GAN": [{**MATCH, "held_out": "reconstruction"}],
    },
    "01.5": {
        "direction reversed": [lambda mq, sq, mp, sp: kl_by_torch(mp, sp, mq, sq)],
        "missing constant": [lambda *a: written_out(*a, constant=0)],
        "flipped sign": [lambda *a: -kl_by_torch(*a)],
        "missing one half": [lambda *a: written_out(*a, half=1), lambda *a: 2 * kl_by_torch(*a)],
        "standard deviation taken for the variance": [
            lambda mq, vq, mp, vp: 0.5 * (torch.log(vp / vq) + (vq + (mq - mp) ** 2) / vp - 1)
        ],
        "distance not squared": [lambda *a: written_out(*a, power=1)],
        "log ratio upside down": [
            lambda mq, sq, mp, sp: kl_by_torch(mq, sq, mp, sp) - (sp / sq).log() + (sq / sp).log()
        ],
        "summed over the batch": [lambda *a: kl_by_torch(*a).sum(), lambda *a: kl_by_torch(*a).mean().item()],
    },
    "01.6": {
        "mean of the logarithms": [lambda j, q: weights(j, q).mean(axis=1)],
        "missing log K": [lambda j, q: np.logaddexp.reduce(weights(j, q), axis=1)],
        "K divided outside the logarithm": [lambda j, q: np.logaddexp.reduce(weights(j, q), 1) / j.shape[1]],
        "underflow": [lambda j, q: torch.log((j.exp() / q.exp()).mean(1))],
        "weights upside down": [
            lambda j, q: np.logaddexp.reduce(-weights(j, q), axis=1) - np.log(j.shape[1])
        ],
        "proposal left out": [lambda j, q: j.logsumexp(1) - math.log(j.shape[1])],
        "averaged over the examples": [
            lambda j, q: float((np.logaddexp.reduce(weights(j, q), 1) - np.log(j.shape[1])).mean())
        ],
    },
}

BROKEN["01.1"] = {
    "one code for all": [lambda f, s, n, g=None: f(randn(1, g)) + s * randn((n, 2), g)],
    "codes in order": [lambda f, s, n, g=None: f(randn(n, g).sort().values) + s * randn((n, 2), g)],
    "codes not from the prior": [
        lambda f, s, n, g=None: f(torch.empty(n).uniform_(-1, 1, generator=g)) + s * randn((n, 2), g),
        lambda f, s, n, g=None: f(3 * randn(n, g)) + s * randn((n, 2), g),
    ],
    "noise added to the code": [lambda f, s, n, g=None: f(randn(n, g) + s * randn(n, g))],
    "noise left out": [lambda f, s, n, g=None: f(randn(n, g))],
    "one noise vector for all": [lambda f, s, n, g=None: f(randn(n, g)) + s * randn(2, g)],
    "one noise number for both coordinates": [lambda f, s, n, g=None: f(randn(n, g)) + s * randn((n, 1), g)],
    "noise not scaled": [lambda f, s, n, g=None: f(randn(n, g)) + randn((n, 2), g)],
    "standard deviation taken for the variance": [
        lambda f, s, n, g=None: f(randn(n, g)) + math.sqrt(s) * randn((n, 2), g)
    ],
    "variance taken for the standard deviation": [
        lambda f, s, n, g=None: f(randn(n, g)) + s * s * randn((n, 2), g)
    ],
    "noise not Gaussian": [
        lambda f, s, n, g=None: f(randn(n, g)) + s * randn((n, 2), g).sign(),
        lambda f, s, n, g=None: (
            f(randn(n, g)) + s * math.sqrt(3) * torch.empty(n, 2).uniform_(-1, 1, generator=g)
        ),
    ],
    "generator ignored": [
        lambda f, s, n, g=None: f(randn(n, g)) + s * torch.randn(n, 2),
        lambda f, s, n, g=None: f(torch.randn(n)) + s * randn((n, 2), g),
    ],
    "always the same draw": [lambda f, s, n, g=None: f(randn(n, seeded(3))) + s * randn((n, 2), seeded(4))],
}

UNUSUAL = {
    "01.1": {
        "torch.normal": lambda f, s, n, g=None: torch.normal(f(randn(n, g)), s, generator=g),
        "noise first": lambda f, s, n, g=None: s * randn((n, 2), g) + f(randn(n, g)),
        "transposed noise": lambda f, s, n, g=None: f(-randn(n, g)) + s * randn((2, n), g).T,
        "point by point": lambda f, s, n, g=None: torch.cat(
            [f(randn(1, g)) + s * randn((1, 2), g) for _ in range(n)]
        ),
        "numpy": lambda f, s, n, g=None: (f(randn(n, g)) + s * randn((n, 2), g)).numpy(),
        "float64": lambda f, s, n, g=None: f(randn(n, g).double()) + s * randn((n, 2), g).double(),
    },
    "01.7": {
        "torch.distributions": lambda x, mean, std: Independent(Normal(mean, std), 1).log_prob(x),
        "float64": lambda x, mean, std: normal(x.double(), mean.double(), std).sum(1),
        "numpy": lambda x, mean, std: (
            -0.5 * ((x.numpy() - mean.numpy()) ** 2 / std**2 + np.log(2 * np.pi * std**2)).sum(axis=1)
        ),
        "list of floats": lambda x, mean, std: normal(x, mean, std).sum(1).tolist(),
        "list of tensors": lambda x, mean, std: [
            normal(a, b, std).sum() for a, b in zip(x, mean, strict=True)
        ],
        "covariance matrix": lambda x, mean, std: torch.distributions.MultivariateNormal(
            torch.zeros(x.shape[1]), std**2 * torch.eye(x.shape[1])
        ).log_prob(x - mean),
        "in place": lambda x, mean, std: (
            x.sub(mean).div_(std).pow_(2).add_(math.log(2 * math.pi * std**2)).mul_(-0.5).sum(1)
        ),
    },
    "01.2": {
        "shifted by the maximum": lambda j, dz: (
            j.amax(1) + torch.log(dz * (j - j.amax(1, keepdim=True)).exp().sum(1))
        ),
        "trapezoid": lambda j, dz: (
            j.amax(1) + torch.trapezoid((j - j.amax(1, keepdim=True)).exp(), dx=dz).log()
        ),
        "numpy": lambda j, dz: np.logaddexp.reduce(j.numpy(), axis=1) + np.log(dz),
        "width inside": lambda j, dz: (j + math.log(dz)).logsumexp(1),
    },
    "01.3": {
        "two means": lambda j, q: j.mean(1) - q.mean(1),
        "numpy": lambda j, q: np.mean(weights(j, q), axis=1),
        "sum and count": lambda j, q: (j - q).sum(1) / j.shape[1],
    },
    "01.4": {"small letters": {"autoencoder": "a", "vae": " b ", "gan": "d", "held_out": "NONE"}},
    "01.5": {
        "torch.distributions": kl_by_torch,
        "numpy": lambda *a: written_out(*(torch.tensor(np.asarray(x, dtype=np.float64)) for x in a)).numpy(),
        "with log variances": lambda mq, sq, mp, sp: (
            0.5 * ((sp**2).log() - (sq**2).log() + (sq / sp) ** 2 + ((mq - mp) / sp) ** 2 - 1)
        ),
    },
    "01.6": {
        "numpy": lambda j, q: np.logaddexp.reduce(weights(j, q), axis=1) - np.log(j.shape[1]),
        "log of K inside": lambda j, q: (j - q - math.log(j.shape[1])).logsumexp(1),
        "loop": lambda j, q: torch.stack([row.double().logsumexp(0) - math.log(len(row)) for row in j - q]),
    },
}


def test_each_classic_mistake_is_recognized_by_name(capsys):
    with capsys.disabled():
        assert_recognized("01", BROKEN)


@pytest.mark.parametrize(
    ("identifier", "name"), [(identifier, name) for identifier, named in UNUSUAL.items() for name in named]
)
def test_a_correct_but_unusual_answer_passes(identifier, name):
    verdict = verdict_of(identifier, UNUSUAL[identifier][name])
    assert verdict.correct, verdict


def test_a_mistake_that_is_not_a_classic_is_measured():
    verdict = verdict_of("01.3", lambda j, q: (j - q).mean(1) * 1.5)
    assert (verdict.status, verdict.mistake) == ("wrong", None)
    assert "Every value is 1.5 times the expected one" in verdict.message
    verdict = verdict_of("01.3", lambda j, q: (j - q).mean(1) + 0.25)
    assert "off by the same +0.25" in verdict.message


def test_parts_of_a_choice_can_be_open_or_unknown():
    assert verdict_of("01.4", {**MATCH, "gan": ...}).message == "Not answered yet: 'gan' is still open."
    verdict = verdict_of("01.4", {**MATCH, "gan": "E"})
    assert verdict.status == "contract" and "one of A, B, C, D" in verdict.message
    verdict = verdict_of("01.4", {**MATCH, "gan": "A"})
    assert verdict.status == "wrong" and "3 of 4" in verdict.message and "'gan'" in verdict.message
    assert verdict_of("01.4", "B").status == "contract"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda f, s, n, g=None: randn((n, 2), g), "never called"),
        (lambda f, s, n, g=None: f(randn((n, 1), g))[:, 0], "(n,); it was given (20000, 1)"),
        (lambda f, s, n, g=None: (f(randn(n, g)) + s * randn((n, 2), g)).T, "(20000, 2)"),
        (lambda f, s, n, g=None: (f(randn(2 * n, g)) + s * randn((2 * n, 2), g))[:n], "20000 codes"),
        (lambda f, s, n, g=None: f(randn(n, g)) + 0.5 * s * randn((n, 2), g), "instead of 0.3"),
    ],
)
def test_a_sampler_that_breaks_its_contract_hears_how(answer, said):
    verdict = verdict_of("01.1", answer)
    assert not verdict.correct and said in verdict.message, verdict
