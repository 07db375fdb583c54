"""A small autoregressive prior over maps of letters: exact probabilities, and draws one letter at a time."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class CodePrior(nn.Module):
    """P(c) = Π_i P(c_i | c_1 … c_{i−1}) over maps of letters in reading order.

    A recurrent network (GRU) walks through the map row by row. At each place it is told the letter before it
    and the three above it, which are near in the picture but far back in the walk, and where it is.

    Args:
        n_codes: size of the alphabet, at least 2.
        side: height and width of the map, at least 1.
        hidden: width of the GRU.
        embedding: numbers that stand for a letter.
    """

    def __init__(self, n_codes: int, side: int, hidden: int = 192, embedding: int = 32):
        super().__init__()
        if n_codes < 2 or side < 1:
            raise ValueError(f"n_codes is {n_codes} and side {side}; expected at least 2 and 1.")
        self.n_codes, self.side = n_codes, side
        # One letter more stands for "outside the map" and "before the first letter".
        self.embedding = nn.Embedding(n_codes + 1, embedding)
        self.place = nn.Parameter(0.1 * torch.randn(side * side, embedding))
        self.gru = nn.GRU(5 * embedding, hidden, batch_first=True)
        self.read = nn.Sequential(
            nn.Linear(hidden + 5 * embedding, hidden), nn.GELU(), nn.Linear(hidden, n_codes)
        )
        nn.init.zeros_(self.read[-1].weight)  # the untrained prior is uniform
        nn.init.zeros_(self.read[-1].bias)
        self.register_buffer("neighbors", _neighbors(side), persistent=False)
        self.config = {"n_codes": n_codes, "side": side, "hidden": hidden, "embedding": embedding}

    def _inputs(self, codes: Tensor, places: Tensor) -> Tensor:
        """What the network is told at some places: letters (batch, side²) → (batch, places, 5·embedding)."""
        outside = torch.full_like(codes[:, :1], self.n_codes)
        around = torch.cat([codes, outside], dim=1)[:, self.neighbors[places]]
        told = self.embedding(around).flatten(2)
        return torch.cat([told, self.place[places].expand(len(codes), -1, -1)], dim=-1)

    def forward(self, codes: Tensor) -> Tensor:
        """Logits of every letter given those before it: (batch, side, side) → (batch, side², n_codes)."""
        inputs = self._inputs(codes.flatten(1), torch.arange(self.side**2, device=codes.device))
        return self.read(torch.cat([self.gru(inputs)[0], inputs], dim=-1))

    def log_prob(self, codes: Tensor) -> Tensor:
        """log P(c) in nats, exact: int64 (batch, side, side) → (batch,)."""
        if codes.dim() != 3 or codes.shape[1:] != (self.side, self.side):
            raise ValueError(
                f"codes have shape {tuple(codes.shape)}; expected (batch, {self.side}, {self.side})."
            )
        logits = self(codes)
        return -F.cross_entropy(logits.transpose(1, 2), codes.flatten(1), reduction="none").sum(1)

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw n maps, letter by letter: int64 (n, side, side)."""
        device = self.place.device
        codes = torch.zeros(n, self.side**2, dtype=torch.int64, device=device)
        state = None
        for i in range(self.side**2):
            inputs = self._inputs(codes, torch.tensor([i], device=device))
            output, state = self.gru(inputs, state)
            logits = self.read(torch.cat([output, inputs], dim=-1))[:, 0]
            codes[:, i] = torch.multinomial(logits.softmax(-1), 1, generator=generator)[:, 0]
        return codes.unflatten(1, (self.side, self.side))

    def uniform_nats(self) -> float:
        """What a map costs if every letter is equally likely: side² log n_codes, nats."""
        return self.side**2 * math.log(self.n_codes)


def _neighbors(side: int) -> Tensor:
    """Places before, above left, above and above right of each place in reading order; side² is outside."""
    rows = []
    for i in range(side * side):
        row, column = divmod(i, side)
        above = [(row - 1, column + shift) for shift in (-1, 0, 1)]
        inside = [r * side + c if r >= 0 and 0 <= c < side else side * side for r, c in above]
        rows.append([i - 1 if i else side * side, *inside])
    return torch.tensor(rows)
