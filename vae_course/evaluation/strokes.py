"""Two properties of a drawn digit, measured on the picture: how thick its strokes are, how far they lean."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def thickness(pictures: Tensor) -> Tensor:
    """Mean width of the strokes in pixels: twice the ink over the length of its outline.

    A stroke of length L and width w ≪ L has ink L·w and an outline of 2L. The length of the outline is the
    total variation Σ|∇x|, which is right for soft edges too (coarea formula: Fleming & Rishel 1960).

    Args:
        pictures: (n, 1, H, W), float in [0, 1], ink 1 on ground 0.

    Returns:
        (n,), 0 for an empty picture.

    Raises:
        ValueError: another shape.
    """
    ink = _gray(pictures)
    padded = torch.nn.functional.pad(ink, (1, 1, 1, 1))
    across = padded[:, :-1, 1:] - padded[:, :-1, :-1]
    down = padded[:, 1:, :-1] - padded[:, :-1, :-1]
    outline = torch.sqrt(across**2 + down**2).sum((1, 2))
    return 2 * ink.sum((1, 2)) / outline.clamp_min(1e-6)


def slant(pictures: Tensor) -> Tensor:
    """Lean of the strokes to the right in degrees, 0 for upright: the shear that undoes it.

    tan(slant) = −μ₁₁/μ₀₂ with the central second moments of the ink (x to the right, y down): the classic
    measure for deskewing digits.

    Args:
        pictures: (n, 1, H, W), float in [0, 1], ink 1 on ground 0.

    Returns:
        (n,), between −90 and 90; 0 for an empty picture.

    Raises:
        ValueError: another shape.
    """
    ink = _gray(pictures)
    height, width = ink.shape[1:]
    down, across = torch.meshgrid(
        torch.arange(height, dtype=ink.dtype), torch.arange(width, dtype=ink.dtype), indexing="ij"
    )
    mass = ink.sum((1, 2)).clamp_min(1e-6)[:, None, None]
    x = across - (ink * across).sum((1, 2), keepdim=True) / mass
    y = down - (ink * down).sum((1, 2), keepdim=True) / mass
    mixed, vertical = (ink * x * y).sum((1, 2)), (ink * y * y).sum((1, 2))
    return torch.atan2(-mixed, vertical.clamp_min(1e-6)) * (180 / math.pi)


def _gray(pictures: Tensor) -> Tensor:
    if pictures.ndim != 4 or pictures.shape[1] != 1:
        raise ValueError(f"strokes are measured on pictures (n, 1, H, W); got {tuple(pictures.shape)}.")
    return pictures[:, 0]
