"""The conditional VAE: what is told about a picture need not be in its code."""

import torch
from torch import Tensor

from vae_course.elbo import GaussianPosterior
from vae_course.models.networks import NETWORKS, as_codes, as_images, build_networks, keeps_config
from vae_course.models.vae import VAE


class ConditionalVAE(VAE):
    """p(x|c) through p(z) = N(0, I), p(x|z, c) and q(z|x, c) (Sohn, Lee & Yan 2015).

    The ELBO is that of a VAE with c, of size ``condition_dim``, given everywhere, a bound of log p(x|c);
    ``elbo_terms`` and ``fit`` take the model with data whose batches are pairs (x, c), such as
    ``with_classes(load("mnist"))``. The prior does not see c, so the code is asked to hold what c does not
    tell.
    """

    @keeps_config
    def __init__(self, condition_dim: int, **vae):
        super().__init__(**vae)
        self.condition_dim, self.architecture = condition_dim, self.config["architecture"]
        channels, height, width = self.image_shape
        sizes, activation = self.config["hidden_dims"], self.config["activation"]
        inputs, outputs = self.latent_dim + condition_dim, self.outputs_per_latent
        _, self.decoder, _ = build_networks(
            self.image_shape, inputs, sizes, self.architecture, activation, outputs
        )
        if self.architecture == "mlp":
            shape = (1, 1, channels * height * width + condition_dim)
        else:
            shape = (channels + condition_dim, height, width)
        new_encoder, _ = NETWORKS[self.architecture]
        self.encoder = new_encoder(shape, sizes, outputs * self.latent_dim, activation)

    @classmethod
    def for_data(cls, data, **arguments):
        """A new model for ConditionedData, centered on its pictures."""
        return super().for_data(data, condition_dim=data.conditions.shape[1], **arguments)

    def encode(self, pair: tuple[Tensor, Tensor]) -> GaussianPosterior:
        """q(z|x, c) for a pair of images (batch, C, H, W) in [0, 1] and conditions (batch, condition)."""
        x = as_images(pair[0], self) - self.input_mean
        c = self._checked(pair[1], len(x))
        if self.architecture == "mlp":
            joined = torch.cat([x.flatten(1), c], dim=1)
        else:  # a constant plane for each number of the condition
            joined = torch.cat([x, c[:, :, None, None].expand(-1, -1, *x.shape[2:])], dim=1)
        return GaussianPosterior.from_network(self.encoder(joined))

    def decode(self, z: Tensor, c: Tensor) -> Tensor:
        """Parameters of p(x|z, c): z (..., batch, latent), c (batch, condition) → (..., batch, C, H, W)."""
        z = as_codes(z, self.latent_dim, self.input_mean)
        c = self._checked(c, z.shape[-2])
        return self.run_decoder(torch.cat([z, c.expand(*z.shape[:-1], -1)], dim=-1))

    def log_likelihood(self, pair: tuple[Tensor, Tensor], z: Tensor) -> Tensor:
        """log p(x|z, c) in nats, summed over pixels: (x, c) and z (..., batch, latent) → (..., batch)."""
        x, c = pair
        return self.likelihood.log_prob(as_images(x, self), self.decode(z, c))

    def forward(self, pair: tuple[Tensor, Tensor], generator: torch.Generator | None = None):
        """(picture, q(z|x, c)) as for a VAE, for a pair (x, c)."""
        posterior = self.encode(pair)
        return self.likelihood.mean(self.decode(posterior.sample(generator=generator), pair[1])), posterior

    @torch.no_grad()
    def reconstruct(self, pair: tuple[Tensor, Tensor], c: Tensor | None = None) -> Tensor:
        """The decoder's mean at the posterior's mean, (batch, C, H, W), for a pair (x, c); another c restyles
        it.
        """
        return self.likelihood.mean(self.decode(self.encode(pair).mean, pair[1] if c is None else c))

    @torch.no_grad()
    def sample(self, c: Tensor, generator: torch.Generator | None = None, noise: bool = False) -> Tensor:
        """A new image for each row of c, (n, condition) → (n, C, H, W); arguments as for a VAE."""
        params = self.decode(self.draw_codes(len(c), generator), c)
        return self.likelihood.sample(params, generator) if noise else self.likelihood.mean(params)

    def _checked(self, c: Tensor, n: int) -> Tensor:
        c = torch.as_tensor(c, device=None if torch.is_tensor(c) else self.input_mean.device)
        if not c.is_floating_point() or tuple(c.shape) != (n, self.condition_dim):
            found = f"the condition is {c.dtype} of shape {tuple(c.shape)}"
            raise ValueError(
                f"{found}; expected floats of shape ({n}, {self.condition_dim}), see with_classes."
            )
        return c.to(self.input_mean.dtype)
