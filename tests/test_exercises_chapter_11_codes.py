"""Chapter 11's exercises on discrete codes: independent wrong answers are named, unusual right ones pass."""

import math

import numpy as np
import pytest
import torch
from exercise_answers import seconds
from torch.distributions import Categorical
from torch.nn import functional as F

from vae_course.exercises.chapter_11 import CODES_EXERCISES
from vae_course.models.vq_vae import Codebook
from vae_course.teaching.grading import grade

EXERCISES = {exercise.id: exercise for exercise in CODES_EXERCISES}


def quantized(v, e):
    """Nearest letters by a loop."""
    rows = [e[int(torch.stack([(x - letter).norm() for letter in e]).argmin())] for x in v.flatten(0, 1)]
    return torch.stack(rows).view_as(v)


class Copy(torch.autograd.Function):
    """Straight-through, written as an operation of its own."""

    @staticmethod
    def forward(ctx, v, e):
        return quantized(v, e)

    @staticmethod
    def backward(ctx, gradient):
        return gradient, None


def loop_sums(usage, vectors, codes):
    counts, sums = torch.zeros_like(usage), torch.zeros(len(usage), vectors.shape[1])
    for vector, code in zip(vectors, codes, strict=True):
        counts[code] += 1
        sums[code] += vector
    return counts, sums


def moved(n, m, v, c, d, keep, add, divide_by=None):
    counts, sums = loop_sums(n, v, c)
    usage, total = keep * n + add * counts, keep * m + add * sums
    return total / (usage if divide_by is None else divide_by(counts))[:, None], usage, total


def direct(n, m, v, c, d, skip_unused):
    counts, sums = loop_sums(n, v, c)
    letters = m / n[:, None]
    for k in range(len(n)):
        if counts[k] > 0 or not skip_unused:
            letters[k] = d * letters[k] + (1 - d) * sums[k] / max(counts[k], 1)
    return letters, d * n + (1 - d) * counts, d * m + (1 - d) * sums


def mean_not_sum(n, m, v, c, d):
    counts, sums = loop_sums(n, v, c)
    usage = d * n + (1 - d) * counts
    total = d * m + (1 - d) * torch.nan_to_num(sums / counts[:, None])
    return total / usage[:, None], usage, total


def pixels(ll):
    return -ll.sum((1, 2, 3))


def letters_price(lo, c):
    return F.cross_entropy(lo.transpose(1, 2), c, reduction="none")


BROKEN = {
    "11.4": {
        "straight-through missing": [
            quantized,
            lambda v, e: F.embedding((v.unsqueeze(2) - e).norm(dim=3).min(2).indices, e),
            lambda v, e: quantized(v, e).detach(),
        ],
        "gradient reaches the codebook": [lambda v, e: v + quantized(v, e) - v.detach()],
        "detach around the wrong part": [
            lambda v, e: quantized(v, e) + (v - quantized(v, e)).detach(),
            lambda v, e: v.clone(),
        ],
        "the largest product is not the nearest": [
            lambda v, e: v + (e[torch.einsum("bpd,kd->bpk", v, e).max(-1).indices] - v).detach()
        ],
        "the farthest token": [lambda v, e: v + (e[(v[:, :, None] - e).norm(dim=-1).argmax(2)] - v).detach()],
        "one token for all places": [
            lambda v, e: (
                v + (e[((v[:, :, None] - e) ** 2).sum(-1).sum(1).argmin(1)].unsqueeze(1) - v).detach()
            )
        ],
    },
    "11.5": {
        "averages not moved": [lambda n, m, v, c, d: (moved(n, m, v, c, d, d, 1 - d)[0], n, m)],
        "decay on the wrong side": [lambda n, m, v, c, d: moved(n, m, v, c, d, 1 - d, d)],
        "tokens averaged instead of count and sum": [
            lambda n, m, v, c, d: direct(n, m, v, c, d, skip_unused=True)
        ],
        "an unused token pulled to zero": [lambda n, m, v, c, d: direct(n, m, v, c, d, skip_unused=False)],
        "counts not averaged": [
            lambda n, m, v, c, d: (
                moved(n, m, v, c, d, d, 1 - d, lambda counts: counts.clamp(min=1))[0],
                loop_sums(n, v, c)[0],
                moved(n, m, v, c, d, d, 1 - d)[2],
            )
        ],
        "mean of the batch instead of its sum": [mean_not_sum],
        "weight of the batch forgotten": [lambda n, m, v, c, d: moved(n, m, v, c, d, d, 1)],
    },
    "11.6": {
        "uniform prior": [lambda ll, lo, c: pixels(ll) + lo.shape[1] * math.log(lo.shape[2])],
        "entropy instead of the price of these tokens": [
            lambda ll, lo, c: pixels(ll) - (lo.softmax(2) * lo.log_softmax(2)).sum((1, 2))
        ],
        "logits taken for log-probabilities": [
            lambda ll, lo, c: pixels(ll) - (lo * F.one_hot(c, lo.shape[2])).sum((1, 2))
        ],
        "normalized over the places": [
            lambda ll, lo, c: pixels(ll) - (lo.softmax(1).log() * F.one_hot(c, lo.shape[2])).sum((1, 2))
        ],
        "tokens for free": [lambda ll, lo, c: pixels(ll)],
        "sign of the tokens' term": [lambda ll, lo, c: pixels(ll) - letters_price(lo, c).sum(1)],
        "the ELBO instead of −ELBO": [lambda ll, lo, c: -(pixels(ll) + letters_price(lo, c).sum(1))],
        "averaged instead of summed": [
            lambda ll, lo, c: -ll.mean((1, 2, 3)) + letters_price(lo, c).mean(1),
            lambda ll, lo, c: pixels(ll) + letters_price(lo, c).mean(1),
            lambda ll, lo, c: -ll.mean((1, 2, 3)) + letters_price(lo, c).sum(1),
        ],
        "bits instead of nats": [lambda ll, lo, c: (pixels(ll) + letters_price(lo, c).sum(1)) / math.log(2)],
    },
}

UNUSUAL = {
    "11.4": {
        "an operation of its own": Copy.apply,
        "the package's codebook": lambda v, e: v + (book_of(e).lookup(book_of(e).nearest(v)) - v).detach(),
        "letters first": lambda v, e: quantized(v, e).detach() + v - v.detach(),
    },
    "11.5": {
        "a loop": lambda n, m, v, c, d: moved(n, m, v, c, d, d, 1 - d),
        "lerp and index_add": lambda n, m, v, c, d: with_lerp(n, m, v, c, d),
    },
    "11.6": {
        "torch.distributions": lambda ll, lo, c: (
            -(ll.sum((1, 2, 3)) + Categorical(logits=lo).log_prob(c).sum(1))
        ),
        "numpy": lambda ll, lo, c: (
            pixels(ll).numpy() + letters_price(lo, c).sum(1).numpy().astype(np.float64)
        ),
    },
}


def book_of(letters):
    book = Codebook(*letters.shape)
    book.letters = letters.detach()
    return book


def with_lerp(n, m, v, c, d):
    usage = n.lerp(torch.bincount(c, minlength=len(n)).float(), 1 - d)
    total = m.lerp(torch.zeros_like(m).index_add(0, c, v), 1 - d)
    return total / usage.unsqueeze(1), usage, total


@pytest.mark.parametrize("identifier", EXERCISES)
def test_each_classic_mistake_is_recognized_by_name(identifier):
    exercise = EXERCISES[identifier]
    others = {mistake.name for mistake in exercise.mistakes} - set(BROKEN[identifier])
    assert all(seconds(exercise, name) for name in others), (
        "a mistake of which there is no independent answer"
    )
    for name, answers in BROKEN[identifier].items():
        for answer in answers:
            verdict = grade(exercise, answer)
            assert verdict.mistake == name, (name, verdict)


@pytest.mark.parametrize(
    ("identifier", "name"), [(i, name) for i, named in UNUSUAL.items() for name in named]
)
def test_a_correct_but_unusual_answer_passes(identifier, name):
    verdict = grade(EXERCISES[identifier], UNUSUAL[identifier][name])
    assert verdict.correct, verdict


@pytest.mark.parametrize("identifier", EXERCISES)
def test_the_reference_passes_and_the_stub_is_not_answered(identifier):
    exercise = EXERCISES[identifier]
    assert grade(exercise, exercise.reference).correct
    names = {"torch": torch}
    exec(exercise.stub, names)
    assert grade(exercise, names[exercise.answer_name]).status == "not answered"


def test_a_wrong_shape_is_a_broken_contract():
    verdict = grade(EXERCISES["11.4"], lambda v, e: v.flatten(1))
    assert verdict.status == "contract" and "shape" in verdict.message
