"""Assignment A1: the two terms in closed form, a Gaussian's negative log density and a KL divergence."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vae_course.exercises.exercise import Exercise, Mistake

LOG_2_PI = math.log(2 * math.pi)


def _terms(x: Tensor, mean: Tensor, log_var: Tensor) -> Tensor:
    """−log N(x; mean, σ²) of each column, nats."""
    return 0.5 * (LOG_2_PI + log_var + (x - mean) ** 2 / log_var.exp())


def reconstruction(x: Tensor, mean: Tensor, log_var: Tensor) -> Tensor:
    return 0.5 * (math.log(2 * math.pi) + log_var + (x - mean) ** 2 / log_var.exp()).sum(-1)


def _rows(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    return [
        (
            torch.randn(rows, columns, generator=generator),
            torch.randn(rows, columns, generator=generator),
            -1 + 0.7 * torch.randn(columns, generator=generator),
        )
        for rows, columns in ((5, 3), (4, 6))
    ]


RECONSTRUCTION = Exercise(
    id="A1.2",
    title="The reconstruction term of a table",
    contract="reconstruction(x, mean, log_var): x and mean are (batch, D) float tensors, log_var is (D,), "
    "one log σ² for each column. Returns −log N(x; mean, σ²) of each row in nats, summed over columns, with "
    "every constant: (batch,).",
    stub='''def reconstruction(x: torch.Tensor, mean: torch.Tensor, log_var: torch.Tensor) -> torch.Tensor:
    """x, mean: (batch, D); log_var: (D,), log σ² of each column. Returns −log p(x|z), nats, (batch,)."""
    ...''',
    hints=(
        "Write down the density of one Gaussian number, then its negative logarithm: three terms.",
        "Check a value you know: x = mean and σ = 1 must give D · ½ log 2π.",
        "torch.distributions.Normal knows the answer too; it wants σ, not log σ².",
    ),
    mistakes=(
        Mistake(
            "½ log 2π left out",
            "It changes no gradient, but a density without its constant cannot be compared with another one.",
            lambda x, mean, log_var: 0.5 * (log_var + (x - mean) ** 2 / log_var.exp()).sum(-1),
        ),
        Mistake(
            "squared error only",
            "A likelihood also says how wide it is: two more terms.",
            (
                lambda x, mean, log_var: ((x - mean) ** 2).sum(-1),
                lambda x, mean, log_var: 0.5 * ((x - mean) ** 2).sum(-1),
                lambda x, mean, log_var: ((x - mean) ** 2).mean(-1),
                lambda x, mean, log_var: (0.5 * (x - mean) ** 2 / log_var.exp()).sum(-1),
                lambda x, mean, log_var: ((x - mean) ** 2 / log_var.exp()).sum(-1),
            ),
        ),
        Mistake(
            "log σ² left out",
            "Without the term in log σ², a wider σ would always be better. What keeps it in check?",
            lambda x, mean, log_var: 0.5 * (LOG_2_PI + (x - mean) ** 2 / log_var.exp()).sum(-1),
        ),
        Mistake(
            "missing one half",
            "Which factor stands in the exponent of a Gaussian, and in front of log σ²?",
            (
                lambda x, mean, log_var: 2 * _terms(x, mean, log_var).sum(-1),
                lambda x, mean, log_var: (
                    0.5 * LOG_2_PI + 0.5 * log_var + (x - mean) ** 2 / log_var.exp()
                ).sum(-1),
                lambda x, mean, log_var: (
                    0.5 * LOG_2_PI + log_var + 0.5 * (x - mean) ** 2 / log_var.exp()
                ).sum(-1),
            ),
        ),
        Mistake(
            "log_var taken for log σ",
            "log_var is the logarithm of σ². Then exp(log_var) is ...?",
            lambda x, mean, log_var: _terms(x, mean, 2 * log_var).sum(-1),
        ),
        Mistake(
            "σ where σ² belongs",
            "The squared distance is divided by the variance, not by its root.",
            lambda x, mean, log_var: (
                0.5 * (LOG_2_PI + log_var + (x - mean) ** 2 / (0.5 * log_var).exp()).sum(-1)
            ),
        ),
        Mistake(
            "flipped sign",
            "The loss is the *negative* log density: small when the row is likely.",
            lambda x, mean, log_var: -_terms(x, mean, log_var).sum(-1),
        ),
        Mistake(
            "averaged over the columns",
            "Independent columns: do their log densities add up or average? A mean weighs this term by 1/D.",
            lambda x, mean, log_var: _terms(x, mean, log_var).mean(-1),
        ),
        Mistake(
            "one number for the whole batch",
            "One number for each row is asked for; the mean over the batch comes later, in the loss.",
            (
                lambda x, mean, log_var: _terms(x, mean, log_var).sum(),
                lambda x, mean, log_var: _terms(x, mean, log_var).mean(),
                lambda x, mean, log_var: _terms(x, mean, log_var).sum(-1).mean(),
                lambda x, mean, log_var: _terms(x, mean, log_var).sum(0),
            ),
        ),
        Mistake("not summed over the columns", "These are the terms of each column.", _terms),
    ),
    reference=reconstruction,
    cases=_rows,
)


def kl_to_wide_prior(mean: Tensor, log_var: Tensor, prior_std: float) -> Tensor:
    ratio = log_var.exp() / prior_std**2
    return 0.5 * (mean**2 / prior_std**2 + ratio - 1 - ratio.log()).sum(-1)


def _kl(mean: Tensor, log_var: Tensor, prior_var: float) -> Tensor:
    """The same before the sum, from the prior's variance."""
    return 0.5 * (mean**2 / prior_var + log_var.exp() / prior_var - 1 - log_var + math.log(prior_var))


def _codes(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    return [
        (
            torch.randn(shape, generator=generator),
            -0.5 + 0.8 * torch.randn(shape, generator=generator),
            prior_std,
        )
        for shape, prior_std in (((5, 2), 1.0), ((4, 3), 2.0), ((3, 6), 0.5))
    ]


KL_TO_WIDE_PRIOR = Exercise(
    id="A1.3",
    title="The KL term for a prior of another width",
    contract="kl_to_prior(mean, log_var, prior_std): mean and log_var are (batch, latent) float tensors, "
    "log_var = log σ²; prior_std is a number s > 0. Returns KL(N(mean, σ²) || N(0, s² I)) of each row in "
    "nats, summed over latent dimensions: (batch,), ≥ 0.",
    stub='''def kl_to_prior(mean: torch.Tensor, log_var: torch.Tensor, prior_std: float) -> torch.Tensor:
    """mean, log_var: (batch, latent), log_var is log σ²; prior N(0, prior_std² I). Nats, (batch,)."""
    ...''',
    hints=(
        "Chapter 02 has the case s = 1. Measure z in units of s: what do μ and σ become?",
        "A KL divergence does not change when both densities are measured in another unit.",
        "Check: mean 0 and σ = s must give 0.",
    ),
    mistakes=(
        Mistake(
            "prior_std ignored",
            "Your answer is the one for s = 1.",
            lambda mean, log_var, prior_std: _kl(mean, log_var, 1.0).sum(-1),
        ),
        Mistake(
            "prior_std taken for the variance",
            "s is a standard deviation; the prior's variance is s².",
            lambda mean, log_var, prior_std: _kl(mean, log_var, prior_std).sum(-1),
        ),
        Mistake(
            "log s² left out",
            "Put in mean 0 and σ = s: q is the prior. What should come out?",
            lambda mean, log_var, prior_std: (_kl(mean, log_var, prior_std**2) - math.log(prior_std)).sum(-1),
        ),
        Mistake(
            "only the mean rescaled",
            "The variance of q is measured in units of the prior's as well.",
            lambda mean, log_var, prior_std: _kl(mean / prior_std, log_var, 1.0).sum(-1),
        ),
        Mistake(
            "multiplied by s² instead of divided",
            "A wider prior makes a code far from 0 cheaper, not dearer.",
            lambda mean, log_var, prior_std: _kl(mean, log_var, 1 / prior_std**2).sum(-1),
        ),
        Mistake(
            "KL the other way round",
            "KL(q || p) averages over q: the variance of q stands above the line.",
            lambda mean, log_var, prior_std: (
                0.5
                * ((prior_std**2 + mean**2) / log_var.exp() - 1 + log_var - 2 * math.log(prior_std)).sum(-1)
            ),
        ),
        Mistake(
            "missing one half",
            "Compare with Monte Carlo: which factor is in front?",
            lambda mean, log_var, prior_std: 2 * _kl(mean, log_var, prior_std**2).sum(-1),
        ),
        Mistake(
            "flipped sign",
            "A KL divergence is never negative.",
            lambda mean, log_var, prior_std: -_kl(mean, log_var, prior_std**2).sum(-1),
        ),
        Mistake(
            "log_var taken for log σ",
            "log_var is the logarithm of σ², not of σ.",
            lambda mean, log_var, prior_std: _kl(mean, 2 * log_var, prior_std**2).sum(-1),
        ),
        Mistake(
            "averaged over the latent dimensions",
            "Independent dimensions: do their divergences add up or average?",
            lambda mean, log_var, prior_std: _kl(mean, log_var, prior_std**2).mean(-1),
        ),
        Mistake(
            "one number for the whole batch",
            "One number for each row is asked for; the mean over the batch comes later, in the loss.",
            (
                lambda mean, log_var, prior_std: _kl(mean, log_var, prior_std**2).sum(),
                lambda mean, log_var, prior_std: _kl(mean, log_var, prior_std**2).sum(-1).mean(),
                lambda mean, log_var, prior_std: _kl(mean, log_var, prior_std**2).mean(),
            ),
        ),
    ),
    reference=kl_to_wide_prior,
    cases=_codes,
    low=0.0,
)
