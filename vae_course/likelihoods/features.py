"""The sum over features that every likelihood of the course ends in."""

from torch import Tensor


def sum_features(values: Tensor, x: Tensor) -> Tensor:
    """Sum over the feature axes of x: (..., batch, *features) → (..., batch).

    Args:
        values: one number for each element, (..., batch, *features); any leading axes.
        x: the data, (batch, *features); only its number of axes is used.
    """
    return values.flatten(-(x.dim() - 1)).sum(-1)
