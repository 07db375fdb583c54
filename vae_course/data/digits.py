"""The offline data set: scikit-learn's 1,797 handwritten digits, brought to MNIST's 28x28 format.

The digits (Alpaydin & Kaynak 1998, UCI "Optical Recognition of Handwritten Digits", test part) come as 8x8
counts from 0 to 16: the number of ink pixels in each 4x4 block of a 32x32 bitmap. Plain interpolation of
these counts looks washed out beside MNIST, so we look for a crisp bitmap with these counts, and shrink it.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F

from vae_course.data.dataset import stratified_index

DIGIT_NAMES = tuple("0123456789")
_VALIDATION, _TEST = 300, 300
_SPLIT_SEED = 1797
CHUNK = 100  # digits brought to size at once: few enough for the processor's cache


def load_digits_split(split: str) -> tuple[torch.Tensor, torch.Tensor]:
    """One split of the digits: train 1,197, validation 300, test 300; fixed and stratified.

    Args:
        split: "train", "validation", "test" or "train+validation" (1,497).

    Returns:
        images uint8 (n, 1, 28, 28) and labels int64 (n,).
    """
    images, labels = _all_digits()
    chosen = torch.from_numpy(_split_indices(labels.numpy())[split])
    return images[chosen], labels[chosen]


@lru_cache(maxsize=1)
def _all_digits() -> tuple[torch.Tensor, torch.Tensor]:
    from sklearn.datasets import load_digits

    source = load_digits()
    counts = torch.from_numpy(source.images).float()[:, None]
    return upsample(counts), torch.from_numpy(source.target.astype(np.int64))


def _split_indices(labels: np.ndarray) -> dict[str, np.ndarray]:
    rng = np.random.RandomState(_SPLIT_SEED)
    held_out = stratified_index(labels, _VALIDATION + _TEST, rng)
    test = held_out[stratified_index(labels[held_out], _TEST, rng)]
    rest = np.setdiff1d(np.arange(len(labels)), test)
    validation, train = np.intersect1d(rest, held_out), np.setdiff1d(rest, held_out)
    return {"train": train, "validation": validation, "test": np.sort(test), "train+validation": rest}


def upsample(counts: torch.Tensor, steps: int = 10) -> torch.Tensor:
    """Turn 8x8 block counts into 28x28 grey images with the digit in the middle 20x20, as in MNIST.

    Iterative back-projection (Irani & Peleg 1991): interpolate, sharpen to near black and white, compare the
    block means with the given ones, add the interpolated difference, and repeat.

    Args:
        counts: float (n, 1, 8, 8), 0 to 16.
        steps: rounds of correction; the block means are then within 0.06 of the given ones.

    Returns:
        uint8 (n, 1, 28, 28), 0 (background) to 255.
    """
    return torch.cat([_upsample(part, steps) for part in counts.split(CHUNK)])


def _upsample(counts: torch.Tensor, steps: int) -> torch.Tensor:
    target = F.pad(counts / 16, (2, 2, 2, 2))
    level = _enlarge(target)
    for _ in range(steps):
        level = level + _enlarge(target - F.avg_pool2d(_ink(level), 4))
    # 12 blocks of padded image become 30 pixels, so 8 blocks of digit become 20; cut one pixel on each side.
    small = F.interpolate(_ink(level), size=(30, 30), mode="bilinear", align_corners=False, antialias=True)
    return (255 * small[:, :, 1:29, 1:29]).round().to(torch.uint8)


def _enlarge(blocks: torch.Tensor) -> torch.Tensor:
    return F.interpolate(blocks, scale_factor=4, mode="bicubic", align_corners=False)


def _ink(level: torch.Tensor) -> torch.Tensor:
    return (2 * level - 0.5).clamp(0, 1)
