"""The variational autoencoder: encoder, Gaussian posterior, decoder, likelihood."""

from collections.abc import Sequence

import torch
from torch import Tensor

from vae_course.likelihoods import Bernoulli
from vae_course.models.image_model import ImageModel
from vae_course.posterior import GaussianPosterior, bound_log_var


class VAE(ImageModel):
    """A VAE for images with prior p(z) = N(0, I) (Kingma & Welling 2014).

    ``VAE.for_data(train, latent_dim=20)`` takes the shape from the data and centers the networks on it.

    Args:
        image_shape: (C, H, W).
        latent_dim: size k of z, at least 1.
        hidden_dims: widths of the hidden layers (mlp; default 512, 256) or channels of the stride-2 layers
            (conv; default by picture size); the decoder mirrors them, unless it has its own.
        likelihood: a name that ``likelihoods.make`` knows: "bernoulli", "gaussian", "gaussian_learned", ...
        architecture: "mlp" or "conv".
        activation: "relu", "gelu", "silu" or "tanh".
        decoder_dims: sizes of the decoder's hidden layers from z to x; a wide last one is cheap and helps.
    """

    outputs_per_latent = 2

    def __init__(
        self,
        image_shape: Sequence[int] = (1, 28, 28),
        latent_dim: int = 20,
        hidden_dims: Sequence[int] | None = None,
        likelihood: str = "bernoulli",
        architecture: str = "mlp",
        activation: str = "gelu",
        decoder_dims: Sequence[int] | None = None,
    ):
        super().__init__(
            image_shape, latent_dim, hidden_dims, likelihood, architecture, activation, decoder_dims
        )

    @property
    def trains_in_bfloat16(self) -> bool:
        """Whether 8 significant bits do for training: for Bernoulli logits, not for a density's means."""
        return type(self) is VAE and isinstance(self.likelihood, Bernoulli)

    def encode(self, x: Tensor) -> GaussianPosterior:
        """q(z|x) for images (batch, C, H, W) in [0, 1]: mean and log σ² of shape (batch, latent)."""
        mean, raw_log_var = self.run_encoder(x).chunk(2, dim=-1)
        return GaussianPosterior(mean, bound_log_var(raw_log_var))

    @torch.no_grad()
    def reconstruct(self, x: Tensor) -> Tensor:
        """The decoder's mean at the posterior's mean, (batch, C, H, W). A picture, not an ELBO term."""
        return self.likelihood.mean(self.decode(self.encode(x).mean))

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator | None = None, noise: bool = False) -> Tensor:
        """New images from z ~ N(0, I), (n, C, H, W).

        Args:
            n: number of images.
            generator: source of randomness, on the model's device.
            noise: False gives the decoder's mean; True draws from p(x|z), which is what the model claims data
                look like.
        """
        z = torch.randn(n, self.latent_dim, generator=generator, device=self.input_mean.device)
        params = self.decode(z)
        return self.likelihood.sample(params, generator) if noise else self.likelihood.mean(params)
