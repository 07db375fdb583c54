"""How much of a picture is coarse and how much is fine: the radially averaged power spectrum."""

from typing import NamedTuple

import torch
from torch import Tensor


class Spectrum(NamedTuple):
    """Power of pictures at each spatial frequency, averaged over directions.

    Attributes:
        frequency: (m,), cycles per pixel, from 1 / side to 0.5; 0.5 is black, white, black, white.
        power: (m,), squared pixel values. White noise of variance s² has power s² at every frequency.
    """

    frequency: Tensor
    power: Tensor


def power_spectrum(images: Tensor) -> Spectrum:
    """Mean squared Fourier coefficients of pictures, averaged over rings of one frequency each.

    Each picture's own mean is taken off first, so brightness does not count. Rings are 1 / side wide;
    the corners beyond 0.5 cycles per pixel, which only diagonals reach, are left out (as in Durall et al.
    2020, section 3, but with a mean over each ring instead of a sum).

    Args:
        images: (n, C, H, W), floats, sides of at least 4; channels are averaged.
    """
    grid, radius = _power_and_radius(images)
    side = min(images.shape[-2:])
    ring = (radius * side).round().long()
    rings = torch.arange(1, side // 2 + 1)
    inside = radius <= 0.5 + 1e-9
    power = torch.stack([grid[(ring == k) & inside].mean() for k in rings.tolist()])
    return Spectrum(rings.double() / side, power)


def relative_power(images: Tensor, data: Tensor, *, low: float = 0.25, high: float = 0.5) -> float:
    """Power of pictures over power of data in a band of frequencies: 1 is like data, below 1 is missing.

    Args:
        images, data: (n, C, H, W) and (m, C, H, W), floats of one size.
        low, high: the band in cycles per pixel, both ends included; the default is the finer half.

    Raises:
        ValueError: the sizes differ, the band is empty, or the data have no power in it.
    """
    if images.shape[1:] != data.shape[1:]:
        raise ValueError(
            f"pictures of {tuple(images.shape[1:])} cannot be compared with data of {tuple(data.shape[1:])}."
        )
    ours, radius = _power_and_radius(images)
    theirs, _ = _power_and_radius(data)
    band = (radius >= low - 1e-9) & (radius <= high + 1e-9) & (radius > 0)
    if not band.any():
        raise ValueError(f"no frequency lies between {low} and {high} cycles per pixel; widen the band.")
    of_data = theirs[band].mean().item()
    if of_data <= 0:
        raise ValueError("the data have no power in this band, so nothing can be said relative to them.")
    return ours[band].mean().item() / of_data


def _power_and_radius(images: Tensor) -> tuple[Tensor, Tensor]:
    """Mean power (H, W) of each Fourier coefficient, and its frequency (H, W) in cycles per pixel."""
    if images.dim() != 4 or min(images.shape[-2:]) < 4 or len(images) == 0:
        raise ValueError(f"images have shape {tuple(images.shape)}; expected (n, C, H, W), sides at least 4.")
    if not images.is_floating_point():
        raise ValueError(f"images are {images.dtype}; expected floats in [0, 1]: divide bytes by 255.")
    height, width = images.shape[-2:]
    total = torch.zeros(height, width, dtype=torch.float64)
    for part in images.detach().cpu().split(2000):
        centered = part.double() - part.double().mean((-2, -1), keepdim=True)
        # Parseval: with this factor the mean over all coefficients is the mean square of the pixels.
        total += torch.fft.fft2(centered).abs().square().mean(1).sum(0) / (height * width)
    down, across = torch.fft.fftfreq(height).double(), torch.fft.fftfreq(width).double()
    return total / len(images), (down[:, None].square() + across.square()).sqrt()
