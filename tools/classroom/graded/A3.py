"""Assignment A3, choose the latent size: dimensions counted, silenced, read, and chosen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from vae_course.exercises.assignment_3 import EXERCISES
from vae_course.teaching.exercise import Mistake

GIVEN = {exercise.id: exercise for exercise in EXERCISES}

# -------- Assignment A3: choose latent size and β together, from a table and with two sliders.

Table = dict[tuple[int, float], list[float]]


def choose_setting(table: Table, tolerance: float) -> tuple[int, float]:
    mean = {setting: sum(losses) / len(losses) for setting, losses in table.items()}
    limit = min(mean.values()) + tolerance
    good = [setting for setting, loss in mean.items() if loss <= limit]
    return min(good, key=lambda setting: (setting[0], -setting[1]))


def _chooser(pick: Callable) -> Callable:
    """An answer from a choice among the settings within the tolerance, all settings, and the means."""

    def answer(table: Table, tolerance: float) -> tuple[int, float]:
        mean = {setting: sum(losses) / len(losses) for setting, losses in table.items()}
        good = [setting for setting, loss in mean.items() if loss <= min(mean.values()) + tolerance]
        return pick(good, mean, table, tolerance)

    return answer


def _tables(seed: int) -> list[tuple]:
    """Settings where the best, the smallest good one, and the one with the largest β are all different."""
    jitter = (-0.2, 0.0, 0.2)
    rows = {
        (4, 1.0): 112.0, (4, 2.0): 115.0, (8, 0.5): 104.3, (8, 1.0): 103.9, (8, 2.0): 104.2, (8, 4.0): 109.0,
        (16, 0.5): 103.4, (16, 1.0): 103.0, (16, 4.0): 104.4, (32, 1.0): 103.2,
    }  # fmt: skip
    table = {setting: [value + seed % 7 + j for j in jitter] for setting, value in rows.items()}
    turned = dict(reversed(list(table.items())))
    lucky = {
        (2, 1.0): [99.0, 120.0, 120.0],
        (8, 1.0): [104.0, 104.2, 104.1],
        (16, 2.0): [103.8, 103.9, 104.0],
    }
    return [(table, 1.5), (turned, 1.0), (turned, 0.1), (lucky, 0.5)]


CHOOSE = replace(
    GIVEN["A3.4"],
    grade=None,
    mistakes=(
        Mistake(
            "the best setting",
            "Good enough is asked for: the tolerance says how much.",
            _chooser(lambda good, mean, table, tolerance: min(mean, key=mean.get)),
        ),
        Mistake(
            "the smallest setting of all",
            "Only settings within the tolerance may compete.",
            _chooser(
                lambda good, mean, table, tolerance: min(mean, key=lambda setting: (setting[0], -setting[1]))
            ),
        ),
        Mistake(
            "the smallest β of that size",
            "Among equal sizes the larger β is asked for.",
            _chooser(lambda good, mean, table, tolerance: min(good)),
        ),
        Mistake(
            "the best of the smallest size",
            "Among the good ones of that size β decides, not the −ELBO.",
            _chooser(lambda good, mean, table, tolerance: min(good, key=lambda s: (s[0], mean[s]))),
        ),
        Mistake(
            "the largest β first",
            "Size comes first; β decides among equals.",
            _chooser(lambda good, mean, table, tolerance: min(good, key=lambda s: (-s[1], s[0]))),
        ),
        Mistake(
            "one lucky seed",
            "Average over the seeds before you compare.",
            lambda table, tolerance: _chooser(lambda good, *rest: min(good, key=lambda s: (s[0], -s[1])))(
                {setting: [min(losses)] for setting, losses in table.items()}, tolerance
            ),
        ),
        Mistake(
            "the largest size",
            "The smallest size that is good enough is asked for.",
            _chooser(lambda good, mean, table, tolerance: max(good)),
        ),
    ),
    reference=choose_setting,
    cases=_tables,
)

_YES_NO = {"yes": "true of the model", "no": "not true of it"}
SLIDERS = replace(
    GIVEN["A3.5"],
    grade=None,
    mistakes=(
        Mistake(
            "extra dimensions taken for free at any β",
            "Compare the rates at β = 0.25 once more.",
            value={"a": "yes", "b": "yes"},
        ),
        Mistake(
            "a larger size taken for a larger rate at any β",
            "Compare the rates at β = 8 once more.",
            value={"a": "no", "b": "no"},
        ),
        Mistake(
            "a smaller rate taken for a better bound",
            "The −ELBO has both terms with weight 1.",
            value={"d": "yes"},
        ),
    ),
    value={"a": "yes", "b": "no", "c": "yes", "d": "no"},
    codes={part: _YES_NO for part in "abcd"},
)


# -------- Assignment A3: how well a factor can be read off the code, told honestly.


def with_one(codes: Tensor) -> Tensor:
    """The codes with a column of ones, which carries the intercept."""
    return torch.cat([codes, torch.ones(len(codes), 1)], dim=1)


def readable(train_codes: Tensor, train_factor: Tensor, codes: Tensor, factor: Tensor) -> Tensor:
    weights = torch.linalg.lstsq(with_one(train_codes), train_factor[:, None]).solution
    guess = (with_one(codes) @ weights)[:, 0]
    return 1 - ((factor - guess) ** 2).mean() / factor.var(correction=0)


def _sets(seed: int) -> list[tuple]:
    """Codes with noise and a factor far from 0; one small training set, so that fitting it too well shows."""
    generator = torch.Generator().manual_seed(seed)
    cases = []
    for rows, size in ((30, 8), (200, 4)):
        weights = torch.randn(size, generator=generator)
        parts = []
        for n in (rows, 80):
            codes = torch.randn(n, size, generator=generator) + 0.5
            noise = 0.8 * torch.randn(n, generator=generator)
            parts += [codes, 3.0 + codes @ weights / size**0.5 + noise]
        cases.append(tuple(parts))
    return cases


def _r2(guess: Tensor, factor: Tensor) -> Tensor:
    return 1 - ((factor - guess) ** 2).mean() / factor.var(correction=0)


def _fit(codes: Tensor, factor: Tensor) -> Tensor:
    return torch.linalg.lstsq(with_one(codes), factor[:, None]).solution


def _no_intercept(train_codes: Tensor, train_factor: Tensor, codes: Tensor, factor: Tensor) -> Tensor:
    weights = torch.linalg.lstsq(train_codes, train_factor[:, None]).solution
    return _r2((codes @ weights)[:, 0], factor)


def _correlation(train_codes: Tensor, train_factor: Tensor, codes: Tensor, factor: Tensor) -> Tensor:
    guess = (with_one(codes) @ _fit(train_codes, train_factor))[:, 0]
    return torch.corrcoef(torch.stack([guess, factor]))[0, 1]


def _error(train_codes: Tensor, train_factor: Tensor, codes: Tensor, factor: Tensor) -> Tensor:
    return ((factor - (with_one(codes) @ _fit(train_codes, train_factor))[:, 0]) ** 2).mean()


READABLE = replace(
    GIVEN["A3.3"],
    grade=None,
    mistakes=(
        Mistake("no intercept", "The factor is not 0 where the code is 0.", _no_intercept),
        Mistake(
            "the fit has seen the held-out rows",
            "A regression that has seen the answers can always read them.",
            (
                lambda a, b, codes, factor: _r2((with_one(codes) @ _fit(codes, factor))[:, 0], factor),
                lambda a, b, codes, factor: _r2(
                    (with_one(codes) @ _fit(torch.cat([a, codes]), torch.cat([b, factor])))[:, 0], factor
                ),
            ),
        ),
        Mistake(
            "measured on the training rows",
            "With few rows and many dimensions the training R² is high for pure noise.",
            lambda a, b, codes, factor: _r2((with_one(a) @ _fit(a, b))[:, 0], b),
        ),
        Mistake(
            "correlation instead of R²", "A correlation does not mind a wrong scale; R² does.", _correlation
        ),
        Mistake(
            "squared correlation instead of R²",
            "It is never negative and forgives a wrong scale.",
            lambda *sets: _correlation(*sets) ** 2,
        ),
        Mistake(
            "the squared error returned", "Compare it with the error of always guessing the mean.", _error
        ),
        Mistake(
            "the share that is *not* explained",
            "Perfect reading must give 1.",
            lambda *sets: 1 - readable(*sets),
        ),
        Mistake(
            "error divided by the square of the factor",
            "The rival of the regression guesses the mean, not 0.",
            lambda *sets: 1 - _error(*sets) / (sets[3] ** 2).mean(),
        ),
    ),
    reference=readable,
    cases=_sets,
    tolerance=0.012,
    high=1.0,
)


# -------- Questions of assignment A3, in order: choose the latent size.


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


CARRYING = replace(
    GIVEN["A3.1"],
    grade=None,
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


TRUNCATE = replace(
    GIVEN["A3.2"],
    grade=None,
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

QUESTIONS = {question.id: question for question in (CARRYING, TRUNCATE, READABLE, CHOOSE, SLIDERS)}
