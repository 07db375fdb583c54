"""Plots of chapter 03: paths on the decoder's map, and two maps of the same codes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from vae_course.plots.latent import PRIOR_95, UNIT, apart, draw_prior
from vae_course.plots.style import BLACK, VERMILION, class_style, styled


def place_classes(axes: Axes, points: Tensor, labels: Tensor, names: Sequence[str], size: float = 15) -> None:
    """Each point small, in its class's color; each class's name, or its number, near the median."""
    classes = labels.unique().tolist()
    medians = torch.stack([points[labels == index].median(0).values for index in classes]).numpy()
    reach = (points.max(0).values - points.min(0).values).max().item()
    for index, place in zip(classes, apart(medians, 0.07 * reach), strict=True):
        color = class_style(index)["color"]
        name = names[index] if len(names[index]) < 3 else str(index)
        axes.scatter(*points[labels == index].T.numpy(), s=7, alpha=0.6, linewidths=0, color=color)
        box = {"boxstyle": "circle,pad=0.15", "facecolor": "white", "edgecolor": color, "alpha": 0.9}
        axes.text(*place, name, ha="center", va="center", fontsize=size, color=color, bbox=box)


@styled
def paths_on_map(
    metric: Callable[[Tensor], Tensor],
    straight: Tensor,
    bent: Tensor,
    names: Sequence[tuple] = (),
    *,
    reach: float = 3.5,
    points: int = 71,
) -> Figure:
    """Straight lines and geodesics between codes, over a decoder's magnification √det G.

    ``metric``: codes (n, 2) → G, (n, 2, 2); ``straight`` and ``bent`` are paths (steps, paths, 2); ``names``
    what to write at start and end of each. The plane goes from −reach to reach.
    """
    side = torch.linspace(-reach, reach, points)
    grid = torch.stack(torch.meshgrid(side, side, indexing="xy"), -1).flatten(0, 1)
    magnification = metric(grid).det().clamp_min(1).sqrt().unflatten(0, (points, points)).numpy(force=True)
    figure = Figure(figsize=(6.2, 5.0), layout="constrained")
    axes = figure.subplots()
    extent = (-reach, reach, -reach, reach)
    shown = axes.imshow(magnification, origin="lower", extent=extent, cmap="Blues", norm="log")
    figure.colorbar(shown, ax=axes, shrink=0.8, label="magnification √det G (change per area)")
    draw_prior(axes)
    axes.text(0, -PRIOR_95, "95% of the prior", ha="center", va="top", fontsize=9.5)
    for line, curve in zip(straight.unbind(1), bent.unbind(1), strict=True):
        axes.plot(*line.T.numpy(), color=BLACK, linestyle="--", linewidth=1.2)
        axes.plot(*curve.T.numpy(), color=VERMILION, linestyle="-", linewidth=2.4)
    box = {"boxstyle": "circle,pad=0.15", "facecolor": "white", "edgecolor": BLACK}
    for path, pair in zip(straight.unbind(1), names, strict=False):
        for place, name in zip(path[[0, -1]].tolist(), pair, strict=True):
            axes.text(*place, str(name), ha="center", va="center", fontsize=12, bbox=box)
    axes.plot([], [], color=BLACK, linestyle="--", linewidth=1.2, label="straight line")
    axes.plot([], [], color=VERMILION, linestyle="-", linewidth=2.4, label="geodesic")
    axes.legend(loc="upper right", frameon=True)
    axes.grid(False)
    axes.set(xlabel=f"$z_1$ ({UNIT})", ylabel=f"$z_2$ ({UNIT})", aspect="equal")
    return figure


@styled
def maps_side_by_side(maps: Mapping[str, Tensor], labels: Tensor, class_names: Sequence[str]) -> Figure:
    """The same pictures on several maps, title → points (n, 2), by class: ``labels`` (n,) are class numbers,
    ``class_names`` of 1 or 2 letters, or the number is written. The axes have no unit.
    """
    figure = Figure(figsize=(4.3 * len(maps), 4.5), layout="constrained")
    row = figure.subplots(1, len(maps), squeeze=False)[0]
    for axes, (title, points) in zip(row, maps.items(), strict=True):
        place_classes(axes, points.detach().cpu().float(), labels.cpu(), [str(name) for name in class_names])
        axes.set(xticks=[], yticks=[])
        axes.set_title(title, loc="left", fontsize=11)
        axes.spines[:].set_visible(True)
    return figure
