"""What one latent dimension does: all others held, one moved."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from matplotlib.figure import Figure
from torch import nn

from vae_course.plotting.codes import looking_at, pictures
from vae_course.plotting.images import image_grid

VALUES = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)


def traverse(
    model: nn.Module, code: torch.Tensor, dimensions: Sequence[int], values: Sequence[float] = VALUES
) -> torch.Tensor:
    """Decode copies of a code in which one dimension is set to each value.

    Args:
        model: a VAE or an Autoencoder.
        code: (latent,).
        dimensions: which ones, from 0; a row of the result each.
        values: in standard deviations of the prior.

    Returns:
        Pictures (dimensions, values, C, H, W), float in [0, 1].

    Raises:
        ValueError: a code of another size, or a dimension that the model does not have.
    """
    latent = model.latent_dim
    if tuple(code.shape) != (latent,):
        raise ValueError(f"the code must have the shape ({latent},), not {tuple(code.shape)}.")
    if not dimensions or not all(0 <= dimension < latent for dimension in dimensions):
        raise ValueError(f"dimensions must be some of 0 to {latent - 1}, not {list(dimensions)}.")
    z = code.detach().cpu().float().repeat(len(dimensions), len(values), 1)
    for row, dimension in enumerate(dimensions):
        z[row, :, dimension] = torch.tensor(values, dtype=torch.float32)
    with looking_at(model) as device:
        decoded = pictures(model, z.flatten(0, 1).to(device))
    return decoded.reshape(len(dimensions), len(values), *decoded.shape[1:])


def traversal_grid(
    model: nn.Module,
    code: torch.Tensor,
    dimensions: Sequence[int],
    values: Sequence[float] = VALUES,
    *,
    row_titles: Sequence[str] | None = None,
) -> Figure:
    """Draw ``traverse``: a row for each dimension, a column for each value.

    row_titles: text at each row (default: the dimension, counted from 1 as in the formulas).
    """
    decoded = traverse(model, code, dimensions, values)
    titles = row_titles or [f"$z_{{{dimension + 1}}}$" for dimension in dimensions]
    columns = [f"{value:+g}".replace("-", "−") if value else "0" for value in values]
    return image_grid(
        decoded.flatten(0, 1), *decoded.shape[:2], row_titles=titles, column_titles=columns, cell=0.75
    )
