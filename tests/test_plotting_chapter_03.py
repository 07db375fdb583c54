"""Plots of chapter 03, by what is in them."""

import numpy as np
import torch

from vae_course.evaluation.paths import lerp
from vae_course.plots.latent import maps_side_by_side, paths_on_map


def test_paths_lie_on_the_magnification_with_their_names():
    def metric(z):  # √det G = 2 on the left, 6 on the right
        return torch.diag_embed(
            torch.stack([torch.where(z[:, 0] < 0, 2.0, 18.0), torch.full_like(z[:, 0], 2)], 1)
        )

    ends = torch.tensor([[-1.0, 0.0], [0.0, 1.0]]), torch.tensor([[1.0, 0.0], [2.0, 1.0]])
    straight = lerp(*ends, torch.linspace(0, 1, 5))
    figure = paths_on_map(metric, straight, straight + 0.1, [(3, 8), (1, 7)])
    axes = figure.axes[0]
    image = np.asarray(axes.images[0].get_array())
    assert np.allclose(image[:, :35], 2) and np.allclose(image[:, 36:], 6), "first axis is z₂, upwards"
    assert {text.get_text() for text in axes.texts} >= {"3", "8", "1", "7"}
    drawn = [line for line in axes.lines if len(line.get_xdata()) == 5]
    assert len(drawn) == 4
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["straight line", "geodesic"]


def test_maps_show_the_same_points_by_class():
    points, labels = torch.randn(30, 2, generator=torch.Generator().manual_seed(0)), torch.arange(30) % 3
    figure = maps_side_by_side({"one": points, "other": 2 * points}, labels, ["0", "1", "long name"])
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["one", "other"]
    for axes in figure.axes:
        assert sum(len(dots.get_offsets()) for dots in axes.collections) == 30
        assert [text.get_text() for text in axes.texts] == ["0", "1", "2"]
