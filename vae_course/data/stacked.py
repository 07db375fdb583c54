"""Stacked digits: three digits in the three color channels, which makes 1,000 modes (Metz et al. 2017)."""

from __future__ import annotations

import torch

from vae_course.data.dataset import ImageData
from vae_course.data.errors import DataError

MODES = 1000


def stack_digits(data: ImageData, n: int, seed: int = 0) -> ImageData:
    """Pictures of three digits each, drawn with replacement: the class of a picture is the number 000 to 999.

    Channel 0 (red) is the first digit of the number. Digits are drawn by class, so that all 1,000 numbers are
    equally likely.

    Args:
        data: gray digits with labels 0 to 9, such as load("mnist").
        n: number of pictures.
        seed: of the draw.

    Returns:
        ImageData with uint8 images (n, 3, H, W) and labels 0 to 999.

    Raises:
        DataError: the pictures are not gray, or have no labels of ten classes.
    """
    if data.shape[0] != 1 or data.labels is None or data.labels.unique().tolist() != list(range(10)):
        raise DataError(
            f"{data.name} cannot be stacked: gray pictures with labels 0 to 9 are expected, all of them "
            'present; use load("mnist") or load("digits").'
        )
    if n < 1:
        raise DataError(f"n is {n}, but at least 1 picture is needed.")
    generator = torch.Generator().manual_seed(seed)
    digits = torch.randint(10, (n, 3), generator=generator)
    chance = torch.rand(n, 3, generator=generator, dtype=torch.float64)
    order, counts = data.labels.cpu().argsort(stable=True), data.labels.cpu().bincount(minlength=10)
    starts = counts.cumsum(0) - counts
    rows = order[starts[digits] + (chance * counts[digits]).long()]
    labels = (digits * torch.tensor([100, 10, 1])).sum(1)
    names = tuple(f"{number:03d}" for number in range(MODES))
    return ImageData(f"stacked {data.name}", data.split, data.images.cpu()[rows, 0], labels, names)
