"""The command that trains on stacked digits, and the weights it shipped."""

import pytest
import torch

from recipes.stacked_digits import GANS, MODELS, SEEDS, train_stacked
from vae_course.data.images import stack_digits
from vae_course.data.loading import load
from vae_course.evaluation.modes import image_coverage
from vae_course.weights import load_classifier, load_model, load_stacked, save_checkpoint


@pytest.mark.parametrize("name", MODELS)
def test_every_model_trains_and_repeats(tmp_path, name):
    data = stack_digits(load("digits", "train"), 64)
    path = tmp_path / "run.pt"
    generator = train_stacked(name, 0, data, path, passes=1)
    again = train_stacked(name, 0, data, path, passes=1)  # of the VAE, nothing is left to do
    for key, value in generator.state_dict().items():
        assert torch.equal(value, again.state_dict()[key])
    assert generator.sample(2).shape == (2, 3, 28, 28)


def test_eight_bits_change_pictures_by_next_to_nothing(tmp_path):
    generator = train_stacked("gan", 0, stack_digits(load("digits", "train"), 64), passes=1)
    save_checkpoint(tmp_path / "gan_0.pt", generator, int8=True)
    loaded, z = load_model(tmp_path / "gan_0.pt"), torch.randn(40, 32)
    assert loaded(z).dtype == torch.float32
    assert (loaded(z) - generator(z)).abs().mean() < 0.002


@pytest.mark.parametrize("name", MODELS)
def test_shipped_weights_draw_three_digits(name):
    judge, hits = load_classifier("mnist"), []
    for seed in SEEDS:
        pictures = load_stacked(name, seed).sample(1000, torch.Generator().manual_seed(0))
        hits.append(image_coverage(pictures, judge).hit)
    if name == "gan":
        assert min(hits) >= 1
    else:
        assert min(hits) > 200  # exact draws hit 632
    assert set(GANS) == set(MODELS) - {"vae"}
