"""ImageData: reading minibatches, drawing subsets, binarizing."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vae_course.data.images import DataError, ImageData, draw_binary, stratified_index


def make_data(counts, channels=1, side=4, binarize=None, labelled=True, seed=0):
    rng = np.random.RandomState(seed)
    labels = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    images = torch.from_numpy(rng.randint(0, 256, (len(labels), channels, side, side)).astype(np.uint8))
    names = tuple(f"class {c}" for c in range(len(counts)))
    return ImageData("toy", "train", images, torch.from_numpy(labels) if labelled else None, names, binarize)


class_counts = st.lists(st.integers(0, 30), min_size=1, max_size=12).filter(lambda counts: sum(counts) > 0)


@settings(deadline=None, max_examples=60)
@given(counts=class_counts, data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_a_subset_keeps_class_proportions_and_repeats(counts, data, seed):
    whole = make_data(counts)
    n = data.draw(st.integers(1, len(whole)))
    part = whole.subset(n, seed)
    assert len(part) == n
    taken = torch.bincount(part.labels, minlength=len(counts)).double()
    share = n * torch.tensor(counts, dtype=torch.float64) / len(whole)
    assert (taken - share).abs().max() < 1
    again = whole.subset(n, seed)
    assert torch.equal(part.images, again.images) and torch.equal(part.labels, again.labels)


@settings(deadline=None, max_examples=40)
@given(counts=class_counts, data=st.data(), seed=st.integers(0, 1000))
def test_a_subset_never_repeats_an_example(counts, data, seed):
    labels = np.repeat(np.arange(len(counts)), counts)
    n = data.draw(st.integers(1, len(labels)))
    index = stratified_index(labels, n, np.random.RandomState(seed))
    assert len(np.unique(index)) == n and index.min() >= 0 and index.max() < len(labels)


@settings(deadline=None, max_examples=40)
@given(
    channels=st.sampled_from([1, 3]),
    side=st.integers(1, 9),
    binarize=st.sampled_from([None, "dynamic"]),
    index=st.lists(st.integers(0, 9), max_size=20),
)
def test_a_batch_has_the_promised_shape_type_and_range(channels, side, binarize, index):
    data = make_data([4, 6], channels, side, binarize)
    index = torch.tensor(index, dtype=torch.int64)
    batch = data.batch(index)
    assert batch.shape == (len(index), channels, side, side) == (len(index), *data.shape)
    assert batch.dtype == torch.float32
    if binarize is None:
        assert torch.equal(batch, data.images[index].float() / 255)
    else:
        assert ((batch == 0) | (batch == 1)).all()


def test_subset_images_keep_their_own_labels():
    whole = make_data([5, 7, 9])
    known = {
        image.numpy().tobytes(): int(label) for image, label in zip(whole.images, whole.labels, strict=True)
    }
    part = whole.subset(11, seed=3)
    assert [known[image.numpy().tobytes()] for image in part.images] == part.labels.tolist()


def test_the_examples_drawn_are_the_same_on_every_machine():
    index = stratified_index(np.arange(30) % 3, 6, np.random.RandomState(0))
    assert index.tolist() == [10, 11, 24, 6, 16, 8]


def test_different_seeds_draw_different_examples():
    whole = make_data([50, 50])
    assert not torch.equal(whole.subset(20, 0).images, whole.subset(20, 1).images)


def test_a_subset_without_labels_is_plain_and_stays_unlabelled():
    part = make_data([10, 10], labelled=False).subset(7, seed=1)
    assert len(part) == 7 and part.labels is None


def test_a_subset_of_everything_is_everything_in_another_order():
    whole = make_data([10, 10])
    part = whole.subset(20)
    assert not torch.equal(part.images, whole.images)
    assert torch.equal(part.images.flatten(1).sum(1).sort()[0], whole.images.flatten(1).sum(1).sort()[0])


@pytest.mark.parametrize(
    ("n", "sentence"),
    [
        (0, "subset asks for 0 images, but toy train has 20: give at most 20, or None for all."),
        (21, "subset asks for 21 images, but toy train has 20: give at most 20, or None for all."),
    ],
)
def test_a_bad_subset_size_is_one_sentence(n, sentence):
    with pytest.raises(DataError) as caught:
        make_data([10, 10]).subset(n)
    assert str(caught.value) == sentence


def test_slices_and_floats_read_the_same_images():
    data = make_data([3, 4])
    assert torch.equal(data.batch(slice(2, 5)), data.floats()[2:5])
    assert data.floats().shape == (7, 1, 4, 4)


def test_dynamic_binarization_differs_between_reads_and_repeats_with_a_generator():
    data = make_data([30, 30], binarize="dynamic")
    first, second = (data.batch(slice(0, 60)) for _ in range(2))
    assert not torch.equal(first, second)
    draws = [data.floats(torch.Generator().manual_seed(5)) for _ in range(2)]
    assert torch.equal(*draws)


def test_each_grey_value_is_binarized_with_its_own_probability():
    trials = 40_000
    values = torch.tensor([0, 1, 30, 128, 254, 255], dtype=torch.uint8)
    drawn = draw_binary(values.expand(trials, 6), torch.Generator().manual_seed(0)).double().mean(0)
    p = values.double() / 255
    assert drawn[0] == 0 and drawn[-1] == 1  # black stays black and white stays white, always
    error = 4 * (p * (1 - p) / trials).sqrt()
    assert ((drawn - p).abs() <= error).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"images": torch.zeros(2, 1, 4, 4)}, ["float32", "uint8"]),
        ({"images": torch.zeros(2, 4, 4, dtype=torch.uint8)}, ["(2, 4, 4)", "(N, C, H, W)"]),
        (
            {"images": torch.zeros(2, 8, 8, 3, dtype=torch.uint8)},
            ["(2, 8, 8, 3)", "as_image_data(x)"],
        ),
        ({"images": torch.zeros(2, 4, 8, 8, dtype=torch.uint8)}, ["(2, 4, 8, 8)", "1 or 3 channels"]),
        ({"labels": torch.zeros(3, dtype=torch.int64)}, ["(3,)", "(2,)"]),
        ({"labels": torch.zeros(2)}, ["float32", "int64"]),
        ({"binarize": "fixed"}, ["'fixed'", '"dynamic"']),
    ],
)
def test_tensors_of_the_wrong_kind_are_refused_in_a_sentence(change, words):
    good = {"images": torch.zeros(2, 1, 4, 4, dtype=torch.uint8), "labels": torch.zeros(2, dtype=torch.int64)}
    with pytest.raises(DataError) as caught:
        ImageData("toy", "train", **{**good, **change}, class_names=("zero",))
    assert all(word in str(caught.value) for word in words) and str(caught.value).endswith(".")


def test_the_repr_is_one_short_line():
    assert repr(make_data([3, 4], channels=3)) == "ImageData(toy, train: 7 images 3x4x4, 2 classes)"


def test_to_moves_both_tensors():
    moved = make_data([3, 4]).to("meta")
    assert moved.images.device.type == moved.labels.device.type == "meta"


def test_importing_the_data_layer_stays_light():
    code = "import sys, vae_course.data, vae_course.data.toys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert not {"sklearn", "torchvision", "matplotlib", "scipy"} & set(loaded.split())


def test_attributes_follow_their_images():
    data = replace(make_data([4, 6], side=8), attribute_names=("first", "second"))
    rows = torch.stack([torch.arange(10) % 2, torch.arange(10) % 3 // 2], dim=1).to(torch.uint8)
    data = replace(data, attributes=rows)
    shown = data.images.flatten(1)[:, 0].tolist()
    for part in (
        data.subset(7, seed=1),
        data.select(torch.tensor([3, 3, 9])),
        data.select(data.attribute("first") == 1),
    ):
        for image, row in zip(part.images.flatten(1)[:, 0].tolist(), part.attributes, strict=True):
            assert row.tolist() == rows[shown.index(image)].tolist()
    assert data.attribute("second").tolist() == rows[:, 1].tolist()


def test_an_unknown_attribute_is_refused_in_a_sentence():
    with pytest.raises(DataError, match="no attribute 'smile'; there are: none"):
        make_data([4, 6], side=8).attribute("smile")
