"""The exercises of chapter 08."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

from vae_course.teaching.exercise import Exercise, Mistake

# -------- Exercises of chapter 08: choose a size from losses.


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
        # The seed in the middle says something else than the mean.
        ({4: [60.0, 60.0, 66.0], 8: [61.0, 61.1, 60.9], 16: [61.2, 61.0, 61.4]}, 0.5),
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
    id="08.4",
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
            "sum over the seeds",
            "The tolerance is for one mean: a sum over seeds makes every difference larger.",
            _choose(sum),
        ),
        Mistake(
            "median over the seeds",
            "The contract asks for the mean over the seeds.",
            _choose(statistics.median),
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
        Mistake(
            "tolerance taken for a share",
            "The tolerance is in nats, like the losses: it is added, not multiplied.",
            lambda losses, tolerance: (
                lambda mean: min(
                    k for k, value in mean.items() if value <= min(mean.values()) * (1 + tolerance)
                )
            )({size: sum(values) / len(values) for size, values in losses.items()}),
        ),
        Mistake(
            "a loss instead of a size",
            "Return the size: the key, not its value.",
            lambda losses, tolerance: min(sum(values) / len(values) for values in losses.values()),
        ),
    ),
    reference=smallest_good_size,
    cases=_loss_cases,
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
    # A variance of exactly 1, which is not above 1, and one of 4.
    wave = torch.tensor([1.0, -1.0, 1.0, -1.0, 0.0])
    cases.append((torch.stack([wave, 2 * wave], 1), 1.0))
    return cases


COUNT_ACTIVE = Exercise(
    id="08.3",
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
            (
                lambda means, threshold=0.01: int((means.var(0) < threshold).sum()),
                lambda means, threshold=0.01: int((means.var(0) <= threshold).sum()),
            ),
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
    id="08.1",
    title="The price of one more dimension",
    contract="A fully connected VAE has hidden layers of 256 and 128 units in the encoder, mirrored in the "
    "decoder. Its latent size grows by 1. Give 'encoder' and 'decoder': the learnable numbers each gains.",
    stub='answer_08_1 = {"encoder": ..., "decoder": ...}',
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


def worth(log_likelihood: Callable[[Tensor], Tensor], z: Tensor, unit: int, noise: Tensor) -> Tensor:
    off = z.clone()
    off[:, unit] = noise
    return (log_likelihood(z) - log_likelihood(off)).mean()


class _Decoder:
    """log p(x|z) of n pictures of five pixels whose true codes are known; unit 2 does nothing."""

    def __init__(self, x: Tensor, weight: Tensor) -> None:
        self.x, self.weight = x, weight

    def __call__(self, z: Tensor) -> Tensor:
        return -2 * (self.x - torch.tanh(z) @ self.weight).square().sum(1)


def _worth_cases(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    cases = []
    for n, unit in ((300, 0), (50, 2), (120, 3), (80, 1)):
        weight = torch.randn(4, 5, generator=generator) * torch.tensor([[1.5], [0.7], [0.0], [1.0]])
        z = torch.randn(n, 4, generator=generator)
        x = torch.tanh(z) @ weight + 0.1 * torch.randn(n, 5, generator=generator)
        cases.append((_Decoder(x, weight), z, unit, torch.randn(n, generator=generator)))
    return cases


def _switched(change: Callable, take: Callable = lambda rise: rise.mean()) -> Callable:
    """The reference with another change of the codes, or another summary."""

    def function(log_likelihood, z, unit, noise):
        off = z.clone()
        change(off, unit, noise)
        return take(log_likelihood(z) - log_likelihood(off))

    return function


def _noise(off: Tensor, unit: int, noise: Tensor) -> None:
    off[:, unit] = noise


def _only_this_one(off: Tensor, unit: int, noise: Tensor) -> None:
    kept = off[:, unit].clone()
    off[:] = noise[:, None]
    off[:, unit] = kept


def _everything(off: Tensor, unit: int, noise: Tensor) -> None:
    off[:] = noise[:, None]


def _zero(off: Tensor, unit: int, noise: Tensor) -> None:
    off[:, unit] = 0


def _added(off: Tensor, unit: int, noise: Tensor) -> None:
    off[:, unit] += noise


def _in_place(log_likelihood, z, unit, noise):
    off = z
    off[:, unit] = noise
    return (log_likelihood(z) - log_likelihood(off)).mean()


WORTH = Exercise(
    id="08.2",
    title="What a unit is worth",
    contract="worth(log_likelihood, z, unit, noise): log_likelihood(codes) takes float codes (n, k) and "
    "gives log p(x|z) of the n pictures, (n,), nats; z is (n, k), their codes; noise is (n,), draws from "
    "N(0, 1). Returns the mean nats by which log p(x|z) falls when column unit of z, the codes "
    "of one unit, is replaced by the noise: a scalar. z stays as it is.",
    stub='''def worth(log_likelihood, z: torch.Tensor, unit: int, noise: torch.Tensor) -> torch.Tensor:
    """log_likelihood: codes (n, k) → log p(x|z) in nats, (n,). z: (n, k); noise: (n,). Returns a scalar."""
    ...''',
    hints=(
        "Two calls of log_likelihood: once with the codes as they are, once with one column replaced.",
        "Copy z first, z.clone(); otherwise both calls see the changed codes.",
        "Before minus after, averaged over the pictures.",
    ),
    mistakes=(
        Mistake(
            "z overwritten",
            "Both calls saw the changed codes. Work on a copy of z.",
            _in_place,
        ),
        Mistake(
            "sign turned round",
            "A unit that tells something is worth more than 0: before minus after.",
            _switched(_noise, lambda rise: -rise.mean()),
        ),
        Mistake(
            "sum over pictures",
            "The mean over the pictures is asked for, so that it compares with a KL.",
            _switched(_noise, lambda rise: rise.sum()),
        ),
        Mistake(
            "one number for each picture",
            "Average over the pictures.",
            _switched(_noise, lambda rise: rise),
        ),
        Mistake(
            "zero instead of noise",
            "Replace the codes by the noise that you are given. 0 is a usual code, not a meaningless one.",
            _switched(_zero),
        ),
        Mistake("noise added", "Replace the codes, do not add to them.", _switched(_added)),
        Mistake(
            "all other units replaced",
            "Only the one unit is switched off; the others keep their codes.",
            (_switched(_only_this_one), _switched(_everything)),
        ),
        Mistake(
            "one noise for all pictures",
            "Each picture gets a number of its own.",
            lambda log_likelihood, z, unit, noise: worth(log_likelihood, z, unit, noise[0]),
        ),
        Mistake(
            "always the same unit",
            "Which column is replaced? The third argument says it.",
            lambda log_likelihood, z, unit, noise: worth(log_likelihood, z, 0, noise),
        ),
    ),
    reference=worth,
    cases=_worth_cases,
)

EXERCISES = (COUNT_ACTIVE, PRICE, CHOOSE_SIZE, WORTH)
