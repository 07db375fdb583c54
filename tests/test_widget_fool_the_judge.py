"""The explorer of chapter 07: what retouching does to pictures and to their measures."""

import pytest
import torch

from vae_course.evaluation.samples import power_spectrum, relative_power, relative_sharpness, sample_quality
from vae_course.models.networks import Classifier
from vae_course.teaching.display import format_number
from vae_course.widgets.measures import draw_strip, explore_the_judge, judge_scene, retouch

X = torch.rand(24, 1, 16, 16, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def judge():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Classifier((1, 16, 16), 4).eval()


def test_nothing_changes_at_zero_and_pictures_stay_in_range():
    assert torch.equal(retouch(X), X)
    for detail, noise in ((-1.0, 0.0), (3.0, 0.0), (0.0, 0.3)):
        changed = retouch(X, detail, noise)
        assert changed.shape == X.shape and changed.min() >= 0 and changed.max() <= 1


def test_blur_takes_fine_power_and_sharpening_and_noise_add_it():
    soft = 0.5 + 0.1 * (X - 0.5)  # far from the ends, so that nothing is clipped
    assert relative_power(retouch(soft, -1.0), soft) < 0.2
    assert relative_power(retouch(soft, 1.0), soft) > 2
    assert relative_sharpness(retouch(soft, 0.0, 0.1), soft) > 2
    means = retouch(soft, 1.0).mean((-1, -2))
    assert torch.allclose(means, soft.mean((-1, -2)), atol=0.02)


def test_detail_minus_one_is_the_mean_of_the_neighbors():
    assert retouch(X, -1.0)[0, 0, 5, 7] == pytest.approx(X[0, 0, 4:7, 6:9].mean().item(), abs=1e-6)


def test_figures_name_their_measures(judge):
    scene = judge_scene({"data": X}, X, judge)
    scene(source="data", detail=1.0, noise=0.0)
    shown = retouch(X, 1.0)
    measured = sample_quality(shown, X, judge)
    assert scene.figure.get_suptitle() == (
        f"Fréchet distance {format_number(round(measured.frechet, 1))}, precision {measured.precision:.2f}, "
        f"recall {measured.recall:.2f}, sharpness {format_number(round(measured.sharpness, 2))} of data"
    )
    spectrum = scene.figure.axes[1]
    assert spectrum.lines[1].get_ydata() == pytest.approx(power_spectrum(shown).power.numpy())
    assert "cycles per pixel" in spectrum.get_xlabel() and len(spectrum.lines) == 2
    titles = [axes.get_title(loc="left") for axes in draw_strip(X, X, judge).axes]
    assert [title.split(":")[0] for title in titles] == [
        "detail −1",
        "as they are",
        "detail +1",
        "detail +2",
        "noise 0.1",
    ]
    assert "Fréchet distance 0," in titles[1]


def test_the_widget_answers_its_controls(judge, capsys):
    shell = explore_the_judge({"data": X, "others": X.flip(-1)}, X, judge)
    before = shell.picture.value
    shell.controls["detail"].value = 1.0
    sharpened = shell.picture.value
    shell.controls["source"].value = "others"
    assert len({before, sharpened, shell.picture.value}) == 3
    assert "pictures = others" in shell.picture.value
    assert "Five rows" in capsys.readouterr().out
