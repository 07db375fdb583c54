"""Augmentation at batch time: what changes, by how much, and that a seed repeats it."""

from dataclasses import replace

import torch
from tiny_data import tiny_images

from vae_course.data import images as images_module
from vae_course.data.images import augment
from vae_course.models.vae import VAE
from vae_course.training.loop import fit

COLOR = tiny_images(200, (3, 8, 8))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_without_jitter_each_picture_or_its_mirror_image_comes_half_of_the_time(monkeypatch):
    monkeypatch.setattr(images_module, "JITTER", 0.0)
    changed = augment(COLOR.images, generator())
    same = (changed == COLOR.images).flatten(1).all(1)
    mirrored = (changed == COLOR.images.flip(-1)).flatten(1).all(1)
    assert (same ^ mirrored).all() and 70 < mirrored.sum() < 130


def test_brightness_multiplies_all_values_of_a_picture_by_one_number_within_the_range():
    flat = torch.full((500, 3, 4, 4), 100, dtype=torch.uint8)  # without contrast or color of its own
    values = augment(flat, generator()).flatten(1)
    assert (values == values[:, :1]).all()
    assert 90 <= values.min() < 92 and 108 < values.max() <= 110


def test_contrast_keeps_the_mean_and_saturation_keeps_the_gray(monkeypatch):
    monkeypatch.setattr(images_module, "JITTER", 0.3)
    images = 100 + COLOR.images // 8  # far from 0 and 255, so that nothing is clipped
    changed = augment(images, generator()).float()
    luma = torch.tensor([0.299, 0.587, 0.114])[:, None, None]

    def parts(x):
        """Mean gray, deviation of the gray from it, and of the colors from their gray."""
        gray = (x * luma).sum(1, keepdim=True)
        mean = gray.mean((1, 2, 3), keepdim=True)
        return mean.flatten(), (gray - mean).flatten(1).std(1), (x - gray).flatten(1).std(1)

    (mean, light, color), (mean_before, light_before, color_before) = parts(changed), parts(images.float())
    bright, contrast, saturation = mean / mean_before, light / light_before, color / color_before
    for factor in (bright, contrast / bright, saturation / contrast):  # each a draw of its own, 0.7 to 1.3
        assert 0.66 < factor.min() < 0.8 and 1.2 < factor.max() < 1.34


def test_a_read_is_repeated_by_its_seed_and_differs_from_the_next():
    data = COLOR.augmented()
    index = torch.arange(50)
    first, again, other = (data.batch(index, generator(seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal((first * 255).round() / 255, first)  # stored pictures, whole values of 256
    assert torch.equal(data.images, COLOR.images) and "augmented" in repr(data)
    assert data.subset(10).augmentation


def test_gray_pictures_and_binarization_go_together_with_it():
    gray = replace(tiny_images(20), augmentation=True, binarize="dynamic")
    assert set(gray.floats(generator()).unique().tolist()) == {0, 1}


def test_training_on_augmented_data_repeats_bit_for_bit():
    def weights():
        torch.manual_seed(0)
        model = VAE((3, 8, 8), latent_dim=2, hidden_dims=(8,))
        fit(model, COLOR.augmented(), epochs=2, progress=False)
        return torch.cat([w.flatten() for w in model.parameters()])

    assert torch.equal(weights(), weights())
