"""What the autoencoder and the VAE share: networks, likelihood, centering, configuration."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vae_course import likelihoods
from vae_course.models.networks import build_networks, check_images


class ImageModel(nn.Module):
    """Encoder, decoder and likelihood for images of one shape; see the two models for the arguments.

    Attributes:
        config: the arguments as a plain dict; ``type(model)(**model.config)`` builds the same network.
        input_mean: (C, H, W), subtracted from every image before the encoder; 0 until :meth:`center_on`.
        output_offset: (C, H, W), added to every output of the decoder; 0 until :meth:`center_on`.
    """

    outputs_per_latent: int
    trains_in_bfloat16 = False  # a subclass with networks of its own must answer for them

    def __init__(
        self,
        image_shape: Sequence[int],
        latent_dim: int,
        hidden_dims: Sequence[int] | None,
        likelihood: str,
        architecture: str,
        activation: str,
        decoder_dims: Sequence[int] | None = None,
    ):
        super().__init__()
        self.encoder, self.decoder, sizes = build_networks(
            image_shape,
            latent_dim,
            hidden_dims,
            architecture,
            activation,
            self.outputs_per_latent,
            decoder_dims,
        )
        self.likelihood = likelihoods.make(likelihood)
        self.image_shape = tuple(image_shape)
        self.latent_dim = latent_dim
        self.register_buffer("input_mean", torch.zeros(self.image_shape))
        self.register_buffer("output_offset", torch.zeros(self.image_shape))
        self.config = {
            "image_shape": list(image_shape),
            "latent_dim": latent_dim,
            "hidden_dims": list(sizes),
            "likelihood": likelihood,
            "architecture": architecture,
            "activation": activation,
        }
        if decoder_dims is not None:
            self.config["decoder_dims"] = list(decoder_dims)

    @classmethod
    def for_data(cls, data, **arguments):
        """A new model for the pictures of a data set: their shape, centered on their mean.

        Args:
            data: ImageData, the training part.
            arguments: everything but ``image_shape``.
        """
        return cls(image_shape=data.shape, **arguments).center_on(data)

    def center_on(self, data):
        """Let the encoder see x − mean image, and the untrained decoder put out the mean image.

        Otherwise the first hundreds of updates go into learning the mean image. Call it before training:
        on a trained model it changes what the weights mean.

        Args:
            data: ImageData, the training part.

        Returns:
            The model itself.
        """
        # Laplace's rule: a pixel that is 0 in every picture still gets a finite logit.
        # In parts, whose sums fit 32 bits: several times as fast as one sum in 64 bits.
        total = sum(part.sum(0, dtype=torch.int32).cpu().double() for part in data.images.split(4096))
        mean = (total / 255 + 1) / (len(data) + 2)
        offset = self.likelihood.params_for_mean(mean)
        self.input_mean.copy_(mean)
        self.output_offset.copy_(offset)
        return self

    def run_encoder(self, x: Tensor) -> Tensor:
        """The encoder network's raw output for images (batch, C, H, W) in [0, 1]."""
        check_images(x, self.image_shape, self.input_mean.dtype)
        return self.encoder(x - self.input_mean).to(self.input_mean.dtype)

    def decode(self, z: Tensor) -> Tensor:
        """Parameters of p(x|z): (..., latent) → (..., C, H, W); logits (Bernoulli) or means (Gaussian)."""
        if z.shape[-1] != self.latent_dim:
            raise ValueError(
                f"the model has a code of size {self.latent_dim} and was given z of shape {tuple(z.shape)}; "
                f"expected (..., {self.latent_dim})."
            )
        flat = self.decoder(z.reshape(-1, self.latent_dim)).to(z.dtype) + self.output_offset
        return flat.reshape(*z.shape[:-1], *self.image_shape)

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x|z) in nats, summed over pixels.

        Args:
            x: (batch, C, H, W), in [0, 1].
            z: (..., batch, latent).

        Returns:
            (..., batch).
        """
        return self.likelihood.log_prob(x, self.decode(z))
