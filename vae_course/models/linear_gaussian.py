"""The linear-Gaussian VAE: the one VAE whose log p(x), posterior and gap have closed forms.

It is probabilistic PCA (Tipping & Bishop 1999); its best weights too (:func:`principal_component_model`).
"""

import math

import scipy.linalg
import torch
from torch import Tensor, nn

from vae_course.data.toys import LinearGaussian
from vae_course.elbo import LOG_TWO_PI, ElboTerms, GaussianPosterior


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
