"""The digits of `load("digits")`: scikit-learn's 1,797 handwritten digits, brought to MNIST's 28x28 format.

    python -m recipes.digits

The digits (Alpaydin & Kaynak 1998, UCI "Optical Recognition of Handwritten Digits", test part, CC BY 4.0) are
8x8 counts from 0 to 16: the number of ink pixels in each 4x4 block of a 32x32 bitmap. Plain interpolation
of these counts looks washed out beside MNIST, so we look for a crisp bitmap with these counts and shrink it.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import Tensor

import vae_course.data.mnist

FILE = Path(vae_course.data.mnist.__file__).with_name("digits.npz")


def upsample(counts: Tensor) -> Tensor:
    """Turn 8x8 block counts into 28x28 gray images with the digit in the middle 20x20, as in MNIST.

    Iterative back-projection (Irani & Peleg 1991): interpolate, sharpen to near black and white, compare the
    block means with the given ones, add the interpolated difference, and repeat; after ten rounds the block
    means are within 0.06 of the given ones.

    Args:
        counts: float (n, 1, 8, 8), 0 to 16.

    Returns:
        uint8 (n, 1, 28, 28), 0 (background) to 255.
    """

    def enlarge(blocks: Tensor) -> Tensor:
        return F.interpolate(blocks, scale_factor=4, mode="bicubic", align_corners=False)

    def ink(level: Tensor) -> Tensor:
        return (2 * level - 0.5).clamp(0, 1)

    images = []
    for part in counts.split(100):
        target = F.pad(part / 16, (2, 2, 2, 2))
        level = enlarge(target)
        for _ in range(10):
            level = level + enlarge(target - F.avg_pool2d(ink(level), 4))
        # 12 blocks of padded image become 30 pixels, so 8 of the digit become 20; cut one pixel all around.
        small = F.interpolate(ink(level), size=(30, 30), mode="bilinear", align_corners=False, antialias=True)
        images.append((255 * small[:, :, 1:29, 1:29]).round().to(torch.uint8))
    return torch.cat(images)


def main() -> None:
    """Write the file: images uint8 (1797, 28, 28) and labels uint8 (1797,), in scikit-learn's order."""
    source = load_digits()
    images = upsample(torch.from_numpy(source.images).float()[:, None])[:, 0]
    np.savez_compressed(FILE, images=images.numpy(), labels=source.target.astype(np.uint8))


if __name__ == "__main__":
    main()
