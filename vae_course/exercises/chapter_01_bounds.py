"""Exercises of chapter 01 about bounds: the ELBO, the KL divergence, the importance-weighted bound."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vae_course.exercises.exercise import Exercise, Mistake


def elbo(log_joint: Tensor, log_q: Tensor) -> Tensor:
    return (log_joint - log_q).mean(-1)


def kl_gaussians(mean_q: Tensor, std_q: Tensor, mean_p: Tensor, std_p: Tensor) -> Tensor:
    squares = std_q**2 + (mean_q - mean_p) ** 2
    return torch.log(std_p / std_q) + squares / (2 * std_p**2) - 0.5


def importance_weighted_bound(log_joint: Tensor, log_q: Tensor) -> Tensor:
    log_weights = log_joint - log_q
    return torch.logsumexp(log_weights, dim=-1) - math.log(log_weights.shape[-1])


def _sample_cases(seed: int) -> list[tuple]:
    """log p(x, z) and log q(z) at S draws of z ~ q; in the last case every density underflows."""
    generator = torch.Generator().manual_seed(seed)
    cases = []
    for samples, distance in [(16, 0.0), (50, 2.0), (8, 2000.0)]:
        z = torch.randn(5, samples, generator=generator)
        log_q = -0.5 * (z**2 + math.log(2 * math.pi))
        log_joint = -0.7 * (z - 0.8) ** 2 - 1.3 - distance
        cases.append((log_joint, log_q))
    return cases


def _kl_cases(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    means = 1.5 * torch.randn(2, 8, generator=generator)
    stds = torch.rand(2, 8, generator=generator) * 1.6 + 0.3
    return [(means[0], stds[0], means[1], stds[1]), (means[1], stds[1], means[0], stds[0])]


ELBO = Exercise(
    id="01.3",
    title="The ELBO by Monte Carlo",
    contract="elbo(log_joint, log_q): both (n, S) float tensors, log p(x_i, z_is) and log q(z_is | x_i) at S "
    "samples z_is drawn from q(z | x_i). Returns the estimate of the ELBO of each x_i in nats: (n,).",
    stub='''def elbo(log_joint: torch.Tensor, log_q: torch.Tensor) -> torch.Tensor:
    """log_joint, log_q: (n, S), at S samples from q for each of n points. Returns the ELBO in nats, (n,)."""
    ...''',
    hints=(
        "The ELBO is an expectation under q. The samples already come from q.",
        "Inside the expectation stands a logarithm of a ratio, which is a difference.",
        "Average that difference over the samples, and over nothing else.",
    ),
    mistakes=(
        Mistake(
            "entropy with the wrong sign",
            "A wider q has more entropy. Should that raise the ELBO or lower it?",
            lambda log_joint, log_q: (log_joint + log_q).mean(-1),
        ),
        Mistake(
            "entropy of q left out",
            "Without the second argument the best q is a spike at one z. What stops it?",
            lambda log_joint, log_q: log_joint.mean(-1),
        ),
        Mistake(
            "flipped sign",
            "The ELBO is a lower bound of log p(x): the larger the better.",
            lambda log_joint, log_q: (log_q - log_joint).mean(-1),
        ),
        Mistake(
            "sum over the samples",
            "Twice as many samples should estimate the same number better, not double it.",
            lambda log_joint, log_q: (log_joint - log_q).sum(-1),
        ),
        Mistake(
            "log of the mean weight",
            "That is a tighter bound (exercise 01.6). Which comes first in the ELBO: logarithm or mean?",
            (
                lambda log_joint, log_q: importance_weighted_bound(log_joint, log_q),
                lambda log_joint, log_q: (log_joint - log_q).exp().mean(-1).log(),
            ),
        ),
        Mistake(
            "samples weighted by q again",
            "The samples were drawn from q, so likely ones already come more often.",
            (
                lambda log_joint, log_q: (log_q.exp() * (log_joint - log_q)).sum(-1),
                lambda log_joint, log_q: (log_q.exp() * (log_joint - log_q)).mean(-1),
            ),
        ),
        Mistake(
            "averaged over the examples",
            "One number for each x is asked for; which axis holds the samples?",
            (
                lambda log_joint, log_q: (log_joint - log_q).mean(),
                lambda log_joint, log_q: (log_joint - log_q).mean(0),
            ),
        ),
        Mistake(
            "not averaged",
            "An expectation is one number: the samples must disappear from the result.",
            lambda log_joint, log_q: log_joint - log_q,
        ),
    ),
    reference=elbo,
    cases=_sample_cases,
)

KL_GAUSSIANS = Exercise(
    id="01.5",
    title="The KL divergence between two Gaussians",
    contract="kl_gaussians(mean_q, std_q, mean_p, std_p): four (n,) float tensors, standard deviations > 0. "
    "Returns KL(N(mean_q, std_q²) || N(mean_p, std_p²)) in nats: (n,), never negative.",
    stub='''def kl_gaussians(
    mean_q: torch.Tensor, std_q: torch.Tensor, mean_p: torch.Tensor, std_p: torch.Tensor
) -> torch.Tensor:
    """Four (n,) tensors. Returns KL(N(mean_q, std_q²) || N(mean_p, std_p²)) in nats, shape (n,)."""
    ...''',
    hints=(
        "KL(q || p) is the mean of log q(z) - log p(z) under q. Write out both log densities.",
        "Under q, the mean of (z - mean_q)² is std_q². What is the mean of (z - mean_p)²?",
        "Three terms remain: the log of a ratio of standard deviations, a ratio of squares, a constant.",
    ),
    mistakes=(
        Mistake(
            "direction reversed",
            "The expectation is under q: whose squared distance to whom is measured in units of whom?",
            lambda mean_q, std_q, mean_p, std_p: kl_gaussians(mean_p, std_p, mean_q, std_q),
        ),
        Mistake(
            "missing constant",
            "Put in two equal Gaussians: what should come out, and what does?",
            lambda mean_q, std_q, mean_p, std_p: kl_gaussians(mean_q, std_q, mean_p, std_p) + 0.5,
        ),
        Mistake(
            "flipped sign",
            "A KL divergence is never negative.",
            lambda mean_q, std_q, mean_p, std_p: -kl_gaussians(mean_q, std_q, mean_p, std_p),
        ),
        Mistake(
            "missing one half",
            "Compare with the exponent of a Gaussian density: which factor stands in front of the square?",
            (
                lambda mean_q, std_q, mean_p, std_p: 2 * kl_gaussians(mean_q, std_q, mean_p, std_p),
                lambda mean_q, std_q, mean_p, std_p: (
                    kl_gaussians(mean_q, std_q, mean_p, std_p)
                    + (std_q**2 + (mean_q - mean_p) ** 2) / (2 * std_p**2)
                ),
            ),
        ),
        Mistake(
            "standard deviation taken for the variance",
            "std is σ. Check the units of every ratio.",
            lambda mean_q, std_q, mean_p, std_p: kl_gaussians(mean_q, std_q.sqrt(), mean_p, std_p.sqrt()),
        ),
        Mistake(
            "distance not squared",
            "Check the units: a distance over a variance is not a pure number.",
            (
                lambda mean_q, std_q, mean_p, std_p: (
                    torch.log(std_p / std_q) + (std_q**2 + mean_q - mean_p) / (2 * std_p**2) - 0.5
                ),
                lambda mean_q, std_q, mean_p, std_p: (
                    torch.log(std_p / std_q) + (std_q**2 + (mean_q - mean_p).abs()) / (2 * std_p**2) - 0.5
                ),
            ),
        ),
        Mistake(
            "log ratio upside down",
            "If q is much narrower than p, the divergence must grow. Does yours?",
            lambda mean_q, std_q, mean_p, std_p: (
                kl_gaussians(mean_q, std_q, mean_p, std_p) + 2 * torch.log(std_q / std_p)
            ),
        ),
        Mistake(
            "summed over the batch",
            "One divergence for each pair is asked for.",
            (
                lambda mean_q, std_q, mean_p, std_p: kl_gaussians(mean_q, std_q, mean_p, std_p).sum(),
                lambda mean_q, std_q, mean_p, std_p: kl_gaussians(mean_q, std_q, mean_p, std_p).mean(),
            ),
        ),
    ),
    reference=kl_gaussians,
    cases=_kl_cases,
    low=0.0,
)

IMPORTANCE_WEIGHTED = Exercise(
    id="01.6",
    title="A tighter bound from the same samples",
    contract="importance_weighted_bound(log_joint, log_q): (n, K) float tensors, as in 01.3, at K samples "
    "from q. Returns log of the mean over k of p(x_i, z_ik) / q(z_ik | x_i) in nats: (n,), finite even "
    "where the densities underflow (Burda et al. 2016, eq. 8).",
    stub='''def importance_weighted_bound(log_joint: torch.Tensor, log_q: torch.Tensor) -> torch.Tensor:
    """log_joint, log_q: (n, K), at K samples from q. Returns log mean_k (p / q) in nats, shape (n,)."""
    ...''',
    hints=(
        "The logarithm of each weight is a difference you already have from 01.3.",
        "Now the mean is taken over the weights themselves, and the logarithm comes last.",
        "log(mean) = log(sum) - log(K); torch.logsumexp gives log(sum) without underflow.",
    ),
    mistakes=(
        Mistake(
            "mean of the logarithms",
            "That is the ELBO. Here the logarithm is taken of the mean: by Jensen never smaller.",
            elbo,
        ),
        Mistake(
            "missing log K",
            "With twice as many samples the bound may rise a little, not by log 2.",
            lambda log_joint, log_q: torch.logsumexp(log_joint - log_q, -1),
        ),
        Mistake(
            "K divided outside the logarithm",
            "Dividing the sum by K is done before the logarithm. What does it become after it?",
            lambda log_joint, log_q: torch.logsumexp(log_joint - log_q, -1) / log_joint.shape[-1],
        ),
        Mistake(
            "underflow",
            "The formula is right, but weights like exp(-2000) are 0 in floating point.",
            lambda log_joint, log_q: (log_joint - log_q).exp().mean(-1).log(),
        ),
        Mistake(
            "weights upside down",
            "A sample that p likes more than q does should count more.",
            lambda log_joint, log_q: importance_weighted_bound(log_q, log_joint),
        ),
        Mistake(
            "proposal left out",
            "The samples come from q, not from the prior: dividing by q corrects for that.",
            lambda log_joint, log_q: importance_weighted_bound(log_joint, torch.zeros_like(log_q)),
        ),
        Mistake(
            "averaged over the examples",
            "One number for each x is asked for.",
            (
                lambda log_joint, log_q: importance_weighted_bound(log_joint, log_q).mean(),
                lambda log_joint, log_q: importance_weighted_bound(log_joint.T, log_q.T),
            ),
        ),
    ),
    reference=importance_weighted_bound,
    cases=_sample_cases,
)
