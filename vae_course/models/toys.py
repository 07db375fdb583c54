"""Models of toys: points in the plane, and the one VAE whose log p(x), posterior and gap have closed forms.

That one, the linear-Gaussian VAE, is probabilistic PCA (Tipping & Bishop 1999); its best weights have, too.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import scipy.linalg
import torch
from torch import Tensor, nn

from vae_course.data.toys import LinearGaussian
from vae_course.elbo import LOG_TWO_PI, ElboTerms, GaussianPosterior, bound_log_var


class LinearGaussianVAE(nn.Module):
    """z ~ N(0, I), x|z ~ N(W z + b, σ² I), q(z|x) = N(V (x − b), diag s²): all maps linear, s² one for all x.

    Works on rows x (batch, D) of float64. The encoder is diagonal while the exact posterior has a full
    covariance: its gap can only close if W's columns become orthogonal. ``sigma`` > 0 is the noise of the
    decoder: the start, or for good without ``learn_sigma``.
    """

    def __init__(self, n_features: int, latent_dim: int, sigma: float = 1.0, learn_sigma: bool = True):
        super().__init__()
        if not 1 <= latent_dim <= n_features or not 0 < sigma < math.inf:
            found = f"latent_dim is {latent_dim}, sigma {sigma}"
            raise ValueError(f"{found}; expected 1 to n_features = {n_features}, and a positive number.")
        double = {"dtype": torch.float64}
        self.latent_dim = latent_dim
        self.weight = nn.Parameter(torch.randn(n_features, latent_dim, **double) / n_features**0.5)
        self.bias = nn.Parameter(torch.zeros(n_features, **double))
        self.log_sigma = nn.Parameter(torch.tensor(math.log(sigma), **double), requires_grad=learn_sigma)
        # An encoder that starts at 0 says "the prior" for every x: an untrained code costs nothing.
        self.encoder = nn.Parameter(torch.zeros(latent_dim, n_features, **double))
        self.log_var = nn.Parameter(torch.zeros(latent_dim, **double))

    def encode(self, x: Tensor) -> GaussianPosterior:
        """q(z|x) for rows (batch, D): mean and log σ² of shape (batch, k)."""
        mean = (x.double() - self.bias) @ self.encoder.T
        return GaussianPosterior(mean, self.log_var.expand_as(mean))

    def decode(self, z: Tensor) -> Tensor:
        """The mean of p(x|z): (..., k) → (..., D)."""
        return z.double() @ self.weight.T + self.bias

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x|z) in nats: rows x (batch, D), z (..., batch, k) → (..., batch)."""
        return self._log_density(((x - self.decode(z)) ** 2).sum(-1))

    def exact_terms(self, x: Tensor) -> ElboTerms:
        """The ELBO terms with the expectation over q solved instead of sampled, for rows (batch, D): E_q‖x −
        W z − b‖² = ‖x − W μ − b‖² + Σ_j s_j² ‖w_j‖².
        """
        q = self.encode(x)
        spread = (self.log_var.exp() * self.weight.square().sum(0)).sum()
        reconstruction = -self._log_density(((x - self.decode(q.mean)) ** 2).sum(-1) + spread)
        kl = q.kl_per_dimension()
        return ElboTerms(reconstruction, kl.sum(-1), kl)

    @torch.no_grad()
    def truth(self) -> LinearGaussian:
        """The same p(x, z) with exact ``log_prob(x)`` and ``posterior(x)``."""
        return LinearGaussian(self.weight.clone(), self.bias.clone(), self.log_sigma.exp().item())

    @torch.no_grad()
    def gap(self, x: Tensor) -> Tensor:
        """KL(q(z|x) ‖ p(z|x)) in nats, exact, for rows (batch, D): log p(x) − ELBO. (batch,)."""
        q, (mean, covariance) = self.encode(x), self.truth().posterior(x)
        precision = torch.linalg.inv(covariance)
        away = mean - q.mean
        squared = ((away @ precision) * away).sum(-1)
        trace = (precision.diagonal() * self.log_var.exp()).sum()
        log_dets = torch.logdet(covariance) - self.log_var.sum()
        return 0.5 * (squared + trace - len(self.log_var) + log_dets)

    def _log_density(self, squared: Tensor) -> Tensor:
        constant = len(self.bias) * (self.log_sigma + 0.5 * LOG_TWO_PI)
        return -0.5 * squared * torch.exp(-2 * self.log_sigma) - constant


def principal_component_model(x: Tensor, latent_dim: int) -> LinearGaussian:
    """The maximum-likelihood linear-Gaussian model of rows x (n, D), in closed form.

    With eigenvalues λ of the covariance (divisor n) in falling order and eigenvectors U: σ² = mean of
    λ_{k+1..D}, W = U_k (Λ_k − σ² I)^½ (Tipping & Bishop 1999, eq. 7 and 8 with R = I).
    """
    if x.ndim != 2 or not 1 <= latent_dim < x.shape[1]:
        raise ValueError(f"x is {tuple(x.shape)} and latent_dim is {latent_dim}; expected (n, D) and k < D.")
    values, vectors = covariance_spectrum(x)
    sigma2 = values[latent_dim:].mean()
    if sigma2 <= 1e-12 * values[0]:
        raise ValueError("nothing is left for the noise: the data lie in a plane; take a smaller latent_dim.")
    weight = vectors[:, :latent_dim] * (values[:latent_dim] - sigma2).clamp_min(0).sqrt()
    return LinearGaussian(weight, x.double().mean(0), sigma2.sqrt().item())


def covariance_spectrum(x: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues (D,), falling, and eigenvectors (D, D) in columns, of the covariance of rows (n, D)."""
    centered = x.double() - x.double().mean(0)
    values, vectors = torch.linalg.eigh(centered.T @ centered / len(x))
    return values.flip(0), vectors.flip(1)


def subspace_angle(a: Tensor, b: Tensor) -> float:
    """The largest principal angle between the column spaces of a and b, (D, k) each, in degrees, 0 to 90."""
    return math.degrees(scipy.linalg.subspace_angles(a.double().cpu().numpy(), b.double().cpu().numpy())[0])


def water_filling(eigenvalues: Tensor, noise: float) -> Tensor:
    """Rate of each principal direction, nats: ½ log(λ/θ) where λ > θ, else 0; θ = noise = β σ².

    The optimal β-VAE with a linear decoder of fixed σ has these rates (from Lucas et al. 2019, "Don't blame
    the ELBO!"), as the rate–distortion function of a Gaussian source (Cover & Thomas, 10.3.3).
    """
    return 0.5 * torch.log(eigenvalues.double() / noise).clamp_min(0)


# Networks for points in the plane, several copies side by side: five seeds train in the time of two. Copy s
# has weights of its own and sees only points [:, s]. The gradient of a loss that is summed over copies falls
# apart into theirs, and Adam treats every weight by itself, so copies never touch each other.


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
