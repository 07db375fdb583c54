"""Chapter 05's exercises: independently written wrong answers are named, unusual right ones pass."""

import math

import pytest
import torch
from exercise_answers import assert_recognized, reference_of, stub_of, verdict_of
from torch import nn
from torch.distributions import Bernoulli, ContinuousBernoulli, Independent, Normal, kl_divergence
from torch.nn import functional as F

from vae_course.evaluation import LossWeights, effective_beta
from vae_course.exercises.engine import exercises
from vae_course.exercises.grading import grade
from vae_course.likelihoods.continuous_bernoulli import log_normalizer as package_normalizer


def unit(error):
    return 0.5 if error == "mse" else 1.0


def loss(
    x=lambda images: images / 255,
    limit=lambda raw: raw.clamp(-12, 12),
    noise=lambda mean, log_var, training: mean + torch.randn_like(mean) * log_var.mul(0.5).exp(),
    join=lambda bce, kl: bce + kl,
    pixels=lambda bce: bce.sum((1, 2, 3)),
    latent=lambda kl: kl.sum(-1),
    batch=torch.mean,
    logged=lambda kl: kl,
):
    """A loss in another hand: torch.distributions, and a clamp where the package has a tanh."""

    def answer(encode, decode, images, training=True):
        picture = x(images)
        mean, raw = encode(picture)
        log_var = limit(raw)
        logits = decode(noise(mean, log_var, training))
        bce = pixels(-Bernoulli(logits=logits, validate_args=False).log_prob(picture))
        kl = latent(-0.5 * (1 + log_var - mean.pow(2) - log_var.exp()))
        return {"reconstruction": batch(bce), "kl": batch(logged(kl)), "loss": batch(join(bce, kl))}

    return answer


BROKEN = {
    "05.1": {
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
    "05.3": {
        "variance instead of σ": [lambda x, y: F.mse_loss(y, x)],
        "mean absolute error": [lambda x, y: F.l1_loss(y, x)],
        "mean error taken out": [lambda x, y: torch.std(y - x), lambda x, y: (y - x).var().sqrt()],
        "summed over the pixels": [lambda x, y: F.mse_loss(y, x, reduction="sum").sqrt()],
        "one σ for each picture": [lambda x, y: ((x - y) ** 2).mean((1, 2, 3)) ** 0.5],
        "one half in the wrong place": [lambda x, y: (F.mse_loss(y, x) / 2).sqrt()],
    },
    "05.4": {
        "KL with the wrong sign": [loss(join=torch.sub), loss(join=torch.sub, logged=torch.neg)],
        "sign of the whole loss": [loss(join=lambda bce, kl: -bce - kl)],
        "reconstruction averaged over the pixels": [loss(pixels=lambda bce: bce.mean((1, 2, 3)))],
        "KL averaged over the latent dimensions": [loss(latent=lambda kl: kl.mean(-1))],
        "both averaged over everything": [
            loss(pixels=lambda bce: bce.mean((1, 2, 3)), latent=lambda kl: kl.mean(-1))
        ],
        "summed over the batch": [loss(batch=torch.sum)],
        "σ read as log σ²": [loss(noise=lambda m, s, t: m + s * torch.randn_like(m))],
        "variance used as standard deviation": [
            loss(noise=lambda m, lv, t: m + lv.exp() * torch.randn_like(m))
        ],
        "no sampling": [loss(noise=lambda mean, log_var, training: mean)],
        "no sampling in training": [
            loss(noise=lambda m, lv, t: m + (0.0 if t else 1.0) * torch.randn_like(m) * (lv / 2).exp())
        ],
        "evaluation at the mean": [
            loss(noise=lambda m, lv, training: Normal(m, (lv / 2).exp()).rsample() if training else m)
        ],
        "pixels of 0 to 255": [loss(x=lambda images: images.to(torch.float32))],
        "log σ² not bounded": [loss(limit=lambda raw: raw * 1.0)],
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


def with_distributions(encode, decode, images, training=True):
    x = images.double().float().div(255)
    mean, raw = encode(x)
    q = Independent(Normal(mean, (raw.clamp(-20, 10) / 2).exp()), 1)
    logits = decode(q.rsample())
    bce = F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)
    kl = kl_divergence(q, Independent(Normal(torch.zeros_like(mean), 1.0), 1)).mean()
    return {"loss": bce + kl, "reconstruction": bce, "kl": kl}


UNUSUAL = {
    "05.1": {
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
    "05.3": {
        "from the loss": lambda x, y: F.mse_loss(y, x) ** 0.5,
        "norm": lambda x, y: (x - y).norm() / math.sqrt(x.numel()),
        "a float": lambda x, y: float((x - y).double().pow(2).mean().sqrt()),
    },
    "05.4": {"torch.distributions": with_distributions, "clamp": loss()},
}


def test_every_classic_mistake_is_named():
    fingerprints = {name: [answer] for name, answer in NAMED.items()}
    assert_recognized("05", BROKEN | {"05.5": fingerprints})


@pytest.mark.parametrize("identifier,name", [(i, name) for i, answers in UNUSUAL.items() for name in answers])
def test_unusual_right_answers_pass(identifier, name):
    verdict = verdict_of(identifier, UNUSUAL[identifier][name])
    assert verdict.correct, verdict


@pytest.mark.parametrize("exercise", exercises("05"), ids=lambda exercise: exercise.id)
def test_solution_passes_and_stub_does_not(exercise):
    assert grade(exercise, reference_of(exercise)).correct
    assert grade(exercise, stub_of(exercise)).status == "not answered"
    assert len(exercise.hints) >= 2 and len(exercise.mistakes) >= 3


def test_a_loss_that_breaks_its_contract_hears_how():
    assert "encode expects floats" in verdict_of("05.4", loss(x=lambda images: images)).message
    assert "decode expects z" in verdict_of("05.4", loss(noise=lambda m, s, t: m[:, :1])).message
    assert "Expected a dict" in verdict_of("05.4", lambda *a: torch.zeros(3)).message
    assert "must be a tensor with one number" in verdict_of("05.4", loss(batch=lambda v: v)).message


def test_the_right_loss_trains_a_small_vae():
    torch.manual_seed(0)
    encoder, decoder = nn.Linear(6, 4), nn.Linear(2, 6)
    images = torch.randint(0, 256, (64, 1, 2, 3)).to(torch.uint8)
    terms = reference_of(next(e for e in exercises("05") if e.id == "05.4"))
    parameters = [*encoder.parameters(), *decoder.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=0.05)
    values = []
    for _ in range(60):
        out = terms(
            lambda x: encoder(x.flatten(1)).chunk(2, -1), lambda z: decoder(z).reshape(-1, 1, 2, 3), images
        )
        optimizer.zero_grad()
        out["loss"].backward()
        optimizer.step()
        values.append(out["loss"].item())
    assert values[-1] < values[0]
