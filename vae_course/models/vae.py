"""Autoencoder and variational autoencoder of images."""

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vae_course import likelihoods
from vae_course.data.own_images import check_data
from vae_course.elbo import GaussianPosterior
from vae_course.models.networks import as_codes, as_images, build_networks, keeps_config

MANY_WEIGHTS = 20_000_000  # beyond them ``for_data`` says how many there are


class ImageModel(nn.Module):
    """Encoder, decoder and likelihood for images of one shape: what autoencoder and VAE share.

    ``VAE.for_data(train, latent_dim=20)`` takes the shape from the data and centers the networks on it.
    Pictures and codes may be tensors or numpy arrays, of any float type.

    Args:
        image_shape, latent_dim: (C, H, W), and size k of the code, at least 1.
        hidden_dims: widths of the hidden layers (mlp; default 512, 256) or channels of the stride-2 layers
            (conv; default by picture size); the decoder mirrors them, unless it has its own.
        likelihood: a name that ``likelihoods.make`` knows: "bernoulli", "gaussian", "gaussian_learned", ...
        architecture, activation: "mlp" or "conv"; "relu", "gelu", "silu" or "tanh".
        decoder_dims: sizes of the decoder's hidden layers from z to x; a wide last one is cheap and helps.
        normalized: group normalization before each activation (conv only): deep networks learn sooner.

    ``config`` holds the arguments; ``type(model)(**model.config)`` builds the same network. The buffers
    ``input_mean`` and ``output_offset`` (C, H, W) are subtracted from every image before the encoder, and
    added to every output of the decoder; 0 until :meth:`center_on`.
    """

    outputs_per_latent: int

    @keeps_config
    def __init__(
        self,
        image_shape: Sequence[int] = (1, 28, 28),
        latent_dim: int = 20,
        hidden_dims: Sequence[int] | None = None,
        likelihood: str = "bernoulli",
        architecture: str = "mlp",
        activation: str = "gelu",
        decoder_dims: Sequence[int] | None = None,
        normalized: bool | None = None,
    ):
        super().__init__()
        shape = architecture, activation, self.outputs_per_latent, decoder_dims, bool(normalized)
        self.encoder, self.decoder, sizes = build_networks(image_shape, latent_dim, hidden_dims, *shape)
        self.config = {"hidden_dims": sizes}
        self.likelihood = likelihoods.make(likelihood)
        self.image_shape, self.latent_dim = tuple(image_shape), latent_dim
        self.register_buffer("input_mean", torch.zeros(self.image_shape))
        self.register_buffer("output_offset", torch.zeros(self.image_shape))

    @property
    def trains_in_bfloat16(self) -> bool:
        """Whether 8 significant bits do for training: for Bernoulli logits, not for a density's means."""
        # A subclass with networks of its own must answer for them.
        return type(self) in (Autoencoder, VAE) and isinstance(self.likelihood, likelihoods.Bernoulli)

    @classmethod
    def for_data(cls, data, **arguments):
        """A new model for the training part, an ImageData or what can be made one: its shape, its mean."""
        data = check_data(data, "the data set")
        model = cls(image_shape=data.shape, **arguments).center_on(data)
        if (n := sum(parameter.numel() for parameter in model.parameters())) > MANY_WEIGHTS:
            found = f"{cls.__name__} for pictures of {tuple(data.shape)} has {n / 1e6:.0f} million weights"
            cure = "four times that in training; give smaller hidden_dims, or architecture='conv'"
            warnings.warn(f"{found}: {4 * n / 1e9:.1f} GB, and {cure}.", stacklevel=2)
        return model

    def center_on(self, data):
        """Let the encoder see x − mean image, the untrained decoder put out the mean image; gives the model.

        Otherwise the first hundreds of updates go into learning it. Call it before training.
        """
        mean = mean_image(data)
        self.input_mean.copy_(mean)
        self.output_offset.copy_(self.likelihood.params_for_mean(mean))
        return self

    def run_encoder(self, x: Tensor) -> Tensor:
        """The encoder network's raw output for images (batch, C, H, W) in [0, 1]."""
        x = as_images(x, self)
        return self.encoder(x - self.input_mean).to(x.dtype)

    def run_decoder(self, inputs: Tensor) -> Tensor:
        """The decoder network's output plus offset: (..., size) → (..., C, H, W)."""
        flat = self.decoder(inputs.reshape(-1, inputs.shape[-1])).to(inputs.dtype) + self.output_offset
        return flat.reshape(*inputs.shape[:-1], *self.image_shape)

    def decode(self, z: Tensor) -> Tensor:
        """Parameters of p(x|z): (..., latent) → (..., C, H, W); logits (Bernoulli) or means (Gaussian)."""
        return self.run_decoder(as_codes(z, self.latent_dim, self.input_mean))

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x|z) in nats: x (batch, C, H, W) in [0, 1] and z (..., batch, latent) → (..., batch)."""
        return self.likelihood.log_prob(as_images(x, self), self.decode(z))

    def forward(self, x: Tensor) -> Tensor:
        """The decoded code as a picture, (batch, C, H, W), with gradients; in [0, 1] for Bernoulli pixels."""
        return self.likelihood.mean(self.decode(self.encode(x)))

    @torch.no_grad()
    def reconstruct(self, x: Tensor) -> Tensor:
        """The same without gradients."""
        return self(x)


def mean_image(data) -> Tensor:
    """The mean picture of an ImageData, float64 on the CPU."""
    # Laplace's rule: a pixel that is 0 in every picture still gets a finite logit.
    # In parts, whose sums fit 32 bits: several times as fast as one sum in 64 bits.
    total = sum(part.sum(0, dtype=torch.int32).cpu().double() for part in data.images.split(4096))
    return (total / 255 + 1) / (len(data) + 2)


class Autoencoder(ImageModel):
    """Encoder to a point, decoder back: the VAE's networks without log σ², trained on pixels' likelihood."""

    outputs_per_latent = 1

    def encode(self, x: Tensor) -> Tensor:
        """The code of each image: (batch, C, H, W) in [0, 1] → (batch, latent)."""
        return self.run_encoder(x)


class VAE(ImageModel):
    """A VAE for images with prior p(z) = N(0, I) (Kingma & Welling 2014); arguments as for ImageModel."""

    outputs_per_latent = 2

    def encode(self, x: Tensor) -> GaussianPosterior:
        """q(z|x) for images (batch, C, H, W) in [0, 1]: mean and log σ² of shape (batch, latent)."""
        return GaussianPosterior.from_network(self.run_encoder(x))

    def forward(self, x: Tensor, generator: torch.Generator | None = None):
        """(picture, q(z|x)) with gradients: the decoder's mean at one draw of z, and what z was drawn from;
        what to train on is ``elbo_terms(model, x).loss()``.
        """
        posterior = self.encode(x)
        return self.likelihood.mean(self.decode(posterior.sample(generator=generator))), posterior

    @torch.no_grad()
    def reconstruct(self, x: Tensor) -> Tensor:
        """The decoder's mean at the posterior's mean, (batch, C, H, W). A picture, not an ELBO term."""
        return self.likelihood.mean(self.decode(self.encode(x).mean))

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator | None = None, noise: bool = False) -> Tensor:
        """Images (n, C, H, W) from z ~ N(0, I): the decoder's means, or with ``noise`` draws of p(x|z)."""
        z = torch.randn(n, self.latent_dim, generator=generator, device=self.input_mean.device)
        params = self.decode(z)
        return self.likelihood.sample(params, generator) if noise else self.likelihood.mean(params)


class GaussianVAE(VAE):
    """A VAE for real numbers with a learned σ of ``sigma_shape``, which is broadcast against ``image_shape``.

    For features that were scaled to mean 0 and standard deviation 1 (``FeatureData``); ``sizes`` as of a VAE.
    """

    @keeps_config
    def __init__(self, image_shape: Sequence[int], sigma_shape: Sequence[int] = (1, 1, 1), **sizes):
        super().__init__(image_shape, likelihood="gaussian", **sizes)
        self.likelihood = likelihoods.GaussianPerFeature(sigma_shape)
        del self.config["likelihood"]

    def center_on(self, data):
        """Nothing to do: the features have mean 0 already. Returns the model itself."""
        return self

    @classmethod
    def for_data(cls, data, **sizes):
        """A new model for the training part of a FeatureData, which gives both shapes."""
        return super().for_data(data, sigma_shape=data.sigma_shape, **sizes)
