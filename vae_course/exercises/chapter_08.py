""""""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

from vae_course.teaching.exercise import Exercise, Mistake

# -------- Exercises of chapter 08: choose a size from losses, and find where a count saturates.


def smallest_good_size(losses: dict[int, list[float]], tolerance: float) -> int:
    mean = {size: sum(values) / len(values) for size, values in losses.items()}
    lowest = min(mean.values())
    return min(size for size, value in mean.items() if value <= lowest + tolerance)


def _loss_cases(seed: int) -> list[tuple]:
    return [
        # A lucky seed at size 4; the best mean is at 16, and 8 is near enough.
        ({2: [150.0, 151.0, 149.0], 4: [119.0, 131.0, 131.0], 8: [120.6, 120.2, 120.4],
          16: [119.9, 119.5, 120.0], 32: [121.6, 121.2, 121.4]}, 1.0),
        # Sizes in no order; a large code is worse than a small one.
        ({64: [101.0, 101.4], 8: [104.0, 104.2], 32: [99.0, 99.4], 16: [100.5, 100.9]}, 2.0),
        ({4: [10.0, 12.0], 8: [9.0, 9.4], 16: [9.3, 9.1], 32: [8.9, 9.1]}, 0.0),
        # One unlucky seed at size 8 hides that its mean is the best but one.
        ({4: [60.0, 60.2, 60.1], 8: [50.0, 50.2, 53.0], 16: [50.6, 50.4, 50.8], 32: [50.5, 50.3, 50.4]}, 1.0),
        ({2: [105.4, 105.4], 4: [104.2, 104.6], 8: [103.1, 103.5], 16: [102.4, 102.2], 32: [101.6, 101.2],
          64: [104.4, 105.4]}, 1.5),
    ]  # fmt: skip


def _choose(
    level: Callable[[list[float]], float] = lambda values: sum(values) / len(values),
    pick: Callable = lambda mean, tolerance: min(
        size for size, value in mean.items() if value <= min(mean.values()) + tolerance
    ),
) -> Callable:
    def function(losses: dict[int, list[float]], tolerance: float) -> int:
        return pick({size: level(values) for size, values in losses.items()}, tolerance)

    return function


def _first_small_gain(mean: dict[int, float], tolerance: float) -> int:
    sizes = sorted(mean)
    for small, large in pairwise(sizes):
        if mean[small] - mean[large] <= tolerance:
            return small
    return sizes[-1]


CHOOSE_SIZE = Exercise(
    id="08.3",
    title="The smallest size that is good enough",
    contract="smallest_good_size(losses, tolerance): losses is a dict, latent size -> list of held-out "
    "losses in nats, one for each seed; tolerance is a float >= 0. Returns the smallest size whose mean loss "
    "over the seeds is at most tolerance above the lowest mean loss: one of the sizes, a whole number.",
    stub='''def smallest_good_size(losses: dict[int, list[float]], tolerance: float) -> int:
    """losses: latent size -> losses, one for each seed (nats). Returns one of the sizes."""
    ...''',
    hints=(
        "First one number for each size: the mean over its seeds.",
        "What are all sizes compared with?",
        "Several sizes may be near enough to the best. Take the smallest, wherever it stands in the dict.",
    ),
    mistakes=(
        Mistake(
            "only the best size",
            "A smaller code may cost up to the tolerance. Where is the tolerance in your answer?",
            _choose(pick=lambda mean, tolerance: min(mean, key=mean.get)),
        ),
        Mistake(
            "the luckiest seed",
            "One lucky seed is no evidence: compare means over the seeds.",
            _choose(min),
        ),
        Mistake(
            "the unluckiest seed",
            "The contract asks for the mean over the seeds.",
            _choose(max),
        ),
        Mistake(
            "compared with the largest size",
            "The largest code need not be the best.",
            _choose(
                pick=lambda mean, tolerance: min(
                    size for size, value in mean.items() if value <= mean[max(mean)] + tolerance
                )
            ),
        ),
        Mistake(
            "stops at the first small gain",
            "Small gains can add up to a large one: compare each size with the best, not with its neighbor.",
            _choose(pick=_first_small_gain),
        ),
        Mistake(
            "the largest size within the tolerance",
            "All of these are good enough. Which of them is the cheapest?",
            _choose(
                pick=lambda mean, tolerance: max(
                    size for size, value in mean.items() if value <= min(mean.values()) + tolerance
                )
            ),
        ),
        Mistake(
            "first in the dict",
            "The sizes may stand in any order.",
            _choose(
                pick=lambda mean, tolerance: next(
                    size for size, value in mean.items() if value <= min(mean.values()) + tolerance
                )
            ),
        ),
    ),
    reference=smallest_good_size,
    cases=_loss_cases,
)


def saturation(sizes: list[int], units: list[float]) -> float:
    def error(s: float) -> float:
        return sum((min(k, s) - used) ** 2 for k, used in zip(sizes, units, strict=True))

    candidates = [i / 100 for i in range(100 * max(sizes) + 1)]
    return min(candidates, key=error)


def _unit_cases(seed: int) -> list[tuple]:
    draw = random.Random(seed)
    sizes = [2, 4, 8, 16, 32, 64]
    cases = [(sizes, [2, 4, 8, 13, 16, 19]), ([4, 8, 16, 24, 48], [4, 8, 15, 21, 22])]
    for plateau in (11.0, 25.0):
        cases.append((sizes, [min(k, plateau) + draw.uniform(-1, 1) * (k > plateau) for k in sizes]))
    return cases


SATURATION = Exercise(
    id="08.4",
    title="Where does a count saturate?",
    contract="saturation(sizes, units): sizes are increasing latent sizes, units the number of dimensions "
    "in use at each (a mean over seeds, so not always whole). Returns the s between 0 and the largest size "
    "for which min(k, s) fits the units best: smallest sum over the sizes of (min(k, s) - units)². A float, "
    "to within 0.02.",
    stub='''def saturation(sizes: list[int], units: list[float]) -> float:
    """sizes: increasing; units: as many. Returns the s of the best fit of min(k, s) to the units."""
    ...''',
    hints=(
        "For one s the sum of squares is one line. Write that first.",
        "It is one number between 0 and 64: trying every hundredth is cheap.",
        "min(candidates, key=error) returns the candidate with the smallest error.",
    ),
    mistakes=(
        Mistake(
            "the last count",
            "The largest size is one measurement among several.",
            lambda sizes, units: float(units[-1]),
        ),
        Mistake(
            "the largest count",
            "The largest of several noisy numbers is biased upwards.",
            lambda sizes, units: float(max(units)),
        ),
        Mistake(
            "whole numbers only",
            "The best s need not be a whole number.",
            lambda sizes, units: float(
                min(
                    range(max(sizes) + 1),
                    key=lambda s: sum((min(k, s) - u) ** 2 for k, u in zip(sizes, units, strict=True)),
                )
            ),
        ),
        Mistake(
            "one of the sizes",
            "The bend may lie between two of the sizes that were tried.",
            lambda sizes, units: float(
                min(
                    sizes,
                    key=lambda s: sum((min(k, s) - u) ** 2 for k, u in zip(sizes, units, strict=True)),
                )
            ),
        ),
        Mistake(
            "mean of all counts",
            "Below the bend, the count is k and says nothing about s.",
            lambda sizes, units: sum(units) / len(units),
        ),
        Mistake(
            "absolute errors",
            "The contract asks for squares; absolute errors give another s.",
            lambda sizes, units: min(
                [i / 100 for i in range(100 * max(sizes) + 1)],
                key=lambda s: sum(abs(min(k, s) - u) for k, u in zip(sizes, units, strict=True)),
            ),
        ),
    ),
    reference=saturation,
    cases=_unit_cases,
    tolerance=0.02,
    low=0.0,
)


# -------- Exercises of chapter 08, in order; here: the count of active units and the price of a dimension.


def count_active(means: Tensor, threshold: float = 0.01) -> int:
    return int((means.var(0) > threshold).sum())


def _cases(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    scales = torch.tensor([1.0, 0.6, 0.05, 0.15, 0.001, 0.3, 0.09])
    cases = []
    for n, threshold in ((400, 0.01), (900, 0.05), (300, 0.2)):
        means = scales * torch.randn(n, 7, generator=generator)
        # One dimension is far from 0 for every picture, and tells nothing.
        means[:, 4] += 1.5
        cases.append((means, threshold))
    return cases


COUNT_ACTIVE = Exercise(
    id="08.1",
    title="Count the active units",
    contract="count_active(means, threshold=0.01): means is float (n, latent), the mean of q(z|x) for n "
    "pictures. Returns the number of latent dimensions in which the mean varies over the pictures with a "
    "variance above the threshold: a whole number from 0 to latent.",
    stub='''def count_active(means: torch.Tensor, threshold: float = 0.01) -> int:
    """means: (n, latent). Returns how many dimensions have a variance over the pictures above threshold."""
    ...''',
    hints=(
        "A dimension is used when pictures get different means in it: which axis holds the pictures?",
        "A mean that is large and the same for all pictures tells nothing about any of them.",
        "tensor.var(axis) gives one number for each of the other axis; then compare and count.",
    ),
    mistakes=(
        Mistake(
            "variance over the latent dimensions",
            "You have one number for each picture. Which axis should be gone?",
            lambda means, threshold=0.01: int((means.var(1) > threshold).sum()),
        ),
        Mistake(
            "standard deviation instead of variance",
            "The threshold is for the variance. What is the square of 0.1?",
            lambda means, threshold=0.01: int((means.std(0) > threshold).sum()),
        ),
        Mistake(
            "mean square instead of variance",
            "One dimension is far from 0 for every picture and tells nothing. Take its average away first.",
            (
                lambda means, threshold=0.01: int(((means**2).mean(0) > threshold).sum()),
                lambda means, threshold=0.01: int((means.mean(0).abs() > threshold).sum()),
                lambda means, threshold=0.01: int((means.abs().mean(0) > threshold).sum()),
            ),
        ),
        Mistake(
            "threshold ignored",
            "The threshold is an argument: 0.01 is only its default.",
            lambda means, threshold=0.01: int((means.var(0) > 0.01).sum()),
        ),
        Mistake(
            "inactive units counted",
            "Those below the threshold are the ones that are not used.",
            lambda means, threshold=0.01: int((means.var(0) <= threshold).sum()),
        ),
        Mistake(
            "share instead of number",
            "A number of dimensions is asked for.",
            lambda means, threshold=0.01: (means.var(0) > threshold).float().mean(),
        ),
    ),
    reference=count_active,
    cases=_cases,
    low=0.0,
)

PRICE = Exercise(
    id="08.2",
    title="The price of one more dimension",
    contract="A fully connected VAE has hidden layers of 256 and 128 units in the encoder, mirrored in the "
    "decoder. Its latent size grows by 1. Give 'encoder' and 'decoder': the learnable numbers each gains.",
    stub='answer_08_2 = {"encoder": ..., "decoder": ...}',
    hints=(
        "Only one layer of each network touches z.",
        "The encoder puts out two numbers for each latent dimension, and each has a bias.",
        "In the decoder, z is the input of a layer: do its biases belong to inputs or to outputs?",
    ),
    mistakes=(
        Mistake(
            "mean without log_var", "What does the encoder put out besides the mean?", value={"encoder": 129}
        ),
        Mistake(
            "mean without log_var and bias",
            "Two outputs for each latent dimension, and a bias for each output.",
            value={"encoder": 128},
        ),
        Mistake("encoder's biases forgotten", "Every output of a layer has a bias.", value={"encoder": 256}),
        Mistake(
            "wrong hidden layer",
            "Which hidden layer is next to z: the one with 256 units, or the one with 128?",
            value={"encoder": 514},
        ),
        Mistake(
            "bias of an input",
            "Biases belong to a layer's outputs, and the decoder's first layer gains an input.",
            value={"decoder": 129},
        ),
        Mistake(
            "decoder's wrong layer",
            "The decoder mirrors the encoder: 128 comes first.",
            value={"decoder": 256},
        ),
    ),
    value={"encoder": 258, "decoder": 128},
    tolerance=1e-9,
    explanation="Encoder: two more outputs (mean, log_var) of a layer with 128 inputs, 2 * (128 + 1) = 258.\n"
    "Decoder: one more input of a layer with 128 outputs, 128. Its biases stay as they were.",
)

EXERCISES = (COUNT_ACTIVE, PRICE, CHOOSE_SIZE, SATURATION)
