"""The conditional VAE: what is told about a picture need not be in its code."""

from collections.abc import Sequence

import torch
from torch import Tensor

from vae_course.elbo import GaussianPosterior, bound_log_var
from vae_course.models.networks import ConvEncoder, MLPEncoder, build_networks, check_images
from vae_course.models.vae import VAE


class ConditionalVAE(VAE):
    """p(x|c) through p(z) = N(0, I), p(x|z, c) and q(z|x, c) (Sohn, Lee & Yan 2015).

    The ELBO is that of a VAE with c given everywhere, a bound of log p(x|c); ``elbo_terms`` and ``fit`` take
    the model with data whose batches are pairs (x, c), such as ``with_classes(load("mnist"))``. The prior
    does not see c, so the code is asked to hold what c does not tell.

    Args:
        condition_dim: size of c, at least 1.
        image_shape, latent_dim, hidden_dims, likelihood, architecture, activation: as for :class:`VAE`.
    """

    def __init__(
        self,
        condition_dim: int,
        image_shape: Sequence[int] = (1, 28, 28),
        latent_dim: int = 20,
        hidden_dims: Sequence[int] | None = None,
        likelihood: str = "bernoulli",
        architecture: str = "mlp",
        activation: str = "gelu",
    ):
        if condition_dim < 1:
            raise ValueError(f"condition_dim is {condition_dim}; a condition needs at least 1 number.")
        super().__init__(image_shape, latent_dim, hidden_dims, likelihood, architecture, activation)
        sizes = self.config["hidden_dims"]
        _, self.decoder, _ = build_networks(
            image_shape, latent_dim + condition_dim, sizes, architecture, activation, self.outputs_per_latent
        )
        channels, height, width = image_shape
        outputs = self.outputs_per_latent * latent_dim
        if architecture == "mlp":
            joined = (1, 1, channels * height * width + condition_dim)
            self.encoder = MLPEncoder(joined, sizes, outputs, activation)
        else:
            self.encoder = ConvEncoder((channels + condition_dim, height, width), sizes, outputs, activation)
        self.condition_dim = condition_dim
        self.config["condition_dim"] = condition_dim

    @classmethod
    def for_data(cls, data, **arguments):
        """A new model for ConditionedData, centered on its pictures."""
        return super().for_data(data, condition_dim=data.conditions.shape[1], **arguments)

    def encode(self, pair: tuple[Tensor, Tensor]) -> GaussianPosterior:
        """q(z|x, c) for a pair of images (batch, C, H, W) in [0, 1] and conditions (batch, condition)."""
        x, c = pair
        check_images(x, self.image_shape, self.input_mean.dtype)
        self._check(c, len(x))
        x = x - self.input_mean
        if self.config["architecture"] == "mlp":
            joined = torch.cat([x.flatten(1), c], dim=1)
        else:  # a constant plane for each number of the condition
            planes = c[:, :, None, None].expand(-1, -1, *x.shape[2:])
            joined = torch.cat([x, planes], dim=1)
        mean, raw_log_var = self.encoder(joined).chunk(2, dim=-1)
        return GaussianPosterior(mean, bound_log_var(raw_log_var))

    def decode(self, z: Tensor, c: Tensor) -> Tensor:
        """Parameters of p(x|z, c): z (..., batch, latent), c (batch, condition) → (..., batch, C, H, W)."""
        if z.shape[-1] != self.latent_dim:
            raise ValueError(
                f"the model has a code of size {self.latent_dim} and was given z of shape {tuple(z.shape)}."
            )
        self._check(c, z.shape[-2])
        joined = torch.cat([z, c.expand(*z.shape[:-1], -1)], dim=-1)
        flat = self.decoder(joined.reshape(-1, joined.shape[-1])) + self.output_offset
        return flat.reshape(*z.shape[:-1], *self.image_shape)

    def log_likelihood(self, pair: tuple[Tensor, Tensor], z: Tensor) -> Tensor:
        """log p(x|z, c) in nats, summed over pixels: (x, c) and z (..., batch, latent) → (..., batch)."""
        x, c = pair
        return self.likelihood.log_prob(x, self.decode(z, c))

    @torch.no_grad()
    def reconstruct(self, pair: tuple[Tensor, Tensor], c: Tensor | None = None) -> Tensor:
        """The decoder's mean at the posterior's mean, (batch, C, H, W).

        Args:
            pair: images and what was told about them.
            c: another condition for the decoder (batch, condition): the same style, another class.
        """
        return self.likelihood.mean(self.decode(self.encode(pair).mean, pair[1] if c is None else c))

    @torch.no_grad()
    def sample(self, c: Tensor, generator: torch.Generator | None = None, noise: bool = False) -> Tensor:
        """A new image for each row of c, from z ~ N(0, I): (n, condition) → (n, C, H, W).

        Args:
            c: conditions.
            generator: source of randomness, on the model's device.
            noise: False gives the decoder's mean; True draws from p(x|z, c).
        """
        z = torch.randn(len(c), self.latent_dim, generator=generator, device=self.input_mean.device)
        params = self.decode(z, c)
        return self.likelihood.sample(params, generator) if noise else self.likelihood.mean(params)

    def _check(self, c: Tensor, n: int) -> None:
        if not torch.is_tensor(c) or not c.is_floating_point() or tuple(c.shape) != (n, self.condition_dim):
            found = f"{c.dtype} of shape {tuple(c.shape)}" if torch.is_tensor(c) else type(c).__name__
            raise ValueError(
                f"the condition is {found}; expected floats of shape ({n}, {self.condition_dim}), one row "
                f"for each picture: classes are given one-hot (with_classes does it)."
            )
