"""Mode coverage on samples whose modes are known."""

import math

import pytest
import torch
from torch import nn

from vae_course.data.images import DataError, stack_digits
from vae_course.data.loading import load
from vae_course.data.toys import grid_mixture, ring_mixture
from vae_course.evaluation.modes import expected_hits, image_coverage, mode_coverage, point_coverage
from vae_course.weights import load_classifier


def test_samples_of_the_mixture_itself():
    ring = ring_mixture()
    found = point_coverage(ring.sample(20_000, seed=1)[0], ring)
    assert (found.hit, found.modes, found.n) == (8, 8, 20_000)
    assert found.high_quality == pytest.approx(1 - math.exp(-4.5), abs=4e-3)  # a Rayleigh distance below 3
    assert 0 <= found.kl_to_data < 2e-3 and 0 <= found.kl_from_data < 2e-3


def test_one_mode_of_eight():
    ring = ring_mixture()
    found = point_coverage(ring.centers[3].expand(50, 2).float(), ring)
    assert found.hit == 1 and found.high_quality == 1 and found.histogram[3] == 1
    assert found.kl_to_data == pytest.approx(math.log(8)) and found.kl_from_data == math.inf


def test_half_of_the_modes_cost_log_two():
    grid = grid_mixture(side=4)
    found = point_coverage(grid.centers[::2].repeat(10, 1), grid)
    assert found.hit == 8 and found.kl_to_data == pytest.approx(math.log(2))


def test_points_between_the_modes_do_not_count():
    ring = ring_mixture()
    between = (ring.centers[0] + ring.centers[1]) / 2
    found = point_coverage(torch.stack([between, ring.centers[0]] * 5), ring)
    assert found.high_quality == 0.5 and found.hit == 1
    nothing = point_coverage(between[None], ring)
    assert nothing.hit == 0 and math.isnan(nothing.kl_to_data) and math.isnan(nothing.kl_from_data)


def test_the_border_and_the_least_count():
    ring = ring_mixture(std=0.1)
    inside = ring.centers[:1] + torch.tensor([[0.29, 0.0]])
    outside = ring.centers[1:2] + torch.tensor([[0.0, 0.31]])
    points = torch.cat([inside.repeat(3, 1), outside.repeat(9, 1), ring.centers[2:3].repeat(2, 1)])
    assert point_coverage(points, ring).hit == 2
    assert point_coverage(points, ring, least=3).hit == 1
    assert point_coverage(points, ring, within=3.2).hit == 3


def test_the_data_s_own_shares():
    mode, good = torch.tensor([0, 0, 0, 1]), torch.ones(4, dtype=torch.bool)
    found = mode_coverage(mode, good, 2, data=torch.tensor([0.75, 0.25]))
    assert found.kl_to_data == pytest.approx(0) and found.kl_from_data == pytest.approx(0)
    even = mode_coverage(mode, good, 2)
    assert even.kl_to_data == pytest.approx(0.75 * math.log(1.5) + 0.25 * math.log(0.5))
    assert even.kl_from_data == pytest.approx(0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25))


def test_expected_hits_against_draws():
    shares = torch.tensor([0.5, 0.3, 0.15, 0.05])
    generator = torch.Generator().manual_seed(0)
    draws = torch.multinomial(shares, 120_000, True, generator=generator).view(-1, 6)
    reached = torch.tensor([len(row.unique()) for row in draws]).float().mean().item()
    assert expected_hits(6, shares) == pytest.approx(reached, abs=0.02)


class ByBrightness(nn.Module):
    """A judge that reads the class from the first pixel, with certainty from the second."""

    def probabilities(self, x):
        label = (x[:, 0, 0, 0] * 10).round().long()
        p = torch.full((len(x), 10), 0.0)
        sure = x[:, 0, 0, 1]
        p += ((1 - sure) / 9)[:, None]
        p[torch.arange(len(x)), label] = sure
        return p


def test_pictures_gray_and_stacked():
    images = torch.zeros(4, 3, 4, 4)
    images[..., 0, 1] = 1.0
    images[:, :, 0, 0] = torch.tensor([[0.0, 0.0, 0.7], [0.9, 0.4, 0.2], [0.9, 0.4, 0.2], [0.1, 0.0, 0.0]])
    images[3, 2, 0, 1] = 0.6  # unsure about one channel
    found = image_coverage(images, ByBrightness(), confidence=0.9)
    assert (found.hit, found.modes, found.high_quality) == (2, 1000, 0.75)
    assert found.histogram[7] == pytest.approx(1 / 3) and found.histogram[942] == pytest.approx(2 / 3)
    assert image_coverage(images, ByBrightness()).hit == 3
    gray = image_coverage(images[:, :1], ByBrightness(), data=torch.full((10,), 0.1))
    assert gray.modes == 10 and gray.hit == 3


def test_stacked_digits_have_the_digits_of_their_number():
    digits = load("digits", "train")
    stacked = stack_digits(digits, 500, seed=3)
    assert stacked.shape == (3, 28, 28) and len(stacked) == 500 and stacked.class_names[42] == "042"
    assert torch.equal(stacked.images, stack_digits(digits, 500, seed=3).images)
    assert not torch.equal(stacked.labels, stack_digits(digits, 500, seed=4).labels)
    pairs = zip(digits.images, digits.labels.tolist(), strict=True)
    of_picture = {image.numpy().tobytes(): label for image, label in pairs}
    for image, label in zip(stacked.images, stacked.labels.tolist(), strict=True):
        red, green, blue = (of_picture[channel.numpy().tobytes()] for channel in image)
        assert 100 * red + 10 * green + blue == label
    # Every digit is equally likely in every place, and places are independent.
    many = stack_digits(digits, 30_000).labels
    counts = torch.bincount(many, minlength=1000).double()
    assert ((counts - 30) ** 2 / 30).sum() < 1150  # χ² with 999 degrees of freedom: mean 999, std 45
    assert 950 < expected_hits(3500, counts / 30_000) < 1000


def test_the_judge_reads_stacked_digits():
    stacked = stack_digits(load("digits", "test"), 400, seed=0)
    found = image_coverage(stacked.floats(), load_classifier("digits"))
    truth = torch.bincount(stacked.labels, minlength=1000).double() / 400
    agree = torch.minimum(found.histogram, truth).sum().item()
    assert agree > 0.85  # the judge is right in about 98 of 100 digits


def test_refusals():
    with pytest.raises(ValueError, match="modes from 0 to 7"):
        mode_coverage(torch.tensor([8]), torch.tensor([True]), 8)
    with pytest.raises(ValueError, match=r"expected \(n,\) twice"):
        mode_coverage(torch.tensor([1, 2]), torch.tensor([True]), 8)
    with pytest.raises(ValueError, match="shares"):
        mode_coverage(torch.tensor([1]), torch.tensor([True]), 2, data=torch.tensor([0.5, 0.6]))
    with pytest.raises(DataError, match="cannot be stacked"):
        stack_digits(stack_digits(load("digits", "test"), 10), 10)
