"""The classifiers that come with the package, and the command that makes them."""

import pytest
import torch
from tiny_data import tiny_images

from recipes.classifier import main
from vae_course.data.loading import load
from vae_course.evaluation.classifier import train_classifier
from vae_course.models.classifier import Classifier
from vae_course.weights import (
    classifier_path,
    load_classifier,
    read_classifier,
    save_classifier,
    shipped_classifiers,
)


def test_three_come_along_and_are_small():
    assert shipped_classifiers() == ["digits", "fashion_mnist", "mnist"]
    for name in shipped_classifiers():
        assert classifier_path(name).stat().st_size < 400_000
        judge = load_classifier(name)
        assert not judge.training and not any(p.requires_grad for p in judge.parameters())
        assert next(judge.parameters()).dtype == torch.float32


def test_the_judge_of_digits_reads_held_out_digits():
    assert load_classifier("digits").accuracy(load("digits", "test")) > 0.96


@pytest.mark.parametrize("name,least", [("mnist", 0.985), ("fashion_mnist", 0.89)])
def test_the_judges_of_real_data_read_the_test_part(name, least, data_root):
    test = load(name, "test", root=data_root, download=False, subset=4000)
    assert load_classifier(name).accuracy(test) > least


def test_binarized_digits_are_judged_by_the_classifier_of_mnist():
    ours, theirs = load_classifier("binarized_mnist"), load_classifier("mnist")
    assert torch.equal(ours.head.weight, theirs.head.weight)


def test_saving_keeps_the_answers(tmp_path):
    data = tiny_images(60)
    made = train_classifier(data, epochs=2)
    save_classifier(tmp_path / "judge.pt", made, dataset="tiny")
    again = read_classifier(tmp_path / "judge.pt")
    assert isinstance(again, Classifier) and again.config == made.config
    torch.testing.assert_close(
        again.features(data.floats()), made.features(data.floats()), rtol=1e-2, atol=1e-2
    )


def test_what_is_not_there_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(ValueError, match="no shipped classifier for 'cifar'; there are: digits"):
        load_classifier("cifar")
    with pytest.raises(ValueError, match=r"python -m recipes\.classifier"):
        read_classifier(tmp_path / "none.pt")
    torch.save({"model": {}}, tmp_path / "other.pt")
    with pytest.raises(ValueError, match="does not hold a classifier"):
        read_classifier(tmp_path / "other.pt")


def test_the_command_writes_a_judge_and_says_how_good_it_is(tmp_path, capsys):
    file = tmp_path / "judge.pt"
    words = ["--dataset", "digits", "--subset", "300", "--epochs", "8"]
    assert main([*words, "--batch-size", "32", "--output", str(file)]) == 0
    said = capsys.readouterr().out
    share = read_classifier(file).accuracy(load("digits", "test"))
    assert f"{100 * share:.2f} % of the test images" in said and share > 0.6
    assert torch.load(file, weights_only=True)["about"]["images"] == 300
