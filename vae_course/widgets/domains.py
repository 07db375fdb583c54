"""Chapter 10's explorer: one slider between two examples, whatever kind of data they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from vae_course.evaluation.paths import lerp
from vae_course.plots.style import BLUE, GREY, styled
from vae_course.widgets.controls import Explorer, dropdown, explorer, slider


@dataclass(frozen=True)
class Domain:
    """One kind of data: its model, two examples, and how one decoded example is drawn.

    Attributes:
        model: has ``encode``; what decodes is `draw`.
        ends: the two examples as one batch, as ``model.encode`` takes them.
        draw: (model, code (1, latent), axes) -> None; draws what the decoder makes of the code.
    """

    model: nn.Module
    ends: Tensor
    draw: Callable[[nn.Module, Tensor, Axes], None]

    @torch.no_grad()
    def code(self, t: float) -> Tensor:
        """The code at place t on the straight line between the posterior means of the ends, (1, latent)."""
        first, last = self.model.encode(self.ends).mean
        return lerp(first, last, torch.tensor([t]))


@styled
def draw_place(domains: Mapping[str, Domain], kind: str, t: float) -> Figure:
    """What the decoder makes of both ends and of the place t between them, for one kind of data."""
    domain = domains[kind]
    figure = Figure(figsize=(8.5, 2.6), layout="constrained")
    for axes, place in zip(figure.subplots(1, 3), (0.0, t, 1.0), strict=True):
        domain.draw(domain.model, domain.code(place), axes)
        axes.set_title({0.0: "from (t = 0)", 1.0: "to (t = 1)"}.get(place, f"t = {place:.2f}"), fontsize=11)
    return figure


@styled
def draw_all(domains: Mapping[str, Domain], steps: int = 5) -> Figure:
    """The still twin: a row for each kind of data, `steps` places from one end to the other."""
    figure = Figure(figsize=(8.5, 1.45 * len(domains) + 0.3), layout="constrained")
    grid = figure.subplots(len(domains), steps, squeeze=False)
    for row, (kind, domain) in zip(grid, domains.items(), strict=True):
        for axes, place in zip(row, torch.linspace(0, 1, steps).tolist(), strict=True):
            domain.draw(domain.model, domain.code(place), axes)
            axes.set_title(f"t = {place:.2f}", fontsize=9)
        row[0].set_title(f"{kind}, t = 0", fontsize=9)
    return figure


def explore_domains(domains: Mapping[str, Domain], alt: str) -> Explorer:
    """A menu for the kind of data and a slider between two examples of it; the strip shows all kinds.

    Args:
        domains: name to :class:`Domain`, at least one.
        alt: one sentence of alternative text for the strip.
    """
    controls = {
        "kind": dropdown("data", list(domains), next(iter(domains))),
        "t": slider("t", 0.0, 1.0, 0.5, step=0.05),
    }
    return explorer(
        lambda kind, t: draw_place(domains, kind, t), controls, lambda: draw_all(domains), alt=alt, fast=True
    )


@torch.no_grad()
def draw_picture(model: nn.Module, code: Tensor, axes: Axes) -> None:
    """A picture (C, H, W) of one or three channels."""
    picture = model.likelihood.mean(model.decode(code))[0].permute(1, 2, 0).squeeze(-1)
    _bare(axes)
    axes.imshow(picture.clamp(0, 1).numpy(), cmap="gray", vmin=0, vmax=1)


def draw_sound(data) -> Callable[[nn.Module, Tensor, Axes], None]:
    """A drawer of spectrograms for models of this SoundData."""

    @torch.no_grad()
    def draw(model: nn.Module, code: Tensor, axes: Axes) -> None:
        level = data.decibels(model.likelihood.mean(model.decode(code)))[0]
        _bare(axes)
        floor = data.settings.floor
        axes.imshow(level.numpy(), origin="lower", aspect="auto", cmap="magma", vmin=floor, vmax=0)

    return draw


@torch.no_grad()
def draw_row(model: nn.Module, code: Tensor, axes: Axes) -> None:
    """A row of a table: each scaled column as a bar, in standard deviations of the training part."""
    values = model.likelihood.mean(model.decode(code)).flatten().numpy()
    axes.bar(range(1, len(values) + 1), values, color=BLUE, width=0.8)
    axes.axhline(0, color=GREY, linewidth=0.8)
    axes.set_ylim(-3, 3)
    axes.set_xlabel("column", fontsize=9)
    axes.set_ylabel("value (sd)", fontsize=9)
    axes.grid(axis="x", visible=False)


def draw_text(tokenizer) -> Callable[[nn.Module, Tensor, Axes], None]:
    """A drawer of greedy texts for models of this tokenizer."""

    def draw(model: nn.Module, code: Tensor, axes: Axes) -> None:
        import textwrap

        text = tokenizer.decode(model.write(code))[0]
        _bare(axes)
        for side in axes.spines.values():
            side.set_visible(False)
        axes.text(0.5, 0.5, textwrap.fill(text, 16), ha="center", va="center", fontsize=9)

    return draw


def _bare(axes: Axes) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(False)
