"""Sharpness, SSIM, precision and recall, and the bias of the Fréchet distance: slow or known answers."""

import math

import pytest
import torch
from tiny_data import tiny_images

from recipes.arena_measures import frechet_estimate, ssim
from recipes.judges import train_classifier
from vae_course.evaluation import samples as samples_module
from vae_course.evaluation.samples import (
    BiasPoint,
    extrapolate,
    frechet_bias_curve,
    frechet_distance,
    precision_recall,
    relative_sharpness,
    sample_quality,
    sharpness,
)


def rand(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def randn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_sharpness_of_a_single_bright_pixel():
    picture = torch.zeros(1, 1, 5, 5)
    picture[0, 0, 2, 2] = 1
    values = torch.tensor([0, 1, 0, 1, -4, 1, 0, 1, 0.0])  # the Laplacian on the 3×3 inside
    assert sharpness(picture).item() == pytest.approx(values.var(correction=0).item())


def test_a_ramp_has_no_sharpness_and_channels_are_averaged():
    ramp = torch.linspace(0, 1, 6).expand(1, 1, 6, 6)
    assert sharpness(ramp).item() == pytest.approx(0, abs=1e-12)
    noise = rand(2, 1, 6, 6)
    both = torch.cat([noise, ramp.expand(2, 1, 6, 6)], dim=1)
    torch.testing.assert_close(sharpness(both), sharpness(noise) / 2)


def test_blur_lowers_relative_sharpness_and_contrast_scales_it_by_its_square():
    images = rand(8, 1, 16, 16)
    blurred = torch.nn.functional.avg_pool2d(images, 3, stride=1, padding=1)
    assert relative_sharpness(blurred, images) < 0.2
    assert relative_sharpness(images / 2, images) == pytest.approx(0.25)
    with pytest.raises(ValueError, match=r"expected \(n, C, H, W\)"):
        sharpness(torch.zeros(5, 5))


def test_ssim_equals_the_formula_at_one_window():
    a, b = rand(1, 1, 11, 11).double(), rand(1, 1, 11, 11, seed=1).double()
    weight = torch.tensor(
        [[math.exp(-((i - 5) ** 2 + (j - 5) ** 2) / (2 * 1.5**2)) for j in range(11)] for i in range(11)],
        dtype=torch.float64,
    )
    weight /= weight.sum()
    mean_a, mean_b = (weight * a).sum(), (weight * b).sum()
    var_a, var_b = (weight * (a - mean_a) ** 2).sum(), (weight * (b - mean_b) ** 2).sum()
    covariance = (weight * (a - mean_a) * (b - mean_b)).sum()
    expected = ((2 * mean_a * mean_b + 1e-4) * (2 * covariance + 9e-4)) / (
        (mean_a**2 + mean_b**2 + 1e-4) * (var_a + var_b + 9e-4)
    )
    assert ssim(a, b).item() == pytest.approx(expected.item(), rel=1e-9)


def test_ssim_is_one_for_equal_pictures_symmetric_and_low_for_others():
    a, b = rand(4, 3, 20, 20), rand(4, 3, 20, 20, seed=1)
    torch.testing.assert_close(ssim(a, a), torch.ones(4))
    torch.testing.assert_close(ssim(a, b), ssim(b, a))
    assert (ssim(a, b) < 0.3).all() and (ssim(a, 1 - a) < 0).all()
    order = ssim(a, torch.stack([a[0], b[1], a[2], b[3]]))
    assert order[0] == pytest.approx(1) and order[1] < 0.3
    with pytest.raises(ValueError, match="sides of at least 11"):
        ssim(a[..., :8, :8], b[..., :8, :8])


def slow_precision_recall(real, generated, k):
    def inside(points, centers):
        radius = [sorted(math.dist(c, o) for o in centers)[k] for c in centers]
        return sum(
            any(math.dist(p, c) <= r for c, r in zip(centers, radius, strict=True)) for p in points
        ) / len(points)

    real, generated = real.tolist(), generated.tolist()
    return inside(generated, real), inside(real, generated)


@pytest.mark.parametrize("k", [1, 3])
def test_precision_recall_equals_the_definition(monkeypatch, k):
    monkeypatch.setattr(samples_module, "CHUNK", 7)
    real, generated = randn(40, 2).double(), (0.5 * randn(30, 2, seed=1) + 0.8).double()
    expected = slow_precision_recall(real, generated, k)
    assert 0 < expected[1] < expected[0] <= 1
    assert precision_recall(real, generated, k=k) == pytest.approx(expected, abs=1e-6)


def test_precision_sees_bad_samples_and_recall_sees_missing_ones():
    two_clusters = torch.cat([0.1 * randn(200, 5), 0.1 * randn(200, 5, seed=1) + 10])
    one_missing = 0.1 * randn(400, 5, seed=2)
    result = precision_recall(two_clusters, one_missing)
    assert result.precision > 0.8 and 0.3 < result.recall <= 0.5
    half_wrong = torch.cat([two_clusters[::2] + 0.001, 0.1 * randn(200, 5, seed=3) - 30])
    result = precision_recall(two_clusters, half_wrong)
    assert result.precision == pytest.approx(0.5) and result.recall > 0.9


def test_precision_recall_refuses_what_it_cannot_measure():
    with pytest.raises(ValueError, match="more than 3 and 3 rows"):
        precision_recall(randn(3, 2), randn(10, 2), k=3)
    with pytest.raises(ValueError, match=r"expected \(n, d\), \(m, d\)"):
        precision_recall(randn(10, 2), randn(10, 3))


def test_the_bias_of_the_frechet_distance_falls_like_one_over_n():
    a, b = randn(4000, 8), randn(4000, 8, seed=1)  # one distribution: the truth is 0
    curve = frechet_bias_curve(a, b, [125, 250, 500, 1000])
    means = [point.mean for point in curve]
    assert means == sorted(means, reverse=True)
    assert means[0] / means[-1] == pytest.approx(8, rel=0.25)
    assert all(point.low <= point.mean <= point.high for point in curve)
    assert abs(extrapolate(curve)) < means[-1] / 3


def test_the_curve_ends_at_the_distance_of_all_pictures():
    a, b = randn(64, 4), randn(100, 4, seed=1)
    curve = frechet_bias_curve(a, b[:64], [2, 8, 64])
    assert [point.n for point in curve] == [2, 8, 64]
    assert curve[-1].low == pytest.approx(frechet_distance(a, b[:64]))
    with pytest.raises(ValueError, match="sizes from 2 to 64"):
        frechet_bias_curve(a, b, [65])


def test_extrapolation_reads_a_line_in_one_over_n_at_zero():
    line = [BiasPoint(n, 3 + 50 / n, 0, 0) for n in (10, 30, 100)]
    assert extrapolate(line) == pytest.approx(3)


def test_the_interval_of_the_frechet_distance_covers_other_draws():
    shift = torch.tensor([1.0, 0, 0])
    values = [
        frechet_distance(randn(300, 3, seed=s), randn(300, 3, seed=s + 1000) + shift) for s in range(40)
    ]
    estimate = frechet_estimate(randn(300, 3, seed=77), randn(300, 3, seed=78) + shift, repeats=60)
    spread = torch.tensor(values).std().item()
    assert (estimate.high - estimate.low) / 2 == pytest.approx(1.96 * spread, rel=0.5)
    assert estimate.low < estimate.value < estimate.high


def test_sample_quality_ranks_data_above_blurred_data_above_noise():
    data, more = tiny_images(300), tiny_images(300, seed=1).floats()
    judge = train_classifier(data, epochs=4, batch_size=32)
    real = data.floats()
    blurred = torch.nn.functional.avg_pool2d(more, 3, stride=1, padding=1)
    good, soft, bad = (sample_quality(x, real, judge) for x in (more, blurred, rand(300, 1, 8, 8, seed=3)))
    assert good.frechet < soft.frechet < bad.frechet
    assert soft.sharpness < good.sharpness
    assert good.precision > 0.8 and good.recall > 0.8 and bad.precision < 0.2
    assert good.coverage > 0.8 and bad.coverage < 0.2
    assert good.n == 300 and sample_quality(more[:100], real, judge).n == 100
