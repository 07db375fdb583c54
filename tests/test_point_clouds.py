"""Panels of point samples, and the explorer that walks through a training."""

import torch

from vae_course.data.toys import ring_mixture
from vae_course.plots.latent import point_clouds
from vae_course.widgets.toys import Watched, draw_moments, explore_training, moment_scene

RING = ring_mixture(std=0.05)


def half_good(n=40):
    """Every other point on the first mode, the others in the middle of the ring."""
    points = torch.zeros(n, 2)
    points[::2] = RING.centers[0].float()
    return points


def test_panels_show_what_lies_on_a_mode_and_count_it():
    figure = point_clouds({"a": half_good(), "b": RING.sample(900, seed=0)[0]}, RING, columns=3)
    first, second, empty = figure.axes
    assert first.get_title() == "a\n1 of 8 hit, 50% good"
    assert second.get_title().startswith("b\n8 of 8 hit")
    assert not empty.axison
    centers, stray, good = (line.get_xydata() for line in first.lines)
    assert len(centers) == 8 and len(stray) == len(good) == 20
    assert (stray == 0).all() and (good[:, 0] == 2).all()
    assert sum(len(line.get_xydata()) for line in second.lines[1:]) == 600  # not all are drawn


def watched():
    torch.manual_seed(0)
    points = torch.stack([torch.zeros(30, 2, 2), RING.sample(60, seed=1)[0].view(30, 2, 2)])
    return Watched((0, 50), points)


def test_a_moment_says_its_step_and_modes():
    scene = moment_scene({"a": watched()}, RING)
    scene(model="a", copy=0, moment=1)
    left, right = scene.figure.axes
    assert left.get_title() == "step 50: 8 of 8 modes"
    assert list(right.lines[0].get_ydata()) == [0, 8] and list(right.lines[2].get_xdata()) == [50]


def test_the_explorer_follows_its_controls(capsys):
    explorer = explore_training({"a": watched(), "b": watched()}, RING, "Two rows of panels with points.")
    assert "Interactive controls" in capsys.readouterr().out
    before = explorer.picture.value
    explorer.controls["moment"].value = 0
    assert explorer.picture.value != before and "moment of training = 0" in explorer.picture.value
    still = draw_moments({"a": watched(), "b": watched()}, RING)
    assert [axes.get_title() for axes in still.axes] == (["step 0: 0 hit"] * 3 + ["step 50: 8 hit"] * 3) * 2
