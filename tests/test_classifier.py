"""The classifier that judges pictures."""

from dataclasses import replace

import pytest
import torch
from tiny_data import tiny_images

from recipes.judges import train_classifier
from vae_course.data.loading import load
from vae_course.models.networks import Classifier


def test_it_learns_classes_it_can_see():
    data, fresh = tiny_images(400), tiny_images(200, seed=1)
    untrained = train_classifier(data, epochs=0).accuracy(fresh)
    trained = train_classifier(data, epochs=4, batch_size=32)
    assert untrained < 0.7 < 0.99 < trained.accuracy(fresh)
    assert not trained.training


def test_it_reads_digits():
    classifier = train_classifier(load("digits"), epochs=6, batch_size=64)
    assert classifier.accuracy(load("digits", "validation")) > 0.9


def test_accuracy_is_the_share_of_right_answers():
    data = tiny_images(60)
    classifier = train_classifier(data, epochs=1)
    answers = classifier.probabilities(data.floats()).argmax(-1)
    assert classifier.accuracy(replace(data, labels=answers)) == 1
    wrong = answers.clone()
    wrong[:15] = (wrong[:15] + 1) % 4
    assert classifier.accuracy(replace(data, labels=wrong)) == pytest.approx(0.75)


def test_features_and_probabilities():
    data = tiny_images(50)
    classifier = train_classifier(data, epochs=1)
    x = data.floats()
    features, probabilities = classifier.features(x), classifier.probabilities(x)
    assert features.shape == (50, 64) and (features >= 0).all() and not features.requires_grad
    assert probabilities.shape == (50, 4)
    torch.testing.assert_close(probabilities.sum(-1), torch.ones(50))
    with torch.no_grad():
        torch.testing.assert_close(classifier.head(features).softmax(-1), probabilities)
    torch.testing.assert_close(classifier.features(x, batch_size=7), features, rtol=1e-4, atol=1e-6)


def test_training_repeats_with_the_seed_and_leaves_the_global_state_alone():
    data = tiny_images(100, binarize="dynamic")
    state = torch.get_rng_state()
    first, second, other = (train_classifier(data, seed=seed, epochs=1).head.weight for seed in (0, 0, 1))
    assert torch.equal(state, torch.get_rng_state())
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_bad_input_is_refused_in_a_sentence():
    data = tiny_images(10)
    with pytest.raises(ValueError, match="tiny has no labels"):
        train_classifier(replace(data, labels=None))
    with pytest.raises(ValueError, match="10×12 do not fit"):
        Classifier((1, 10, 12))
