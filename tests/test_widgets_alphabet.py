"""The explorer of alphabets: it draws what the sliders say, and saves it."""

import torch
from PIL import Image

from vae_course.models.letters import LetterVAE
from vae_course.widgets.codes import designed, explore_alphabet


def model():
    torch.manual_seed(0)
    return LetterVAE(latent_dim=3, width=2).eval()


WAYS = {"weight": torch.tensor([1.0, 0.0, 0.0]), "width": torch.tensor([0.0, 2.0, 0.0])}


def test_a_design_is_the_center_plus_steps():
    letters, center = model(), torch.tensor([0.1, 0.2, 0.3])
    expected = letters.alphabet(torch.tensor([[1.1, -1.8, 0.3]]))[0]
    assert torch.allclose(designed(letters, center, WAYS, {"weight": 1.0, "width": -1.0}), expected)


def test_sliders_redraw_and_buttons_save_what_is_shown(tmp_path):
    explorer = explore_alphabet(
        model(), torch.zeros(3), WAYS, tmp_path / "mine", alt="Rows of letters, one for each way."
    )
    before = explorer.picture.value
    explorer.controls["amount_1"].value = 2.0
    assert explorer.picture.value != before and "width = 2" in explorer.picture.value
    buttons, saved = explorer.box.children[-2:]
    for button in buttons.children:
        button.click()
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == ["alphabet.png", "alphabet.svg"]
    assert saved.value.startswith("written: alphabet.svg")
    assert Image.open(tmp_path / "mine" / "alphabet.png").width == 2550
