"""Augmentation: random changes of pictures at the moment a minibatch is read."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from vae_course.data.errors import DataError

LUMA = (0.299, 0.587, 0.114)  # weights of red, green and blue in a gray value (ITU-R BT.601)


@dataclass(frozen=True)
class Augmentation:
    """Mirroring and color jitter, drawn for every picture on its own and anew at each read.

    The result is a stored picture again (whole numbers from 0 to 255), so that probabilities of the 256
    values mean the same with and without it.

    Attributes:
        flip: probability of a mirror image, 0 to 1.
        brightness: all values are multiplied by a number from 1 − b to 1 + b.
        contrast: distances from the picture's mean gray are multiplied by a number from 1 − c to 1 + c.
        saturation: distances from each pixel's own gray are multiplied by a number from 1 − s to 1 + s.

    Raises:
        DataError: a number lies outside [0, 1].
    """

    flip: float = 0.5
    brightness: float = 0.1
    contrast: float = 0.1
    saturation: float = 0.1

    def __post_init__(self) -> None:
        for name in ("flip", "brightness", "contrast", "saturation"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise DataError(f"{name} of an augmentation is {value!r}; give a number from 0 to 1.")

    def __call__(self, images: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """Change a minibatch.

        Args:
            images: uint8 (n, C, H, W); saturation acts on three channels only.
            generator: source of the draws; torch's global one when None.

        Returns:
            uint8 (n, C, H, W), a new tensor.
        """
        device = images.device if generator is None else generator.device
        draws = torch.rand(4, len(images), 1, 1, 1, generator=generator, device=device).to(images.device)
        images = torch.where(draws[0] < self.flip, images.flip(-1), images)
        if not (self.brightness or self.contrast or self.saturation):
            return images
        bright, contrast, saturation = (
            1 + width * (2 * u - 1)
            for width, u in zip((self.brightness, self.contrast, self.saturation), draws[1:], strict=True)
        )
        x = images.float() * bright
        if x.shape[1] == 3:
            gray = torch.einsum("nchw,c->nhw", x, x.new_tensor(LUMA))[:, None]
            x = gray + saturation * (x - gray)
        else:
            gray = x
        middle = gray.mean((1, 2, 3), keepdim=True)
        return (middle + contrast * (x - middle)).round_().clamp_(0, 255).to(torch.uint8)
