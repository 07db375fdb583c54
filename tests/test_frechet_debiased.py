"""The debiased Fréchet distance against Gaussians whose distance is known, and the clock of chapter 07."""

import pytest
import torch

from vae_course.data.toys import clock_hands
from vae_course.evaluation.samples import frechet_debiased, frechet_distance


def pair(n, d, shift, scale, generator):
    a = torch.randn(n, d, generator=generator, dtype=torch.float64)
    return a, shift + scale * torch.randn(n, d, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize(("shift", "scale"), [(0.5, 1.2), (0.0, 1.0)])
def test_bias_goes_and_the_interval_covers_the_truth(shift, scale):
    d, n, repeats = 8, 300, 60
    truth = d * shift**2 + d * (scale - 1) ** 2
    generator = torch.Generator().manual_seed(0)
    plain, values, covered = [], [], 0
    for seed in range(repeats):
        a, b = pair(n, d, shift, scale, generator)
        plain.append(frechet_distance(a, b))
        estimate = frechet_debiased(a, b, seed=seed)
        values.append(estimate.value)
        covered += estimate.low <= truth <= estimate.high
    values = torch.tensor(values)
    assert abs(values.mean() - truth) < 4 * values.std() / repeats**0.5
    assert torch.tensor(plain).mean() - truth > 5 * abs(values.mean() - truth)
    assert covered >= 0.88 * repeats


def test_the_same_seed_gives_the_same_number_and_sets_may_differ_in_size():
    a, b = pair(200, 4, 1.0, 1.0, torch.Generator().manual_seed(1))
    assert frechet_debiased(a, b[:150]) == frechet_debiased(a, b[:150])


@pytest.mark.parametrize("settings", [{"groups": 1}, {"groups": 30}])
def test_settings_out_of_range_are_refused(settings):
    a, b = pair(50, 3, 0, 1, torch.Generator().manual_seed(1))
    with pytest.raises(ValueError, match="expected 2 to 25 groups"):
        frechet_debiased(a, b, **settings)


def test_clock_hands_are_equal_but_for_a_turn_and_apart_from_each_other():
    x = clock_hands(hands=4).floats()
    for quarter in range(1, 4):
        assert torch.allclose(torch.rot90(x[0], quarter, (-2, -1)), x[quarter], atol=1 / 255)
    many = clock_hands().floats()
    assert many.shape == (16, 1, 16, 16)
    assert torch.pdist(many.flatten(1)).min() > 1
    assert many[0, 0, :, 10:].sum() > 5 * many[0, 0, :, :6].sum()  # three o'clock
