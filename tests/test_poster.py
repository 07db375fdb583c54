"""Poster and morph: the files hold what was asked for."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from vae_course.plots.animation import write_morph, write_poster


def gray(n=5, side=8):
    return torch.rand(n, 1, side, side, generator=torch.Generator().manual_seed(0))


def test_a_poster_holds_every_picture_at_its_place(tmp_path):
    images = torch.zeros(4, 3, 8, 8)
    images[0, 0], images[3, 2] = 1, 1  # first red, last blue
    path = write_poster(tmp_path / "new" / "mine.png", images, columns=2, zoom=5)
    sheet = Image.open(path)
    assert sheet.info["dpi"] == pytest.approx((200, 200), abs=0.1)
    pixels = np.asarray(sheet.convert("RGB")).astype(int)
    height, width, _ = pixels.shape
    assert height == width == 2 * 40 + 3 + 2 * 24
    first, last = pixels[height // 4 + 10, width // 4 + 10], pixels[3 * height // 4 - 10, 3 * width // 4 - 10]
    assert first.tolist() == [255, 0, 0] and last.tolist() == [0, 0, 255]
    assert (pixels[2, 2] > 240).all()  # the margin is paper


def test_an_inverted_poster_is_black_on_white(tmp_path):
    path = write_poster(tmp_path / "mine.png", torch.zeros(1, 1, 8, 8), zoom=3, invert=True)
    assert np.asarray(Image.open(path)).min() > 240


def test_a_morph_has_its_frames_there_and_back(tmp_path):
    path = write_morph(tmp_path / "mine.gif", gray(), zoom=3)
    film = Image.open(io.BytesIO(path.read_bytes()))
    assert film.size == (24, 24) and film.n_frames == 8 and film.info["duration"] == 60
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("write", "name", "arguments", "words"),
    [
        (write_poster, "mine.jpg", {}, "my_work.png"),
        (write_morph, "mine.png", {}, "my_work.gif"),
    ],
)
def test_wrong_wishes_are_one_sentence_and_leave_no_file(tmp_path, write, name, arguments, words):
    with pytest.raises(ValueError, match=words):
        write(tmp_path / name, gray(), **arguments)
    assert not list(tmp_path.iterdir())
