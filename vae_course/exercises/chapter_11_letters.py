"""Chapter 11's exercises on letters: the codebook that follows, and the bound with a prior over letters."""

from __future__ import annotations

import torch
from torch import Tensor

from vae_course.exercises.exercise import Exercise, Mistake


def follow(usage: Tensor, total: Tensor, vectors: Tensor, codes: Tensor, decay: float):
    chosen = torch.nn.functional.one_hot(codes, len(usage)).to(vectors.dtype)
    usage = decay * usage + (1 - decay) * chosen.sum(0)
    total = decay * total + (1 - decay) * chosen.T @ vectors
    return total / usage[:, None], usage, total


def _follow_cases(seed: int) -> list[tuple]:
    """One letter that nobody chooses, and counts that are not equal."""
    generator = torch.Generator().manual_seed(seed)
    cases = []
    for decay, size, dim, n in ((0.9, 4, 2, 12), (0.5, 3, 3, 7)):
        usage = 1 + 5 * torch.rand(size, generator=generator)
        total = usage[:, None] * torch.randn(size, dim, generator=generator)
        codes = torch.randint(0, size - 1, (n,), generator=generator)
        cases.append((usage, total, torch.randn(n, dim, generator=generator) + 2, codes, decay))
    return cases


def _with(usage, total, vectors, codes, decay, rule):
    """The outcome of another rule: (old usage, old total, counts, sums, decay) → letters, usage, total."""
    chosen = torch.nn.functional.one_hot(codes, len(usage)).to(vectors.dtype)
    return rule(usage, total, chosen.sum(0), chosen.T @ vectors, decay)


def _directly(n, m, counts, sums, decay):
    """Letters pulled towards the batch's means, by the same share however many vectors stand behind."""
    means = sums / counts.clamp_min(1)[:, None]
    old = m / n[:, None]
    kept = torch.where(counts[:, None] > 0, decay * old + (1 - decay) * means, old)
    return kept, decay * n + (1 - decay) * counts, decay * m + (1 - decay) * sums


def _unused_to_zero(n, m, counts, sums, decay):
    means = sums / counts.clamp_min(1)[:, None]
    pulled = decay * m / n[:, None] + (1 - decay) * means
    return pulled, decay * n + (1 - decay) * counts, decay * m + (1 - decay) * sums


MOVING_CODEBOOK = Exercise(
    id="11.5",
    title="Letters that follow their vectors",
    contract="follow(usage, total, vectors, codes, decay): moving averages (n_codes,) of how many vectors "
    "chose each letter (all > 0) and (n_codes, dim) of their sum; a batch of vectors (n, dim) with the "
    "letter that each chose, int64 (n,); 0 < decay < 1, the share of the past that is kept. Returns three "
    "tensors (letters, usage, total) after the update; a letter is its sum over its count.",
    stub='''def follow(usage, total, vectors, codes, decay):
    """usage: (n_codes,); total: (n_codes, dim); vectors: (n, dim); codes: int64 (n,); decay: in (0, 1).

    Returns (letters, usage, total) after one update.
    """
    ...''',
    hints=(
        "Count first: for each letter, how many vectors of the batch chose it, and what is their sum?",
        "one_hot(codes, n_codes) is (n, n_codes): columns add up to counts, transpose @ vectors to sums.",
        "Average count and sum apart, new = decay · old + (1 - decay) · batch, and divide only at the end.",
    ),
    mistakes=(
        Mistake(
            "decay on the wrong side",
            "With decay = 0.99 the past should weigh 0.99. What weighs that much in yours?",
            lambda *a: _with(
                *a,
                lambda n, m, c, s, d: (
                    ((1 - d) * m + d * s) / ((1 - d) * n + d * c)[:, None],
                    (1 - d) * n + d * c,
                    (1 - d) * m + d * s,
                ),
            ),
        ),
        Mistake(
            "letters averaged instead of count and sum",
            "A letter chosen once should move less than one chosen a thousand times.",
            lambda *a: _with(*a, _directly),
        ),
        Mistake(
            "an unused letter pulled to zero",
            "Nobody chose it, so nothing is known about it: its count and its sum shrink together.",
            lambda *a: _with(*a, _unused_to_zero),
        ),
        Mistake(
            "counts not averaged",
            "The sum remembers the past and the count does not: their ratio is no mean.",
            lambda *a: _with(
                *a,
                lambda n, m, c, s, d: (
                    (d * m + (1 - d) * s) / c.clamp_min(1)[:, None],
                    c,
                    d * m + (1 - d) * s,
                ),
            ),
        ),
        Mistake(
            "mean of the batch instead of its sum",
            "Into the average goes the sum of the vectors; the division comes at the end.",
            lambda *a: _with(
                *a,
                lambda n, m, c, s, d: (
                    (d * m + (1 - d) * s / c.clamp_min(1)[:, None]) / (d * n + (1 - d) * c)[:, None],
                    d * n + (1 - d) * c,
                    d * m + (1 - d) * s / c.clamp_min(1)[:, None],
                ),
            ),
        ),
        Mistake(
            "weight of the batch forgotten",
            "The new part needs the weight 1 - decay, or the averages grow with every batch.",
            lambda *a: _with(
                *a, lambda n, m, c, s, d: ((d * m + s) / (d * n + c)[:, None], d * n + c, d * m + s)
            ),
        ),
    ),
    reference=follow,
    cases=_follow_cases,
)


def bound_with_letters(log_likelihood: Tensor, logits: Tensor, codes: Tensor) -> Tensor:
    log_prior = torch.log_softmax(logits, dim=-1)
    own = log_prior.gather(-1, codes[..., None])[..., 0]
    return -log_likelihood.flatten(1).sum(1) - own.sum(1)


def _bound_cases(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    cases = []
    for batch, places, size in ((3, 4, 5), (2, 6, 3)):
        pixels = -torch.rand(batch, 1, 4, 4, generator=generator)
        logits = 2 * torch.randn(batch, places, size, generator=generator) + 1
        cases.append((pixels, logits, torch.randint(0, size, (batch, places), generator=generator)))
    return cases


def _own(log_prior: Tensor, codes: Tensor) -> Tensor:
    return log_prior.gather(-1, codes[..., None])[..., 0]


def _pixels(log_likelihood: Tensor) -> Tensor:
    return -log_likelihood.flatten(1).sum(1)


LETTER_BOUND = Exercise(
    id="11.6",
    title="What does a picture cost in letters?",
    contract="bound_with_letters(log_likelihood, logits, codes): log p(x|letters) of every pixel, float "
    "(batch, C, H, W); the prior's logits at every place given the letters before it, float (batch, places, "
    "n_codes); the picture's own letters, int64 (batch, places). Returns (batch,): the −ELBO in nats of each "
    "picture, the upper bound of −log p(x) that belongs to the posterior with all its mass on these letters.",
    stub='''def bound_with_letters(log_likelihood, logits, codes):
    """log_likelihood: (batch, C, H, W); logits: (batch, places, n_codes); codes: int64 (batch, places).

    Returns (batch,), nats.
    """
    ...''',
    hints=(
        "−ELBO = −log p(x|c) + KL(q ‖ P). What is the KL of a q that is sure of its letters?",
        "Its entropy is 0, so the KL is −log P(c): a product of conditionals, one for each place.",
        "log_softmax over the letters, gather the picture's own, sum over places; then the pixels.",
    ),
    mistakes=(
        Mistake(
            "uniform prior",
            "That is what the letters cost before a prior was learned. Where do the logits come in?",
            lambda ll, lo, c: _pixels(ll) + c.shape[1] * torch.log(torch.tensor(float(lo.shape[-1]))),
        ),
        Mistake(
            "entropy instead of the price of these letters",
            "The picture has its own letters, and pays for them, likely or not.",
            lambda ll, lo, c: _pixels(ll) + torch.distributions.Categorical(logits=lo).entropy().sum(1),
        ),
        Mistake(
            "logits taken for log-probabilities",
            "Do the exponentials of the logits add up to 1?",
            lambda ll, lo, c: _pixels(ll) - _own(lo, c).sum(1),
        ),
        Mistake(
            "normalized over the places",
            "At one place the probabilities of all letters add up to 1: which axis is that?",
            lambda ll, lo, c: _pixels(ll) - _own(lo.log_softmax(1), c).sum(1),
        ),
        Mistake(
            "letters for free",
            "Without the second term this is the distortion: a code of a million letters would look best.",
            lambda ll, lo, c: _pixels(ll),
        ),
        Mistake(
            "sign of the letters' term",
            "Unlikely letters must make a picture more expensive.",
            lambda ll, lo, c: _pixels(ll) + _own(lo.log_softmax(-1), c).sum(1),
        ),
        Mistake(
            "the ELBO instead of −ELBO",
            "An upper bound of −log p(x) is asked for.",
            lambda ll, lo, c: -_pixels(ll) + _own(lo.log_softmax(-1), c).sum(1),
        ),
        Mistake(
            "averaged instead of summed",
            "Log-probabilities of independent pixels, and of one letter after the other, add up.",
            (
                lambda ll, lo, c: -ll.flatten(1).mean(1) - _own(lo.log_softmax(-1), c).sum(1),
                lambda ll, lo, c: _pixels(ll) - _own(lo.log_softmax(-1), c).mean(1),
                lambda ll, lo, c: -ll.flatten(1).mean(1) - _own(lo.log_softmax(-1), c).mean(1),
            ),
        ),
        Mistake(
            "bits instead of nats",
            "Natural logarithms, please.",
            lambda ll, lo, c: (
                (_pixels(ll) - _own(lo.log_softmax(-1), c).sum(1)) / torch.log(torch.tensor(2.0))
            ),
        ),
    ),
    reference=bound_with_letters,
    cases=_bound_cases,
)
