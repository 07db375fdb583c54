"""Thickness and slant, on strokes that are drawn to measure."""

import math

import pytest
import torch

from vae_course.evaluation.paths import slant, thickness


def stroke(width: float, lean: float = 0.0, side: int = 56, length: float = 44.0) -> torch.Tensor:
    """A straight stroke with soft edges that leans `lean` degrees to the right, (1, 1, side, side)."""
    down, across = torch.meshgrid(*2 * [torch.arange(side) - (side - 1) / 2], indexing="ij")
    angle = math.radians(lean)
    away = across * math.cos(angle) + down * math.sin(angle)
    along = across * math.sin(angle) - down * math.cos(angle)
    ink = (width / 2 + 0.5 - away.abs()).clamp(0, 1) * (length / 2 + 0.5 - along.abs()).clamp(0, 1)
    return ink[None, None]


@pytest.mark.parametrize("lean", [0, 20, 45])
@pytest.mark.parametrize("width", [2, 3, 5])
def test_thickness_is_the_width_of_a_stroke(width, lean):
    # A stroke of finite length has an outline of 2 (length + width).
    expected = width * 44 / (44 + width)
    assert thickness(stroke(width, lean)).item() == pytest.approx(expected, rel=0.08)


def test_a_soft_stroke_is_as_thick_as_a_hard_one():
    soft = torch.nn.functional.avg_pool2d(stroke(5), 3, 1, 1)
    assert thickness(soft).item() == pytest.approx(thickness(stroke(5)).item(), rel=0.05)


@pytest.mark.parametrize("lean", [-40, -15, 0, 10, 30])
def test_slant_is_the_lean_of_a_stroke_and_its_sign(lean):
    assert slant(stroke(2, lean)).item() == pytest.approx(lean, abs=0.6)


def test_moving_or_dimming_a_picture_changes_neither():
    picture = stroke(3, 20)
    moved = 0.5 * torch.roll(picture, (2, -3), dims=(2, 3))
    for measure in (thickness, slant):
        assert measure(moved).item() == pytest.approx(measure(picture).item(), rel=1e-4)


def test_an_empty_picture_is_0_and_a_wrong_shape_is_refused():
    empty = torch.zeros(2, 1, 8, 8)
    assert thickness(empty).tolist() == slant(empty).tolist() == [0, 0]
    for measure in (thickness, slant):
        with pytest.raises(ValueError, match=r"\(n, 1, H, W\)"):
            measure(torch.zeros(2, 3, 8, 8))
