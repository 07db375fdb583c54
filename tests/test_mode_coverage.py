"""Mode coverage on samples whose modes are known."""

import math

import pytest
import torch
from torch import nn

from recipes.arena_measures import image_coverage
from vae_course.data.toys import ring_mixture
from vae_course.evaluation.samples import mode_coverage, point_coverage


def test_samples_of_the_mixture_itself():
    ring = ring_mixture()
    found = point_coverage(ring.sample(20_000, seed=1)[0], ring)
    assert (found.hit, found.modes) == (8, 8)
    assert found.high_quality == pytest.approx(1 - math.exp(-4.5), abs=4e-3)  # a Rayleigh distance below 3
    assert 0 <= found.kl_to_data < 2e-3 and found.effective > 7.98


def test_one_mode_of_eight():
    ring = ring_mixture()
    found = point_coverage(ring.centers[3].expand(50, 2).float(), ring)
    assert found.hit == 1 and found.high_quality == 1
    assert found.kl_to_data == pytest.approx(math.log(8))


def test_half_of_the_modes_cost_log_two():
    ring = ring_mixture(16)
    found = point_coverage(ring.centers[::2].repeat(10, 1), ring)
    assert found.hit == 8 and found.kl_to_data == pytest.approx(math.log(2))


def test_points_between_the_modes_do_not_count():
    ring = ring_mixture()
    between = (ring.centers[0] + ring.centers[1]) / 2
    found = point_coverage(torch.stack([between, ring.centers[0]] * 5), ring)
    assert found.high_quality == 0.5 and found.hit == 1
    nothing = point_coverage(between[None], ring)
    assert nothing.hit == 0 and math.isnan(nothing.kl_to_data) and nothing.effective == 0


def test_the_border_and_the_fair_share():
    ring = ring_mixture(std=0.1)
    inside = ring.centers[:1] + torch.tensor([[0.29, 0.0]])
    outside = ring.centers[1:2] + torch.tensor([[0.0, 0.31]])
    points = torch.cat([inside.repeat(79, 1), outside.repeat(9, 1), ring.centers[2:3]])
    assert point_coverage(points, ring).hit == 2  # 1 of 80: exactly a tenth of the fair share
    assert point_coverage(torch.cat([points, inside]), ring).hit == 1
    assert point_coverage(points, ring).high_quality == pytest.approx(80 / 89)


def test_coverage_does_not_depend_on_how_many_samples_are_good():
    ring = ring_mixture()
    good, stray = ring.sample(400, seed=0)[0], torch.zeros(4600, 2)
    few, all_good = point_coverage(torch.cat([good, stray]), ring), point_coverage(good, ring)
    assert few.hit == all_good.hit == 8 and few.effective == pytest.approx(all_good.effective)
    assert few.high_quality == pytest.approx(0.08 * all_good.high_quality)


def test_uneven_shares_are_fewer_effective_modes():
    found = mode_coverage(torch.tensor([0, 0, 0, 1]), torch.ones(4, dtype=torch.bool), 2)
    entropy = -0.75 * math.log(0.75) - 0.25 * math.log(0.25)
    assert found.hit == 2 and found.effective == pytest.approx(math.exp(entropy))
    assert found.kl_to_data == pytest.approx(math.log(2) - entropy)


class ByBrightness(nn.Module):
    """A judge that reads the class from the first pixel, with certainty from the second."""

    def probabilities(self, x):
        label = (x[:, 0, 0, 0] * 10).round().long()
        p = torch.full((len(x), 10), 0.0)
        sure = x[:, 0, 0, 1]
        p += ((1 - sure) / 9)[:, None]
        p[torch.arange(len(x)), label] = sure
        return p


def test_pictures():
    images = torch.zeros(4, 1, 4, 4)
    images[:, 0, 0, 1] = torch.tensor([1.0, 1.0, 1.0, 0.6])  # unsure about the last
    images[:, 0, 0, 0] = torch.tensor([0.7, 0.2, 0.2, 0.1])
    found = image_coverage(images, ByBrightness(), confidence=0.9)
    assert (found.hit, found.modes, found.high_quality) == (2, 10, 0.75)
    assert image_coverage(images, ByBrightness()).hit == 3


def test_refusals():
    with pytest.raises(ValueError, match="modes from 0 to 7"):
        mode_coverage(torch.tensor([8]), torch.tensor([True]), 8)
    with pytest.raises(ValueError, match=r"expected \(n,\) twice"):
        mode_coverage(torch.tensor([1, 2]), torch.tensor([True]), 8)
