"""Assignment A2: what β stands for, how it is warmed up, and how it is chosen."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from vae_course.exercises.exercise import Exercise, Mistake


def same_optimum(sigma: float, beta: float) -> float:
    return sigma * math.sqrt(beta)


def _sigmas(seed: int) -> list[tuple]:
    draw = random.Random(seed)
    return [(draw.uniform(0.2, 2.0), beta) for beta in (4.0, 0.25, draw.uniform(1.5, 9.0))]


SAME_OPTIMUM = Exercise(
    id="A2.1",
    title="β in disguise",
    contract="same_optimum(sigma, beta): a VAE with a Gaussian decoder of fixed σ was trained with KL "
    "weight β, both numbers > 0. Returns the σ' of a VAE trained with KL weight 1 (a plain ELBO) that has "
    "the same best encoder and decoder mean: one number > 0.",
    stub='''def same_optimum(sigma: float, beta: float) -> float:
    """The fixed σ' at which a plain ELBO has the same optimum as the β-ELBO with σ."""
    ...''',
    hints=(
        "Write the loss: squared error over 2σ², plus β · KL. Multiplying a loss by a number moves no "
        "optimum.",
        "Divide the whole loss by β. What does the first term look like now?",
    ),
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


WARM_UP = Exercise(
    id="A2.3",
    title="Warm up to β",
    contract="weight_at(step, total_steps, warmup, beta): step is 0 ... total_steps − 1, warmup a share of "
    "the run in (0, 1]. The KL weight rises linearly from 0 at step 0 to beta at step warmup · "
    "total_steps, and stays there. Returns it: a number from 0 to beta.",
    stub='''def weight_at(step: int, total_steps: int, warmup: float, beta: float) -> float:
    """KL weight at a step: from 0 up to beta during the first share ``warmup`` of the run, then beta."""
    ...''',
    hints=(
        "How long is the rise, in steps?",
        "After it, nothing rises any more: which function caps a number?",
    ),
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


CHOOSE_BETA = Exercise(
    id="A2.4",
    title="The best β for a budget",
    contract="choose_beta(curve, budget_bits): curve is a dict, β → list of (rate, distortion) in nats, "
    "one pair for each seed; budget_bits is a number. Returns the β with the lowest mean distortion among "
    "those whose mean rate is at most the budget, which is in *bits*: one of the keys. At least one β is "
    "within it.",
    stub='''def choose_beta(curve: dict[float, list[tuple[float, float]]], budget_bits: float) -> float:
    """curve: β → [(rate, distortion), ...] in nats, one for each seed. Returns one of the keys."""
    ...''',
    hints=(
        "One bit is log 2 nats.",
        "Average over the seeds first, then ask which β may compete, then which of them is best.",
    ),
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
