"""Chapter 03's pad: move through a two-dimensional code and see what the decoder draws there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from vae_course.plots.images import looking_at, mean_code, pictures
from vae_course.plots.latent import PRIOR_95
from vae_course.plots.style import BLACK, GREY, VERMILION, class_style, styled
from vae_course.widgets.controls import Explorer, explorer, slider

REACH = 3.2
STATIONS = ((-2.0, 1.5), (-1.2, 0.6), (-0.4, -0.2), (0.5, -0.8), (1.4, -0.4), (2.2, 0.8))


@styled
def draw_latent_pad(
    model: nn.Module, z1: float, z2: float, codes: Tensor | None = None, labels: Tensor | None = None
) -> Figure:
    """The plane with the present place, and what the decoder draws there.

    Args:
        model: a VAE or an Autoencoder with two latent dimensions.
        z1, z2: the place, in standard deviations of the prior.
        codes, labels: (n, 2) and (n,), codes of data for the background; glyphs show the class.

    Raises:
        ValueError: the model has not two latent dimensions.
    """
    figure = Figure(figsize=(7.2, 3.9), layout="constrained")
    plane, picture = figure.subplots(1, 2, width_ratios=[1.25, 1])
    _draw_plane(plane, codes, labels)
    plane.plot([z1], [z2], marker="X", markersize=13, color=VERMILION, markeredgecolor="white", linestyle="")
    plane.set_title(rf"$z$ = ({z1:.2f}, {z2:.2f})".replace("-", "−"), fontsize=11)
    _draw_picture(picture, decoded(model, [(z1, z2)])[0], "decoder's mean")
    return figure


@styled
def draw_pad_strip(
    model: nn.Module,
    places: Sequence[tuple[float, float]] = STATIONS,
    codes: Tensor | None = None,
    labels: Tensor | None = None,
) -> Figure:
    """Numbered places of the plane, and the picture of each: the still twin of the pad.

    Args:
        model, codes, labels: as in ``draw_latent_pad``.
        places: (z1, z2) of each picture, at least one.
    """
    if not places:
        raise ValueError("The strip needs at least one place (z1, z2); got none.")
    figure = Figure(figsize=(9.0, 3.9), layout="constrained")
    plane, right = figure.subfigures(1, 2, width_ratios=[1.05, 1.2])
    axes = plane.subplots()
    _draw_plane(axes, codes, labels)
    axes.plot(*zip(*places, strict=True), color=BLACK, linewidth=1, linestyle="--")
    for number, (z1, z2) in enumerate(places, start=1):
        box = {"boxstyle": "circle,pad=0.2", "facecolor": "white", "edgecolor": VERMILION, "linewidth": 1.5}
        axes.text(z1, z2, str(number), ha="center", va="center", fontsize=10, bbox=box)
    columns = -(-len(places) // 2)
    cells = right.subplots(2, columns, squeeze=False).flat
    shown = decoded(model, places)
    for number, cell in enumerate(cells, start=1):
        if number > len(places):
            cell.set_axis_off()
        else:
            _draw_picture(cell, shown[number - 1], str(number))
    return figure


def explore_latent_pad(model: nn.Module, data) -> Explorer:
    """Two sliders over the plane of a two-dimensional code; the strip below shows six places.

    Args:
        model: a VAE or an Autoencoder with two latent dimensions, on the CPU.
        data: ImageData for the background, a few hundred pictures.
    """
    with looking_at(model):
        codes = mean_code(model, data.floats())
    labels = data.labels
    controls = {
        "z1": slider("z₁", -3.0, 3.0, 0.0, step=0.05),
        "z2": slider("z₂", -3.0, 3.0, 0.0, step=0.05),
    }
    alt = (
        "Left: the plane of a two-dimensional code with the codes of data and six numbered places joined by "
        "a dashed line. Right: what the decoder draws at each of the six."
    )

    def draw(z1: float, z2: float) -> Figure:
        return draw_latent_pad(model, z1, z2, codes, labels)

    return explorer(
        draw, controls, lambda: draw_pad_strip(model, STATIONS, codes, labels), alt=alt, fast=True
    )


def decoded(model: nn.Module, places: Sequence[tuple[float, float]]) -> Tensor:
    """What the decoder draws at places of the plane: (n, C, H, W), float in [0, 1]."""
    if model.latent_dim != 2:
        raise ValueError(f"The pad is a plane; this model's code has {model.latent_dim} dimensions, not 2.")
    with looking_at(model) as device:
        return pictures(model, torch.tensor(places, dtype=torch.float32, device=device))


def _draw_plane(axes: Axes, codes: Tensor | None, labels: Tensor | None) -> None:
    angle = torch.linspace(0, 2 * torch.pi, 200).numpy()
    axes.plot(PRIOR_95 * np.cos(angle), PRIOR_95 * np.sin(angle), color=GREY, linestyle="--", linewidth=1)
    if codes is not None:
        labels = torch.zeros(len(codes), dtype=torch.long) if labels is None else labels
        for index in labels.unique().tolist():
            x, y = codes[labels == index].T.numpy()
            look = class_style(index) | {"marker": f"${index}$"}
            axes.scatter(x, y, s=22, alpha=0.6, linewidths=0, **look)
    axes.set_xlim(-REACH, REACH)
    axes.set_ylim(-REACH, REACH)
    axes.set_aspect("equal")
    axes.set_xlabel("$z_1$ (dashed: 95% of the prior)")
    axes.set_ylabel("$z_2$")


def _draw_picture(axes: Axes, picture: Tensor, title: str) -> None:
    axes.imshow(picture.permute(1, 2, 0).squeeze(-1).numpy(), cmap="gray", vmin=0, vmax=1)
    axes.set_title(title, fontsize=11)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(False)
