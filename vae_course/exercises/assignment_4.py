"""Questions of assignment A4, in order: beyond the plain VAE."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vae_course.exercises.assignment_4_judges import AUROC, FRECHET
from vae_course.exercises.assignment_4_reading import REPORTS, TWO_DIRECTIONS
from vae_course.exercises.exercise import Exercise, Mistake


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


COVERAGE = Exercise(
    id="A4.1",
    title="What does the generator leave out?",
    contract="coverage(probabilities, confidence, least): probabilities is (n, classes), a judge's answers "
    "for n samples. A sample is sure when its largest probability is at least confidence, and then counts "
    "for that class. Returns a dict: 'classes', the number of classes with at least `least` sure samples; "
    "'sure', the share of sure samples; 'kl', KL(histogram of the sure samples || uniform), in nats.",
    stub='''def coverage(probabilities: torch.Tensor, confidence: float, least: int) -> dict[str, float]:
    """probabilities (n, classes). Returns {"classes": a count, "sure": a share, "kl": nats}."""
    ...''',
    hints=(
        "max(1) gives the largest probability and its class; bincount counts classes.",
        "A class that was never drawn adds 0 · log 0 = 0 to the KL; torch.special.xlogy knows that.",
    ),
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


HINGE = Exercise(
    id="A4.2",
    title="Two losses with a hinge",
    contract="hinge_losses(real, fake): the discriminator's outputs (no sigmoid) for real and generated "
    "samples, (n,) and (m,), high for real. The discriminator wants real above 1 and fake below −1 and is "
    "content beyond; the generator wants fake high without limit. Returns a dict of two numbers to "
    "*minimize*: 'catch' (the discriminator's; mean over the real ones plus mean over the fake ones) and "
    "'fool' (the generator's).",
    stub='''def hinge_losses(real: torch.Tensor, fake: torch.Tensor) -> dict[str, torch.Tensor]:
    """real (n,), fake (m,): outputs of the discriminator. Returns {"catch": a number, "fool": a number}."""
    ...''',
    hints=(
        "relu(1 − a) is 0 as soon as a is above 1.",
        "Both are losses: which sign makes the generator raise its outputs?",
    ),
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

EXERCISES = (COVERAGE, HINGE, FRECHET, AUROC, TWO_DIRECTIONS, REPORTS)
