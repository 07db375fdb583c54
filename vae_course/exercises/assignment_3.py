"""Questions of assignment A3, in order: choose the latent size."""

from __future__ import annotations

import torch
from torch import Tensor

from vae_course.exercises.assignment_3_choice import CHOOSE, SLIDERS
from vae_course.exercises.assignment_3_probe import READABLE
from vae_course.exercises.exercise import Exercise, Mistake


def per_dimension(mean: Tensor, log_var: Tensor) -> Tensor:
    return 0.5 * (mean**2 + log_var.exp() - 1 - log_var)


def carrying(mean: Tensor, log_var: Tensor, threshold: float) -> int:
    kl = 0.5 * (mean**2 + log_var.exp() - 1 - log_var)
    return int((kl.mean(0) > threshold).sum())


def truncate(mean: Tensor, log_var: Tensor, k: int) -> dict[str, Tensor]:
    kl = 0.5 * (mean**2 + log_var.exp() - 1 - log_var)
    keep = torch.zeros(mean.shape[1], dtype=torch.bool)
    keep[kl.mean(0).topk(k).indices] = True
    return {"mean": torch.where(keep, mean, 0.0), "log_var": torch.where(keep, log_var, 0.0)}


def _posteriors(seed: int) -> list[tuple[Tensor, Tensor]]:
    """Dimensions that carry from 0.02 to 1.5 nats; some by their width alone, so that means do not tell."""
    generator = torch.Generator().manual_seed(seed)
    cases = []
    for rows, size in ((60, 6), (40, 9)):
        spread = torch.linspace(0.1, 1.3, size)[torch.randperm(size, generator=generator)]
        width = torch.linspace(-1.8, 0.2, size)[torch.randperm(size, generator=generator)]
        mean = spread * torch.randn(rows, size, generator=generator)
        cases.append((mean, width + 0.05 * torch.randn(rows, size, generator=generator)))
    return cases


CARRYING = Exercise(
    id="A3.1",
    title="Dimensions that carry something",
    contract="carrying(mean, log_var, threshold): mean and log_var are (n, latent) float tensors, q(z|x) "
    "of n pictures; threshold is a number of nats. Returns the number of latent dimensions whose KL to the "
    "prior N(0, 1), averaged over the pictures, is above the threshold: a whole number.",
    stub='''def carrying(mean: torch.Tensor, log_var: torch.Tensor, threshold: float) -> int:
    """mean, log_var: (n, latent). Returns how many dimensions carry more than threshold nats on average."""
    ...''',
    hints=(
        "First the KL of every picture and every dimension, (n, latent).",
        "One number for each dimension: over what do you average?",
    ),
    mistakes=(
        Mistake(
            "variance of the means instead of the KL",
            "That is the rule for active units. A dimension can also pay with its width.",
            lambda mean, log_var, threshold: int((mean.var(0) > threshold).sum()),
        ),
        Mistake(
            "summed over the pictures",
            "With more pictures every dimension would pass.",
            lambda mean, log_var, threshold: int((per_dimension(mean, log_var).sum(0) > threshold).sum()),
        ),
        Mistake(
            "pictures counted instead of dimensions",
            "Average before you compare.",
            (
                lambda mean, log_var, threshold: int((per_dimension(mean, log_var) > threshold).sum()),
                lambda mean, log_var, threshold: int(
                    (per_dimension(mean, log_var).mean(1) > threshold).sum()
                ),
                lambda mean, log_var, threshold: int((per_dimension(mean, log_var).sum(1) > threshold).sum()),
            ),
        ),
        Mistake(
            "one picture is enough",
            "The largest of n values is not their mean.",
            lambda mean, log_var, threshold: int((per_dimension(mean, log_var).amax(0) > threshold).sum()),
        ),
        Mistake(
            "missing one half",
            "Compare your KL with torch.distributions.",
            lambda mean, log_var, threshold: int(
                (2 * per_dimension(mean, log_var).mean(0) > threshold).sum()
            ),
        ),
        Mistake(
            "the quiet ones counted",
            "Above the threshold, not below it.",
            lambda mean, log_var, threshold: int((per_dimension(mean, log_var).mean(0) <= threshold).sum()),
        ),
        Mistake(
            "KL of the mean picture",
            "The KL is no linear function: average it, not what goes in.",
            lambda mean, log_var, threshold: int(
                (per_dimension(mean.mean(0), log_var.mean(0)) > threshold).sum()
            ),
        ),
    ),
    reference=carrying,
    cases=lambda seed: [(m, v, t) for m, v in _posteriors(seed) for t in (0.15, 0.35, 0.6, 0.9)],
)


def _kept(choose, mean_of=lambda mean, keep: torch.where(keep, mean, 0.0), width=0.0):
    """Another way of choosing dimensions, or of silencing the others."""

    def answer(mean: Tensor, log_var: Tensor, k: int) -> dict[str, Tensor]:
        keep = torch.zeros(mean.shape[1], dtype=torch.bool)
        keep[choose(mean, log_var, k)] = True
        silent = log_var if width is None else torch.full_like(log_var, width)
        return {"mean": mean_of(mean, keep), "log_var": torch.where(keep, log_var, silent)}

    return answer


def _best(mean: Tensor, log_var: Tensor, k: int) -> Tensor:
    return per_dimension(mean, log_var).mean(0).topk(k).indices


TRUNCATE = Exercise(
    id="A3.2",
    title="Silence all but k dimensions",
    contract="truncate(mean, log_var, k): mean and log_var are (n, latent). The k dimensions with the "
    "largest mean KL stay as they are; every other dimension becomes the prior, for all pictures. Returns "
    "a dict with 'mean' and 'log_var', both (n, latent), dimensions in their old order.",
    stub='''def truncate(mean: torch.Tensor, log_var: torch.Tensor, k: int) -> dict[str, torch.Tensor]:
    """mean, log_var: (n, latent). Returns {"mean", "log_var"} with all but k dimensions set to the prior."""
    ...''',
    hints=(
        "What are the mean and the log σ² of N(0, 1)?",
        "topk gives the indices of the largest values; build a mask of (latent,) from them.",
    ),
    mistakes=(
        Mistake(
            "the first k dimensions",
            "A plain VAE does not sort its dimensions; only a nested one does.",
            _kept(lambda mean, log_var, k: torch.arange(k)),
        ),
        Mistake(
            "the smallest k",
            "Which end of the sorted list carries most?",
            _kept(
                lambda mean, log_var, k: per_dimension(mean, log_var).mean(0).topk(k, largest=False).indices
            ),
        ),
        Mistake(
            "chosen by the variance of the means",
            "A dimension can also carry information by its narrow width.",
            _kept(lambda mean, log_var, k: mean.var(0).topk(k).indices),
        ),
        Mistake(
            "a dimension without any spread",
            "log σ² of the prior is 0, because its σ is 1. A tiny σ is very expensive, not silent.",
            (_kept(_best, width=-15.0), _kept(_best, width=-100.0), _kept(_best, width=float("-inf"))),
        ),
        Mistake(
            "log σ² of 1",
            "The prior has σ = 1. Its logarithm?",
            _kept(_best, width=1.0),
        ),
        Mistake(
            "width left as it was", "A silent dimension has the prior's width too.", _kept(_best, width=None)
        ),
        Mistake(
            "mean left as it was",
            "A silent dimension must say the same about every picture.",
            _kept(_best, mean_of=lambda mean, keep: mean),
        ),
        Mistake(
            "mean over the data instead of 0",
            "The prior's mean is 0, not the average code.",
            _kept(_best, mean_of=lambda mean, keep: torch.where(keep, mean, mean.mean(0))),
        ),
    ),
    reference=truncate,
    cases=lambda seed: [(mean, log_var, k) for mean, log_var in _posteriors(seed) for k in (2, 4)],
)

EXERCISES = (CARRYING, TRUNCATE, READABLE, CHOOSE, SLIDERS)
