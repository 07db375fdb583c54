"""The loss translator's explorer: the drawing by what is in it, then as a widget."""

import base64
import re

import pytest

from vae_course.evaluation.loss_translator import FAMOUS, LossWeights, effective_beta
from vae_course.teaching.display import format_number
from vae_course.widgets.measures import (
    HIGH,
    LOW,
    draw_translation,
    explore_loss_translator,
    translation,
    translation_scene,
    your_loss,
)


def points(figure) -> list[float]:
    """The β of every marked point, from bottom to top."""
    (axes,) = figure.axes
    marks = [line for line in axes.lines if line.get_linestyle() == "None"]
    return [float(line.get_xdata()[0]) for line in marks]


def test_the_figure_shows_the_famous_six_and_yours():
    own = LossWeights("mse", 784, name="mine")
    figure, _ = draw_translation(own)
    assert points(figure) == pytest.approx([*map(effective_beta, FAMOUS), 392])
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == [row.name for row in FAMOUS] + ["mine"]
    assert "effective β = 392" in figure.get_suptitle()


def test_the_sentence_names_the_likelihood():
    assert "a Gaussian with σ = 2" in translation(LossWeights("mse", 8))
    assert "a Laplace with b = 8" in translation(LossWeights("l1", 8))
    assert translation(LossWeights("bce", 8)) == "effective β = 8."


@pytest.mark.parametrize("error", ["mse", "bce", "l1"])
@pytest.mark.parametrize("reduction", ["sum", "batch mean", "mean"])
@pytest.mark.parametrize("kl_reduction", ["sum", "batch mean", "mean"])
def test_every_setting_of_the_menus_can_be_drawn(error, reduction, kl_reduction):
    settings = dict(error=error, reduction=reduction, log_error_weight=1.0, log_kl_weight=-2.0)
    settings |= dict(kl_reduction=kl_reduction, features=3072, pixel_range=2.0)
    scene = translation_scene()
    scene(**settings)
    loss = LossWeights(
        error, 3072, 10, 0.01, reduction, kl_reduction, 20, 128, 1.0 if error == "bce" else 2.0
    )
    assert your_loss(**settings) == loss
    beta = effective_beta(loss)
    if 10 * LOW < beta < HIGH / 10:
        assert points(scene.figure)[-1] == pytest.approx(beta)
    else:  # at the end of the axis, with its number
        assert LOW < points(scene.figure)[-1] < HIGH
    assert f"effective β = {format_number(beta)}" in scene.figure.get_suptitle()


def test_the_widget_answers_its_controls(capsys):
    shell = explore_loss_translator()
    before = shell.picture.value
    shell.controls["log_kl_weight"].value = -2.0
    shell.controls["error"].value = "bce"
    assert shell.picture.value != before and "absolute" not in shell.picture.value
    png = re.search(r"base64,([^\"]+)", shell.picture.value).group(1)
    assert base64.b64decode(png).startswith(b"\x89PNG")
    assert "pytorch/examples" in capsys.readouterr().out
