"""VQ-VAE: a codebook instead of a Gaussian, and a prior over its letters."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vae_course.models.networks import halvings, keeps_config
from vae_course.models.vae import ImageModel


class Codebook(nn.Module):
    """``n_codes`` vectors, ``letters`` (n_codes, dim), by which others are replaced.

    In training (`recipes/vq_vae.py`) they follow moving averages, without a gradient, ``decay`` in [0, 1):
    ``usage`` (n_codes,), of the share of vectors that chose each, and ``total`` (n_codes, dim), of their sum.
    """

    def __init__(self, n_codes: int, dim: int, decay: float = 0.99):
        super().__init__()
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


class CodePrior(nn.Module):
    """P(c) = Π_i P(c_i | c_1 … c_{i−1}) over maps of letters in reading order.

    A recurrent network (GRU, of width ``hidden``) walks through the square map row by row. At each place it
    is told the letter before it and the three above it, ``embedding`` numbers each, and where it is.
    """

    @keeps_config
    def __init__(self, n_codes: int, side: int, hidden: int = 192, embedding: int = 32):
        super().__init__()
        self.n_codes, self.side = n_codes, side
        # One letter more stands for "outside the map" and "before the first letter".
        self.embedding = nn.Embedding(n_codes + 1, embedding)
        self.place = nn.Parameter(0.1 * torch.randn(side * side, embedding))
        self.gru = nn.GRU(5 * embedding, hidden, batch_first=True)
        told = 5 * embedding
        self.read = nn.Sequential(nn.Linear(hidden + told, hidden), nn.GELU(), nn.Linear(hidden, n_codes))
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

    The convolutions are those of ``VAE(architecture="conv")``; in place of a linear layer to one vector z
    there is a 1×1 convolution to ``code_dim`` numbers at every place of the last feature map (7 × 7 for 28
    pixels), each replaced by its nearest vector of the codebook. In training (`recipes/vq_vae.py`),
    ``commitment`` weighs the encoder's squared distance from its letters. Pictures are square.
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
        return self.code_of(self.codebook.lookup(self.codes(x).flatten(1)))

    def decode_codes(self, codes: Tensor) -> Tensor:
        """Parameters of p(x|letters): int64 (batch, side, side) → (batch, C, H, W)."""
        return self.decode(self.code_of(self.codebook.lookup(codes.flatten(1))))

    @torch.no_grad()
    def sample(self, n: int, prior: CodePrior, generator: torch.Generator | None = None) -> Tensor:
        """Decoder means (n, C, H, W) of letters drawn from ``prior``, made for this codebook."""
        letters = prior.sample(n, generator).split(500)
        return torch.cat([self.likelihood.mean(self.decode_codes(part)) for part in letters])


def perplexity(codes: Tensor, n_codes: int) -> float:
    """exp of the entropy of the letters' frequencies, 1 to n_codes; ``codes`` are int64 of any shape."""
    share = F.one_hot(codes.flatten(), n_codes).double().mean(0)
    return math.exp(torch.special.entr(share).sum().item())
