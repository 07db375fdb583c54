"""Explorers that move a code: pad, path, single dimensions, attributes and stages, by what they draw."""

import base64

import numpy as np
import pytest
import torch
from tiny_data import tiny_images

from vae_course.evaluation.paths import lerp, slerp
from vae_course.models.vae import VAE
from vae_course.widgets import codes
from vae_course.widgets.codes import (
    STATIONS,
    decoded,
    draw_pad_strip,
    edited,
    explore_attributes,
    explore_interpolation,
    explore_latent_pad,
    explore_stages,
    explore_traversal,
    pad_scene,
    path_pictures,
    path_scene,
    traversal_scene,
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


def test_a_traversal_shows_before_after_and_the_change():
    model, code = vae(4), torch.tensor([0.1, 0.2, 0.3, 0.4])
    scene = traversal_scene(model, code)
    scene(z3=-2.0)
    before, after, change, bars = scene.figure.axes
    with torch.no_grad():
        pictures = model.decode(torch.tensor([[0.1, 0.2, 0.3, 0.4], [0.1, 0.2, -2.0, 0.4]])).sigmoid()
    assert shown(before) == pytest.approx(pictures[0, 0].numpy(), abs=1e-6)
    assert shown(after) == pytest.approx(pictures[1, 0].numpy(), abs=1e-6)
    assert shown(change) == pytest.approx((pictures[1] - pictures[0])[0].numpy(), abs=1e-6)
    assert bars.lines[1].get_ydata() == pytest.approx([0.1, 0.2, -2.0, 0.4])
    assert bars.lines[0].get_marker() != bars.lines[1].get_marker()


def test_the_traversal_has_a_slider_for_each_dimension_and_starts_at_the_code(capsys):
    model, image = vae(4), tiny_images(1).floats()[0]
    shell = explore_traversal(model, image, [3, 0])
    assert "z4, −3 to 3; z1" in capsys.readouterr().out.replace("-3", "−3")
    code = model.encode(image[None]).mean[0].detach()
    assert shell.controls["z4"].value == pytest.approx(code[3].item(), abs=0.051)
    shell.controls["z1"].value = 2.5
    assert same_picture(shell, traversal_scene(model, code)(z4=shell.controls["z4"].value, z1=2.5))


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


def test_the_interpolation_draws_the_norm_of_the_code():
    model, (a, b) = vae(4), tiny_images(2).floats()
    scene = path_scene(model, {"a": a, "b": b})
    scene(start="a", end="b", kind="slerp", t=0.5)
    *pictures, norm = scene.figure.axes
    code = model.encode(torch.stack([a, b])).mean.detach()
    curve, here = norm.lines[:2]
    assert here.get_ydata()[0] == pytest.approx(slerp(*code, torch.tensor([0.5])).norm().item(), rel=1e-5)
    assert curve.get_ydata()[[0, -1]] == pytest.approx(code.norm(dim=1).numpy(), rel=1e-5)
    assert not norm.texts[0].get_visible() and pictures[1].get_title() == "t = 0.50"
    scene(start="a", end="b", kind="cross-fade", t=0.5)
    assert norm.texts[0].get_visible() and "no code" in norm.texts[0].get_text() and not here.get_visible()


def test_the_interpolation_follows_its_controls():
    model, data = vae(4), tiny_images(3).floats()
    examples = {"a": data[0], "b": data[1], "c": data[2]}
    shell = explore_interpolation(model, examples)
    shell.controls["end"].value = "c"
    shell.controls["kind"].value = "cross-fade"
    shell.controls["t"].value = 0.2
    expected = path_scene(model, examples)(start="a", end="c", kind="cross-fade", t=0.2)
    assert same_picture(shell, expected)
    shell.controls["end"].value = "a"  # from a picture to itself
    shell.controls["kind"].value = "slerp"
    assert "role=" not in shell.picture.value


def test_amounts_are_added_to_the_code_and_the_live_picture_follows(capsys):
    model = vae(3, (3, 8, 8))
    faces = {"one": torch.rand(3, 8, 8), "two": torch.rand(3, 8, 8)}
    vectors = {"glasses": torch.tensor([3.0, 0.0, 0.0]), "smile": torch.tensor([0.0, 3.0, 0.0])}
    with torch.no_grad():
        code = model.encode(faces["one"][None]).mean + 0.5 * vectors["glasses"] - vectors["smile"]
        wanted = model.likelihood.mean(model.decode(code))[0]
    assert torch.allclose(edited(model, faces["one"], vectors, {"glasses": 0.5, "smile": -1.0}), wanted)
    shell = explore_attributes(model, faces, vectors, alt="Rows of one face with attributes added and taken.")
    before = shell.picture.value
    shell.controls["amount_1"].value = 1.5
    assert shell.picture.value != before
    assert "smile = 1.5" in shell.picture.value


def test_the_stages_explorer_offers_every_stage_and_pair_and_says_where_it_is():
    model, pair = vae(3), torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    shell = explore_stages({"pixel": model, "feature": model}, {"A to B": pair, "B to A": pair.flip(0)})
    assert set(shell.values) == {"stage", "pair", "t"}
    shell.controls["stage"].value = "feature"
    shell.controls["t"].value = 0.35
    axes = shell.draw.figure.axes[0]
    texts = [text.get_text() for text in axes.texts]
    assert "t = 0.35" in texts and texts.count("picture") == 2
    row = shown(axes)[..., 0]
    assert row[:, :8] == pytest.approx(pair[0, 0].numpy())
    assert row[:, 20:28] == pytest.approx(
        path_pictures(model, pair, torch.tensor([0.35]), "lerp")[0, 0].numpy()
    )


def test_the_stages_alternative_text_names_the_pair_and_ends_with_what_is_seen(monkeypatch):
    model, pair, texts = vae(3), torch.rand(2, 1, 8, 8), []
    monkeypatch.setattr(codes, "Explorer", lambda *_, alt, **__: texts.append(alt))
    explore_stages({"pixel": model}, {"A to B": pair}, seen="A grows into B.")
    explore_stages({"pixel": model}, {"A to B": pair})
    assert texts[0].endswith("two pictures, A to B. A grows into B.") and texts[1].endswith("A to B.")
