"""The VAE-GAN (Larsen et al. 2016): a discriminator's hidden layer judges the reconstructions of a VAE."""

from collections.abc import Sequence

import torch
from torch import Tensor

from vae_course.models.gan import Discriminator
from vae_course.models.networks import keeps_config
from vae_course.models.vae import VAE

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
