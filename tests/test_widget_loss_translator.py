"""The loss translator's explorer: the drawing by what is in it, then as a widget."""

import base64
import re

import pytest

from vae_course.evaluation.loss_translator import FAMOUS, LossWeights, effective_beta
from vae_course.widgets.loss_translator import (
    draw_translation,
    draw_weights,
    explore_loss_translator,
    translation,
)


def points(figure) -> list[float]:
    """The β of every marked point, from bottom to top."""
    (axes,) = figure.axes
    marks = [line for line in axes.lines if line.get_linestyle() == "None"]
    return [float(line.get_xdata()[0]) for line in marks]


def test_the_figure_shows_the_famous_six_and_yours():
    own = LossWeights("mse", 784, name="mine")
    figure = draw_translation(own)
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
    figure = draw_weights(error, reduction, 1.0, -2.0, kl_reduction, 3072, 2.0)
    loss = LossWeights(
        error, 3072, 10, 0.01, reduction, kl_reduction, 20, 128, 1.0 if error == "bce" else 2.0
    )
    assert points(figure)[-1] == pytest.approx(effective_beta(loss))


def test_the_widget_answers_its_controls(capsys):
    shell = explore_loss_translator()
    before = shell.picture.value
    shell.controls["log_kl_weight"].value = -2.0
    shell.controls["error"].value = "bce"
    assert shell.picture.value != before and "absolute" not in shell.described()
    png = re.search(r"base64,([^\"]+)", shell.picture.value).group(1)
    assert base64.b64decode(png).startswith(b"\x89PNG")
    assert "pytorch/examples" in capsys.readouterr().out
