"""The linear-Gaussian toy as a VAE: a model whose ELBO, log p(x) and posterior are known exactly."""

import itertools

import torch
from torch import nn

from vae_course.data.toys import LinearGaussian
from vae_course.elbo import GaussianPosterior


class LinearVAE(nn.Module):
    """q(z|x) = N(exact posterior mean + shift, factor² × exact posterior variance).

    The columns of the weight are orthogonal, so that the exact posterior has a diagonal covariance and
    shift = 0, factor = 1 makes q exact. Everything is float64.
    """

    def __init__(self, shift: float = 0.0, factor: float = 1.0):
        super().__init__()
        weight = torch.tensor([[1.0, 0.5], [1.0, -0.5], [0.5, 1.0], [-0.5, 1.0]], dtype=torch.float64)
        assert weight[:, 0] @ weight[:, 1] == 0
        self.toy = LinearGaussian(weight, torch.tensor([0.3, -0.2, 0.1, 0.0]), 0.7)
        self.shift = nn.Parameter(torch.tensor([shift, -shift], dtype=torch.float64))
        self.log_factor = nn.Parameter(torch.tensor([factor, factor], dtype=torch.float64).log())
        self.seen: list[tuple[int, ...]] = []

    def encode(self, x: torch.Tensor) -> GaussianPosterior:
        mean, covariance = self.toy.posterior(x)
        log_var = covariance.diagonal().log() + 2 * self.log_factor
        return GaussianPosterior(mean + self.shift, log_var.expand_as(mean))

    def log_likelihood(self, x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        self.seen.append(tuple(z.shape))
        return torch.distributions.Normal(self.toy.mean(z), self.toy.sigma).log_prob(x).sum(-1)

    def data(self, n: int, seed: int = 0) -> torch.Tensor:
        """n draws of x from the model, (n, 4)."""
        return self.toy.sample(n, seed)[0]

    def gap(self, x: torch.Tensor) -> torch.Tensor:
        """KL(q(z|x) ‖ p(z|x)) by torch.distributions, (n,)."""
        q = self.encode(x)
        mean, covariance = self.toy.posterior(x)
        exact = torch.distributions.MultivariateNormal(mean, covariance)
        ours = torch.distributions.MultivariateNormal(q.mean, torch.diag_embed(q.log_var.exp()))
        return torch.distributions.kl_divergence(ours, exact)

    def exact_elbo(self, x: torch.Tensor) -> torch.Tensor:
        """log p(x) − KL(q ‖ p(z|x)), (n,)."""
        return self.toy.log_prob(x) - self.gap(x)


class Corners(GaussianPosterior):
    """Draws at μ ± σ in every combination: their mean gives E_q of any quadratic function exactly."""

    def sample(self, n=None, generator=None):
        signs = torch.tensor(list(itertools.product((-1.0, 1.0), repeat=self.mean.shape[-1])))
        assert n == len(signs)
        return self.mean + self.std * signs[:, None, :]


class ExactlySampledVAE(LinearVAE):
    """The same model with draws that make a Monte Carlo mean over 4 of them exact."""

    def encode(self, x):
        q = super().encode(x)
        return Corners(q.mean, q.log_var)
