"""Chapter 11's explorer: the path is the decoder's, its ends are reconstructions, all stages are offered."""

import pytest
import torch

from vae_course.models.vae import VAE
from vae_course.widgets import paths as stages
from vae_course.widgets.paths import draw_step, explore_stages, walk


@pytest.fixture
def model() -> VAE:
    torch.manual_seed(0)
    return VAE(image_shape=(1, 8, 8), latent_dim=3, hidden_dims=(16,))


@pytest.fixture
def pair() -> torch.Tensor:
    return torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(1))


def test_a_walk_starts_and_ends_at_the_reconstructions_and_passes_the_middle_code(model, pair):
    found = walk(model, pair, torch.tensor([0.0, 0.5, 1.0]))
    assert torch.allclose(found[[0, 2]], model.reconstruct(pair), atol=1e-6)
    with torch.no_grad():
        middle = torch.sigmoid(model.decode(model.encode(pair).mean.mean(0, keepdim=True)))
    assert torch.allclose(found[1], middle[0], atol=1e-6)


def test_the_picture_says_where_on_the_path_it_is(model, pair):
    texts = [text.get_text() for text in draw_step(model, pair, 0.35).axes[0].texts]
    assert "t = 0.35" in texts and texts.count("picture") == 2


def test_the_explorer_offers_every_stage_and_pair(model, pair):
    shell = explore_stages({"pixel": model, "feature": model}, {"A to B": pair, "B to A": pair.flip(0)})
    assert set(shell.values) == {"stage", "pair", "t"}
    shell.controls["stage"].value = "feature"
    shell.controls["t"].value = 1.0
    assert shell.values["stage"] == "feature" and shell.values["t"] == 1.0
    with pytest.raises(ValueError, match="at least one model"):
        explore_stages({}, {"A to B": pair})


def test_the_alternative_text_names_the_pair_and_ends_with_what_is_seen(model, pair, monkeypatch):
    texts = []
    monkeypatch.setattr(stages, "explorer", lambda *_, alt, **__: texts.append(alt))
    explore_stages({"pixel": model}, {"A to B": pair}, seen="A grows into B.")
    explore_stages({"pixel": model}, {"A to B": pair})
    assert texts[0].endswith("two pictures, A to B. A grows into B.") and texts[1].endswith("A to B.")
