"""Generator and discriminator of a generative adversarial network (Goodfellow et al. 2014)."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from vae_course import likelihoods
from vae_course.data.own_images import check_data
from vae_course.models import networks
from vae_course.models.networks import DEFAULT_WIDTHS, build_networks, keeps_config
from vae_course.models.vae import mean_image

LEAK = 0.2  # slope of the discriminator's activation below 0, usual since Radford et al. (2016)


class Generator(nn.Module):
    """Noise z ~ N(0, I) → a picture (C, H, W) in [0, 1], or a point (D,) ("mlp" only).

    For pictures the network is exactly the decoder of ``VAE`` with the same arguments, followed by a sigmoid.
    """

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
        self.shape, self.latent_dim = _check_shape(shape, architecture), latent_dim
        if len(shape) == 3:
            how = hidden_dims, architecture, activation, 1
            _, self.decoder, sizes = build_networks(shape, latent_dim, *how)
        else:
            sizes = list(hidden_dims or DEFAULT_WIDTHS)
            self.decoder = networks.mlp_decoder(shape, sizes, latent_dim, activation)
        self.config = {"hidden_dims": sizes}
        self.register_buffer("output_offset", torch.zeros(self.shape))

    @classmethod
    def for_data(cls, data, **arguments):
        """A new generator for ImageData (centered on the mean picture, as the VAE is) or PointData."""
        data = check_data(data, "the data set")
        generator = cls(shape=data.shape, **arguments)
        if len(data.shape) == 3:
            generator.output_offset.copy_(likelihoods.Bernoulli().params_for_mean(mean_image(data)))
        return generator

    def forward(self, z: Tensor) -> Tensor:
        """(batch, latent) → pictures (batch, C, H, W) in [0, 1], or points (batch, D)."""
        raw = self.decoder(networks.as_codes(z, self.latent_dim, self.output_offset)) + self.output_offset
        return torch.sigmoid(raw) if len(self.shape) == 3 else raw

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """n pictures or points from z ~ N(0, I)."""
        return self(torch.randn(n, self.latent_dim, generator=generator, device=self.output_offset.device))


class Discriminator(nn.Module):
    """A picture or a point → one score: positive says real, negative says generated.

    ``layers`` are the hidden ones, in order; ``head`` is the last, linear one.
    """

    @keeps_config
    def __init__(
        self,
        shape: Sequence[int] = (1, 28, 28),
        hidden_dims: Sequence[int] | None = None,
        architecture: str = "mlp",
    ):
        super().__init__()
        self.shape = _check_shape(shape, architecture)
        if architecture == "conv":
            sizes = list(hidden_dims or networks.default_channels(shape))
            channels = pairwise((shape[0], *sizes))
            layers = (nn.Conv2d(c_in, c_out, 4, stride=2, padding=1) for c_in, c_out in channels)
            width = math.prod((sizes[-1], *networks.halvings(shape, len(sizes))[-1]))
        else:
            sizes = list(hidden_dims or DEFAULT_WIDTHS)
            layers = (nn.Linear(n_in, n_out) for n_in, n_out in pairwise((math.prod(shape), *sizes)))
            width = sizes[-1]
        blocks = [[layer, nn.LeakyReLU(LEAK)] for layer in layers]
        if architecture == "mlp":
            blocks[0].insert(0, nn.Flatten())
        self.layers = nn.ModuleList(nn.Sequential(*block) for block in blocks)
        self.head = nn.Linear(width, 1)
        self.config = {"hidden_dims": sizes}

    @classmethod
    def for_data(cls, data, **arguments):
        """A new discriminator for the shape of ImageData or PointData."""
        return cls(shape=check_data(data, "the data set").shape, **arguments)

    def hidden(self, x: Tensor) -> list[Tensor]:
        """Output of every hidden layer: (batch, width) each, or (batch, channels, h, w)."""
        outputs = []
        for layer in self.layers:
            x = layer(x)
            outputs.append(x)
        return outputs

    def forward(self, x: Tensor) -> Tensor:
        """(batch, *shape) → scores (batch,), the logit of "real"."""
        if tuple(x.shape[1:]) != self.shape:
            raise ValueError(f"a batch has shape {tuple(x.shape)}; expected rows of shape {self.shape}.")
        return self.head(self.hidden(x)[-1].flatten(1)).squeeze(-1)


def _check_shape(shape: Sequence[int], architecture: str) -> tuple[int, ...]:
    if architecture not in ("mlp", "conv") or len(shape) not in ((1, 3) if architecture == "mlp" else (3,)):
        found = f"shape is {tuple(shape)}, architecture {architecture!r}"
        raise ValueError(f"{found}; expected (C, H, W) for 'conv', and for 'mlp' also (D,) of a point.")
    return tuple(shape)
