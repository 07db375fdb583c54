"""Chapter 06's explorer: walk through the training of several point models and watch their modes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from matplotlib.figure import Figure
from torch import Tensor

from vae_course.data.toys import GaussianMixture
from vae_course.evaluation.modes import point_coverage
from vae_course.plots.points import draw_cloud
from vae_course.plots.style import BLUE, GREY, VERMILION, styled
from vae_course.widgets.controls import Explorer, dropdown, explorer, slider


@dataclass(frozen=True)
class Watched:
    """What was seen of a model during training.

    Attributes:
        steps: updates made at each snapshot.
        points: (snapshots, n, copies, 2), samples of every copy at each of them.
    """

    steps: tuple[int, ...]
    points: Tensor


@styled
def draw_moment(seen: Watched, mixture: GaussianMixture, moment: int, copy: int, least: float) -> Figure:
    """Left the samples at one snapshot, right how many modes were hit up to then and afterwards.

    Args:
        seen: snapshots of one model.
        mixture: where the modes are.
        moment: number of the snapshot, from 0; copy: which of the seeds, from 0.
        least: good samples that make a mode hit.
    """
    figure = Figure(figsize=(8.0, 3.7), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.35])
    draw_cloud(left, seen.points[moment, :, copy], mixture)
    found = [point_coverage(points[:, copy], mixture, least=least) for points in seen.points]
    now = found[moment]
    left.set_title(f"step {seen.steps[moment]:,}: {now.hit} of {now.modes} modes", fontsize=11)
    right.step(seen.steps, [f.hit for f in found], where="post", color=BLUE, linestyle="-", label="modes hit")
    share = [f.high_quality * f.modes for f in found]
    label = f"share on a mode × {now.modes}"
    right.plot(seen.steps, share, color=GREY, linestyle="--", label=label)
    right.plot(seen.steps[moment], now.hit, marker="o", color=VERMILION, markersize=9, linestyle="")
    right.set(xlabel="training step", ylabel="modes", ylim=(-0.4, now.modes * 1.28))
    right.legend(loc="upper left", ncols=2, fontsize=9)
    return figure


@styled
def draw_moments(
    watched: Mapping[str, Watched], mixture: GaussianMixture, copy: int, least: float, columns: int = 6
) -> Figure:
    """A row for each model, with snapshots from the start to the end of training."""
    figure = Figure(figsize=(1.65 * columns, 1.95 * len(watched) + 0.2), layout="constrained")
    cells = figure.subplots(len(watched), columns, squeeze=False)
    for row, (name, seen) in zip(cells, watched.items(), strict=True):
        chosen = torch.linspace(0, len(seen.steps) - 1, columns).round().int().tolist()
        for axes, moment in zip(row, chosen, strict=True):
            draw_cloud(axes, seen.points[moment, :, copy], mixture)
            hit = point_coverage(seen.points[moment, :, copy], mixture, least=least).hit
            axes.set_title(f"step {seen.steps[moment]:,}: {hit}", fontsize=9)
        row[0].set_ylabel(name, fontsize=9)
    return figure


def explore_training(
    watched: Mapping[str, Watched], mixture: GaussianMixture, least: float, alt: str
) -> Explorer:
    """A menu of models, a slider for the seed and one for the moment; the still figure shows seed 0.

    Args:
        watched: name → snapshots; all with as many snapshots and copies.
        mixture, least: as in :func:`draw_moment`.
        alt: a sentence on the still figure.
    """
    first = next(iter(watched.values()))
    controls = {
        "model": dropdown("model", {name: name for name in watched}, next(iter(watched))),
        "copy": slider("seed", 0, first.points.shape[2] - 1, 0),
        "moment": slider("moment of training", 0, len(first.steps) - 1, len(first.steps) // 2),
    }

    def draw(model: str, copy: int, moment: int) -> Figure:
        return draw_moment(watched[model], mixture, moment, copy, least)

    return explorer(draw, controls, lambda: draw_moments(watched, mixture, 0, least), alt=alt)
