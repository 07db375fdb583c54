"""Assignment A4, beyond the plain VAE: the judges that a student writes, and two readings."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from vae_course.exercises.assignment_4 import EXERCISES
from vae_course.teaching.exercise import Mistake

GIVEN = {exercise.id: exercise for exercise in EXERCISES}

# -------- Assignment A4: a Fréchet distance and an area under the curve, from nothing.


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


FRECHET = replace(
    GIVEN["A4.3"],
    grade=None,
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


AUROC = replace(
    GIVEN["A4.4"],
    grade=None,
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


# -------- Assignment A4: cover or choose, with sliders; and what a report of four generators says.

CENTER = 6  # of the outer humps: at 4 a Gaussian over all three is nearer than one on a hump (0.52 nats)
FORWARD_STD = math.sqrt(2 * CENTER**2 / 3 + 0.64)
TWO_DIRECTIONS = replace(
    GIVEN["A4.5"],
    grade=None,
    mistakes=(
        Mistake(
            "the variance instead of the standard deviation",
            "Take the root.",
            value={"forward std": FORWARD_STD**2},
        ),
        Mistake(
            "width of the humps forgotten",
            "The target's variance is that of the three centers *plus* that within a hump.",
            value={"forward std": math.sqrt(2 * CENTER**2 / 3)},
        ),
        Mistake(
            "the two directions exchanged",
            "Forward averages over the target, and pays without limit for what the model leaves out.",
            value={"forward std": 0.8, "reverse std": FORWARD_STD},
        ),
        Mistake(
            "covering in both directions",
            "Set the model's mean to 0 and make it narrow: the reverse divergence falls.",
            value={"reverse std": FORWARD_STD},
        ),
        Mistake(
            "log 2 instead of log 3",
            "Which share of the target is left out when one of three humps is kept?",
            value={"reverse kl": math.log(2)},
        ),
        Mistake("bits instead of nats", "log base e.", value={"reverse kl": math.log2(3)}),
    ),
    value={"forward std": FORWARD_STD, "reverse std": 0.8, "reverse kl": math.log(3)},
    tolerance=0.0085,
)

_NAMES = {
    "A": "mode collapse",
    "B": "posterior collapse",
    "C": "it repeats training pictures",
    "D": "blurry means",
}
REPORTS = replace(
    GIVEN["A4.6"],
    grade=None,
    mistakes=(
        Mistake(
            "mode and posterior collapse exchanged",
            "One is about what is drawn, the other about what the code says. Which model covers all classes?",
            value={"model 1": "B", "model 3": "A"},
        ),
        Mistake(
            "memory taken for quality",
            "A perfect Fréchet distance, and pictures closer to the training set than fresh ones are.",
            value={"model 2": "D"},
        ),
        Mistake(
            "blur taken for posterior collapse",
            "Its code says 14 nats about each picture.",
            value={"model 4": "B"},
        ),
    ),
    value={"model 1": "A", "model 2": "C", "model 3": "B", "model 4": "D"},
    codes={f"model {i}": _NAMES for i in (1, 2, 3, 4)},
)


# -------- Questions of assignment A4, in order: beyond the plain VAE.


def coverage(probabilities: Tensor, confidence: float, least: int) -> dict[str, float]:
    best, label = probabilities.max(1)
    sure = best >= confidence
    counts = torch.bincount(label[sure], minlength=probabilities.shape[1]).double()
    share = counts / counts.sum()
    kl = torch.special.xlogy(share, share * len(share)).sum()
    return {"classes": float((counts >= least).sum()), "sure": float(sure.double().mean()), "kl": float(kl)}


def _answers_of_a_judge(seed: int) -> list[tuple]:
    """A judge's answers with a dropped class, a rare one, and samples that it is in doubt about."""
    generator = torch.Generator().manual_seed(seed)
    cases = []
    for classes, confidence, least in ((5, 0.7, 3), (8, 0.6, 2)):
        counts = [0, least - 1, *torch.randint(6, 20, (classes - 2,), generator=generator).tolist()]
        labels = torch.tensor([c for c, n in enumerate(counts) for _ in range(n)])
        top = torch.where(torch.rand(len(labels), generator=generator) < 0.25, confidence - 0.1, 0.95)
        first = torch.tensor([labels.tolist().index(1) + i for i in range(least - 1)])
        top[first] = 0.95
        rows = ((1 - top) / (classes - 1))[:, None].expand(-1, classes).clone()
        rows[torch.arange(len(labels)), labels] = top
        cases.append((rows[torch.randperm(len(rows), generator=generator)], confidence, least))
    return cases


def _other(counted=None, kl=None, sure=None, classes=None):
    """The right answer with another way of counting, comparing, or being sure."""

    def answer(probabilities: Tensor, confidence: float, least: int) -> dict[str, float]:
        best, label = probabilities.max(1)
        chosen = best >= confidence if counted is None else counted(best, confidence)
        counts = torch.bincount(label[chosen], minlength=probabilities.shape[1]).double()
        share = counts / counts.sum()
        result = {
            "classes": float((counts >= least).sum() if classes is None else classes(counts, least)),
            "sure": float((best >= confidence).double().mean()),
            "kl": float(torch.special.xlogy(share, share * len(share)).sum() if kl is None else kl(share)),
        }
        if sure is not None:
            result["sure"] = float(sure(counts))
        return result

    return answer


COVERAGE = replace(
    GIVEN["A4.1"],
    grade=None,
    mistakes=(
        Mistake(
            "samples in doubt counted as well",
            "A picture between two classes is no evidence for either.",
            _other(counted=lambda best, confidence: torch.ones_like(best, dtype=torch.bool)),
        ),
        Mistake(
            "KL the other way round",
            "Averaged over the samples' histogram, not over the uniform one. A dropped class must not make "
            "it infinite.",
            (
                _other(kl=lambda share: (-(share * len(share)).log() / len(share)).sum()),
                _other(kl=lambda share: (-(share.clamp_min(1e-12) * len(share)).log() / len(share)).sum()),
            ),
        ),
        Mistake(
            "0 · log 0 left undefined",
            "A class that was never drawn turns the sum into NaN.",
            _other(kl=lambda share: (share * (share * len(share)).log()).sum()),
        ),
        Mistake(
            "entropy instead of the divergence",
            "A uniform histogram must give 0.",
            _other(kl=lambda share: -torch.special.xlogy(share, share).sum()),
        ),
        Mistake(
            "bits instead of nats",
            "Which logarithm does the course use?",
            _other(kl=lambda share: torch.special.xlogy(share, share * len(share)).sum() / math.log(2)),
        ),
        Mistake(
            "one sample is enough",
            "A class counts as covered from `least` samples on.",
            _other(classes=lambda counts, least: (counts >= 1).sum()),
        ),
        Mistake(
            "more than least demanded",
            "At least means that the number itself is enough.",
            _other(classes=lambda counts, least: (counts > least).sum()),
        ),
        Mistake(
            "a count where a share is asked for",
            "'sure' lies between 0 and 1.",
            _other(sure=lambda counts: counts.sum()),
        ),
    ),
    reference=coverage,
    cases=lambda seed: [
        *_answers_of_a_judge(seed),
        (torch.eye(4)[[0, 0, 1, 1, 2, 2, 3, 3, 3]], 0.5, 3),
    ],
)


def hinge_losses(real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    return {"catch": (1 - real).relu().mean() + (1 + fake).relu().mean(), "fool": -fake.mean()}


def _losses(catch=None, fool=None):
    def answer(real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        right = hinge_losses(real, fake)
        return {
            "catch": right["catch"] if catch is None else catch(real, fake),
            "fool": right["fool"] if fool is None else fool(real, fake),
        }

    return answer


def _logits(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    return [
        (0.5 + 1.5 * torch.randn(n, generator=generator), -0.4 + 1.5 * torch.randn(m, generator=generator))
        for n, m in ((12, 12), (9, 14))
    ]


HINGE = replace(
    GIVEN["A4.2"],
    grade=None,
    mistakes=(
        Mistake(
            "labels exchanged",
            "The discriminator wants real high and fake low.",
            _losses(catch=lambda real, fake: (1 + real).relu().mean() + (1 - fake).relu().mean()),
        ),
        Mistake(
            "the generator helps the discriminator",
            "Minimizing this lowers the output for generated samples.",
            (
                _losses(fool=lambda real, fake: fake.mean()),
                _losses(fool=lambda real, fake: (1 + fake).relu().mean()),
            ),
        ),
        Mistake(
            "a hinge for the generator too",
            "Its wish has no limit: beyond 1 it would get no gradient any more.",
            _losses(fool=lambda real, fake: (1 - fake).relu().mean()),
        ),
        Mistake(
            "no hinge for the discriminator",
            "It is content beyond ±1; this loss rewards it for ever larger outputs.",
            _losses(catch=lambda real, fake: (1 - real).mean() + (1 + fake).mean()),
        ),
        Mistake(
            "no margin",
            "Content from ±1 on, not from 0.",
            _losses(catch=lambda real, fake: (-real).relu().mean() + fake.relu().mean()),
        ),
        Mistake(
            "cross-entropy instead of a hinge",
            "That is the loss of chapter 06; its gradient never quite ends.",
            _losses(
                catch=lambda real, fake: (
                    torch.nn.functional.softplus(-real).mean() + torch.nn.functional.softplus(fake).mean()
                )
            ),
        ),
        Mistake(
            "summed over the samples",
            "A larger batch must not mean a larger loss.",
            _losses(catch=lambda real, fake: (1 - real).relu().sum() + (1 + fake).relu().sum()),
        ),
        Mistake(
            "mean over both sets together",
            "The mean over the real ones *plus* the mean over the fake ones.",
            _losses(catch=lambda real, fake: torch.cat([(1 - real).relu(), (1 + fake).relu()]).mean()),
        ),
    ),
    reference=hinge_losses,
    cases=_logits,
)

QUESTIONS = {question.id: question for question in (COVERAGE, HINGE, FRECHET, AUROC, TWO_DIRECTIONS, REPORTS)}
