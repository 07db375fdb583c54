"""Measures of text models: bits for each token, an n-gram to beat, and what new texts are worth."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vae_course.data.text import END, PAD, START, UNKNOWN
from vae_course.evaluation.bounds import Estimate


def bits_per_token(nats_per_text: float, data) -> float:
    """Mean nats for each text of TextData as bits for each token, every END counted as one token.

    Of characters these are "bits per character". A VAE's −ELBO gives an upper bound of them.
    """
    return nats_per_text / data.lengths.double().mean().item() / math.log(2)


class NGram:
    """A model that predicts each token from the ``order − 1`` before it, by counting in TextData.

    Contexts of all lengths are mixed by Witten & Bell's rule (1991; Chen & Goodman 1999, section 2.5): after
    a context h that was seen c(h) times with T(h) different followers,

        p(x|h) = (c(h, x) + T(h) p(x|h')) / (c(h) + T(h)),    h' = h without its first token,

    down to all tokens alike. Every text of known and unknown tokens has a probability; these add up to 1.
    """

    def __init__(self, data, order: int = 4):
        self.order, self.size = order, len(data.tokenizer) - 2  # neither PAD nor START is ever written
        self.counts: dict[tuple[int, ...], Counter] = defaultdict(Counter)
        for row in data.tokens.tolist():
            for context, token in self._steps(row):
                for start in range(len(context) + 1):
                    self.counts[context[start:]][token] += 1
        self._total = {context: sum(counter.values()) for context, counter in self.counts.items()}

    def log_prob(self, tokens: Tensor) -> Tensor:
        """log p(x) of each text (n, length), its END included: (n,), nats, float64."""
        rows = [
            sum(math.log(self.probability(token, context)) for context, token in self._steps(row))
            for row in tokens.tolist()
        ]
        return torch.tensor(rows, dtype=torch.float64)

    def probability(self, token: int, context: tuple[int, ...]) -> float:
        """p(token | context) for a context of at most ``order − 1`` tokens."""
        p = 1 / self.size
        for start in range(len(context), -1, -1):  # from no context to the whole
            followers = self.counts.get(context[start:])
            if followers is None:
                break
            kinds = len(followers)
            p = (followers[token] + kinds * p) / (self._total[context[start:]] + kinds)
        return p

    def sample(self, n: int, generator: torch.Generator | None = None, longest: int = 30) -> Tensor:
        """Tokens of n new texts, int64 (n, at most longest + 1); unknown tokens are never written."""
        rows = []
        possible = [END, *range(UNKNOWN + 1, self.size + 2)]
        for _ in range(n):
            row: list[int] = []
            while len(row) < longest:
                context = tuple([START, *row][-(self.order - 1) :]) if self.order > 1 else ()
                p = torch.tensor([self.probability(token, context) for token in possible])
                token = possible[int(torch.multinomial(p, 1, generator=generator))]
                if token == END:
                    break
                row.append(token)
            rows.append([*row, END])
        width = max(map(len, rows))
        return torch.tensor([row + [PAD] * (width - len(row)) for row in rows])

    def _steps(self, row: Sequence[int]):
        """Context and token of each step of a row, START before the first, up to END."""
        before = [START]
        for token in row:
            if token == PAD:
                return
            yield tuple(before[-(self.order - 1) :]) if self.order > 1 else (), token
            before.append(token)


@dataclass(frozen=True)
class TextQuality:
    """What :func:`text_quality` counts among n drawn texts; shares of all draws, with standard errors.

    Plausible texts are as probable to the judge, for each token, as 95 % of the held-out texts are at least.
    """

    novel: Estimate  # not in the training texts
    distinct: float  # different texts among the draws, divided by n
    recovered: Estimate  # novel, and found among held-out texts, which the model has never seen
    plausible: Estimate  # of real texts that is 0.95 by construction
    plausible_novel: Estimate
    judge_bits: float  # mean bits per token that the judge needs
    n: int


def text_quality(drawn: Sequence[str], train, held_out, judge: NGram) -> TextQuality:
    """Count novelty and plausibility of drawn texts (strings).

    No list holds every good text, so neither number stands alone: a model that repeats the training list is
    plausible, one that types at random is novel. ``recovered`` is the strictest. Compare models by the same
    number of draws. ``train`` and ``held_out`` are the TextData that the model was trained on, and others of
    the same kind. The ``judge`` is best one that has counted other texts than the model was trained on; it
    favors texts drawn from n-grams.
    """

    def bits(tokens: Tensor) -> Tensor:
        return -judge.log_prob(tokens) / (tokens != PAD).sum(1) / math.log(2)

    of_each = bits(held_out.tokenizer.encode(drawn))
    known, real = set(train.texts), set(held_out.texts)
    novel = torch.tensor([text not in known for text in drawn])
    plausible = of_each <= bits(held_out.tokens).quantile(0.95)
    return TextQuality(
        novel=Estimate.of(novel),
        distinct=len(set(drawn)) / len(drawn),
        recovered=Estimate.of(novel & torch.tensor([text in real for text in drawn])),
        plausible=Estimate.of(plausible),
        plausible_novel=Estimate.of(plausible & novel),
        judge_bits=of_each.mean().item(),
        n=len(drawn),
    )
