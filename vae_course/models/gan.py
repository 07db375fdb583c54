"""Generator, discriminator (Goodfellow et al. 2014), and the VAE that a discriminator judges: the VAE-GAN."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from vae_course import likelihoods
from vae_course.data.own_images import check_data
from vae_course.models.networks import as_codes, build_networks, default_channels, halvings, keeps_config
from vae_course.models.vae import VAE, mean_image

LEAK = 0.2  # slope of the discriminator's activation below 0, usual since Radford et al. (2016)


class Generator(nn.Module):
    """Noise z ~ N(0, I) → a picture (C, H, W) in [0, 1]: the decoder of such a ``VAE``, then a sigmoid."""

    @keeps_config
    def __init__(
        self,
        shape: Sequence[int] = (1, 28, 28),
        latent_dim: int = 20,
        hidden_dims: Sequence[int] | None = None,
        architecture: str = "mlp",
        activation: str = "gelu",
    ):
        super().__init__()
        self.shape, self.latent_dim = tuple(shape), latent_dim
        how = hidden_dims, architecture, activation, 1
        _, self.decoder, sizes = build_networks(shape, latent_dim, *how)
        self.config = {"hidden_dims": sizes}
        self.register_buffer("output_offset", torch.zeros(self.shape))

    @classmethod
    def for_data(cls, data, **arguments):
        """A new generator for ImageData, centered on the mean picture, as the VAE is."""
        data = check_data(data, "the data set")
        generator = cls(shape=data.shape, **arguments)
        generator.output_offset.copy_(likelihoods.Bernoulli().params_for_mean(mean_image(data)))
        return generator

    def forward(self, z: Tensor) -> Tensor:
        """(batch, latent) → pictures (batch, C, H, W) in [0, 1]."""
        return torch.sigmoid(
            self.decoder(as_codes(z, self.latent_dim, self.output_offset)) + self.output_offset
        )

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """n pictures from z ~ N(0, I)."""
        return self(torch.randn(n, self.latent_dim, generator=generator, device=self.output_offset.device))


class Discriminator(nn.Module):
    """A picture → one score: positive says real, negative says generated.

    ``layers`` are the hidden ones, convolutions of stride 2, in order; ``head`` is the last, linear one.
    """

    @keeps_config
    def __init__(self, shape: Sequence[int] = (1, 28, 28), hidden_dims: Sequence[int] | None = None):
        super().__init__()
        self.shape, sizes = tuple(shape), list(hidden_dims or default_channels(shape))
        channels = pairwise((shape[0], *sizes))
        layers = (nn.Conv2d(c_in, c_out, 4, stride=2, padding=1) for c_in, c_out in channels)
        self.layers = nn.ModuleList(nn.Sequential(layer, nn.LeakyReLU(LEAK)) for layer in layers)
        self.head = nn.Linear(math.prod((sizes[-1], *halvings(shape, len(sizes))[-1])), 1)
        self.config = {"hidden_dims": sizes}

    def hidden(self, x: Tensor) -> list[Tensor]:
        """Output of every hidden layer: (batch, channels, h, w) each."""
        outputs = []
        for layer in self.layers:
            x = layer(x)
            outputs.append(x)
        return outputs

    def forward(self, x: Tensor) -> Tensor:
        """(batch, C, H, W) → scores (batch,), the logit of "real"."""
        if tuple(x.shape[1:]) != self.shape:
            raise ValueError(f"a batch has shape {tuple(x.shape)}; expected rows of shape {self.shape}.")
        return self.head(self.hidden(x)[-1].flatten(1)).squeeze(-1)


# The VAE-GAN (Larsen et al. 2016): the discriminator's hidden layer judges the reconstructions of a VAE.

VARIANCE_MEMORY = 0.99  # share of the old value that each update of ``feature_variance`` keeps


class VAEGAN(VAE):
    """A VAE with a discriminator beside it; without the discriminator it *is* that VAE.

    Arguments are the VAE's, here convolutional by default, and ``discriminator_dims``, default the encoder's.
    The buffer ``feature_variance`` (channels,) is the running variance of each channel of the discriminator's
    last hidden layer. Dividing by it fixes the unit of the features, as batch normalization does in the
    paper's network: without it the discriminator could shrink the feature loss by shrinking itself.
    """

    @keeps_config
    def __init__(
        self,
        image_shape: Sequence[int] = (1, 28, 28),
        latent_dim: int = 20,
        hidden_dims: Sequence[int] | None = None,
        architecture: str = "conv",
        discriminator_dims: Sequence[int] | None = None,
        **others,
    ):
        super().__init__(image_shape, latent_dim, hidden_dims, architecture=architecture, **others)
        sizes = discriminator_dims or self.config["hidden_dims"]
        self.config["discriminator_dims"] = sizes
        self.discriminator = Discriminator(image_shape, sizes)
        self.register_buffer("feature_variance", torch.ones(sizes[-1]))
        self.register_buffer("batches_seen", torch.zeros((), dtype=torch.int64))

    def picture(self, z: Tensor) -> Tensor:
        """The decoder's mean picture, with gradients: (batch, latent) → (batch, C, H, W)."""
        return self.likelihood.mean(self.decode(z))

    def feature_distance(self, ours: Tensor, theirs: Tensor) -> Tensor:
        """½ Σ (difference)² of two outputs of the last hidden layer, (batch, channels, ...) → (batch,), ≥ 0,
        in units of ``feature_variance``: up to a constant −log N(Dis_l(x) | Dis_l(x̃), I), equations 7 and 8.
        """
        squared = (ours - theirs).square().flatten(2).sum(2)
        return 0.5 * (squared / self.feature_variance.clamp_min(1e-8)).sum(1)

    @torch.no_grad()
    def update_feature_variance(self, features: Tensor) -> None:
        """Let ``feature_variance`` follow the features of real pictures, (batch, channels, ...)."""
        fresh = features.transpose(0, 1).flatten(1).var(1, correction=0)
        memory = VARIANCE_MEMORY if self.batches_seen > 0 else 0.0
        self.feature_variance.mul_(memory).add_(fresh, alpha=1 - memory)
        self.batches_seen += 1
