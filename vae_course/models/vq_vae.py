"""VQ-VAE: a code made of letters from a learned alphabet (van den Oord, Vinyals & Kavukcuoglu 2017)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vae_course.elbo import ElboTerms
from vae_course.models.codebook import Codebook
from vae_course.models.conv import feature_map_size
from vae_course.models.image_model import ImageModel


class VQVAE(ImageModel):
    """A convolutional autoencoder whose code is a small map of letters, each one of ``n_codes`` vectors.

    The convolutions are those of ``VAE(architecture="conv")``. Only what lies between them differs: in place
    of a linear layer to one vector z there is a 1×1 convolution to ``code_dim`` numbers at every place of the
    last feature map (7 × 7 for 28 pixels), each replaced by its nearest vector of the codebook.

    Train it with ``fit(model, train, objective=vq_terms)``.

    Args:
        image_shape: (C, H, W).
        n_codes: vectors in the codebook, at least 2.
        code_dim: length of each, at least 1.
        hidden_dims: channels of the stride-2 layers; default by picture size.
        likelihood, activation: as for a VAE.
        decay: of the codebook's moving averages, in [0, 1).
        commitment: weight of the encoder's distance from its letters, in nats for a squared distance of 1.

    Attributes:
        latent_dim: numbers in the quantized code, code_dim · side².
        side: of the map of letters.
    """

    outputs_per_latent = 1

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
        channels = self.config["hidden_dims"]
        self.side = feature_map_size(image_shape, len(channels))
        self.latent_dim = code_dim * self.side**2
        self.code_shape = (code_dim, self.side, self.side)
        self.encoder = nn.Sequential(
            *self.encoder.layers[:-2], nn.Conv2d(channels[-1], code_dim, kernel_size=1), nn.Flatten()
        )
        self.decoder = nn.Sequential(
            nn.Unflatten(-1, self.code_shape),
            nn.Conv2d(code_dim, channels[-1], kernel_size=1),
            *self.decoder.layers[2:],
        )
        self.codebook = Codebook(n_codes, code_dim, decay)
        self.n_codes, self.code_dim, self.commitment = n_codes, code_dim, commitment
        self.config = {
            "image_shape": list(image_shape),
            "n_codes": n_codes,
            "code_dim": code_dim,
            "hidden_dims": list(channels),
            "likelihood": likelihood,
            "activation": activation,
            "decay": decay,
            "commitment": commitment,
        }

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
    def reconstruct(self, x: Tensor) -> Tensor:
        """The decoder's mean at the picture's own letters, (batch, C, H, W)."""
        return self.likelihood.mean(self.decode(self.encode(x)))

    @torch.no_grad()
    def sample(self, n: int, prior, generator: torch.Generator | None = None) -> Tensor:
        """Decoder means (n, C, H, W) of letters drawn from ``prior``, a CodePrior for this codebook."""
        return torch.cat(
            [self.likelihood.mean(self.decode_codes(part)) for part in prior.sample(n, generator).split(500)]
        )


@dataclass(frozen=True)
class VQTerms(ElboTerms):
    """The terms of a VQ-VAE: a bound of −log p(x) if every letter is equally likely, and the commitment.

    Attributes:
        reconstruction: (batch,), −log p(x|letters), nats.
        kl: (batch,), side² · log n_codes: what the letters cost under a uniform prior. A constant; a learned
            prior (:class:`vae_course.models.code_prior.CodePrior`) makes it smaller afterwards.
        kl_per_dimension: (batch, side²), log n_codes each.
        commitment: (batch,), weighted squared distance of the encoder from its letters; no part of the bound.
    """

    commitment: Tensor | None = None

    def loss(self, beta: float = 1.0, free_bits: float = 0.0) -> Tensor:
        """What training minimizes, a scalar: the ELBO's terms plus the commitment."""
        return super().loss(beta, free_bits) + self.commitment.mean()


def vq_terms(model: VQVAE, x: Tensor, generator: torch.Generator | None = None) -> VQTerms:
    """The objective of a VQ-VAE, for ``fit(..., objective=vq_terms)`` (van den Oord et al. 2017, eq. 3).

    The codebook has no gradient: in training mode it follows moving averages, and dead letters are revived.

    Args:
        model: a VQVAE.
        x: (batch, C, H, W), in [0, 1].
        generator: source of the vectors with which dead letters are revived.
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

    Args:
        codes: int64, any shape.
        n_codes: size of the codebook.

    Returns:
        From 1 (one letter for everything) to n_codes.
    """
    share = F.one_hot(codes.flatten(), n_codes).double().mean(0)
    return math.exp(torch.special.entr(share).sum().item())
