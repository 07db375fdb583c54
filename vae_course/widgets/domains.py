"""Chapter 10's explorer: one slider between two examples, whatever kind of data they are."""

import functools
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from vae_course.evaluation.paths import lerp
from vae_course.plots.images import looking_at, mean_code, pictures
from vae_course.plots.style import styled
from vae_course.widgets.controls import Explorer, Scene, dropdown, place_picture, slider


@dataclass(frozen=True)
class Domain:
    """One kind of data: its model, which has ``encode``; two examples as one batch; and how a code is drawn.

    ``draw`` (model, code (1, latent), axes) draws what the decoder makes of the code.
    """

    model: nn.Module
    ends: Tensor
    draw: Callable[[nn.Module, Tensor, Axes], None]

    def code(self, t: float) -> Tensor:
        """The code at place t on the straight line between the posterior means of the ends, (1, latent)."""
        return lerp(*mean_code(self.model, self.ends), torch.tensor([t]))

    def place(self, axes: Axes, t: float, title: str, size: int = 11) -> None:
        """Draw what the decoder makes of the place t."""
        self.draw(self.model, self.code(t), axes)
        axes.set_title(title, fontsize=size)


@styled
def place_scene(domain: Domain) -> Scene:
    """What the decoder makes of both ends and of the place t between them: a scene of t."""
    figure = Figure(figsize=(8.5, 2.6), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    domain.place(left, 0.0, "from (t = 0)")
    domain.place(right, 1.0, "to (t = 1)")
    moving = [middle.title]

    @styled
    def update(t: float) -> None:
        while len(moving) > 1:
            moving.pop().remove()
        before = middle.get_children()
        domain.place(middle, t, f"t = {t:.2f}")
        moving.extend(artist for artist in middle.get_children() if artist not in before)

    update(0.5)
    return Scene(figure, moving, update)


@styled
def draw_all(domains: Mapping[str, Domain]) -> Figure:
    """The still twin: a row for each kind of data, five places from one end to the other."""
    figure = Figure(figsize=(8.5, 1.45 * len(domains) + 0.3), layout="constrained")
    grid = figure.subplots(len(domains), 5, squeeze=False)
    for row, (kind, domain) in zip(grid, domains.items(), strict=True):
        for axes, t in zip(row, (0.0, 0.25, 0.5, 0.75, 1.0), strict=True):
            domain.place(axes, t, f"t = {t:.2f}" if t else f"{kind}, t = 0", 9)
    return figure


def explore_domains(domains: Mapping[str, Domain], alt: str) -> Explorer:
    """A menu for the kind of data and a slider between two examples of it; the strip shows all (``alt``)."""
    controls = {"kind": dropdown("data", list(domains)), "t": slider("t", 0.0, 1.0, 0.5, step=0.05)}
    scene = functools.cache(lambda kind: place_scene(domains[kind]))
    return Explorer(lambda kind, t: scene(kind)(t=t), controls, lambda: draw_all(domains), alt=alt, fast=True)


def draw_picture(model: nn.Module, code: Tensor, axes: Axes) -> None:
    """A picture (C, H, W) of one or three channels."""
    place_picture(axes, pictures(model, code)[0], "")


def draw_sound(data) -> Callable[[nn.Module, Tensor, Axes], None]:
    """A drawer of spectrograms for models of this SoundData."""

    def draw(model: nn.Module, code: Tensor, axes: Axes) -> None:
        look = {"cmap": "magma", "vmin": data.settings.floor, "vmax": 0}
        with looking_at(model) as device:
            level = data.decibels(model.likelihood.mean(model.decode(code.to(device))).cpu())[0].numpy()
        axes.imshow(level, origin="lower", aspect="auto", **look)
        axes.set(xticks=[], yticks=[])
        axes.grid(False)

    return draw


def draw_text(tokenizer) -> Callable[[nn.Module, Tensor, Axes], None]:
    """A drawer of greedy texts for models of this tokenizer."""

    def draw(model: nn.Module, code: Tensor, axes: Axes) -> None:
        with looking_at(model) as device:
            text = tokenizer.decode(model.write(code.to(device)).cpu())[0]
        axes.text(0.5, 0.5, textwrap.fill(text, 16), ha="center", va="center", fontsize=9)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        axes.grid(False)

    return draw
