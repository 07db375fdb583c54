"""A VAE with two layers of latent variables, z₂ → z₁ → x, and a posterior that is built from the top down."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vae_course.elbo import GaussianPosterior
from vae_course.models.networks import as_codes, keeps_config, make_activation
from vae_course.models.vae import VAE
from vae_course.randomness import seeded


class HierarchicalVAE(VAE):
    """p(z₂) = N(0, I), p(z₁|z₂) = N(μ₁(z₂), σ₁(z₂)²), p(x|z₁): a ladder VAE of two layers.

    The code is written as z = (z₂, ε) with z₁ = μ₁(z₂) + σ₁(z₂) ε. In these coordinates the prior is N(0, I)
    whatever the networks do, so everything that measures a VAE measures this one.

    Arguments are those of :class:`VAE`, with ``latent_dim`` the size of z₁ (afterwards of the whole code),
    ``top_dim`` of z₂, its first dimensions, and ``top_hidden`` the hidden width of the networks between them.
    """

    @keeps_config
    def __init__(self, *, top_dim: int = 16, top_hidden: int = 128, **vae):
        super().__init__(**vae)
        self.lower_dim, self.top_dim = self.latent_dim, top_dim
        self.latent_dim = top_dim + self.lower_dim

        def two_layers(n_inputs: int, n_outputs: int) -> nn.Sequential:
            act = make_activation(self.config["activation"])
            return nn.Sequential(nn.Linear(n_inputs, top_hidden), act, nn.Linear(top_hidden, n_outputs))

        self.top_encoder = two_layers(2 * self.lower_dim, 2 * top_dim)
        self.lower_prior = two_layers(top_dim, 2 * self.lower_dim)
        nn.init.zeros_(self.lower_prior[-1].weight)  # at first p(z₁|z₂) = N(0, I): an ordinary VAE
        nn.init.zeros_(self.lower_prior[-1].bias)

    def prior_of_lower(self, top: Tensor) -> GaussianPosterior:
        """p(z₁|z₂) for z₂ of shape (..., top_dim): mean and log σ² of shape (..., lower_dim)."""
        return GaussianPosterior.from_network(self.lower_prior(top))

    def encode(self, x: Tensor) -> "LadderPosterior":
        """q(z₂, ε|x) for images (batch, C, H, W) in [0, 1]; see :class:`LadderPosterior`."""
        message = self.run_encoder(x)
        top = GaussianPosterior.from_network(self.top_encoder(message))
        return LadderPosterior(top, GaussianPosterior.from_network(message), self.prior_of_lower)

    def lower_code(self, z: Tensor) -> Tensor:
        """z₁ = μ₁(z₂) + σ₁(z₂) ε of a code (..., latent): (..., lower_dim)."""
        prior = self.prior_of_lower(z[..., : self.top_dim])
        return prior.mean + prior.std * z[..., self.top_dim :]

    def decode(self, z: Tensor) -> Tensor:
        """Parameters of p(x|z₁) for a code (..., latent): (..., C, H, W)."""
        return self.run_decoder(self.lower_code(as_codes(z, self.latent_dim, self.input_mean)))


@dataclass
class LadderPosterior:
    """q(z₂|x) q(ε|x, z₂): what x says of z₁ is joined with what z₂ says (Sønderby et al. 2016, section 2.2).

    The prior p(z₁|z₂) and a Gaussian message N(z₁; μ̂(x), σ̂(x)²) are multiplied: precisions add up, means
    are weighted by them. In units of the prior's σ₁ the prior is N(0, 1) and the message N(m, v) with m = (μ̂
    − μ₁)/σ₁, v = σ̂²/σ₁², so that q(ε|x, z₂) = N(m/(1 + v), v/(1 + v)).
    """

    top: GaussianPosterior  # q(z₂|x), (batch, top_dim)
    message: GaussianPosterior  # μ̂(x), log σ̂²(x), (batch, lower_dim)
    prior_of_lower: Callable[[Tensor], GaussianPosterior]  # z₂ → p(z₁|z₂)
    drawn: GaussianPosterior | None = None  # q(ε|x, z₂) at the last sample's z₂, where the KL is taken

    def lower(self, top: Tensor) -> GaussianPosterior:
        """q(ε|x, z₂) at z₂ of shape (..., batch, top_dim)."""
        prior = self.prior_of_lower(top)
        log_v = self.message.log_var - prior.log_var
        mean = (self.message.mean - prior.mean) / prior.std * torch.sigmoid(-log_v)
        return GaussianPosterior(mean, nn.functional.logsigmoid(log_v))

    def sample(self, n: int | None = None, generator: torch.Generator | None = None) -> Tensor:
        """Draw z₂ and then ε: (batch, latent), or (n, batch, latent)."""
        top = self.top.sample(n, generator)
        self.drawn = self.lower(top)
        return torch.cat([top, self.drawn.sample(generator=generator)], dim=-1)

    def log_prob(self, z: Tensor) -> Tensor:
        """log q(z₂, ε|x) in nats, exact: (..., batch, latent) → (..., batch)."""
        top, noise = z.tensor_split([self.top.mean.shape[-1]], dim=-1)
        return self.top.log_prob(top) + self.lower(top).log_prob(noise)

    def kl_per_dimension(self) -> Tensor:
        """KL to N(0, I) of each dimension, nats, (batch, latent): exact for z₂; for ε at the draws of z₂ of
        the last ``sample`` (before any: one with seed 0), to which both terms of the ELBO belong.
        """
        if self.drawn is None:
            self.sample(generator=seeded(0, self.top.mean.device))
        lower = self.drawn.kl_per_dimension()
        lower = lower if lower.dim() == self.top.mean.dim() else lower.mean(0)
        return torch.cat([self.top.kl_per_dimension(), lower], dim=-1)

    def kl(self) -> Tensor:
        """KL to N(0, I) of each example, nats, (batch,); see :meth:`kl_per_dimension`."""
        return self.kl_per_dimension().sum(-1)

    @property
    def mean(self) -> Tensor:
        """The means, (batch, latent); those of ε at z₂ = its mean."""
        return torch.cat([self.top.mean, self.lower(self.top.mean).mean], dim=-1)

    @property
    def log_var(self) -> Tensor:
        """log σ², (batch, latent); those of ε at z₂ = its mean."""
        return torch.cat([self.top.log_var, self.lower(self.top.mean).log_var], dim=-1)
