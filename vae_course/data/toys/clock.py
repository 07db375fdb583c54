"""Pictures of a clock with one hand: a data set whose every picture, average and distance is known."""

from __future__ import annotations

import math

import torch

from vae_course.data.dataset import ImageData


def clock_hands(hands: int = 16, side: int = 16, thickness: float = 2.0) -> ImageData:
    """All pictures of a clock whose single hand points in one of ``hands`` directions.

    The data set is these pictures, each equally likely, and nothing else: whatever does not look like one of
    them is no picture of this world. The label is the direction, 0 at three o'clock, counterclockwise.

    Args:
        hands: number of directions, at least 2.
        side: height and width in pixels, at least 8.
        thickness: of the hand, in pixels, above 0.

    Returns:
        ImageData with ``hands`` gray pictures of shape (1, side, side).
    """
    if hands < 2 or side < 8 or thickness <= 0:
        raise ValueError(
            f"hands is {hands}, side {side}, thickness {thickness}; expected at least 2, at least 8, above 0."
        )
    place = torch.arange(side, dtype=torch.float64) - (side - 1) / 2
    y, x = -place[:, None], place[None, :]  # rows run downwards
    angle = 2 * math.pi * torch.arange(hands, dtype=torch.float64) / hands
    cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
    along = (x * cos + y * sin).clamp(0, 0.46 * side)
    away = ((x - along * cos).square() + (y - along * sin).square()).sqrt()
    shade = (thickness / 2 + 0.5 - away).clamp(0, 1)  # the edge fades over one pixel
    images = (255 * shade).round().to(torch.uint8)[:, None]
    names = tuple(str(hand) for hand in range(hands))
    return ImageData("clock hands", "train", images, torch.arange(hands), names)
