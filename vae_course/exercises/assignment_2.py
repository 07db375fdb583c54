""""""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import torch
from torch import Tensor

from vae_course.teaching.exercise import Exercise, Mistake

# -------- Assignment A2: what β stands for, how it is warmed up, and how it is chosen.


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


# -------- Assignment A2: read collapse panels, and say why a code is silent.

PANELS = Exercise(
    id="A2.5",
    title="Whose panel is it?",
    contract="Three models of the same data, trained with β = 1, 64 and 1024. For 'panel A', 'panel B' and "
    "'panel C' of the figure give the β: 1, 64 or 1024.",
    stub='answer_A2_5 = {"panel A": ..., "panel B": ..., "panel C": ...}',
    hints=(
        "A larger β makes every nat of rate dearer: which panel spends least?",
        "Use the slider: it shows the bars of every β that was trained.",
    ),
    mistakes=(
        Mistake(
            "order reversed",
            "The panel with the largest rate paid least for a nat.",
            value={"panel A": 1, "panel C": 1024},
        ),
    ),
    value={"panel A": 64, "panel B": 1024, "panel C": 1},
    tolerance=1e-6,
    explanation="Bars shrink, and vanish one after the other, as β grows: C (1), A (64), B (1024).",
)

_CAUSES = {
    "A": "β is larger than the data's variances allow",
    "B": "the decoder explains the data without the code",
    "C": "training got stuck early: a warm-up helps",
    "D": "nothing is wrong",
}
DIAGNOSES = Exercise(
    id="A2.6",
    title="Why is the code silent?",
    contract="For 'run 1' to 'run 4' of the table give the code of the likeliest cause. A: β is larger "
    "than the data's variances allow, and the optimum itself is silent. B: the decoder explains the data "
    "without the code. C: training got stuck early, and a warm-up helps. D: nothing is wrong.",
    stub='answer_A2_6 = {"run 1": ..., "run 2": ..., "run 3": ..., "run 4": ...}',
    hints=(
        "Compare with what the same model reaches with a warm-up, and with the model that has no code at "
        "all.",
        "A silent code is a fault only if the optimum wants it to speak.",
    ),
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
    explanation="Run 1: a warm-up changes nothing, and every direction is under water. Run 2: with a "
    "warm-up the\n"
    "same model speaks and has a lower −ELBO. Run 3: the autoregressive decoder alone is as good. Run 4: "
    "two\n"
    "units, 9 nats: the data have two factors.",
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


OPTIMUM = Exercise(
    id="A2.2",
    title="What the best linear code spends and leaves",
    contract="optimum(variances, beta, sigma): float tensor (D,) of the data's variances along its "
    "principal directions, numbers β > 0 and σ > 0. For a linear VAE with fixed decoder noise σ at the "
    "optimum of the β-ELBO, returns a dict: 'rate', nats of each direction, and 'squared_error', the mean "
    "squared error that is left in each direction when z is drawn from q; both (D,).",
    stub='''def optimum(variances: torch.Tensor, beta: float, sigma: float) -> dict[str, torch.Tensor]:
    """variances (D,), > 0. Returns {"rate": (D,) nats, "squared_error": (D,) in the data's squared unit}."""
    ...''',
    hints=(
        "Chapter 04, section 4: a water level made of β and σ.",
        "A direction under water gets no rate: the decoder then puts out its mean. What error is that?",
        "A direction above water is coded until the error left is the level itself.",
    ),
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

EXERCISES = (SAME_OPTIMUM, OPTIMUM, WARM_UP, CHOOSE_BETA, PANELS, DIAGNOSES)
