"""A codebook that follows moving averages of what it stands for, and revives letters that nobody uses."""

import torch
from torch import Tensor, nn


class Codebook(nn.Module):
    """Vectors ("letters") by which others are replaced; trained without a gradient.

    Args:
        n_codes: number of letters, at least 2.
        dim: length of each, at least 1.
        decay: of the moving averages, in [0, 1).
        revive_below: a letter used less than this share of its fair share (1 / n_codes) counts as dead.

    Attributes:
        letters: (n_codes, dim).
        usage: (n_codes,), moving average of the share of vectors that chose each letter; 0 before training:
            the first batch finds all letters dead and fills the codebook with vectors of its own.
        total: (n_codes, dim), moving average of the sum of those vectors, over the number of all.
    """

    def __init__(self, n_codes: int, dim: int, decay: float = 0.99, revive_below: float = 0.05):
        super().__init__()
        if n_codes < 2 or dim < 1:
            raise ValueError(
                f"a codebook of {n_codes} letters of length {dim} is none; give n_codes ≥ 2, dim ≥ 1."
            )
        if not 0 <= decay < 1:
            raise ValueError(f"decay is {decay}; expected a number in [0, 1).")
        self.n_codes, self.decay, self.revive_below = n_codes, decay, revive_below
        self.register_buffer("letters", torch.randn(n_codes, dim))
        self.register_buffer("usage", torch.zeros(n_codes))
        self.register_buffer("total", torch.zeros(n_codes, dim))

    @torch.no_grad()
    def nearest(self, vectors: Tensor) -> Tensor:
        """Index of the nearest letter: (..., dim) → int64 (...)."""
        # |v − e|² without the |v|², which is the same for every letter.
        distance = self.letters.square().sum(-1) - 2 * vectors @ self.letters.T
        return distance.argmin(-1)

    def lookup(self, codes: Tensor) -> Tensor:
        """The letters themselves: int64 (...) → (..., dim)."""
        return self.letters[codes]

    @torch.no_grad()
    def follow(self, vectors: Tensor, codes: Tensor, generator: torch.Generator | None = None) -> None:
        """One update: every letter moves to the moving average of the vectors that chose it.

        van den Oord et al. 2017, appendix A.1, with shares in place of counts. A letter in less use than
        ``revive_below`` of its fair share is put onto a random vector of this batch (Dhariwal et al. 2020,
        "Jukebox": random restarts). It starts with twice that share: light enough to move at once to the
        middle of what chooses it, and soon dead again if nothing does.

        Args:
            vectors: (..., dim), what the encoder put out.
            codes: (...), their nearest letters.
            generator: source of the random vectors.
        """
        untouched = self.usage.sum() == 0
        flat, chosen = vectors.reshape(-1, vectors.shape[-1]), codes.reshape(-1)
        counts = torch.zeros_like(self.usage).index_add_(0, chosen, torch.ones_like(flat[:, 0]))
        sums = torch.zeros_like(self.total).index_add_(0, chosen, flat)
        self.usage.lerp_(counts / len(flat), 1 - self.decay)
        self.total.lerp_(sums / len(flat), 1 - self.decay)
        dead = (self.usage < self.revive_below / self.n_codes) | untouched
        if dead.any():
            drawn = torch.randint(len(flat), (int(dead.sum()),), generator=generator, device=flat.device)
            share = 2 * self.revive_below / self.n_codes
            self.usage[dead] = share
            self.total[dead] = share * flat[drawn]
        self.letters.copy_(self.total / self.usage[:, None])
