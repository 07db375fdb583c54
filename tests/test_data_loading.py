"""`load`: its arguments, and the digits that need no network."""

from pathlib import Path

import numpy as np
import pytest
import torch

from vae_course.data.images import DataError
from vae_course.data.loading import DATASETS, SPLITS, load
from vae_course.data.loading import data_root as chosen_root


@pytest.mark.parametrize(
    ("split", "count"), [("train", 1197), ("validation", 300), ("test", 300), ("train+validation", 1497)]
)
def test_digits_come_in_mnist_format(split, count):
    data = load("digits", split)
    assert len(data) == count and data.shape == (1, 28, 28) and data.split == split
    assert data.images.dtype == torch.uint8 and data.labels.dtype == torch.int64
    assert data.class_names == tuple("0123456789")
    share = torch.bincount(data.labels).double() / count
    assert share.min() > 0.094 and share.max() < 0.106  # stratified: the whole set has 9.7 to 10.2 % each


def test_the_parts_of_the_digits_make_up_the_whole_without_overlap():
    def pictures(split):
        return {image.numpy().tobytes() for image in load("digits", split).images}

    train, validation, test = pictures("train"), pictures("validation"), pictures("test")
    assert len(train | validation | test) == 1797
    assert train | validation == pictures("train+validation")


def test_digits_look_like_mnist():
    images = load("digits", "train").floats()
    assert images.max() == 1 and images.min() == 0
    frame = images.clone()
    frame[:, :, 3:25, 3:25] = 0  # the digit fills the middle 20x20, softened by one pixel
    assert frame.max() == 0
    assert 0.12 < images.mean() < 0.18  # MNIST: 0.131
    assert ((images > 0.1) & (images < 0.9)).float().mean() < 0.16  # crisp: MNIST has 9 % grey pixels


def test_the_digits_are_those_of_scikit_learn_and_keep_the_ink_of_every_block():
    from sklearn.datasets import load_digits

    from recipes.digits import FILE, upsample

    source = load_digits()
    counts = torch.from_numpy(source.images).float()[:, None]
    with np.load(FILE) as file:
        images, labels = torch.from_numpy(file["images"])[:, None], file["labels"]
    assert np.array_equal(labels, source.target)
    made = upsample(counts[:200])
    assert (made.int() - images[:200].int()).abs().max() <= 1  # float32 rounds as the processor does
    blocks = torch.nn.functional.interpolate(images[:, :, 4:24, 4:24].float() / 255, size=(8, 8), mode="area")
    assert torch.corrcoef(torch.stack((blocks.flatten(), counts.flatten())))[0, 1] > 0.98


def test_labels_belong_to_their_digits():
    train, test = load("digits", "train"), load("digits", "test")
    centers = torch.stack([train.floats()[train.labels == c].mean(0) for c in range(10)]).flatten(1)
    guess = torch.cdist(test.floats().flatten(1), centers).argmin(1)
    assert (guess == test.labels).float().mean() > 0.85


def test_loading_twice_gives_separate_tensors():
    first = load("digits", "test")
    first.images.zero_()
    assert load("digits", "test").images.max() == 255


def test_subset_and_seed_reach_the_data():
    a, b, c = (load("digits", subset=100, seed=seed) for seed in (1, 1, 2))
    assert len(a) == 100 and torch.equal(a.images, b.images) and not torch.equal(a.images, c.images)
    assert torch.bincount(a.labels).tolist() == [10] * 10


def test_fixed_binarization_is_drawn_once_from_the_seed():
    grey = load("digits", "test")
    a, b, c = (load("digits", "test", binarize="fixed", seed=seed) for seed in (0, 0, 1))
    assert a.binarize is None and set(a.images.unique().tolist()) == {0, 255}
    assert torch.equal(a.images, b.images) and not torch.equal(a.images, c.images)
    p = grey.floats().double()
    error = 4 * (p * (1 - p)).sum().sqrt() / p.numel()
    assert abs(a.floats().double().mean() - p.mean()) < error
    assert (a.images[grey.images == 0] == 0).all() and (a.images[grey.images == 255] == 255).all()


def test_fixed_binarization_does_not_depend_on_the_subset():
    whole = {image.numpy().tobytes() for image in load("digits", "test", binarize="fixed").images}
    part = load("digits", "test", binarize="fixed", subset=50).images
    assert {image.numpy().tobytes() for image in part} <= whole


def test_dynamic_binarization_is_passed_on():
    data = load("digits", "test", binarize="dynamic", subset=20)
    assert data.binarize == "dynamic" and set(data.floats().unique().tolist()) == {0, 1}


LISTED = ", ".join(f'"{name}"' for name in DATASETS)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            {"name": "minst"},
            f"unknown data set 'minst': expected one of {LISTED}; did you mean \"mnist\"?",
        ),
        (
            {"name": "FashionMNIST"},
            f"unknown data set 'FashionMNIST': expected one of {LISTED}; did you mean \"fashion_mnist\"?",
        ),
        (
            {"name": "imagenet64"},
            f"unknown data set 'imagenet64': expected one of {LISTED}; "
            '"tfds:NAME" opens a set of tensorflow-datasets.',
        ),
        (
            {"name": "digits", "split": "val"},
            'unknown split \'val\': expected one of "train", "validation", "test", "train+validation"; '
            'did you mean "validation"?',
        ),
        (
            {"name": "digits", "binarize": "static"},
            'unknown binarize \'static\': expected one of None, "dynamic", "fixed".',
        ),
        (
            {"name": "digits", "subset": 1198},
            "subset asks for 1,198 images, but digits train has 1,197: give at most 1,197, or None for all.",
        ),
    ],
)
def test_a_bad_argument_is_one_sentence(arguments, sentence):
    with pytest.raises(DataError) as caught:
        load(**arguments)
    assert str(caught.value) == sentence


def test_the_root_is_the_argument_then_the_environment(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VAE_COURSE_DATA", "from-environment")
    assert chosen_root("given") == tmp_path / "given"
    assert chosen_root() == tmp_path / "from-environment"
    assert "~" not in str(chosen_root("~/sets"))


def test_the_checkout_s_data_folder_is_found_from_anywhere(monkeypatch, tmp_path):
    monkeypatch.delenv("VAE_COURSE_DATA", raising=False)
    checkout = Path(__file__).parents[1]
    for folder in (checkout, checkout / "notebooks", checkout / "notebooks" / "source"):
        monkeypatch.chdir(folder)
        assert chosen_root() == checkout / "data"
    monkeypatch.chdir(tmp_path)
    assert chosen_root() == checkout / "data"
    (tmp_path / "data").mkdir()  # a folder of one's own goes first
    assert chosen_root() == tmp_path / "data"
    # in a checkout of another copy, as a package that is not installed editable sees it
    (tmp_path / "vae_course" / "data").mkdir(parents=True)
    (tmp_path / "vae_course" / "data" / "loading.py").touch()
    (tmp_path / "notebooks" / "data").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "notebooks")
    assert chosen_root() == tmp_path / "data"
    # installed without a checkout, nothing here yet
    monkeypatch.setattr(
        "vae_course.data.loading.__file__", str(tmp_path / "lib" / "vae_course" / "data" / "x.py")
    )
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert chosen_root() == tmp_path / "elsewhere" / "data"


def test_the_documented_names_are_the_ones_that_exist():
    assert {"digits", "mnist", "fashion_mnist", "binarized_mnist", "faces_synthetic"} <= set(DATASETS)
    assert SPLITS == ("train", "validation", "test", "train+validation")
