"""Autoencoder and variational autoencoder of images."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vae_course import likelihoods
from vae_course.elbo import GaussianPosterior, bound_log_var
from vae_course.likelihoods import Bernoulli, GaussianPerFeature
from vae_course.models.networks import build_networks, check_images

# -------- What the autoencoder and the VAE share: networks, likelihood, centering, configuration.


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


# -------- The plain autoencoder: a code without a distribution.


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


# -------- The variational autoencoder: encoder, Gaussian posterior, decoder, likelihood.


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


# -------- A VAE for real numbers instead of pixels: spectrograms and table rows.


class GaussianVAE(VAE):
    """The course's VAE with a learned σ for each frequency or column instead of one for all.

    For features that were scaled to mean 0 and standard deviation 1 (``FeatureData``). The networks are those
    of :class:`VAE`: a spectrogram is a picture with 2 channels, a row of D columns a picture of (1, 1, D).

    Args:
        image_shape: (C, H, W) of one example.
        sigma_shape: shape of σ, to be broadcast against ``image_shape``.
        latent_dim, hidden_dims, architecture, activation: as for :class:`VAE`.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        sigma_shape: Sequence[int] = (1, 1, 1),
        latent_dim: int = 20,
        hidden_dims: Sequence[int] | None = None,
        architecture: str = "mlp",
        activation: str = "gelu",
    ):
        super().__init__(image_shape, latent_dim, hidden_dims, "gaussian", architecture, activation)
        self.likelihood = GaussianPerFeature(sigma_shape)
        del self.config["likelihood"]
        self.config["sigma_shape"] = list(sigma_shape)

    def center_on(self, data):
        """Nothing to do: the features have mean 0 already. Returns the model itself."""
        return self

    @classmethod
    def for_data(cls, data, **arguments):
        """A new model for a data set: shape and σ's shape come from it.

        Args:
            data: FeatureData (SoundData, TableData), the training part.
            arguments: everything but ``image_shape`` and ``sigma_shape``.
        """
        return cls(image_shape=data.shape, sigma_shape=data.sigma_shape, **arguments)
