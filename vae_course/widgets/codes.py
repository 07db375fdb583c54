"""The explorer that moves a code and decodes it: the latent pad of chapter 03. Codes are in standard
deviations of the prior; pictures are (C, H, W), floats in [0, 1].
"""

from collections.abc import Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from vae_course.plots.images import mean_code, pictures
from vae_course.plots.latent import draw_prior
from vae_course.plots.style import BLACK, VERMILION, class_style, minus, styled
from vae_course.widgets.controls import Explorer, Scene, place_picture, set_picture, slider

# Chapter 03's pad: move through a two-dimensional code and see what the decoder draws there.

STATIONS = ((-2.0, 1.5), (-1.2, 0.6), (-0.4, -0.2), (0.5, -0.8), (1.4, -0.4), (2.2, 0.8))


@styled
def pad_scene(model: nn.Module, codes: Tensor, labels: Tensor) -> Scene:
    """The plane with the present place, and what the decoder draws there: a scene of z1 and z2.

    The background are ``codes`` (n, 2) of data; glyphs show the class in ``labels`` (n,).
    """
    figure = Figure(figsize=(7.2, 3.9), layout="constrained")
    plane, right = figure.subplots(1, 2, width_ratios=[1.25, 1])
    _draw_plane(plane, codes, labels)
    (cross,) = plane.plot([0], [0], "X", markersize=13, color=VERMILION, markeredgecolor="white")
    title = plane.set_title("$z$ = (0.00, 0.00)", fontsize=11)
    picture = place_picture(right, decoded(model, [(0, 0)])[0], "decoder's mean")

    def update(z1: float, z2: float) -> None:
        cross.set_data([z1], [z2])
        title.set_text(minus(f"$z$ = ({z1:.2f}, {z2:.2f})"))
        set_picture(picture, decoded(model, [(z1, z2)])[0])

    return Scene(figure, [cross, title, picture], update)


@styled
def draw_pad_strip(model: nn.Module, codes: Tensor, labels: Tensor) -> Figure:
    """Six numbered places of the plane, and the picture of each: the still twin of the pad."""
    figure = Figure(figsize=(9.0, 3.9), layout="constrained")
    plane, right = figure.subfigures(1, 2, width_ratios=[1.05, 1.2])
    axes = plane.subplots()
    _draw_plane(axes, codes, labels)
    axes.plot(*zip(*STATIONS, strict=True), color=BLACK, linewidth=1.2)
    box = {"boxstyle": "circle,pad=0.2", "facecolor": "white", "edgecolor": VERMILION, "linewidth": 1.5}
    shown = zip(STATIONS, right.subplots(2, 3).flat, decoded(model, STATIONS), strict=True)
    for number, (place, cell, picture) in enumerate(shown, start=1):
        axes.text(*place, str(number), ha="center", va="center", fontsize=10, bbox=box)
        place_picture(cell, picture, str(number))
    return figure


def explore_latent_pad(model: nn.Module, data) -> Explorer:
    """Two sliders over the plane of a two-dimensional code, data as its background; below, six places."""
    codes = mean_code(model, data.floats())
    controls = {f"z{i}": slider(f"z{'₁₂'[i - 1]}", -3.0, 3.0, 0.0, step=0.05) for i in (1, 2)}
    alt = (
        "Left: the plane of a two-dimensional code with the codes of data and six numbered places joined by "
        "a line. Right: what the decoder draws at each of the six."
    )
    scene = pad_scene(model, codes, data.labels)
    return Explorer(scene, controls, lambda: draw_pad_strip(model, codes, data.labels), alt=alt, fast=True)


def decoded(model: nn.Module, places: Sequence[tuple[float, float]]) -> Tensor:
    """What the decoder draws at places of the plane: (n, C, H, W), float in [0, 1]."""
    if model.latent_dim != 2:
        raise ValueError(f"The pad is a plane; this model's code has {model.latent_dim} dimensions, not 2.")
    return pictures(model, torch.tensor(places, dtype=torch.float32))


def _draw_plane(axes: Axes, codes: Tensor, labels: Tensor) -> None:
    draw_prior(axes, linewidth=1)
    for index in labels.unique().tolist():
        look = class_style(index) | {"marker": f"${index}$"}
        axes.scatter(*codes[labels == index].T.numpy(), s=22, alpha=0.6, linewidths=0, **look)
    axes.set(xlim=(-3.2, 3.2), ylim=(-3.2, 3.2), aspect="equal")
    axes.set(xlabel="$z_1$ (dashed: 95% of the prior)", ylabel="$z_2$")
