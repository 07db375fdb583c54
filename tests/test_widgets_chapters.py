"""The explorers of chapters 01 and 02: their drawing functions by what is in the figure, then as widgets."""

import base64
import math
import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vae_course.data.toys import CurveModel
from vae_course.models.vae import VAE
from vae_course.widgets.codes import (
    corrupt,
    digit_scene,
    draw_corruption_strip,
    explore_corrupted_digit,
    negative_elbo,
)
from vae_course.widgets.toys import draw_toy_strip, explore_toy_posterior, toy_scene

CROSSING = torch.tensor([0.0, 1.127])


def toy_figure(q_mean: float, q_log_var: float):
    scene = toy_scene(CurveModel(), CROSSING)
    scene(q_mean=q_mean, q_log_var=q_log_var)
    return scene.figure


def words(figure) -> str:
    """All text of a figure that can be seen, with plain minus signs."""
    texts = [text.get_text() for axes in figure.axes for text in axes.texts if text.get_visible()]
    texts += [
        label for axes in figure.axes for label in (axes.get_title(), axes.get_xlabel(), axes.get_ylabel())
    ]
    return "\n".join(texts).replace("\N{MINUS SIGN}", "-").replace("$-$", "-")


def number_after(name: str, text: str) -> float:
    return float(re.search(rf"{re.escape(name)} = (-?[\d.]+)", text).group(1))


@pytest.fixture
def model() -> VAE:
    torch.manual_seed(0)
    return VAE(image_shape=(1, 8, 8), latent_dim=3, hidden_dims=(16,))


@pytest.fixture
def image() -> torch.Tensor:
    return (torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(1)) < 0.4).float()


@settings(deadline=None, max_examples=10)
@given(st.floats(-3, 3), st.floats(-7, 1))
def test_the_bar_shows_elbo_and_kl_that_add_up_to_log_p(q_mean, q_log_var):
    text = words(toy_figure(q_mean, q_log_var))
    log_p, elbo, kl = (number_after(name, text) for name in ("log p(x)", "ELBO", "KL"))
    assert log_p == pytest.approx(float(CurveModel().log_marginal(CROSSING)), abs=0.006)
    assert log_p == pytest.approx(elbo + kl, abs=0.02)
    assert kl >= 0


def test_the_best_gaussian_on_two_equal_modes_loses_log_2():
    text = words(toy_figure(1.1, -5.4))
    assert number_after("KL", text) == pytest.approx(math.log(2), abs=0.05)


def test_the_drawn_densities_are_the_exact_posterior_and_q():
    figure = toy_figure(0.5, -1.0)
    lines = {line.get_label(): line for axes in figure.axes for line in axes.lines}
    _, density = CurveModel().posterior(CROSSING)
    drawn = lines["exact posterior p(z|x)"]
    assert torch.allclose(torch.as_tensor(drawn.get_ydata()), density)
    q = lines["Gaussian q(z|x)"]
    peak = q.get_xdata()[q.get_ydata().argmax()]
    assert peak == pytest.approx(0.5, abs=0.01)
    assert q.get_ydata().max() == pytest.approx(1 / math.sqrt(2 * math.pi * math.exp(-1)), rel=1e-3)
    # No meaning by color alone.
    assert drawn.get_linestyle() != q.get_linestyle()


def test_every_axis_of_the_toy_has_a_label():
    figure = toy_figure(0.0, 0.0)
    plane, densities, nats = figure.axes
    assert [plane.get_xlabel(), plane.get_ylabel()] == ["$x_1$", "$x_2$"]
    assert [densities.get_xlabel(), densities.get_ylabel(), nats.get_ylabel()] == ["z", "density", "nats"]


def test_the_toy_strip_has_a_column_for_each_q():
    figure = draw_toy_strip(CurveModel(), CROSSING, [(0.0, 0.0), (1.1, -5.4)])
    assert len(figure.axes) == 4
    gaps = [float(gap) for gap in re.findall(r"KL = ([\d.]+)", words(figure))]
    assert gaps[0] > gaps[1] == pytest.approx(math.log(2), abs=0.05)


def test_the_toy_explorer_follows_its_controls(capsys):
    points = {"crossing": CROSSING, "on the right": torch.tensor([3.2, 0.5])}
    shell = explore_toy_posterior(CurveModel(), points)
    shown = capsys.readouterr().out
    assert "x (crossing, on the right)" in shown and "For x = crossing, 4 Gaussians q" in shown
    shell.controls["x"].value = "on the right"
    shell.controls["q_mean"].value = 2.0
    expected = toy_scene(CurveModel(), points["on the right"])(q_mean=2.0, q_log_var=0.0)
    assert base64.b64encode(expected).decode() in shell.picture.value


@settings(deadline=None, max_examples=30)
@given(st.floats(0, 1), st.integers(-10, 10), st.floats(0, 1))
def test_a_spoiled_picture_is_still_a_picture_and_the_same_every_time(noise, shift, blank):
    image = torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(0))
    spoiled = corrupt(image, noise, shift, blank)
    assert spoiled.shape == image.shape and spoiled.dtype == image.dtype
    assert 0 <= spoiled.min() and spoiled.max() <= 1
    assert torch.equal(spoiled, corrupt(image, noise, shift, blank))


def test_shift_blank_and_noise_do_what_they_say(image):
    assert torch.equal(corrupt(image), image)
    right, left = corrupt(image, shift=3), corrupt(image, shift=-3)
    assert torch.equal(right[..., 3:], image[..., :5]) and not right[..., :3].any()
    assert torch.equal(left[..., :5], image[..., 3:]) and not left[..., 5:].any()
    assert not corrupt(image, shift=9).any()
    half = corrupt(image, blank=0.5)
    assert torch.equal(half[..., :4], image[..., :4]) and not half[..., 4:].any()
    grey = torch.full((1, 100, 100), 0.5)
    assert corrupt(grey, noise=0.1).std().item() == pytest.approx(0.1, rel=0.05)


def test_the_digit_figure_shows_the_elbo_of_both_pictures(model, image):
    scene = digit_scene(model, image)
    scene(noise=0.3, shift=2, blank=0.0)
    text = words(scene.figure)
    shown = [float(number) for number in re.findall(r"-ELBO = ([\d.]+) nats", text)]
    expected = [negative_elbo(model, image), negative_elbo(model, corrupt(image, 0.3, 2, 0.0))]
    assert shown == pytest.approx(expected, abs=0.06)


def test_the_sampled_elbo_is_near_one_of_many_draws(model, image):
    posterior = model.encode(image[None])
    with torch.no_grad():
        z = posterior.sample(20000, generator=torch.Generator().manual_seed(3))
        draws = posterior.kl() - model.log_likelihood(image[None], z)
    spread = draws.std().item() / math.sqrt(32)
    assert negative_elbo(model, image) == pytest.approx(draws.mean().item(), abs=4 * spread)


def test_codes_are_drawn_as_mean_and_deviation_and_the_axis_makes_room(model, image):
    scene = digit_scene(model, image)
    scene(noise=0.3, shift=0, blank=0.0)
    axes = scene.figure.axes[-1]
    containers = {container.get_label(): container for container in axes.containers}
    assert len({container.lines[0].get_marker() for container in containers.values()}) == 2
    clean, spoiled = (model.encode(x[None]) for x in (image, corrupt(image, 0.3)))
    for name, code in (("original, mean ± σ", clean), ("spoiled, mean ± σ", spoiled)):
        dots, _, (lines,) = containers[name].lines
        assert dots.get_ydata() == pytest.approx(code.mean[0].detach().numpy())
        ends = torch.tensor(np.array(lines.get_segments())[..., 1])
        assert torch.allclose(ends[:, 1] - ends[:, 0], 2 * code.std[0].double(), atol=1e-5)
    assert axes.get_ylim() == (-3, 3)
    with torch.no_grad():
        list(model.encoder.parameters())[-1][:3] += 5.0  # the means
    wide = digit_scene(model, image)
    wide(noise=0.3, shift=0, blank=0.0)
    low, high = wide.figure.axes[-1].get_ylim()
    assert -low == high == 12 and model.encode(image[None]).mean.max() > 3


def test_drawing_leaves_model_gradients_and_random_numbers_alone(model, image):
    torch.manual_seed(4)
    before = torch.random.get_rng_state()
    digit_scene(model, image)(noise=0.3, shift=1, blank=0.2)
    draw_corruption_strip(model, image)
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_the_digit_strip_has_a_column_for_each_setting(model, image):
    figure = draw_corruption_strip(model, image)
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert titles == ["as it is", "noise 0.3", "2 px right", "6 px right", "half blank"]


def test_the_digit_explorer_follows_its_controls(model, image, capsys):
    shell = explore_corrupted_digit(model, image)
    shown = capsys.readouterr().out
    assert "blanked part, 0 to 1" in shown
    assert f"as it is: {negative_elbo(model, image):.0f}" in shown
    shell.controls["noise"].value = 0.5
    shell.controls["shift"].value = -4
    expected = digit_scene(model, image)(noise=0.5, shift=-4, blank=0.0)
    assert base64.b64encode(expected).decode() in shell.picture.value
