"""Networks for points in the plane, several copies side by side: five seeds train in the time of two.

Copy s has weights of its own and sees only points [:, s]. The gradient of a loss that is summed over copies
falls apart into theirs, and Adam treats every weight by itself, so copies never touch each other.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from vae_course.elbo import LOG_TWO_PI, GaussianPosterior, bound_log_var


class SideBySide(nn.Module):
    """Fully connected networks with ReLU, all of the same ``sizes``, from input to output.

    (batch, copies · in), or (batch, copies, in) → (batch, copies, out).
    """

    def __init__(self, copies: int, sizes: Sequence[int]):
        super().__init__()
        self.copies = copies
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for size_in, size_out in pairwise(sizes):
            reach = 1 / math.sqrt(size_in)  # as nn.Linear draws them
            self.weights.append(nn.Parameter(torch.empty(copies, size_in, size_out).uniform_(-reach, reach)))
            self.biases.append(nn.Parameter(torch.empty(copies, 1, size_out).uniform_(-reach, reach)))

    def forward(self, x: Tensor) -> Tensor:
        x = x.reshape(len(x), self.copies, -1).transpose(0, 1)
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = torch.baddbmm(bias, torch.relu(x) if i else x, weight)
        return x.transpose(0, 1)

    def noise(self, *shape: int, generator: torch.Generator | None) -> Tensor:
        """Draws of N(0, 1) on the networks' device, where ``generator`` must be."""
        return torch.randn(shape, generator=generator, device=self.weights[0].device)


class PointVAE(nn.Module):
    """VAEs of points, x|z ~ N(f(z), σ²I) with a learned σ for each copy; for ``fit`` and ``elbo_terms``.

    ``latent_dim`` is given for one copy, and all of them afterwards; the decoder mirrors ``hidden_dims``.
    """

    def __init__(self, copies: int = 1, latent_dim: int = 2, hidden_dims: Sequence[int] = (64, 64)):
        super().__init__()
        self.copies, self.latent_dim = copies, copies * latent_dim
        self.encoder = SideBySide(copies, (2, *hidden_dims, 2 * latent_dim))
        self.decoder = SideBySide(copies, (latent_dim, *reversed(hidden_dims), 2))
        self.log_sigma = nn.Parameter(torch.zeros(copies, 1))

    def encode(self, x: Tensor) -> GaussianPosterior:
        """q(z|x) of points (batch, copies, 2): mean and log σ² of shape (batch, copies · latent)."""
        mean, raw_log_var = self.encoder(x).chunk(2, dim=-1)
        return GaussianPosterior(mean.flatten(1), bound_log_var(raw_log_var.flatten(1)))

    def decode(self, z: Tensor) -> Tensor:
        """Means f(z): (batch, copies · latent) → (batch, copies, 2)."""
        return self.decoder(z)

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x|z) in nats, summed over copies: (batch,)."""
        away = (x - self.decode(z)) / self.log_sigma.exp()
        return (-0.5 * away.square() - self.log_sigma - 0.5 * LOG_TWO_PI).sum((-1, -2))

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator | None = None, noise: bool = True) -> Tensor:
        """n points of each copy, (n, copies, 2): draws from p(x|z), or its means without ``noise``."""
        mean = self.decode(self.decoder.noise(n, self.latent_dim, generator=generator))
        return mean + noise * self.log_sigma.exp() * self.decoder.noise(*mean.shape, generator=generator)
