"""A path of pictures as a strip."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.figure import Figure

from vae_course.plotting.images import image_grid


def interpolation_strip(
    images: torch.Tensor | np.ndarray,
    labels: Sequence[str] | None = None,
    *,
    row_labels: Sequence[str] | None = None,
) -> Figure:
    """Draw the pictures along one path in a row, or several paths in rows of the same length.

    Args:
        images: (steps, channels, height, width) or (paths, steps, channels, height, width), floats in [0, 1].
        labels: text above each step (default: the position along the path from 0 to 1).
        row_labels: text to the left of each path.

    Raises:
        ValueError: wrong shape or range, fewer than 2 steps, or a wrong number of labels.
    """
    shape = tuple(images.shape)
    if len(shape) == 4:
        images, shape = images[None], (1, *shape)
    if len(shape) != 5 or shape[1] < 2:
        raise ValueError(
            "images must have the shape ([paths,] steps, channels, height, width) with at least 2 steps, "
            f"not {tuple(images.shape)}."
        )
    paths, steps = shape[:2]
    if labels is None:
        labels = [f"{i / (steps - 1):.2g}" for i in range(steps)]
    flat = images.reshape(-1, *shape[2:])
    return image_grid(flat, paths, steps, column_titles=labels, row_titles=row_labels)
