"""Chapter 03's traversal: one slider for each of the dimensions that matter most for a picture's code."""

from __future__ import annotations

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from vae_course.plotting.codes import looking_at, mean_code, pictures
from vae_course.plotting.style import BLUE, GREY, VERMILION, styled
from vae_course.plotting.traversal import traversal_grid
from vae_course.widgets.controls import slider
from vae_course.widgets.explorer import Explorer, explorer

LIMIT = 3.0


@styled
def draw_traversal(model: nn.Module, code: Tensor, moves: dict[int, float]) -> Figure:
    """A code with some dimensions moved: before, after, what changed, and the code itself.

    Args:
        model: a VAE or an Autoencoder, on the CPU.
        code: (latent,), the code of a picture.
        moves: dimension (from 0) to its new value, in standard deviations of the prior.

    Raises:
        ValueError: the model has no such dimension.
    """
    unknown = [dimension for dimension in moves if not 0 <= dimension < model.latent_dim]
    if unknown:
        raise ValueError(f"The dimensions are 0 to {model.latent_dim - 1}; there is no {unknown[0]}.")
    moved = code.detach().clone()
    for dimension, value in moves.items():
        moved[dimension] = value
    with looking_at(model) as device:
        before, after = pictures(model, torch.stack([code.detach(), moved]).to(device))
    figure = Figure(figsize=(10.0, 3.2), layout="constrained")
    left, middle, right, bars = figure.subplots(1, 4, width_ratios=[1, 1, 1, 1.8])
    _draw_picture(left, before, "before")
    _draw_picture(middle, after, "after")
    change = (after - before).mean(0)
    right.imshow(change.numpy(), cmap="PuOr", vmin=-1, vmax=1)
    right.set_title(f"change, {change.abs().sum():.0f} pixels' worth", fontsize=11)
    _bare(right)
    places = torch.arange(1, model.latent_dim + 1).numpy()
    bars.plot(places, code.detach().numpy(), linestyle="", marker="o", color=BLUE, label="before")
    bars.plot(places, moved.numpy(), linestyle="", marker="x", markersize=7, color=VERMILION, label="after")
    bars.axhline(0, color=GREY, linewidth=0.8, linestyle=":")
    bars.set_ylim(-LIMIT - 1, LIMIT + 1)
    bars.set_xlabel("latent dimension")
    bars.set_ylabel("z (prior: 0 ± 1)")
    bars.legend(loc="lower right", ncols=2, fontsize=9)
    return figure


def explore_traversal(model: nn.Module, image: Tensor, dimensions: list[int]) -> Explorer:
    """A slider for each of some dimensions, starting at the picture's own code; the grid below shows all.

    Args:
        model: a VAE or an Autoencoder, on the CPU.
        image: (C, H, W), float in [0, 1].
        dimensions: which ones (from 0), at most eight.

    Raises:
        ValueError: no dimensions, or more than fit on the screen.
    """
    if not 1 <= len(dimensions) <= 8:
        raise ValueError(f"Give one to eight dimensions; got {len(dimensions)}.")
    with looking_at(model):
        code = mean_code(model, image[None])[0]
    controls = {}
    for dimension in dimensions:
        value = min(max(round(code[dimension].item(), 1), -LIMIT), LIMIT)
        controls[f"z{dimension + 1}"] = slider(f"z{dimension + 1}", -LIMIT, LIMIT, value, step=0.1)

    def draw(**values: float) -> Figure:
        return draw_traversal(model, code, {int(name[1:]) - 1: value for name, value in values.items()})

    alt = (
        f"A grid with {len(dimensions)} rows, one for each latent dimension that has a slider, and seven "
        "columns: the same code decoded with that dimension at −3 to +3 and all others kept."
    )
    return explorer(draw, controls, lambda: traversal_grid(model, code, dimensions), alt=alt, fast=True)


def _draw_picture(axes: Axes, picture: Tensor, title: str) -> None:
    axes.imshow(picture.permute(1, 2, 0).squeeze(-1).numpy(), cmap="gray", vmin=0, vmax=1)
    axes.set_title(title, fontsize=11)
    _bare(axes)


def _bare(axes: Axes) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(False)
