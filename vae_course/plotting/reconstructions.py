"""Pictures beside what a model makes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from matplotlib.figure import Figure
from torch import nn

from vae_course.plotting.codes import looking_at, mean_code, pick_images, pictures
from vae_course.plotting.images import image_grid
from vae_course.posterior import GaussianPosterior

if TYPE_CHECKING:
    from vae_course.data import ImageData


def reconstructions(model: nn.Module, data: ImageData, n: int = 8, seed: int = 0) -> Figure:
    """Draw originals above their reconstructions.

    Rows: the original; the decoder's mean at the mean code; and, for a VAE, the decoder's mean at a code
    drawn from q(z|x), which is what the ELBO scores. An autoencoder has one code per picture and so two rows.

    Args:
        model: a VAE or an Autoencoder; its mode and parameters are left as they are.
        data: the images to draw from, at least ``n``.
        n: pictures in a row.
        seed: chooses the images and the codes.

    Raises:
        ValueError: ``n`` is below 1 or above the number of images.
    """
    with looking_at(model) as device:
        x = pick_images(data, n, seed, device)
        rows, names = [x.cpu(), pictures(model, mean_code(model, x))], ["original", "at the mean code"]
        code = model.encode(x)
        if isinstance(code, GaussianPosterior):
            generator = torch.Generator(device).manual_seed(seed)
            rows.append(pictures(model, code.sample(generator=generator)))
            names.append("at a sampled code")
        else:
            names[1] = "reconstruction"
    return image_grid(torch.cat(rows), len(rows), n, row_titles=names)
