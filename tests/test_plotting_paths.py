"""Animations, maps and traversals, by what is in them."""

import base64
import io
import re

import numpy as np
import pytest
import torch
from PIL import Image

from vae_course.models.vae import VAE
from vae_course.plots.images import animation_html, gif_bytes, traversal_grid

ALT = "A gray square that becomes lighter and darker again."


def frames(steps: int = 5, n: int | None = None, channels: int = 1) -> torch.Tensor:
    level = torch.linspace(0, 1, steps).reshape(-1, *[1] * (3 if n is None else 4))
    return level.expand(steps, *([] if n is None else [n]), channels, 4, 6)


def read(gif: bytes) -> tuple[Image.Image, list[np.ndarray]]:
    picture = Image.open(io.BytesIO(gif))
    shown = []
    for index in range(picture.n_frames):
        picture.seek(index)
        shown.append(np.asarray(picture.convert("RGB")))
    return picture, shown


def test_a_gif_holds_the_frames_there_and_back_and_repeats():
    picture, shown = read(gif_bytes(frames(), seconds=0.1))
    assert picture.size == (6, 4) and picture.info["loop"] == 0 and picture.info["duration"] == 100
    assert [int(frame[0, 0, 0]) for frame in shown] == pytest.approx(
        [0, 64, 128, 191, 255, 191, 128, 64], abs=1
    )


def test_pictures_of_one_frame_stand_side_by_side():
    two = frames(n=2).clone()
    two[:, 1] = 0
    picture, shown = read(gif_bytes(two))
    assert picture.size == (6 + 2 + 6, 4)
    assert shown[4][0, 0, 0] == 255 and shown[4][0, 6, 0] == 255 and shown[4][0, 8, 0] == 0


def test_color_frames_stay_colored():
    color = torch.zeros(3, 3, 4, 6)
    color[:, 0] = torch.linspace(0.2, 1, 3).reshape(-1, 1, 1)
    red, green, _ = read(gif_bytes(color))[1][2][0, 0]
    assert red > 200 and green < 40


@pytest.mark.parametrize(
    ("pictures", "options", "words"),
    [
        (frames(1), {}, "with 2 steps"),
        (frames()[:, 0], {}, "must be"),
        (frames() + 1, {}, r"\[0, 1\]"),
    ],
)
def test_frames_that_cannot_play_are_refused(pictures, options, words):
    with pytest.raises(ValueError, match=words):
        gif_bytes(pictures, **options)


def test_the_animation_carries_its_text_and_can_be_stopped():
    html = animation_html(frames(n=2), 'A "morph"', ALT, names=("code", "pixels"), zoom=3)
    assert html.startswith("<details open><summary>A &quot;morph&quot; (close to stop")
    assert f'alt="{ALT}"' in html and 'width="42" height="12"' in html and "<script" not in html
    assert "code</td>" in html and "pixels</td>" in html
    data = base64.b64decode(re.search(r"base64,([^\"]+)", html).group(1))
    assert data == gif_bytes(frames(n=2))


def test_a_minute_of_digits_stays_small():
    noise = torch.rand(2, 2, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    t = torch.linspace(0, 1, 31).reshape(-1, 1, 1, 1, 1)  # 60 frames there and back
    html = animation_html((1 - t) * noise[0] + t * noise[1], "Noise", ALT)
    assert len(html) < 600_000


@pytest.fixture
def model() -> VAE:
    torch.manual_seed(0)
    return VAE(image_shape=(1, 8, 8), latent_dim=3, hidden_dims=(16,))


def test_a_traversal_moves_one_dimension_and_keeps_the_others(model):
    code = torch.tensor([0.3, -0.2, 0.5])
    drawn = traversal_grid(model, code, [2, 0]).axes[0].images[0].get_array()[..., 0]
    with torch.no_grad():
        expected = model.decode(torch.tensor([[0.3, -0.2, -3.0], [3.0, -0.2, 0.5]])).sigmoid()
    assert np.allclose(drawn[:8, :8], expected[0, 0], atol=1e-6)  # the first row's first, the second's last
    assert np.allclose(drawn[-8:, -8:], expected[1, 0], atol=1e-6)
    assert torch.equal(code, torch.tensor([0.3, -0.2, 0.5]))


def test_the_grid_names_rows_and_columns(model):
    figure = traversal_grid(model, torch.zeros(3), [0, 2])
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["$z_{1}$", "$z_{3}$"]
    assert [text.get_text() for text in axes.texts] == ["−3", "−2", "−1", "0", "+1", "+2", "+3"]
