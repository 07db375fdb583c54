"""Parts of the convolutional ladder: residual blocks, and one stochastic layer of the way down."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vae_course.elbo import GaussianPosterior, bound_log_var


class Residual(nn.Module):
    """h + f(h) with f two 3×3 convolutions behind an activation each; (batch, channels, H, W) → the same.

    Args:
        channels: of input and output.
        scale: factor on the initial weights of the last convolution; small keeps a deep stack of blocks
            close to the identity at first (Child 2021, "Very deep VAEs", section 3.1).
    """

    def __init__(self, channels: int, scale: float = 0.3):
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        with torch.no_grad():
            self.second.weight.mul_(scale)

    def forward(self, h: Tensor) -> Tensor:
        return h + self.second(F.silu(self.first(F.silu(h))))


class StochasticLayer(nn.Module):
    """One latent layer: what comes from above (h) meets noise ε, which the posterior chooses knowing x.

    The prior of the layer is ε ~ N(0, I) and its latent variable is W ε, added to h: a mean that depends on
    the layers above is already in h, so nothing is lost against p(z_l | z_<l) = N(μ(h), I). The posterior
    q(ε | h, x) is a Gaussian in the same units, that is, relative to the prior (Vahdat & Kautz 2020, "NVAE",
    section 3.2).

    Args:
        channels: of h.
        latent_channels: of ε.
        size: (H, W) of both.
    """

    def __init__(self, channels: int, latent_channels: int, size: tuple[int, int]):
        super().__init__()
        self.latent_channels, self.size = latent_channels, size
        self.of_above = nn.Conv2d(channels, channels, 1)
        self.of_both = nn.Conv2d(channels, channels, 3, padding=1)
        self.to_posterior = nn.Conv2d(channels, 2 * latent_channels, 1)
        nn.init.zeros_(self.to_posterior.weight)  # at first q = p, so that no layer starts with a large KL
        nn.init.zeros_(self.to_posterior.bias)
        self.inject = nn.Conv2d(latent_channels, channels, 1)
        self.block = Residual(channels)

    @property
    def latent_dim(self) -> int:
        """Number of latent variables of the layer, latent_channels · H · W."""
        return self.latent_channels * self.size[0] * self.size[1]

    def posterior(self, h: Tensor, message: Tensor) -> GaussianPosterior:
        """q(ε | h, x): mean and log σ² of shape (..., batch, latent_dim), float32.

        Args:
            h: (n · batch, channels, H, W), from above.
            message: (batch, channels, H, W), from the encoder; shared by the n draws of an example.
        """
        above = self.of_above(F.silu(h)).unflatten(0, (-1, len(message)))
        both = F.silu(above + message).flatten(0, 1)
        mean, raw = self.to_posterior(F.silu(self.of_both(both))).float().chunk(2, dim=1)
        return GaussianPosterior(_flat(mean), bound_log_var(_flat(raw)))

    def forward(self, h: Tensor, noise: Tensor) -> Tensor:
        """h (n, channels, H, W) and ε (n, latent_dim) → h for the layer below, (n, channels, H, W)."""
        noise = noise.reshape(-1, *self.size, self.latent_channels).permute(0, 3, 1, 2)
        return self.block(h + self.inject(noise))


def _flat(maps: Tensor) -> Tensor:
    """(n, c, H, W) → (n, H·W·c), in the order in which channels-last memory lies."""
    return maps.permute(0, 2, 3, 1).flatten(1)


class Up(nn.Module):
    """Twice the size: a 1×1 convolution to 4 · channels, whose quadruples become 2×2 pixels."""

    def __init__(self, channels: int, out_channels: int):
        super().__init__()
        self.spread = nn.Conv2d(channels, 4 * out_channels, 1)

    def forward(self, h: Tensor) -> Tensor:
        return F.pixel_shuffle(self.spread(h), 2)
