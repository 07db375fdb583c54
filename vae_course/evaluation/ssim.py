"""Structural similarity of two pictures."""

import torch
from torch import Tensor
from torch.nn import functional as F

WINDOW, WIDTH = 11, 1.5
C1, C2 = 0.01**2, 0.03**2


def ssim(a: Tensor, b: Tensor) -> Tensor:
    """Mean structural similarity of pairs of pictures (Wang et al. 2004, eq. 13), with their constants.

    Luminance, contrast and structure are compared in an 11×11 Gaussian window (σ = 1.5) that moves over all
    places where it fits, and averaged. 1 for equal pictures; rarely below 0.

    Args:
        a, b: (n, C, H, W), in [0, 1], sides of at least 11.

    Returns:
        (n,), at most 1.
    """
    if a.shape != b.shape or a.dim() != 4 or min(a.shape[-2:]) < WINDOW:
        raise ValueError(
            f"pictures have shapes {tuple(a.shape)} and {tuple(b.shape)}; expected the same (n, C, H, W) "
            f"twice, with sides of at least {WINDOW}."
        )
    n = len(a)
    a, b = (picture.reshape(-1, 1, *picture.shape[-2:]) for picture in (a, b))
    mean_a, mean_b = _blur(a), _blur(b)
    var_a = _blur(a * a) - mean_a**2
    var_b = _blur(b * b) - mean_b**2
    covariance = _blur(a * b) - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + C1) / (mean_a**2 + mean_b**2 + C1)
    structure = (2 * covariance + C2) / (var_a + var_b + C2)
    return (luminance * structure).reshape(n, -1).mean(1)


def _blur(images: Tensor) -> Tensor:
    place = torch.arange(WINDOW, dtype=images.dtype, device=images.device) - WINDOW // 2
    line = torch.exp(-0.5 * (place / WIDTH) ** 2)
    line = line / line.sum()
    return F.conv2d(F.conv2d(images, line.reshape(1, 1, -1, 1)), line.reshape(1, 1, 1, -1))
