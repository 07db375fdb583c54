"""Letters as outlines: what is drawn is what is there, and files hold it."""

import numpy as np
import pytest
import torch
from PIL import Image

from vae_course.plots.letters import (
    STEP,
    ink_preserving_cut,
    letter_poster,
    outlines,
    set_letters,
)
from vae_course.plots.style import write_figure


def ring(side=32):
    """A ring: one piece with one hole."""
    y, x = torch.meshgrid(torch.arange(side) - 15.5, torch.arange(side) - 15.5, indexing="ij")
    radius = (x**2 + y**2).sqrt()
    return ((radius - 5).clamp(0, 1) * (11 - radius).clamp(0, 1))[None, None]


def area(path):
    """Ink inside a path: islands minus holes."""
    total = 0.0
    for polygon in path.to_polygons():
        x, y = polygon.T
        total += (x[:-1] * y[1:] - x[1:] * y[:-1]).sum() / 2
    return abs(total)


def test_an_outline_keeps_the_ink_and_the_hole():
    picture = ring()
    (path,) = outlines(picture)
    assert len(path.to_polygons()) == 2
    assert area(path) == pytest.approx(picture.sum().item(), rel=0.02)
    assert path.vertices.min() > 4 and path.vertices.max() < 28  # in pixels of the picture


def test_a_letter_stands_the_right_way_up():
    picture = torch.zeros(1, 1, 32, 32)
    picture[..., 4:8, 10:22] = 1  # a bar at the top
    (path,) = outlines(picture)
    assert path.vertices[:, 1].min() > 22


def test_specks_and_empty_pictures_leave_nothing():
    speck = torch.zeros(2, 1, 32, 32)
    speck[0, 0, 16, 16] = 1
    assert [len(path.vertices) for path in outlines(speck)] == [0, 0]


def test_the_cut_keeps_the_ink_and_is_nearly_black_and_white():
    soft = torch.nn.functional.avg_pool2d(ring(), 3, 1, 1)
    cut = ink_preserving_cut(soft[None], 2)
    assert cut.shape == (1, 1, 1, 64, 64)
    assert cut.mean().item() == pytest.approx(soft.mean().item(), rel=0.1)


def test_rows_hold_names_frames_and_colors():
    figure = set_letters(
        [("true", ring().repeat(3, 1, 1, 1)), ("", ring())], framed=(0,), ink=("black", "red")
    )
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.texts] == ["true", ""]
    shapes = [artist for artist in axes.get_children() if hasattr(artist, "get_path")]
    colors = {shape.get_facecolor()[:3] for shape in shapes}
    assert (1.0, 0.0, 0.0) in colors and (0.0, 0.0, 0.0) in colors
    assert axes.get_xlim()[1] == pytest.approx(3 * STEP + 1)


def test_a_poster_is_written_whole_as_picture_and_as_outlines(tmp_path):
    poster = letter_poster(ring().repeat(6, 1, 1, 1), 3, ["red", "white"] * 3, line="six rings")
    png, svg = (write_figure(poster, tmp_path / "new" / f"poster.{kind}") for kind in ("png", "svg"))
    pixels = np.asarray(Image.open(png).convert("RGB"))
    assert pixels.shape[1] == 2550 and (pixels[5, 5] == [0x14, 0x21, 0x3D]).all()
    red = (pixels == [255, 0, 0]).all(-1).mean()
    white = (pixels == [255, 255, 255]).all(-1).mean()
    assert red > 0.02 and white == pytest.approx(red, rel=0.05)
    assert "<path" in svg.read_text() and "<image" not in svg.read_text()
    with pytest.raises(ValueError, match=r"does not end in \.png, \.svg or \.pdf"):
        write_figure(poster, tmp_path / "poster.jpg")
