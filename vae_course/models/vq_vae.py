"""VQ-VAE: a codebook instead of a Gaussian, and a prior over its letters."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vae_course.elbo import ElboTerms
from vae_course.models.networks import halvings, keeps_config
from vae_course.models.vae import ImageModel


class Codebook(nn.Module):
    """``n_codes`` ≥ 2 vectors ("letters") of length ``dim`` by which others are replaced.

    They follow moving averages, without a gradient, ``decay`` in [0, 1): ``letters`` (n_codes, dim);
    ``usage`` (n_codes,), of the share of vectors that chose each, 0 before training, so that the first batch
    finds all letters dead and fills the codebook with vectors of its own; ``total`` (n_codes, dim), of their
    sum, over the number of all vectors.
    """

    revive_below = 0.05  # a letter used less than this share of its fair share (1 / n_codes) counts as dead

    def __init__(self, n_codes: int, dim: int, decay: float = 0.99):
        super().__init__()
        if n_codes < 2 or not 0 <= decay < 1:
            raise ValueError(f"n_codes is {n_codes}, decay {decay}; expected at least 2, and [0, 1).")
        self.n_codes, self.decay = n_codes, decay
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
        """One update: each letter moves to the moving average of the ``vectors`` (..., dim) with its code
        (...).

        van den Oord et al. 2017, appendix A.1, with shares in place of counts. A dead letter is put onto a
        random vector of this batch (Dhariwal et al. 2020, "Jukebox": random restarts). It starts with twice
        the least share: light enough to move at once to the middle of what chooses it, and soon dead again if
        nothing does.
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


class CodePrior(nn.Module):
    """P(c) = Π_i P(c_i | c_1 … c_{i−1}) over maps of letters in reading order.

    A recurrent network (GRU) walks through the square map row by row. At each place it is told the letter
    before it and the three above it, which are near in the picture but far back in the walk, and where it is.
    ``hidden`` is the width of the GRU, ``embedding`` the numbers that stand for a letter.
    """

    @keeps_config
    def __init__(self, n_codes: int, side: int, hidden: int = 192, embedding: int = 32):
        super().__init__()
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
            raise ValueError(f"codes are {tuple(codes.shape)}; expected (batch, {self.side}, {self.side}).")
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


class VQVAE(ImageModel):
    """A convolutional autoencoder whose code is a small map of letters, each one of ``n_codes`` vectors.

    The convolutions are those of ``VAE(architecture="conv")``. Only what lies between them differs: in place
    of a linear layer to one vector z there is a 1×1 convolution to ``code_dim`` numbers at every place of the
    last feature map (7 × 7 for 28 pixels), each replaced by its nearest vector of the codebook. Train it with
    ``fit(model, train, objective=vq_terms)``. ``commitment`` weighs the encoder's distance from its letters,
    in nats for a squared distance of 1; pictures are square; other arguments as for a VAE and a
    :class:`Codebook`.

    ``latent_dim`` is the size of the quantized code, code_dim · side², ``side`` that of the map of letters.
    """

    outputs_per_latent = 1

    @keeps_config
    def __init__(
        self,
        image_shape: Sequence[int] = (1, 28, 28),
        n_codes: int = 128,
        code_dim: int = 16,
        hidden_dims: Sequence[int] | None = None,
        likelihood: str = "bernoulli",
        activation: str = "gelu",
        decay: float = 0.99,
        commitment: float = 0.25,
    ):
        super().__init__(image_shape, code_dim, hidden_dims, likelihood, "conv", activation)
        for name in ("latent_dim", "architecture"):
            del self.config[name]
        channels = self.config["hidden_dims"][-1]
        self.side, width = halvings(image_shape, len(self.config["hidden_dims"]))[-1]
        if self.side != width:
            raise ValueError(f"a VQVAE takes square pictures; image_shape is {tuple(image_shape)}.")
        self.code_shape = (code_dim, self.side, self.side)
        self.latent_dim = math.prod(self.code_shape)
        quantized, spread = nn.Conv2d(channels, code_dim, 1), nn.Conv2d(code_dim, channels, 1)
        self.encoder = nn.Sequential(*self.encoder.layers[:-2], quantized, nn.Flatten())
        self.decoder = nn.Sequential(nn.Unflatten(-1, self.code_shape), spread, *self.decoder.layers[2:])
        self.codebook = Codebook(n_codes, code_dim, decay)
        self.n_codes, self.commitment = n_codes, commitment

    def vectors(self, x: Tensor) -> Tensor:
        """The encoder's output at every place, not quantized: (batch, C, H, W) → (batch, side², code_dim)."""
        return self.run_encoder(x).unflatten(1, self.code_shape).flatten(2).transpose(1, 2)

    def codes(self, x: Tensor) -> Tensor:
        """The letters of each picture, int64 (batch, side, side), each from 0 to n_codes − 1."""
        return self.codebook.nearest(self.vectors(x)).unflatten(1, (self.side, self.side))

    def code_of(self, vectors: Tensor) -> Tensor:
        """The flat code that the decoder takes: (batch, side², code_dim) → (batch, latent)."""
        return vectors.transpose(1, 2).flatten(1)

    def encode(self, x: Tensor) -> Tensor:
        """The quantized code (batch, latent): a point, like an autoencoder's, and not a distribution."""
        return self.code_of(self.codebook.lookup(self.codebook.nearest(self.vectors(x))))

    def decode_codes(self, codes: Tensor) -> Tensor:
        """Parameters of p(x|letters): int64 (batch, side, side) → (batch, C, H, W)."""
        return self.decode(self.code_of(self.codebook.lookup(codes.flatten(1))))

    @torch.no_grad()
    def sample(self, n: int, prior: CodePrior, generator: torch.Generator | None = None) -> Tensor:
        """Decoder means (n, C, H, W) of letters drawn from ``prior``, made for this codebook."""
        letters = prior.sample(n, generator).split(500)
        return torch.cat([self.likelihood.mean(self.decode_codes(part)) for part in letters])


@dataclass(frozen=True)
class VQTerms(ElboTerms):
    """The terms of a VQ-VAE: a bound of −log p(x) if every letter is equally likely, and the commitment.

    ``kl`` is side² · log n_codes: what the letters cost under a uniform prior. A constant; a
    :class:`CodePrior` makes it smaller afterwards.
    """

    commitment: Tensor | None = None  # (batch,), weighted squared distance from the letters; not in the bound

    def loss(self, beta: float = 1.0, free_bits: float = 0.0) -> Tensor:
        """What training minimizes, a scalar: the ELBO's terms plus the commitment."""
        return super().loss(beta, free_bits) + self.commitment.mean()


def vq_terms(model: VQVAE, x: Tensor, generator: torch.Generator | None = None) -> VQTerms:
    """The objective of a VQ-VAE, for ``fit(..., objective=vq_terms)`` (van den Oord et al. 2017, eq. 3).

    The codebook has no gradient: in training mode it follows moving averages of x (batch, C, H, W), and dead
    letters are revived, with vectors that ``generator`` draws.
    """
    vectors = model.vectors(x)
    codes = model.codebook.nearest(vectors)
    if model.training:
        model.codebook.follow(vectors.detach(), codes, generator)
        codes = model.codebook.nearest(vectors)
    letters = model.codebook.lookup(codes)
    # Straight-through: the decoder sees the letters, and the encoder gets the gradient meant for them.
    passed = vectors + (letters - vectors).detach()
    distance = (vectors - letters.detach()).square().sum((1, 2))
    rate = torch.full_like(vectors[..., 0], math.log(model.n_codes))
    reconstruction = -model.log_likelihood(x, model.code_of(passed))
    return VQTerms(reconstruction, rate.sum(-1), rate, model.commitment * distance)


def perplexity(codes: Tensor, n_codes: int) -> float:
    """exp of the entropy of the letters' frequencies: how many letters are in use, if all were used alike.

    From 1 (one letter for everything) to n_codes; ``codes`` are int64 of any shape.
    """
    share = F.one_hot(codes.flatten(), n_codes).double().mean(0)
    return math.exp(torch.special.entr(share).sum().item())
