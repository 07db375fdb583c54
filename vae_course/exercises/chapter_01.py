"""The exercises of chapter 01."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from vae_course.exercises.noise import noise_problem
from vae_course.teaching.exercise import CONTRACT, WRONG, Exercise, Mistake, Verdict
from vae_course.teaching.grading import ContractBroken, contract_problem, to_tensor

# -------- Exercise of chapter 01 about what autoencoder, VAE and GAN optimize.

_OBJECTIVES = {
    "A": "a reconstruction error and nothing else",
    "B": "a lower bound of log p(x)",
    "C": "log p(x) itself, exactly",
    "D": "being mistaken for data by a second network that is trained at the same time",
}
_HELD_OUT = {
    "none": "it has none: it draws samples, and no density of a given x can be read off",
    "discriminator": "the discriminator's output is that density",
    "reconstruction": "from how well it reconstructs x",
}

OBJECTIVES = Exercise(
    id="01.4",
    title="What each model optimizes",
    contract="For 'autoencoder', 'vae' and 'gan' give the code of what training optimizes: "
    + "; ".join(f"{code}: {text}" for code, text in _OBJECTIVES.items())
    + ". For 'held_out' give the code of how a GAN's log-likelihood of a held-out x is found: "
    + "; ".join(f"{code}: {text}" for code, text in _HELD_OUT.items())
    + ".",
    stub='answer_01_4 = {"autoencoder": ..., "vae": ..., "gan": ..., "held_out": ...}',
    hints=(
        "For each model ask: which number goes down while it trains, and does it contain a density of x?",
        "Two of the three models have an encoder; only one of these two has a prior for its code.",
        "A density of x needs an integral over z. Who has a way to bound it?",
    ),
    mistakes=(
        Mistake(
            "bound taken for the likelihood",
            "What is the gap between the ELBO and log p(x), and is it zero during training?",
            value={"vae": "C"},
        ),
        Mistake(
            "KL term forgotten",
            "The VAE's loss has two terms; which model is left when the second one is dropped?",
            value={"vae": "A"},
        ),
        Mistake(
            "autoencoder taken for a density model",
            "An autoencoder has no prior over its code: from where would p(x) come?",
            value={"autoencoder": "B"},
        ),
        Mistake(
            "likelihood given to the GAN",
            "Look at the GAN's loss: does it contain a density of x anywhere?",
            value={"gan": "B"},
        ),
        Mistake(
            "discriminator taken for a density",
            "The discriminator compares two distributions. Does its output integrate to 1 over x?",
            value={"held_out": "discriminator"},
        ),
        Mistake(
            "encoder given to the GAN",
            "To reconstruct x a model must first encode it. Which part of a GAN does that?",
            value={"held_out": "reconstruction"},
        ),
    ),
    value={"autoencoder": "A", "vae": "B", "gan": "D", "held_out": "none"},
    codes={"autoencoder": _OBJECTIVES, "vae": _OBJECTIVES, "gan": _OBJECTIVES, "held_out": _HELD_OUT},
    explanation="The autoencoder only reconstructs. The VAE raises the ELBO, which is below log p(x) by\n"
    "KL(q(z|x) || p(z|x)). The GAN's generator defines p(x) through its samples alone; nothing in it\n"
    "evaluates p(x), so a held-out log-likelihood is a number it has no way to give.",
)


# -------- Exercises of chapter 01 about bounds: the ELBO, the KL divergence, the importance-weighted bound.


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
    near = means[0], stds[0], means[0] + 0.1 * stds[0], 1.05 * stds[0]
    return [(means[0], stds[0], means[1], stds[1]), (means[1], stds[1], means[0], stds[0]), near]


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
            "That is a tighter bound (chapter 02). Which comes first in the ELBO: logarithm or mean?",
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
        Mistake(
            "ratio of the means",
            "Take the difference of the two log densities at each sample first, then its mean.",
            lambda log_joint, log_q: log_joint.logsumexp(-1) - log_q.logsumexp(-1),
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
        Mistake(
            "p taken for the standard normal",
            "That formula knows one p alone. Which of your terms hold mean_p and std_p?",
            lambda mean_q, std_q, mean_p, std_p: kl_gaussians(mean_q, std_q, 0 * mean_p, std_p**0),
        ),
        Mistake(
            "both directions averaged",
            "A KL divergence has a direction; the average of both is another measure.",
            lambda mean_q, std_q, mean_p, std_p: (
                (kl_gaussians(mean_q, std_q, mean_p, std_p) + kl_gaussians(mean_p, std_p, mean_q, std_q)) / 2
            ),
        ),
        Mistake(
            "bits instead of nats",
            "Which logarithm?",
            lambda mean_q, std_q, mean_p, std_p: kl_gaussians(mean_q, std_q, mean_p, std_p) / math.log(2),
        ),
        Mistake(
            "both directions added",
            "One direction is asked for: the average is over q alone.",
            lambda mq, sq, mp, sp: kl_gaussians(mq, sq, mp, sp) + kl_gaussians(mp, sp, mq, sq),
        ),
        Mistake(
            "standard deviation of p not squared",
            "A squared distance is divided by a variance: check the unit of each fraction.",
            (
                lambda mean_q, std_q, mean_p, std_p: (
                    torch.log(std_p / std_q) + (std_q**2 + (mean_q - mean_p) ** 2) / (2 * std_p) - 0.5
                ),
                lambda mean_q, std_q, mean_p, std_p: (
                    torch.log(std_p / std_q)
                    + std_q**2 / (2 * std_p**2)
                    + (mean_q - mean_p) ** 2 / (2 * std_p)
                    - 0.5
                ),
                lambda mean_q, std_q, mean_p, std_p: (
                    torch.log(std_p / std_q) + (std_q + (mean_q - mean_p) ** 2) / (2 * std_p**2) - 0.5
                ),
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
        Mistake(
            "log K added",
            "A mean is a sum divided by K. What does the logarithm make of a division?",
            lambda log_joint, log_q: (log_joint - log_q).logsumexp(-1) + math.log(log_q.shape[-1]),
        ),
        Mistake(
            "only the largest weight",
            "The largest weight is part of the mean, not all of it.",
            lambda log_joint, log_q: (log_joint - log_q).max(-1).values,
        ),
        Mistake(
            "examples counted instead of samples",
            "The mean is over the samples of one x. Which axis holds them?",
            lambda log_joint, log_q: (log_joint - log_q).logsumexp(-1) - math.log(len(log_q)),
        ),
        Mistake(
            "p and q averaged apart",
            "Each sample has a weight of its own: the ratio first, then the mean.",
            lambda log_joint, log_q: torch.logsumexp(log_joint, -1) - torch.logsumexp(log_q, -1),
        ),
    ),
    reference=importance_weighted_bound,
    cases=_sample_cases,
)


# -------- Exercises of chapter 01, in order; this file holds the first two: a density and a marginal.


def gaussian_log_density(x: Tensor, mean: Tensor, std: float) -> Tensor:
    squares = ((x - mean) / std) ** 2
    return -0.5 * (squares + math.log(2 * math.pi * std**2)).sum(-1)


def _density_cases(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    shapes = [((5, 2), 0.3), ((4, 3), 1.7), ((6, 1), 0.8)]
    return [
        (torch.randn(shape, generator=generator), torch.randn(shape, generator=generator), std)
        for shape, std in shapes
    ] + [
        (30 + torch.randn(3, 40, generator=generator), torch.zeros(3, 40), 1.0)
    ]  # far out, density 0 in floats


def _squares(x: Tensor, mean: Tensor, std: float) -> Tensor:
    return ((x - mean) / std) ** 2


def _terms(x: Tensor, mean: Tensor, std: float) -> Tensor:
    """log N of each dimension, before the sum."""
    return -0.5 * (_squares(x, mean, std) + math.log(2 * math.pi * std**2))


DENSITY = Exercise(
    id="01.7",
    title="The log density of a Gaussian",
    contract="gaussian_log_density(x, mean, std): x and mean are (n, D) float tensors, std > 0 is one number "
    "(the standard deviation of every dimension). Returns log N(x; mean, std² I) of each row, in nats: (n,).",
    stub='''def gaussian_log_density(x: torch.Tensor, mean: torch.Tensor, std: float) -> torch.Tensor:
    """x, mean: (n, D); std: one number > 0. Returns log N(x; mean, std² I) in nats, shape (n,)."""
    ...''',
    hints=(
        "Write down the density of one number under N(mean, std²), then take its logarithm: two terms.",
        "The first term is a scaled squared distance. The second does not depend on x, but it does on std.",
        "The dimensions are independent, so their log densities add up, the second term included.",
    ),
    mistakes=(
        Mistake(
            "missing normalizer",
            "A density must integrate to 1; which factor in front of exp(...) takes care of that?",
            lambda x, mean, std: -0.5 * _squares(x, mean, std).sum(-1),
        ),
        Mistake(
            "normalizer without the standard deviation",
            "A wide Gaussian is also a low one: how does the factor in front of exp(...) depend on std?",
            lambda x, mean, std: -0.5 * (_squares(x, mean, std) + math.log(2 * math.pi)).sum(-1),
        ),
        Mistake(
            "normalizer counted once",
            "With D dimensions, how many one-dimensional densities are multiplied?",
            lambda x, mean, std: -0.5 * _squares(x, mean, std).sum(-1) - 0.5 * math.log(2 * math.pi * std**2),
        ),
        Mistake(
            "missing one half",
            "Compare your exponent with the one in the density's formula, factor by factor.",
            (
                lambda x, mean, std: 2 * _terms(x, mean, std).sum(-1),
                lambda x, mean, std: (_terms(x, mean, std) - 0.5 * _squares(x, mean, std)).sum(-1),
            ),
        ),
        Mistake(
            "standard deviation taken for the variance",
            "std is σ. Check the unit: what has to divide a squared distance to leave a pure number?",
            lambda x, mean, std: _terms(x, mean, std**0.5).sum(-1),
        ),
        Mistake(
            "flipped sign",
            "Far away from the mean, should the log density rise or fall?",
            lambda x, mean, std: -_terms(x, mean, std).sum(-1),
        ),
        Mistake(
            "averaged over the dimensions",
            "The densities of independent dimensions multiply. What do their logarithms do?",
            lambda x, mean, std: _terms(x, mean, std).mean(-1),
        ),
        Mistake(
            "not summed over the dimensions",
            "One number per row is asked for: the density of the whole vector.",
            _terms,
        ),
        Mistake(
            "summed over the batch",
            "One number per row is asked for; which axis holds the dimensions of one point?",
            (
                lambda x, mean, std: _terms(x, mean, std).sum(),
                lambda x, mean, std: _terms(x, mean, std).sum(0),
            ),
        ),
        Mistake(
            "density instead of its logarithm",
            "Return the logarithm itself; densities of many dimensions soon underflow.",
            lambda x, mean, std: _terms(x, mean, std).sum(-1).exp(),
        ),
        Mistake(
            "square divided by σ, not σ²",
            "Check the units: the exponent must be a pure number.",
            lambda x, mean, std: -0.5 * ((x - mean) ** 2 / std + math.log(2 * math.pi * std**2)).sum(-1),
        ),
        Mistake(
            "logarithm of the variance not halved",
            "The normalizer is the root of 2πσ². What does the logarithm make of a root?",
            lambda x, mean, std: gaussian_log_density(x, mean, std) - x.shape[-1] * math.log(std),
        ),
        Mistake(
            "log 2π counted once",
            "Each dimension brings a normalizer of its own.",
            lambda x, mean, std: (
                gaussian_log_density(x, mean, std) + (x.shape[-1] - 1) * 0.5 * math.log(2 * math.pi)
            ),
        ),
    ),
    reference=gaussian_log_density,
    cases=_density_cases,
)


def log_marginal(log_joint: Tensor, dz: float) -> Tensor:
    return torch.logsumexp(log_joint, dim=-1) + math.log(dz)


def _marginal_cases(seed: int) -> list[tuple]:
    """Points on and far off the curve (z, sin 2z); far off, exp(log_joint) is 0 in floating point."""
    generator = torch.Generator().manual_seed(seed)
    cases = []
    for cells, distance in [(201, 0.5), (241, 0.5), (201, 40.0)]:
        z = torch.linspace(-6, 6, cells)
        curve = torch.stack([z, torch.sin(2 * z)], dim=-1)
        x = distance * torch.randn(4, 1, 2, generator=generator) + torch.tensor([0.0, distance])
        log_likelihood = -0.5 * (((x - curve) / 0.3) ** 2 + math.log(2 * math.pi * 0.3**2)).sum(-1)
        log_prior = -0.5 * (z**2 + math.log(2 * math.pi))
        cases.append((log_prior + log_likelihood, 12 / (cells - 1)))
    return cases


MARGINAL = Exercise(
    id="01.2",
    title="The marginal on a grid",
    contract="log_marginal(log_joint, dz): log_joint is an (n, G) float tensor, log p(x_i, z_g) on G values "
    "of z that are dz apart. Returns log p(x_i) = log ∫ p(x_i, z) dz in nats: (n,), finite even where "
    "every joint density underflows.",
    stub='''def log_marginal(log_joint: torch.Tensor, dz: float) -> torch.Tensor:
    """log_joint: (n, G), log p(x_i, z_g); dz: the grid's spacing. Returns log p(x_i) in nats, shape (n,)."""
    ...''',
    hints=(
        "An integral over z is a sum over the grid of height times width.",
        "Sums of densities need densities, and you have logarithms: exp, then sum, then log.",
        "exp(-3000) is 0 in floating point. torch.logsumexp does all three steps without that accident.",
    ),
    mistakes=(
        Mistake(
            "missing grid width",
            "If the grid were twice as fine, would your answer stay the same?",
            lambda log_joint, dz: torch.logsumexp(log_joint, -1),
        ),
        Mistake(
            "average over the grid",
            "An integral is height times width, added up. What if the grid reached twice as far?",
            lambda log_joint, dz: torch.logsumexp(log_joint, -1) - math.log(log_joint.shape[-1]),
        ),
        Mistake(
            "sum of logarithms",
            "The logarithm of a sum is not the sum (or the mean) of logarithms: which one is log p(x)?",
            (
                lambda log_joint, dz: log_joint.mean(-1),
                lambda log_joint, dz: log_joint.sum(-1),
                lambda log_joint, dz: log_joint.sum(-1) * dz,
                lambda log_joint, dz: log_joint.sum(-1) + math.log(dz),
                lambda log_joint, dz: log_joint.mean(-1) + math.log(dz),
            ),
        ),
        Mistake(
            "underflow",
            "The formula is right, but far from the curve it takes log 0. Keep the largest term out of exp.",
            lambda log_joint, dz: (log_joint.exp().sum(-1) * dz).log(),
        ),
        Mistake(
            "width outside the logarithm",
            "The width multiplies the density. What does it do to the logarithm?",
            (
                lambda log_joint, dz: torch.logsumexp(log_joint, -1) * dz,
                lambda log_joint, dz: torch.logsumexp(log_joint, -1) + dz,
            ),
        ),
        Mistake(
            "largest term only",
            "The best z explains most of x, but all of them together make up the integral.",
            (
                lambda log_joint, dz: log_joint.max(-1).values,
                lambda log_joint, dz: log_joint.max(-1).values + math.log(dz),
            ),
        ),
        Mistake(
            "wrong axis",
            "z must disappear from the result, x must stay: which axis is which?",
            (
                lambda log_joint, dz: torch.logsumexp(log_joint, 0) + math.log(dz),
                lambda log_joint, dz: torch.logsumexp(log_joint, (0, 1)) + math.log(dz),
            ),
        ),
        Mistake(
            "density instead of its logarithm",
            "log p(x) is asked for, in nats.",
            lambda log_joint, dz: log_joint.exp().sum(-1) * dz,
        ),
    ),
    reference=log_marginal,
    cases=_marginal_cases,
)


# -------- Exercise of chapter 01 whose answer is random: the ancestral sampler.

ROWS = 20_000


def sample_model(decoder: Callable, sigma: float, n: int, generator: torch.Generator | None = None) -> Tensor:
    z = torch.randn(n, generator=generator)
    mean = decoder(z)
    return mean + sigma * torch.randn(mean.shape, generator=generator)


def _line(z: Tensor) -> Tensor:
    """A decoder whose mean tells the code: z ↦ (z, 2z + 50)."""
    return torch.stack([z, 2 * z + 50], dim=-1)


def _grade_sampler(answer: Callable) -> Verdict | None:
    """Contract, then the law of the codes that reach the decoder, then that of the noise, then the seed."""
    draws = []
    for seed, sigma in enumerate((0.3, 1.7)):
        seen = []

        def decoder(z: Tensor, seen: list = seen) -> Tensor:
            if not isinstance(z, Tensor) or z.dim() != 1:
                found = f"{tuple(z.shape)}" if isinstance(z, Tensor) else f"a {type(z).__name__}"
                raise ContractBroken(f"decoder takes a tensor of codes (n,); it was given {found}.")
            seen.append(z.detach())
            return _line(z)

        x = answer(decoder, sigma, ROWS, torch.Generator().manual_seed(seed))
        problem = contract_problem(x, torch.zeros(ROWS, 2), label="x")
        if problem:
            return Verdict(CONTRACT, problem.capitalize())
        if not seen:
            return Verdict(CONTRACT, "decoder was never called: where does x come from?")
        z = torch.cat(seen).double()
        if len(z) == 1:
            return SAMPLER.named("one code for all")
        if len(z) != ROWS:
            return Verdict(CONTRACT, f"{ROWS} points need {ROWS} codes; decoder was given {len(z)}.")
        verdict = _judge_codes(z, sigma) or _judge_pixels(to_tensor(x).double() - _line(z), sigma)
        if verdict:
            return verdict
        noise = (to_tensor(x).double() - _line(z)) / sigma
        draws.append(torch.cat([z[:, None], noise], dim=1))
        problem = noise_problem(draws[-1][None])
        if problem:
            return Verdict(WRONG, f"Not yet: {problem}.")
    if ((draws[0] - draws[1]).abs().amax(0) < 1e-3).any():  # codes, or noise, of a seed of the answer's own
        return SAMPLER.named("always the same draw")
    return _judge_seed(lambda generator: to_tensor(answer(_line, 0.5, 5, generator)))


def _near(found: Tensor, wanted: float) -> bool:
    """20,000 draws: standard errors are 0.5 %, the limit 4 %."""
    return bool(((found - wanted).abs() < 0.04 * wanted).all())


def _judge_codes(z: Tensor, sigma: float) -> Verdict | None:
    center, spread = z.mean(), z.std()
    if spread < 1e-3:
        return SAMPLER.named("one code for all")
    if (z.diff() >= 0).all() or (z.diff() <= 0).all():
        return SAMPLER.named("codes in order")
    inside = ((z - center).abs() < spread).double().mean()  # 68.3 % of a Gaussian, 57.7 % of a uniform law
    if center.abs() > 0.05 or inside < 0.66 or inside > 0.71:
        return SAMPLER.named("codes not from the prior")
    if not _near(spread, 1.0):
        return SAMPLER.named(
            "noise added to the code" if _near(spread, math.hypot(1, sigma)) else "codes not from the prior"
        )
    return None


def _judge_pixels(noise: Tensor, sigma: float) -> Verdict | None:
    """What is left of x when the decoder's mean is taken away, (n, 2)."""
    named, spread = SAMPLER.named, noise.std(0)
    if noise.abs().max() < 1e-4 * sigma:
        return named("noise left out")
    if (noise - noise[0]).abs().max() < 1e-4:
        return named("one noise vector for all")
    if torch.corrcoef(noise.T)[0, 1].abs() > 0.9:
        return named("one noise number for both coordinates")
    for wrong, name in (
        (1.0, "noise not scaled"),
        (sigma**0.5, "standard deviation taken for the variance"),
        (sigma**2, "variance taken for the standard deviation"),
    ):
        if _near(spread, wrong):
            return named(name)
    if not _near(spread, sigma):
        found = " and ".join(f"{value:.3g}" for value in spread.tolist())
        return Verdict(WRONG, f"Not yet: the noise has standard deviations {found} instead of {sigma:.3g}.")
    inside = (noise.abs() < sigma).double().mean(0)
    if (noise.mean(0).abs() > 0.05 * sigma).any() or (inside < 0.66).any() or (inside > 0.71).any():
        return named("noise not Gaussian")
    return None


def _judge_seed(draw: Callable) -> Verdict | None:
    """The same seed must repeat the draw, another seed or another call must not."""
    first, again, other = (draw(torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    if not torch.equal(first, again):
        return SAMPLER.named("generator ignored")
    if torch.equal(first, other) or torch.equal(draw(None), draw(None)):
        return SAMPLER.named("always the same draw")
    return None


def _broken_sampler(codes: Callable | None = None, noise: Callable | None = None) -> Callable:
    """The sampler with other codes, ``codes(n, generator)``, or noise, ``noise(mean, sigma, generator)``."""

    def broken(decoder: Callable, sigma: float, n: int, generator: torch.Generator | None = None) -> Tensor:
        z = torch.randn(n, generator=generator) if codes is None else codes(n, generator)
        mean = decoder(z)
        if noise is not None:
            return mean + noise(mean, sigma, generator)
        return mean + sigma * torch.randn(mean.shape, generator=generator)

    return broken


def _white(mean: Tensor, generator: torch.Generator | None) -> Tensor:
    return torch.randn(mean.shape, generator=generator)


SAMPLER = Exercise(
    id="01.1",
    title="Draw from a latent-variable model",
    contract="sample_model(decoder, sigma, n, generator=None): decoder maps codes (n,) to means (n, 2), "
    "sigma > 0 is one number. Returns n independent draws x of p(x), (n, 2): each from a code z ~ N(0, 1) of "
    "its own, then x ~ N(decoder(z), sigma² I). All randomness comes from the torch.Generator, or from "
    "torch's own when it is None.",
    stub='''def sample_model(
    decoder, sigma: float, n: int, generator: torch.Generator | None = None
) -> torch.Tensor:
    """decoder: codes (n,) → means (n, 2). Returns n draws x ~ p(x), each from its own z ~ N(0, 1): (n, 2)."""
    ...''',
    hints=(
        "Go through the model from the top: first the cause z, then what it makes, then the noise.",
        "torch.randn takes a shape and generator=...; you need n numbers for z and 2n for the noise.",
        "x = decoder(z) + sigma · ε, with ε ~ N(0, 1) anew for every point and every coordinate.",
    ),
    mistakes=(
        Mistake(
            "one code for all",
            "Points that share their cause are not independent draws of p(x).",
            _broken_sampler(codes=lambda n, g: torch.randn(1, generator=g).expand(n)),
        ),
        Mistake(
            "codes in order",
            "Codes come from a distribution, in no order: a grid is no sample.",
            _broken_sampler(codes=lambda n, g: torch.linspace(-3, 3, n)),
        ),
        Mistake(
            "codes not from the prior",
            "The prior is N(0, 1): mean 0, standard deviation 1, and a bell.",
            _broken_sampler(codes=lambda n, g: torch.rand(n, generator=g)),
        ),
        Mistake(
            "noise added to the code",
            "The noise belongs to x given z: it comes after the decoder.",
            lambda decoder, sigma, n, g=None: decoder(
                torch.randn(n, generator=g) + sigma * torch.randn(n, generator=g)
            ),
        ),
        Mistake(
            "noise left out",
            "decoder(z) is the mean of x given z. The model has one more random step.",
            _broken_sampler(noise=lambda mean, sigma, g: 0 * mean),
        ),
        Mistake(
            "one noise vector for all",
            "Every point needs noise of its own.",
            _broken_sampler(noise=lambda mean, sigma, g: sigma * _white(mean[:1], g)),
        ),
        Mistake(
            "one noise number for both coordinates",
            "σ² I has no correlations: a number for each coordinate.",
            _broken_sampler(noise=lambda mean, sigma, g: sigma * _white(mean[:, :1], g)),
        ),
        Mistake(
            "noise not scaled",
            "torch.randn has standard deviation 1; the model has σ.",
            _broken_sampler(noise=lambda mean, sigma, g: _white(mean, g)),
        ),
        Mistake(
            "standard deviation taken for the variance",
            "sigma is σ already: it needs no square root.",
            _broken_sampler(noise=lambda mean, sigma, g: sigma**0.5 * _white(mean, g)),
        ),
        Mistake(
            "variance taken for the standard deviation",
            "Noise is stretched by σ, not by σ².",
            _broken_sampler(noise=lambda mean, sigma, g: sigma**2 * _white(mean, g)),
        ),
        Mistake(
            "noise not Gaussian",
            "The noise has the right width, but not the shape of a bell around 0.",
            _broken_sampler(
                noise=lambda mean, sigma, g: sigma * 12**0.5 * (torch.rand(mean.shape, generator=g) - 0.5)
            ),
        ),
        Mistake(
            "generator ignored",
            "Two calls with equal generators must return equal points.",
            lambda decoder, sigma, n, g=None: sample_model(decoder, sigma, n),
        ),
        Mistake(
            "always the same draw",
            "Another seed, or no generator, must give other points.",
            lambda decoder, sigma, n, g=None: sample_model(
                decoder, sigma, n, torch.Generator().manual_seed(0)
            ),
        ),
    ),
    reference=sample_model,
    grade=_grade_sampler,
)

EXERCISES = (DENSITY, MARGINAL, ELBO, OBJECTIVES, KL_GAUSSIANS, IMPORTANCE_WEIGHTED, SAMPLER)
