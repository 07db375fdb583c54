"""Chapter 09's sliders: a face, and how much of each attribute vector is added to its code."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from vae_course.plots.images import image_grid, interpolation_strip, looking_at, mean_code, pictures
from vae_course.widgets.controls import Explorer, dropdown, explorer, slider

REACH = 1.5
STATIONS = (-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5)


def edited(
    model: nn.Module, picture: Tensor, vectors: Mapping[str, Tensor], amounts: Mapping[str, float]
) -> Tensor:
    """The decoded picture after adding amounts of attribute vectors to its code: (C, H, W) in [0, 1].

    Args:
        model: a VAE.
        picture: (C, H, W), in [0, 1].
        vectors: attribute to its vector (latent,).
        amounts: attribute to how often its vector is added; those left out are 0.
    """
    with looking_at(model) as device:
        code = mean_code(model, picture[None].to(device))
        for name, amount in amounts.items():
            code = code + amount * vectors[name].to(code)
        return pictures(model, code)[0]


def draw_attribute_strip(model: nn.Module, picture: Tensor, vectors: Mapping[str, Tensor]) -> Figure:
    """One row for each attribute, from taking its vector away to adding it."""
    rows = torch.stack(
        [torch.stack([edited(model, picture, vectors, {name: a}) for a in STATIONS]) for name in vectors]
    )
    return interpolation_strip(rows, [f"{a:+g}" for a in STATIONS], row_labels=list(vectors))


def explore_attributes(
    model: nn.Module, examples: Mapping[str, Tensor], vectors: Mapping[str, Tensor], *, alt: str
) -> Explorer:
    """A menu of pictures and a slider for each attribute; the strip shows the first picture.

    Args:
        model: a VAE, on the CPU.
        examples: name to picture (C, H, W), in [0, 1].
        vectors: attribute to its vector (latent,).
        alt: one sentence of alternative text for the strip.
    """
    controls = {"face": dropdown("face", list(examples))}
    names = {f"amount_{number}": name for number, name in enumerate(vectors)}
    controls |= {key: slider(name, -REACH, REACH, 0.0, step=0.1) for key, name in names.items()}

    def draw(face: str, **amounts: float) -> Figure:
        picture = examples[face]
        shown = [
            edited(model, picture, vectors, {}),
            edited(model, picture, vectors, {names[key]: amount for key, amount in amounts.items()}),
        ]
        return image_grid(torch.stack([picture, *shown]), 1, 3, ["picture", "decoded", "changed"], cell=1.8)

    first = next(iter(examples.values()))
    return explorer(draw, controls, lambda: draw_attribute_strip(model, first, vectors), alt=alt, fast=True)
