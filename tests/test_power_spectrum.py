"""The power spectrum against waves and noise of known power."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from vae_course.evaluation.samples import power_spectrum, relative_power


def noise(n=400, side=28, scale=0.3, seed=0, channels=1):
    return 0.5 + scale * torch.randn(n, channels, side, side, generator=torch.Generator().manual_seed(seed))


def wave(cycles, side=32, amplitude=0.2, axis=-1):
    line = 0.5 + amplitude * torch.cos(2 * math.pi * cycles * torch.arange(side) / side)
    return (line[None, :] if axis == -1 else line[:, None]).expand(side, side)[None, None].clone()


def test_white_noise_is_flat_at_its_variance():
    frequency, power = power_spectrum(noise())
    assert frequency.tolist() == pytest.approx([k / 28 for k in range(1, 15)])
    assert power.numpy() == pytest.approx(0.09, rel=0.1)


@given(cycles=st.integers(1, 15), axis=st.sampled_from([-1, -2]), brightness=st.floats(-0.3, 0.3))
def test_a_wave_has_power_at_its_frequency_alone(cycles, axis, brightness):
    frequency, power = power_spectrum(wave(cycles, axis=axis) + brightness)
    at = int(power.argmax())
    assert frequency[at] == pytest.approx(cycles / 32)
    assert power.sum() == pytest.approx(power[at].item(), rel=1e-6)


def test_power_adds_up_to_the_variance_of_the_pixels():
    """Parseval, with every coefficient that a ring holds counted."""
    x = F.avg_pool2d(noise(side=34), 3, 1, 1)[..., 1:-1, 1:-1]  # smooth: next to nothing in the corners
    side = x.shape[-1]
    frequency, power = power_spectrum(x)
    radius = (torch.fft.fftfreq(side)[:, None] ** 2 + torch.fft.fftfreq(side) ** 2).sqrt()
    counts = torch.tensor([((radius * side).round() == k).sum() for k in (frequency * side).round().tolist()])
    variance = (x - x.mean((-2, -1), keepdim=True)).square().mean().item()
    assert (counts * power).sum().item() / side**2 == pytest.approx(variance, rel=0.02)


def test_blur_takes_the_fine_half_and_leaves_the_coarse_one():
    x = noise()
    blurred = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="circular"), 3, 1)
    assert relative_power(blurred, x) < 0.1
    assert relative_power(blurred, x, low=0.0, high=0.08) > 0.6
    assert relative_power(x, x) == pytest.approx(1)
    assert relative_power(0.5 * x, x) == pytest.approx(0.25)


def test_independent_noise_adds_power():
    x = wave(3, amplitude=0.02).repeat(400, 1, 1, 1)
    noisy = x + noise(side=32, scale=0.1) - 0.5
    _, before = power_spectrum(x)
    _, after = power_spectrum(noisy)
    assert (after - before).numpy() == pytest.approx(0.01, rel=0.25)


def test_channels_are_averaged_and_pictures_need_not_be_square():
    gray, color = noise(50), noise(50, channels=3, seed=1)
    assert len(power_spectrum(color).power) == len(power_spectrum(gray).power)
    frequency, power = power_spectrum(noise(200)[..., :20])
    assert len(frequency) == 10 and frequency[-1] == 0.5
    assert power.numpy() == pytest.approx(0.09, rel=0.2)


@pytest.mark.parametrize(
    "images",
    [torch.rand(3, 8, 8), torch.rand(2, 1, 3, 8), torch.zeros(0, 1, 8, 8), torch.zeros(2, 1, 8, 8).byte()],
)
def test_wrong_pictures_are_refused_in_a_sentence(images):
    with pytest.raises(ValueError, match="expected"):
        power_spectrum(images)
