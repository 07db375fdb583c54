"""What one setting (β, k) of the model for all settings does to pictures: everything a slider shows."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vae_course.elbo import elbo_terms


@dataclass(frozen=True)
class SettingView:
    """One setting measured on a batch of pictures.

    Attributes:
        beta, k: the setting.
        reconstructions: (n, C, H, W) in [0, 1], decoded posterior means of the first n pictures.
        samples: (2n, C, H, W) in [0, 1], decoded draws from N(0, I); the same draws at every setting.
        rate: KL(q(z|x) ‖ p(z)), mean over all pictures, nats.
        distortion: −E log p(x|z), likewise.
        kl_per_dimension: (k,), nats; they sum to ``rate``.
    """

    beta: float
    k: int
    reconstructions: Tensor
    samples: Tensor
    rate: float
    distortion: float
    kl_per_dimension: Tensor

    @property
    def loss(self) -> float:
        """distortion + β·rate, what training at this β makes small, nats."""
        return self.distortion + self.beta * self.rate


@torch.no_grad()
def view_setting(one_model, x: Tensor, beta: float, k: int, *, n: int = 8, seed: int = 0) -> SettingView:
    """Look at one setting.

    Args:
        one_model: :class:`vae_course.models.multirate.OneModel`, or anything whose ``at(beta, k)`` is a VAE.
        x: (batch, C, H, W) in [0, 1], held-out pictures; all are measured, the first n reconstructed.
        n: pictures to reconstruct; twice as many are sampled.
        seed: of z; the same noise at every setting, so that a moving slider shows the setting alone.
    """
    model = one_model.at(beta, k)
    generator = torch.Generator(x.device).manual_seed(seed)
    terms = elbo_terms(model, x, generator)
    # The first k numbers of one fixed draw, so that a sample changes smoothly with k as well.
    z = torch.randn(2 * n, max(k, 64), generator=generator.manual_seed(seed + 1), device=x.device)[:, :k]
    return SettingView(
        beta=float(beta),
        k=int(k),
        reconstructions=model.reconstruct(x[:n]),
        samples=model.likelihood.mean(model.decode(z)),
        rate=terms.kl.mean().item(),
        distortion=terms.reconstruction.mean().item(),
        kl_per_dimension=terms.kl_per_dimension.mean(0),
    )


@torch.no_grad()
def rate_distortion(one_model, x: Tensor, betas, k: int, *, seed: int = 0) -> tuple[list[float], list[float]]:
    """Rate and distortion at each β for one latent size, nats, on the pictures x with the same noise."""
    views = [view_setting(one_model, x, beta, k, n=1, seed=seed) for beta in betas]
    return [view.rate for view in views], [view.distortion for view in views]
