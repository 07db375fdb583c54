"""Assignment A2, choose β: what β stands for, how it is warmed up, and how it is chosen."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from vae_course.exercises.assignment_2 import EXERCISES
from vae_course.teaching.exercise import Mistake

GIVEN = {exercise.id: exercise for exercise in EXERCISES}

# -------- Assignment A2: what β stands for, how it is warmed up, and how it is chosen.


def same_optimum(sigma: float, beta: float) -> float:
    return sigma * math.sqrt(beta)


def _sigmas(seed: int) -> list[tuple]:
    draw = random.Random(seed)
    return [(draw.uniform(0.2, 2.0), beta) for beta in (4.0, 0.25, draw.uniform(1.5, 9.0))]


SAME_OPTIMUM = replace(
    GIVEN["A2.1"],
    grade=None,
    mistakes=(
        Mistake("β taken whole", "σ stands squared in the loss.", lambda sigma, beta: sigma * beta),
        Mistake(
            "the wrong way round",
            "A larger β means less interest in detail: is that a smaller or a larger noise?",
            (lambda sigma, beta: sigma / math.sqrt(beta), lambda sigma, beta: sigma / beta),
        ),
        Mistake(
            "the variance returned",
            "Asked for is a standard deviation.",
            lambda sigma, beta: sigma**2 * beta,
        ),
        Mistake("β has no effect", "Try β = 4 on paper.", lambda sigma, beta: sigma),
        Mistake("square root of everything", "Only β is under the root.", lambda s, b: math.sqrt(s * b)),
    ),
    reference=same_optimum,
    cases=_sigmas,
    low=0.0,
)


def weight_at(step: int, total_steps: int, warmup: float, beta: float) -> float:
    return beta * min(1.0, step / (warmup * total_steps))


def _steps(seed: int) -> list[tuple]:
    draw = random.Random(seed)
    total = draw.choice([200, 300, 500])
    return [(step, total, 0.4, 2.5) for step in (0, total // 10, total // 5, total // 2, total - 1)]


WARM_UP = replace(
    GIVEN["A2.3"],
    grade=None,
    mistakes=(
        Mistake(
            "rises for the whole run",
            "At which step is beta reached?",
            lambda step, total, warmup, beta: beta * step / total,
        ),
        Mistake(
            "never capped",
            "What is the weight after the warm-up?",
            lambda step, total, warmup, beta: beta * step / (warmup * total),
        ),
        Mistake(
            "rises to 1 instead of beta",
            "The last value must be beta.",
            lambda step, total, warmup, beta: min(1.0, step / (warmup * total)),
        ),
        Mistake(
            "capped at 1",
            "beta may be larger than 1.",
            lambda step, total, warmup, beta: min(1.0, beta * step / (warmup * total)),
        ),
        Mistake(
            "warmup read as steps",
            "warmup is a share of the run.",
            lambda step, total, warmup, beta: beta * min(1.0, step / warmup),
        ),
        Mistake(
            "falls instead of rising",
            "The KL term must be cheap at first.",
            lambda step, total, warmup, beta: beta * (1 - min(1.0, step / (warmup * total))),
        ),
        Mistake(
            "jumps instead of rising",
            "Linearly: what is the weight halfway through the warm-up?",
            lambda step, total, warmup, beta: beta * (step >= warmup * total),
        ),
        Mistake(
            "starts at 1",
            "At step 0 the weight is 0.",
            lambda step, total, warmup, beta: 1 + (beta - 1) * min(1.0, step / (warmup * total)),
        ),
    ),
    reference=weight_at,
    cases=_steps,
    low=0.0,
)


def choose_beta(curve: dict[float, list[tuple[float, float]]], budget_bits: float) -> float:
    budget = budget_bits * math.log(2)
    mean = {beta: [sum(v) / len(v) for v in zip(*runs, strict=True)] for beta, runs in curve.items()}
    return min((d, beta) for beta, (rate, d) in mean.items() if rate <= budget)[1]


def _curves(seed: int) -> list[tuple]:
    """Curves with three seeds; the budget lies between two betas, and nearer than log 2 in nats."""
    draw = random.Random(seed)
    cases = []
    for budget_bits in (30.0, 12.0, 22.0):
        curve = {}
        for beta in draw.sample([0.25, 0.5, 1.0, 2.0, 4.0, 8.0], 6):
            rate, distortion = 22 / beta**0.6, 95 + 14 * beta**0.7
            curve[beta] = [(rate * r, distortion * d) for r, d in ((0.98, 1.0), (1.0, 1.01), (1.02, 0.99))]
        cases.append((curve, budget_bits))
    # Within the budget the lower distortion has the higher −ELBO.
    cases.append(({0.5: [(30.0, 90.0)] * 3, 2.0: [(12.0, 100.0)] * 3, 4.0: [(7.0, 115.0)] * 3}, 60.0))
    # One lucky seed: β = 1 is within the budget by one of its runs only.
    cases.append(({1.0: [(19.0, 90.0), (23.0, 91.0), (24.0, 92.0)], 2.0: [(15.0, 99.0)] * 3}, 28.0))
    return cases


def _chooser(pick: Callable, scale: float = math.log(2)) -> Callable:
    def answer(curve: dict, budget_bits: float) -> float:
        budget = budget_bits * scale
        mean = {b: [sum(v) / len(v) for v in zip(*runs, strict=True)] for b, runs in curve.items()}
        return pick(curve, mean, budget)

    return answer


CHOOSE_BETA = replace(
    GIVEN["A2.4"],
    grade=None,
    mistakes=(
        Mistake(
            "bits taken for nats",
            "Rates are in nats, the budget is in bits.",
            _chooser(lambda c, m, budget: min((d, b) for b, (r, d) in m.items() if r <= budget)[1], 1.0),
        ),
        Mistake(
            "multiplied by log 2 the wrong way",
            "A bit is less than a nat.",
            _chooser(
                lambda c, m, budget: min((d, b) for b, (r, d) in m.items() if r <= budget)[1],
                1 / math.log(2),
            ),
        ),
        Mistake(
            "budget ignored",
            "The best distortion alone is always that of the smallest β.",
            _chooser(lambda c, m, budget: min((d, b) for b, (r, d) in m.items())[1]),
        ),
        Mistake(
            "lowest rate instead of lowest distortion",
            "Within the budget a nat of rate is already paid for: what do you want for it?",
            _chooser(lambda c, m, budget: min((r, b) for b, (r, d) in m.items())[1]),
        ),
        Mistake(
            "lowest −ELBO within the budget",
            "Asked for is the lowest distortion; rate counts only against the budget.",
            _chooser(lambda c, m, budget: min((r + d, b) for b, (r, d) in m.items() if r <= budget)[1]),
        ),
        Mistake(
            "one lucky seed",
            "A β is within the budget when its *mean* rate is.",
            _chooser(
                lambda c, m, budget: min((d, b) for b, runs in c.items() for r, d in runs if r <= budget)[1]
            ),
        ),
        Mistake(
            "the distortion returned",
            "Asked for is β, not what it reaches.",
            _chooser(lambda c, m, budget: min(d for r, d in m.values() if r <= budget)),
        ),
    ),
    reference=choose_beta,
    cases=_curves,
)


# -------- Assignment A2: read collapse panels, and say why a code is silent.

PANELS = replace(
    GIVEN["A2.5"],
    grade=None,
    mistakes=(
        Mistake(
            "order reversed",
            "The panel with the largest rate paid least for a nat.",
            value={"panel A": 1, "panel C": 1024},
        ),
    ),
    value={"panel A": 64, "panel B": 1024, "panel C": 1},
    tolerance=1e-6,
)

_CAUSES = {
    "A": "β is larger than the data's variances allow",
    "B": "the decoder explains the data without the code",
    "C": "training got stuck early: a warm-up helps",
    "D": "nothing is wrong",
}
DIAGNOSES = replace(
    GIVEN["A2.6"],
    grade=None,
    mistakes=(
        Mistake(
            "A and C exchanged",
            "Which of the two runs gains something when the KL weight is warmed up?",
            value={"run 1": "C", "run 2": "A"},
        ),
        Mistake(
            "a strong decoder taken for a bad start",
            "With a warm-up run 3 uses its code for a while, and drops it again; its −ELBO is the best of "
            "all.",
            value={"run 3": "C"},
        ),
        Mistake(
            "few active units taken for collapse",
            "Two units that carry all there is to say are enough. How large is the rate?",
            value={"run 4": "A"},
        ),
    ),
    value={"run 1": "A", "run 2": "C", "run 3": "B", "run 4": "D"},
    codes={f"run {i}": _CAUSES for i in (1, 2, 3, 4)},
)


# -------- Questions of assignment A2, in order: choose β.


def optimum(variances: Tensor, beta: float, sigma: float) -> dict[str, Tensor]:
    level = beta * sigma**2
    rate = 0.5 * torch.log((variances / level).clamp_min(1.0))
    return {"rate": rate, "squared_error": variances.clamp_max(level)}


def _spectra(seed: int) -> list[tuple]:
    """Variances of which some lie above the level and some below it, for each case."""
    generator = torch.Generator().manual_seed(seed)
    cases = []
    for size, beta, sigma in ((5, 2.0, 0.7), (7, 0.5, 1.5), (6, 4.0, 0.4)):
        spread = torch.linspace(-2.0, 2.0, size) + 0.2 * torch.rand(size, generator=generator)
        cases.append((beta * sigma**2 * spread.exp(), beta, sigma))
    return cases


def _with(level, rate=None, error=None):
    """The right answer with another water level, rate or squared error."""

    def answer(variances: Tensor, beta: float, sigma: float) -> dict[str, Tensor]:
        water = level(beta, sigma)
        right = optimum(variances, water, 1.0)
        return {
            "rate": right["rate"] if rate is None else rate(variances, water),
            "squared_error": right["squared_error"] if error is None else error(variances, water),
        }

    return answer


def _right_level(beta: float, sigma: float) -> float:
    return beta * sigma**2


OPTIMUM = replace(
    GIVEN["A2.2"],
    grade=None,
    mistakes=(
        Mistake(
            "β left out of the level",
            "Two directions at different β must not get the same rate.",
            _with(lambda beta, sigma: sigma**2),
        ),
        Mistake(
            "σ where σ² belongs",
            "The level is compared with variances: which power of σ is one?",
            _with(lambda beta, sigma: beta * sigma),
        ),
        Mistake(
            "divided by β instead of multiplied",
            "A dearer rate must drown more directions, not fewer.",
            _with(lambda beta, sigma: sigma**2 / beta),
        ),
        Mistake(
            "negative rates kept",
            "A KL divergence is never negative; what happens to a direction under water?",
            _with(_right_level, rate=lambda v, level: 0.5 * torch.log(v / level)),
        ),
        Mistake(
            "missing one half",
            "The rate counts the logarithm of a ratio of *standard deviations*.",
            _with(_right_level, rate=lambda v, level: torch.log((v / level).clamp_min(1.0))),
        ),
        Mistake(
            "bits instead of nats",
            "The course counts in nats: which logarithm is that?",
            _with(_right_level, rate=lambda v, level: 0.5 * torch.log2((v / level).clamp_min(1.0))),
        ),
        Mistake(
            "error of drowned directions set to the level",
            "Can the error be larger than the direction's own variance?",
            _with(_right_level, error=lambda v, level: torch.full_like(v, level)),
        ),
        Mistake(
            "drowned directions without error",
            "No rate is not no error: the decoder knows nothing of that direction.",
            _with(_right_level, error=lambda v, level: torch.where(v > level, level, 0.0)),
        ),
        Mistake(
            "error at the mean instead of a draw",
            "This is the error of the posterior's mean; a draw of z adds noise to it.",
            _with(_right_level, error=lambda v, level: torch.where(v > level, level**2 / v, v)),
        ),
    ),
    reference=optimum,
    cases=_spectra,
    low=0.0,
)

QUESTIONS = {
    question.id: question for question in (SAME_OPTIMUM, OPTIMUM, WARM_UP, CHOOSE_BETA, PANELS, DIAGNOSES)
}
