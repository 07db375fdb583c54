"""The plain autoencoder: a code without a distribution."""

from collections.abc import Sequence

import torch
from torch import Tensor

from vae_course.likelihoods import Bernoulli
from vae_course.models.image_model import ImageModel


class Autoencoder(ImageModel):
    """Encoder to a point, decoder back; trained on the likelihood of the pixels alone.

    Args: as :class:`vae_course.models.vae.VAE`. The networks are the same size except for the encoder's
    last layer, which has no log σ² to give.
    """

    outputs_per_latent = 1

    def __init__(
        self,
        image_shape: Sequence[int] = (1, 28, 28),
        latent_dim: int = 20,
        hidden_dims: Sequence[int] | None = None,
        likelihood: str = "bernoulli",
        architecture: str = "mlp",
        activation: str = "gelu",
    ):
        super().__init__(image_shape, latent_dim, hidden_dims, likelihood, architecture, activation)

    @property
    def trains_in_bfloat16(self) -> bool:
        """Whether 8 significant bits do for training: for Bernoulli logits, not for a density's means."""
        return type(self) is Autoencoder and isinstance(self.likelihood, Bernoulli)

    def encode(self, x: Tensor) -> Tensor:
        """The code of each image: (batch, C, H, W) in [0, 1] → (batch, latent)."""
        return self.run_encoder(x)

    @torch.no_grad()
    def reconstruct(self, x: Tensor) -> Tensor:
        """The decoded code as a picture, (batch, C, H, W); in [0, 1] for a Bernoulli likelihood."""
        return self.likelihood.mean(self.decode(self.encode(x)))
