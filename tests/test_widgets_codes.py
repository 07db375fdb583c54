"""Explorers that move a code: pad and stages, by what they draw."""

import base64

import numpy as np
import pytest
import torch
from tiny_data import tiny_images

from vae_course.models.vae import VAE
from vae_course.widgets.codes import (
    STATIONS,
    decoded,
    draw_pad_strip,
    explore_latent_pad,
    pad_scene,
)


def vae(latent: int, shape=(1, 8, 8)) -> VAE:
    torch.manual_seed(0)
    return VAE(image_shape=shape, latent_dim=latent, hidden_dims=(16,)).eval()


def shown(axes) -> np.ndarray:
    return np.asarray(axes.images[0].get_array())


def same_picture(shell, png: bytes) -> bool:
    return base64.b64encode(png).decode() in shell.picture.value


CODES, LABELS = torch.randn(20, 2, generator=torch.Generator().manual_seed(0)), torch.arange(20) % 4


def test_the_pad_shows_what_the_decoder_draws_at_its_place():
    model = vae(2)
    scene = pad_scene(model, CODES, LABELS)
    scene(z1=1.0, z2=-0.5)
    plane, picture = scene.figure.axes
    with torch.no_grad():
        expected = model.decode(torch.tensor([1.0, -0.5])).sigmoid()[0]
    assert shown(picture) == pytest.approx(expected.numpy(), abs=1e-6)
    cross = plane.lines[-1]
    assert (*cross.get_xdata(), *cross.get_ydata()) == (1.0, -0.5)
    assert plane.get_title() == "$z$ = (1.00, −0.50)"


def test_the_pads_strip_shows_each_place_with_its_number():
    model = vae(2)
    axes = draw_pad_strip(model, CODES, LABELS).axes
    assert [text.get_text() for text in axes[0].texts] == [cell.get_title() for cell in axes[1:]]
    assert [cell.get_title() for cell in axes[1:]] == list("123456")
    assert shown(axes[3]) == pytest.approx(decoded(model, STATIONS)[2, 0].numpy())
    with pytest.raises(ValueError, match="3 dimensions, not 2"):
        pad_scene(vae(3), CODES, LABELS)


def test_the_pad_follows_its_sliders():
    model, data = vae(2), tiny_images(30)
    shell = explore_latent_pad(model, data)
    shell.controls["z1"].value, shell.controls["z2"].value = 1.5, -2.0
    background = model.encode(data.floats()).mean.detach()
    assert same_picture(shell, pad_scene(model, background, data.labels)(z1=1.5, z2=-2.0))
    assert shell.controls["z1"].continuous_update
