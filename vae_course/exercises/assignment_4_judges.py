"""Assignment A4: a Fréchet distance and an area under the curve, from nothing."""

from __future__ import annotations

import torch
from torch import Tensor

from vae_course.exercises.exercise import Exercise, Mistake


def frechet_diagonal(a: Tensor, b: Tensor) -> Tensor:
    return ((a.mean(0) - b.mean(0)) ** 2 + (a.std(0) - b.std(0)) ** 2).sum()


def _features(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    return [
        (
            torch.randn(60, d, generator=generator),
            0.5 + torch.linspace(0.4, 2.0, d) * torch.randn(45, d, generator=generator),
        )
        for d in (3, 6)
    ]


FRECHET = Exercise(
    id="A4.3",
    title="A Fréchet distance without matrix roots",
    contract="frechet_diagonal(a, b): features (n, d) and (m, d), float tensors. Returns the squared "
    "Fréchet distance of two Gaussians with the features' means and standard deviations and *independent* "
    "dimensions: one number ≥ 0.",
    stub='''def frechet_diagonal(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """a (n, d), b (m, d). Squared Fréchet distance of two Gaussians with independent dimensions."""
    ...''',
    hints=(
        "With a diagonal covariance the trace term of the formula is a sum over dimensions: σa² + σb² − 2 "
        "σa σb.",
        "That is a square.",
    ),
    mistakes=(
        Mistake(
            "variances compared instead of standard deviations",
            "σa² + σb² − 2 σa σb is the square of what?",
            lambda a, b: ((a.mean(0) - b.mean(0)) ** 2 + (a.var(0) - b.var(0)) ** 2).sum(),
        ),
        Mistake(
            "root taken",
            "The squared distance is asked for, as everybody quotes it.",
            lambda a, b: frechet_diagonal(a, b).sqrt(),
        ),
        Mistake(
            "averaged over the dimensions",
            "The distance is a sum over dimensions.",
            lambda a, b: frechet_diagonal(a, b) / a.shape[1],
        ),
        Mistake(
            "means only",
            "Two clouds around the same point may still have different widths.",
            lambda a, b: ((a.mean(0) - b.mean(0)) ** 2).sum(),
        ),
        Mistake(
            "spreads only",
            "Two equal clouds in different places are not the same.",
            lambda a, b: ((a.std(0) - b.std(0)) ** 2).sum(),
        ),
        Mistake(
            "one mean for all dimensions",
            "Each dimension has a mean and a spread of its own.",
            lambda a, b: (a.mean() - b.mean()) ** 2 + (a.std() - b.std()) ** 2,
        ),
        Mistake(
            "cross term forgotten",
            "Put in the same features twice: what should come out?",
            lambda a, b: ((a.mean(0) - b.mean(0)) ** 2 + a.var(0) + b.var(0)).sum(),
        ),
        Mistake(
            "differences not squared",
            "A distance is never negative.",
            lambda a, b: ((a.mean(0) - b.mean(0)) + (a.std(0) - b.std(0))).sum(),
        ),
    ),
    reference=frechet_diagonal,
    cases=_features,
    # n or n - 1 in the standard deviation: a percent of σ for 45 rows, less than that of the distance.
    tolerance=0.03,
    low=0.0,
)


def auroc(normal: Tensor, odd: Tensor) -> float:
    above = (odd[:, None] > normal).double() + 0.5 * (odd[:, None] == normal).double()
    return float(above.mean())


def _scores(seed: int) -> list[tuple]:
    """Scores with ties, sets of different sizes, and one case in which the odd ones score lower."""
    generator = torch.Generator().manual_seed(seed)
    draw = lambda n, shift: (2 * torch.randn(n, generator=generator) + shift).round()  # noqa: E731
    return [(draw(30, 0.0), draw(12, 2.0)), (draw(8, 1.0), draw(25, 0.0)), (draw(20, 0.0), draw(20, 6.0))]


def _share(normal: Tensor, odd: Tensor, compare) -> float:
    return float(compare(odd[:, None], normal).double().mean())


AUROC = Exercise(
    id="A4.4",
    title="How well do scores tell the odd ones?",
    contract="auroc(normal, odd): anomaly scores (−ELBO, nats) of n normal and m odd examples, float "
    "tensors (n,) and (m,); higher should mean odder. Returns the area under the ROC curve: the "
    "probability that a random odd example scores higher than a random normal one, where a tie counts one "
    "half. A number from 0 to 1.",
    stub='''def auroc(normal: torch.Tensor, odd: torch.Tensor) -> float:
    """normal (n,), odd (m,): scores. Probability that an odd example scores higher; ties count one half."""
    ...''',
    hints=(
        "Compare every odd score with every normal one: a table of (m, n).",
        "How many entries are above, how many are equal?",
    ),
    mistakes=(
        Mistake(
            "the wrong way round",
            "Higher should mean odder: who must be above whom?",
            lambda normal, odd: 1 - auroc(normal, odd),
        ),
        Mistake(
            "ties count for nothing",
            "A judge who gives everybody the same score knows nothing: that is one half, not 0.",
            lambda normal, odd: _share(normal, odd, torch.gt),
        ),
        Mistake(
            "ties count in full",
            "A judge who gives everybody the same score is not perfect.",
            lambda normal, odd: _share(normal, odd, torch.ge),
        ),
        Mistake(
            "always the better side",
            "An area below one half is a result, and it has to be told as it is.",
            lambda normal, odd: max(auroc(normal, odd), 1 - auroc(normal, odd)),
        ),
        Mistake(
            "compared with the mean of the normal ones",
            "Every pair counts, not only pairs with the average.",
            lambda normal, odd: float((odd > normal.mean()).double().mean()),
        ),
        Mistake(
            "compared with the largest normal score",
            "That is the share found without any false alarm, one point of the curve.",
            lambda normal, odd: float((odd > normal.max()).double().mean()),
        ),
        Mistake(
            "accuracy at a threshold",
            "An area looks at all thresholds at once.",
            (
                lambda normal, odd: _accuracy(normal, odd, torch.cat([normal, odd]).median()),
                lambda normal, odd: _accuracy(normal, odd, torch.cat([normal, odd]).mean()),
            ),
        ),
        Mistake(
            "difference of the means",
            "A number from 0 to 1 is asked for, and the unit of the scores must not matter.",
            lambda normal, odd: float(odd.mean() - normal.mean()),
        ),
    ),
    reference=auroc,
    cases=_scores,
    low=0.0,
    high=1.0,
)


def _accuracy(normal: Tensor, odd: Tensor, threshold: Tensor) -> float:
    right = (odd > threshold).sum() + (normal <= threshold).sum()
    return float(right / (len(normal) + len(odd)))
