"""A model of text that counts: an n-gram to beat."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

import torch
from torch import Tensor

from vae_course.data.text import END, PAD, START, UNKNOWN


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
