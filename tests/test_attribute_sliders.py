"""The attribute sliders add to the code what they say."""

import torch

from vae_course import VAE
from vae_course.widgets.attribute_sliders import edited, explore_attributes


def test_amounts_are_added_to_the_code_and_the_live_picture_follows(capsys):
    torch.manual_seed(0)
    model = VAE(image_shape=(3, 8, 8), latent_dim=3, hidden_dims=(8,)).eval()
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
