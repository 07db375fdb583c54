"""What the plots ask of a model: codes, pictures and pseudo-random draws, without touching its state."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from vae_course.posterior import GaussianPosterior

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vae_course.data import ImageData


@contextmanager
def looking_at(model: nn.Module) -> Iterator[torch.device]:
    """Evaluation mode without gradients for a block; gives the model's device and restores the mode after."""
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield next(model.parameters()).device
    finally:
        model.train(training)


def mean_code(model: nn.Module, x: Tensor) -> Tensor:
    """The code of each image, (batch, latent): the posterior's mean, or an autoencoder's code."""
    code = model.encode(x)
    return code.mean if isinstance(code, GaussianPosterior) else code


def pictures(model: nn.Module, z: Tensor, chunk: int = 512) -> Tensor:
    """The decoder's mean for codes (n, latent) as pictures in [0, 1], (n, C, H, W), on the CPU.

    Means of a Gaussian likelihood may leave [0, 1]; they are clipped, as every screen would.
    """
    parts = [model.likelihood.mean(model.decode(part)).clamp(0, 1).cpu() for part in z.split(chunk)]
    return torch.cat(parts)


def draw_pictures(model: nn.Module, z: Tensor, generator: torch.Generator) -> Tensor:
    """One draw from p(x|z) for each code (n, latent), clipped to [0, 1], (n, C, H, W), on the CPU."""
    return model.likelihood.sample(model.decode(z), generator).clamp(0, 1).cpu()


def prior_codes(model: nn.Module, n: int, seed: int, device: torch.device) -> Tensor:
    """``n`` codes from the prior N(0, I), (n, latent), the same for a seed on every device."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, model.latent_dim, generator=generator).to(device)


def pick_images(data: ImageData, n: int, seed: int, device: torch.device) -> Tensor:
    """``n`` different images of a data set, (n, C, H, W) in [0, 1], drawn with a seed."""
    if not 1 <= n <= len(data):
        raise ValueError(
            f"n must be from 1 to the {len(data)} images of {data.name} ({data.split}), not {n}."
        )
    index = torch.randperm(len(data), generator=torch.Generator().manual_seed(seed))[:n]
    generator = torch.Generator(data.images.device).manual_seed(seed)
    return data.batch(index.to(data.images.device), generator).to(device)


def check_prior(model: nn.Module) -> None:
    """Raise ValueError for a model without a prior to draw codes from."""
    if not hasattr(model, "sample"):
        raise ValueError(f"{type(model).__name__} has no prior to draw codes from; give a VAE instead.")
