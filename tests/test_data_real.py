"""The real files, where VAE_COURSE_DATA has them: known counts, means and checksums."""

import hashlib
import struct

import numpy as np
import pytest
import torch

from vae_course.data.loading import load
from vae_course.data.mnist import SHA256

MNIST_TRAIN_CLASSES = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
MNIST_TEST_CLASSES = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
# of the unpacked IDX files, as published
MD5 = {
    ("mnist", "train+validation"): "6bbc9ace898e44ae57da46a324031adb",
    ("mnist", "test"): "2646ac647ad5339dbf082846283269ea",
    ("fashion_mnist", "train+validation"): "f4a8712d7a061bf5bd6d2ca38dc4d50a",
    ("fashion_mnist", "test"): "8181f5470baa50b63fa0f6fddb340f0a",
}


@pytest.mark.parametrize(
    ("name", "mean", "std"), [("mnist", 0.1307, 0.3081), ("fashion_mnist", 0.2860, 0.3530)]
)
def test_the_60000_have_the_published_mean_and_deviation(data_root, name, mean, std):
    images = load(name, "train+validation", root=data_root, download=False).floats()
    assert images.shape == (60_000, 1, 28, 28)
    assert float(images.mean()) == pytest.approx(mean, abs=5e-5)
    assert float(images.std()) == pytest.approx(std, abs=5e-5)


@pytest.mark.parametrize(("name", "split"), MD5)
def test_the_images_are_the_published_ones_in_their_order(data_root, name, split):
    images = load(name, split, root=data_root, download=False).images
    header = struct.pack(">4I", 0x803, len(images), 28, 28)
    assert hashlib.md5(header + images.numpy().tobytes()).hexdigest() == MD5[name, split]


def test_class_counts(data_root):
    def counts(name, split):
        return torch.bincount(load(name, split, root=data_root, download=False).labels).tolist()

    assert counts("mnist", "train+validation") == MNIST_TRAIN_CLASSES
    assert counts("mnist", "test") == MNIST_TEST_CLASSES
    assert counts("fashion_mnist", "train+validation") == [6000] * 10
    assert counts("fashion_mnist", "test") == [1000] * 10
    assert counts("binarized_mnist", "train+validation") == MNIST_TRAIN_CLASSES
    assert counts("binarized_mnist", "test") == MNIST_TEST_CLASSES


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "binarized_mnist"])
def test_train_and_validation_make_up_the_60000_in_order(data_root, name):
    train, validation, both, test = (
        load(name, split, root=data_root, download=False)
        for split in ("train", "validation", "train+validation", "test")
    )
    assert (len(train), len(validation), len(both), len(test)) == (50_000, 10_000, 60_000, 10_000)
    assert torch.equal(torch.cat((train.images, validation.images)), both.images)
    assert torch.equal(torch.cat((train.labels, validation.labels)), both.labels)
    assert len(both.class_names) == 10


def test_mnist_agrees_with_torchvision(data_root):
    from torchvision.datasets import MNIST

    theirs = MNIST(data_root, train=False, download=False)
    ours = load("mnist", "test", root=data_root, download=False)
    assert torch.equal(ours.images[:, 0], theirs.data) and torch.equal(ours.labels, theirs.targets)


@pytest.mark.parametrize(("split", "part"), [("validation", "valid"), ("test", "test")])
def test_binarized_mnist_written_out_has_the_checksum_of_the_original(data_root, split, part):
    data = load("binarized_mnist", split, root=data_root, download=False)
    bits = (data.images.flatten(1) // 255).numpy()
    text = np.full((len(bits), 2 * 784), ord(" "), np.uint8)
    text[:, ::2], text[:, -1] = bits + ord("0"), ord("\n")
    assert hashlib.sha256(text.tobytes()).hexdigest() == SHA256[part]


def test_binarized_mnist_is_black_and_white_and_as_bright_as_mnist(data_root):
    binary = load("binarized_mnist", "test", root=data_root, download=False)
    assert set(binary.images.unique().tolist()) == {0, 255}
    grey = load("mnist", "test", root=data_root, download=False).floats()
    p = grey.double()
    error = 4 * (p * (1 - p)).sum().sqrt() / p.numel()
    assert abs(binary.floats().double().mean() - p.mean()) < error


def test_a_stratified_subset_of_mnist(data_root):
    part = load("mnist", "test", subset=1000, seed=1, root=data_root, download=False)
    share = torch.tensor(MNIST_TEST_CLASSES) / 10
    assert (torch.bincount(part.labels) - share).abs().max() < 1
