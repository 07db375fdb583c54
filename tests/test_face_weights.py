"""The shipped models of the synthetic faces do what the README of the weights says."""

import pytest
import torch

from vae_course.data.images import with_attributes, with_classes
from vae_course.data.loading import load
from vae_course.evaluation.attributes import load_reader, read
from vae_course.weights import SEEDS, load_face_model


@pytest.fixture(scope="module")
def faces():
    return load("faces_synthetic", "validation", subset=60)


def test_the_reader_reads_the_factors(faces):
    error = (read(load_reader("faces_synthetic"), faces.floats()) - faces.factors).abs().mean(0)
    assert error.max() < 0.04 and error[1] < 0.01  # glasses


@pytest.mark.parametrize("seed", SEEDS)
def test_each_model_keeps_what_the_reader_reads(faces, seed):
    model, reader = load_face_model(seed), load_reader("faces_synthetic")
    assert model.likelihood.sigma.item() < 0.012
    x = faces.floats()
    decoded = model.reconstruct(x).clamp(0, 1)
    assert (decoded - x).square().mean().sqrt() < 0.02
    assert (read(reader, decoded) - read(reader, x)).abs().mean() < 0.02


def test_there_are_three_seeds_and_they_differ():
    weights = [next(load_face_model(seed).parameters()) for seed in SEEDS]
    assert not torch.equal(weights[0], weights[1]) and not torch.equal(weights[1], weights[2])
    with pytest.raises(ValueError, match="seed 7"):
        load_face_model(7)


def test_attributes_and_loud_classes_are_conditions(faces):
    told = with_attributes(faces)
    assert torch.equal(told.batch(slice(0, 5))[1], faces.attributes[:5].float())
    digits = load("digits", "test", subset=20)
    loud = with_classes(digits, 4.0).conditions
    assert torch.equal(loud.argmax(1), digits.labels) and set(loud.unique().tolist()) == {0.0, 4.0}
