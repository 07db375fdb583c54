"""Explorers that move a code and decode it: pad, attributes.

Every model may be a VAE or an Autoencoder, on any device. Codes are in standard deviations of the prior;
pictures are (C, H, W), floats in [0, 1].
"""

from collections.abc import Mapping, Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from vae_course.plots.images import (
    image_grid,
    interpolation_strip,
    mean_code,
    montage,
    pictures,
)
from vae_course.plots.latent import draw_prior
from vae_course.plots.style import BLACK, VERMILION, class_style, minus, styled
from vae_course.widgets.controls import Explorer, Scene, dropdown, place_picture, set_picture, slider

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
    """Two sliders over the plane of a two-dimensional code, data as its background; the strip shows six
    places.
    """
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


# Explorers whose picture is one row of pictures.


def row_scene(shown: Tensor, names: Sequence[str], update, cell: float) -> Scene:
    """Pictures in a row under names; `update(**settings)` gives new ones, and the middle name or None."""
    figure = image_grid(shown, 1, len(shown), column_titles=names, cell=cell)
    image, label = figure.axes[0].images[0], figure.axes[0].texts[len(shown) // 2]

    def redraw(**settings) -> None:
        found, name = update(**settings)
        image.set_data(montage(found, 1, len(found)))
        label.set_text(name or label.get_text())

    return Scene(figure, [image, label], redraw)


# Chapter 09's sliders: a face, and how much of each attribute vector is added to its code.

STRENGTHS = (-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5)


def edited(
    model: nn.Module, picture: Tensor, vectors: Mapping[str, Tensor], amounts: Mapping[str, float]
) -> Tensor:
    """The decoded picture after adding amounts of attribute vectors (latent,) to its code."""
    code = mean_code(model, picture[None])
    for name, amount in amounts.items():
        code = code + amount * vectors[name].to(code)
    return pictures(model, code)[0]


def explore_attributes(
    model: nn.Module, examples: Mapping[str, Tensor], vectors: Mapping[str, Tensor], *, alt: str
) -> Explorer:
    """A menu of pictures and a slider for each attribute; the strip shows the first picture.

    ``examples``: name to picture (C, H, W), in [0, 1]; ``vectors``: attribute to its vector (latent,);
    ``alt``: a sentence on the strip, which has a row for each attribute, taken away and added.
    """
    names = {f"amount_{number}": name for number, name in enumerate(vectors)}
    controls = {"face": dropdown("face", list(examples))}
    controls |= {key: slider(name, STRENGTHS[0], STRENGTHS[-1], 0.0, step=0.1) for key, name in names.items()}
    first = next(iter(examples.values()))

    def update(face: str, **amounts: float):
        picture, changed = examples[face], {names[key]: amount for key, amount in amounts.items()}
        shown = [picture, edited(model, picture, vectors, {}), edited(model, picture, vectors, changed)]
        return torch.stack(shown), None

    def strip() -> Figure:
        rows = [torch.stack([edited(model, first, vectors, {n: a}) for a in STRENGTHS]) for n in vectors]
        labels = [f"{a:+g}" for a in STRENGTHS]
        return interpolation_strip(torch.stack(rows), labels, row_labels=list(vectors))

    scene = row_scene(torch.stack([first] * 3), ["picture", "decoded", "changed"], update, cell=1.8)
    return Explorer(scene, controls, strip, alt=alt, fast=True)
