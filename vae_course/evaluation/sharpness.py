"""Sharpness: how much a picture changes from pixel to pixel."""

import torch
from torch import Tensor
from torch.nn import functional as F


def sharpness(images: Tensor) -> Tensor:
    """Variance of the Laplacian of each picture (Pech-Pacheco et al. 2000), ≥ 0.

    The Laplacian is the sum of the four neighbors minus four times the pixel; only pixels that have all four
    are used. Noise counts as sharp: look at the pictures as well.

    Args:
        images: (n, C, H, W), in [0, 1], sides of at least 3.

    Returns:
        (n,), in squared pixel values.
    """
    if images.dim() != 4 or min(images.shape[-2:]) < 3:
        raise ValueError(f"images have shape {tuple(images.shape)}; expected (n, C, H, W), sides at least 3.")
    kernel = torch.tensor([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]], dtype=images.dtype, device=images.device)
    channels = images.reshape(-1, 1, *images.shape[-2:])
    edges = F.conv2d(channels, kernel[None, None]).flatten(1).var(1, correction=0)
    return edges.reshape(len(images), -1).mean(1)


def relative_sharpness(images: Tensor, data: Tensor) -> float:
    """Mean sharpness of pictures divided by that of data: 1 is as sharp as data, below 1 is blurred."""
    of_data = sharpness(data).mean().item()
    if of_data == 0:
        raise ValueError("the data have no edges at all, so nothing can be said relative to them.")
    return sharpness(images).mean().item() / of_data
