"""Questions of assignment A2, in order: choose β."""

from __future__ import annotations

import torch
from torch import Tensor

from vae_course.exercises.assignment_2_choice import CHOOSE_BETA, SAME_OPTIMUM, WARM_UP
from vae_course.exercises.assignment_2_reading import DIAGNOSES, PANELS
from vae_course.exercises.exercise import Exercise, Mistake


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
