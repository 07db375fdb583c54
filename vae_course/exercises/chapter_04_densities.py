"""Exercises of chapter 04 on densities: the KL of two Gaussians, and the aggregate posterior."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vae_course.exercises.exercise import Exercise, Mistake


def kl_of_two(mean_q: Tensor, log_var_q: Tensor, mean_p: Tensor, log_var_p: Tensor) -> Tensor:
    apart = (mean_q - mean_p) ** 2 / log_var_p.exp()
    wider = (log_var_q - log_var_p).exp()
    return 0.5 * (apart + wider - 1 + log_var_p - log_var_q).sum(-1)


def _pairs(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    return [
        tuple(0.8 * torch.randn(shape, generator=generator) for _ in range(4)) for shape in ((5, 3), (3, 1))
    ]


def _two(mq: Tensor, lq: Tensor, mp: Tensor, lp: Tensor) -> Tensor:
    """Divergence of each dimension."""
    return 0.5 * ((mq - mp) ** 2 / lp.exp() + (lq - lp).exp() - 1 + lp - lq)


KL_OF_TWO = Exercise(
    id="04.4",
    title="The KL of two Gaussians",
    contract="kl_of_two(mean_q, log_var_q, mean_p, log_var_p): four float tensors (batch, latent); log_var "
    "is log σ². Returns KL(q || p) of the two diagonal Gaussians of each example in nats, (batch,). With "
    "p = N(0, I) it must be the KL term of the ELBO.",
    stub='''def kl_of_two(
    mean_q: torch.Tensor, log_var_q: torch.Tensor, mean_p: torch.Tensor, log_var_p: torch.Tensor
) -> torch.Tensor:
    """Four tensors (batch, latent); log_var is log σ². Returns KL(q || p) in nats, shape (batch,)."""
    ...''',
    hints=(
        "Write E_q[log q - log p] for one dimension; under q, the expectation of (z - μ_p)² has two parts.",
        "Measure everything in widths of p: how many of them are the means apart, how wide is q?",
        "The terms: squared distance over σ_p², ratio of variances, -1, logarithm of the inverse ratio.",
    ),
    mistakes=(
        Mistake(
            "direction swapped",
            "KL is not symmetric: the expectation is under q, so p's variance is in the denominator.",
            lambda mq, lq, mp, lp: _two(mp, lp, mq, lq).sum(-1),
        ),
        Mistake(
            "p taken for the standard normal",
            "p has a mean and a variance of its own.",
            lambda mq, lq, mp, lp: _two(mq, lq, torch.zeros_like(mp), torch.zeros_like(lp)).sum(-1),
        ),
        Mistake(
            "distance not divided by the variance of p",
            "The same distance is far for a narrow p and near for a wide one.",
            lambda mq, lq, mp, lp: 0.5 * ((mq - mp) ** 2 + (lq - lp).exp() - 1 + lp - lq).sum(-1),
        ),
        Mistake(
            "distance divided by the variance of q",
            "Whose density is it that is evaluated away from its center?",
            lambda mq, lq, mp, lp: 0.5 * ((mq - mp) ** 2 / lq.exp() + (lq - lp).exp() - 1 + lp - lq).sum(-1),
        ),
        Mistake(
            "sign of the logarithms flipped",
            "Make q much narrower than p: the divergence must grow without limit.",
            lambda mq, lq, mp, lp: 0.5 * ((mq - mp) ** 2 / lp.exp() + (lq - lp).exp() - 1 - lp + lq).sum(-1),
        ),
        Mistake(
            "missing one half",
            "A Gaussian's exponent has a factor in front.",
            lambda mq, lq, mp, lp: 2 * _two(mq, lq, mp, lp).sum(-1),
        ),
        Mistake(
            "log_var taken for log σ",
            "log_var is the logarithm of σ², not of σ.",
            lambda mq, lq, mp, lp: _two(mq, 2 * lq, mp, 2 * lp).sum(-1),
        ),
        Mistake(
            "not summed over the latent dimensions",
            "One number for each example is asked for.",
            _two,
        ),
        Mistake(
            "averaged over the latent dimensions",
            "Independent dimensions: do their divergences add up or average?",
            lambda mq, lq, mp, lp: _two(mq, lq, mp, lp).mean(-1),
        ),
    ),
    reference=kl_of_two,
    cases=_pairs,
    low=0.0,
)


def log_mixture(z: Tensor, mean: Tensor, log_var: Tensor) -> Tensor:
    squared = (z[:, None] - mean) ** 2 * torch.exp(-log_var)
    log_each = -0.5 * (squared + log_var + math.log(2 * math.pi)).sum(-1)
    return torch.logsumexp(log_each, dim=1) - math.log(len(mean))


def _clouds(seed: int) -> list[tuple]:
    """Ordinary clouds, and a point so far from all of them that every density underflows."""
    generator = torch.Generator().manual_seed(seed)
    mean, z = torch.randn(7, 2, generator=generator), torch.randn(4, 2, generator=generator)
    log_var = 0.5 * torch.randn(7, 2, generator=generator) - 1
    return [(z, mean, log_var), (torch.tensor([[40.0, -30.0]]), mean, log_var)]


def _densities(z: Tensor, mean: Tensor, log_var: Tensor) -> Tensor:
    """log N of each point, cloud and dimension: (m, n, latent)."""
    return -0.5 * ((z[:, None] - mean) ** 2 * torch.exp(-log_var) + log_var + math.log(2 * math.pi))


LOG_MIXTURE = Exercise(
    id="04.5",
    title="The aggregate posterior",
    contract="log_mixture(z, mean, log_var): z is (m, latent); mean and log_var = log σ² are (n, latent), "
    "one q(z|x) for each of n examples. Returns log q(z) of the aggregate posterior at each z, nats, (m,), "
    "finite also far away from every cloud.",
    stub='''def log_mixture(z: torch.Tensor, mean: torch.Tensor, log_var: torch.Tensor) -> torch.Tensor:
    """z: (m, latent); mean, log_var: (n, latent). Returns log q(z) in nats, shape (m,)."""
    ...''',
    hints=(
        "q(z) is a mixture: an average of n densities. First get log N(z; μ_i, σ_i²) for every pair, (m, n).",
        "z[:, None] has shape (m, 1, latent) and broadcasts against (n, latent).",
        "The logarithm of an average of exponentials: torch.logsumexp, and what about the n?",
    ),
    mistakes=(
        Mistake(
            "mean of the logarithms",
            "The densities are averaged, and then comes the logarithm.",
            lambda z, m, lv: _densities(z, m, lv).sum(-1).mean(1),
        ),
        Mistake(
            "divided by n forgotten",
            "A density must integrate to 1: n clouds with weight 1 each do not.",
            lambda z, m, lv: torch.logsumexp(_densities(z, m, lv).sum(-1), 1),
        ),
        Mistake(
            "a mixture for each dimension by itself",
            "A cloud has all its coordinates from the same example: sum over dimensions before the mixture.",
            lambda z, m, lv: (torch.logsumexp(_densities(z, m, lv), 1) - math.log(len(m))).sum(-1),
        ),
        Mistake(
            "densities that underflow",
            "Right nearby. Far away every exp is 0: stay with logarithms.",
            lambda z, m, lv: _densities(z, m, lv).sum(-1).exp().mean(1).log(),
        ),
        Mistake(
            "one Gaussian with the mean moments",
            "The average of many clouds is no Gaussian.",
            (
                lambda z, m, lv: _densities(z, m.mean(0, True), lv.mean(0, True)).sum((1, 2)),
                lambda z, m, lv: _densities(z, m.mean(0, True), lv.exp().mean(0, True).log()).sum((1, 2)),
                lambda z, m, lv: _densities(
                    z, m.mean(0, True), (lv.exp().mean(0, True) + m.var(0, False, keepdim=True)).log()
                ).sum((1, 2)),
            ),
        ),
        Mistake(
            "missing constant",
            "log N(0; 0, 1) is not 0.",
            lambda z, m, lv: (
                torch.logsumexp(_densities(z, m, lv).sum(-1), 1)
                - math.log(len(m))
                + 0.5 * z.shape[-1] * math.log(2 * math.pi)
            ),
        ),
        Mistake(
            "log_var taken for log σ",
            "log_var is the logarithm of σ², not of σ.",
            lambda z, m, lv: torch.logsumexp(_densities(z, m, 2 * lv).sum(-1), 1) - math.log(len(m)),
        ),
        Mistake(
            "normalizer forgotten",
            "A narrow cloud is higher: where does its width enter besides the exponent?",
            lambda z, m, lv: torch.logsumexp((_densities(z, m, lv) + 0.5 * lv).sum(-1), 1) - math.log(len(m)),
        ),
        Mistake(
            "summed over the points",
            "One number for each z is asked for; which axis holds the clouds?",
            lambda z, m, lv: torch.logsumexp(_densities(z, m, lv).sum(-1), 0) - math.log(len(z)),
        ),
    ),
    reference=log_mixture,
    cases=_clouds,
)
