"""Latent pad, traversal and interpolation: the drawing functions, then as widgets."""

import base64

import numpy as np
import pytest
import torch
from tiny_data import tiny_images

from vae_course.evaluation.paths import lerp, slerp
from vae_course.models.vae import VAE
from vae_course.teaching.display import png_bytes
from vae_course.widgets.latent_pad import decoded, draw_latent_pad, draw_pad_strip, explore_latent_pad
from vae_course.widgets.paths import (
    draw_interpolation,
    draw_traversal,
    explore_interpolation,
    explore_traversal,
    path_pictures,
)


def vae(latent: int) -> VAE:
    torch.manual_seed(0)
    return VAE(image_shape=(1, 8, 8), latent_dim=latent, hidden_dims=(16,))


def shown(axes) -> np.ndarray:
    return np.asarray(axes.images[0].get_array())


def same_picture(shell, figure) -> bool:
    return base64.b64encode(png_bytes(figure, live=True)).decode() in shell.picture.value


def test_the_pad_shows_what_the_decoder_draws_at_its_place():
    model = vae(2)
    plane, picture = draw_latent_pad(model, 1.0, -0.5).axes
    with torch.no_grad():
        expected = model.decode(torch.tensor([1.0, -0.5])).sigmoid()[0]
    assert shown(picture) == pytest.approx(expected.numpy(), abs=1e-6)
    cross = plane.lines[-1]
    assert (*cross.get_xdata(), *cross.get_ydata()) == (1.0, -0.5)
    assert plane.get_title() == "$z$ = (1.00, −0.50)"


def test_the_strip_shows_each_place_with_its_number():
    model, places = vae(2), [(0.0, 0.0), (1.0, 1.0), (-2.0, 0.5)]
    axes = draw_pad_strip(model, places).axes
    assert [text.get_text() for text in axes[0].texts] == ["1", "2", "3"]
    titles = [cell.get_title() for cell in axes[1:] if cell.images]
    assert titles == ["1", "2", "3"]
    assert shown(axes[3]) == pytest.approx(decoded(model, places)[2, 0].numpy())
    with pytest.raises(ValueError, match="at least one"):
        draw_pad_strip(model, [])


def test_the_pad_refuses_a_code_that_is_no_plane():
    with pytest.raises(ValueError, match="3 dimensions, not 2"):
        draw_latent_pad(vae(3), 0.0, 0.0)


def test_the_pad_follows_its_sliders():
    model, data = vae(2), tiny_images(30)
    shell = explore_latent_pad(model, data)
    shell.controls["z1"].value, shell.controls["z2"].value = 1.5, -2.0
    codes = model.encode(data.floats()).mean.detach()
    assert same_picture(shell, draw_latent_pad(model, 1.5, -2.0, codes, data.labels))
    assert shell.controls["z1"].continuous_update


def test_a_traversal_shows_before_after_and_the_change():
    model, code = vae(4), torch.tensor([0.1, 0.2, 0.3, 0.4])
    before, after, change, bars = draw_traversal(model, code, {2: -2.0}).axes
    with torch.no_grad():
        pictures = model.decode(torch.tensor([[0.1, 0.2, 0.3, 0.4], [0.1, 0.2, -2.0, 0.4]])).sigmoid()
    assert shown(before) == pytest.approx(pictures[0, 0].numpy(), abs=1e-6)
    assert shown(after) == pytest.approx(pictures[1, 0].numpy(), abs=1e-6)
    assert shown(change) == pytest.approx((pictures[1] - pictures[0])[0].numpy(), abs=1e-6)
    assert bars.lines[1].get_ydata() == pytest.approx([0.1, 0.2, -2.0, 0.4])
    assert bars.lines[0].get_marker() != bars.lines[1].get_marker()
    with pytest.raises(ValueError, match="no 4"):
        draw_traversal(model, code, {4: 0.0})


def test_the_traversal_has_a_slider_for_each_dimension_and_starts_at_the_code(capsys):
    model, image = vae(4), tiny_images(1).floats()[0]
    shell = explore_traversal(model, image, [3, 0])
    assert "z4, −3 to 3; z1" in capsys.readouterr().out.replace("-3", "−3")
    code = model.encode(image[None]).mean[0].detach()
    assert shell.controls["z4"].value == pytest.approx(code[3].item(), abs=0.051)
    shell.controls["z1"].value = 2.5
    moves = {3: shell.controls["z4"].value, 0: 2.5}
    assert same_picture(shell, draw_traversal(model, code, moves))
    with pytest.raises(ValueError, match="one to eight"):
        explore_traversal(model, image, [])


def test_all_paths_join_the_same_two_pictures():
    model, ends = vae(4), tiny_images(2).floats()
    t = torch.linspace(0, 1, 5)
    code = model.encode(ends).mean.detach()
    paths = {kind: path_pictures(model, ends, t, kind) for kind in ("lerp", "slerp", "cross-fade")}
    for kind, pictures in paths.items():
        assert pictures.shape == (5, 1, 8, 8)
        assert torch.allclose(pictures[[0, -1]], model.reconstruct(ends), atol=1e-6), kind
    with torch.no_grad():
        assert torch.allclose(paths["lerp"], model.decode(lerp(*code, t)).sigmoid(), atol=1e-6)
        assert torch.allclose(paths["slerp"], model.decode(slerp(*code, t)).sigmoid(), atol=1e-6)
    assert torch.allclose(paths["cross-fade"][2], model.reconstruct(ends).mean(0), atol=1e-6)
    with pytest.raises(ValueError, match="no path 'jump'"):
        path_pictures(model, ends, t, "jump")


def test_the_interpolation_draws_the_norm_of_the_code():
    model, ends = vae(4), tiny_images(2).floats()
    norm = draw_interpolation(model, ends, 0.5, "slerp").axes[3]
    code = model.encode(ends).mean.detach()
    expected = slerp(*code, torch.tensor([0.5])).norm()
    assert norm.lines[1].get_ydata()[0] == pytest.approx(expected.item(), rel=1e-5)
    assert "no code" in draw_interpolation(model, ends, 0.5, "cross-fade").axes[3].texts[0].get_text()


def test_the_interpolation_follows_its_controls():
    model, data = vae(4), tiny_images(3).floats()
    shell = explore_interpolation(model, {"a": data[0], "b": data[1], "c": data[2]})
    shell.controls["end"].value = "c"
    shell.controls["kind"].value = "cross-fade"
    shell.controls["t"].value = 0.2
    expected = draw_interpolation(model, torch.stack([data[0], data[2]]), 0.2, "cross-fade")
    assert same_picture(shell, expected)
    shell.controls["end"].value = "a"  # from a picture to itself
    shell.controls["kind"].value = "slerp"
    assert "role=" not in shell.picture.value
    with pytest.raises(ValueError, match="two examples"):
        explore_interpolation(model, {"a": data[0]})
