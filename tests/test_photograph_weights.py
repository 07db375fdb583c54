"""Shipped VAEs of photographs: small, loadable, and as good as weights/README.md says."""

from dataclasses import replace

import pytest
import torch

from vae_course import evaluate, load
from vae_course import weights as photograph_weights
from vae_course.weights import load_photograph_model, photograph_models


def test_they_are_small_and_whole():
    assert {"faces_synthetic", "stanford_dogs"} <= set(photograph_models())
    for name in photograph_models():
        path = photograph_weights.WEIGHTS / f"photographs_{name}.pt"
        assert path.stat().st_size < 5_000_000
        model = load_photograph_model(name)
        assert model.image_shape == (3, 64, 64) and not model.training
        assert next(model.parameters()).dtype == torch.float32
        assert model.config["likelihood"] == "discretized_logistic"


def test_the_one_of_drawn_faces_knows_faces_it_has_not_seen():
    model, faces = load_photograph_model("faces_synthetic"), load("faces_synthetic", "test", subset=100)
    order = torch.randperm(64, generator=torch.Generator().manual_seed(0))
    shuffled = replace(faces, images=faces.images[:, :, order])  # the rows of each picture
    own, other = (evaluate(model, data, batch_size=50) for data in (faces, shuffled))
    assert own.negative_elbo.value < 53_500 and own.kl.value > 20  # weights/README.md: 52,312
    assert own.negative_elbo.value + 5_000 < other.negative_elbo.value


def test_a_missing_one_is_a_sentence():
    with pytest.raises(FileNotFoundError, match="no shipped model of photographs named cats; there are: "):
        load_photograph_model("cats")
