"""Augmentation at batch time: what changes, by how much, and that a seed repeats it."""

from dataclasses import replace

import torch
from tiny_data import tiny_images

from vae_course.data.images import augment
from vae_course.models.vae import VAE
from vae_course.training.loop import fit

COLOR = tiny_images(200, (3, 8, 8))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_only_mirroring_gives_each_picture_or_its_mirror_image_half_of_the_time():
    changed = augment(COLOR.images, generator(), brightness=0, contrast=0, saturation=0)
    same = (changed == COLOR.images).flatten(1).all(1)
    mirrored = (changed == COLOR.images.flip(-1)).flatten(1).all(1)
    assert (same ^ mirrored).all() and 70 < mirrored.sum() < 130
    assert (augment(COLOR.images, generator(), 1, 0, 0, 0) == COLOR.images.flip(-1)).all()


def test_brightness_multiplies_all_values_of_a_picture_by_one_number_within_the_range():
    flat = torch.full((500, 3, 4, 4), 100, dtype=torch.uint8)
    values = augment(flat, generator(), 0, 0.2, 0, 0).flatten(1)
    assert (values == values[:, :1]).all()
    assert 80 <= values.min() < 84 and 116 < values.max() <= 120


def test_contrast_keeps_the_mean_and_saturation_keeps_the_gray():
    images = 100 + COLOR.images // 8  # far from 0 and 255, so that nothing is clipped
    by_contrast = augment(images, generator(), 0, 0, 0.5, 0).float()
    assert (by_contrast - images).abs().max() > 2
    assert (by_contrast.mean((1, 2, 3)) - images.float().mean((1, 2, 3))).abs().max() < 0.6
    by_saturation = augment(images, generator(), 0, 0, 0, 0.5).float()
    luma = torch.tensor([0.299, 0.587, 0.114])[:, None, None]
    assert (by_saturation - images).abs().max() > 2
    assert ((by_saturation - images) * luma).sum(1).abs().max() < 0.6  # rounding to whole values


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
