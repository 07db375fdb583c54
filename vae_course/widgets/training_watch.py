"""Chapter 06's explorer: walk through the training of several point models and watch their modes."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from matplotlib.figure import Figure
from torch import Tensor

from vae_course.data.toys import GaussianMixture
from vae_course.evaluation.samples import ModeCoverage, point_coverage
from vae_course.plots.points import draw_cloud, place_cloud
from vae_course.plots.style import BLUE, GREY, VERMILION, styled
from vae_course.widgets.controls import Explorer, Scene, dropdown, slider


@dataclass(frozen=True)
class Watched:
    """What was seen of a model in training: points (snapshots, n, copies, 2), samples after ``steps``."""

    steps: tuple[int, ...]
    points: Tensor


@styled
def moment_scene(watched: Mapping[str, Watched], mixture: GaussianMixture) -> Scene:
    """Left the samples at one snapshot, right how many modes were hit up to then and afterwards: a scene of
    model (a name), copy (which of the seeds) and moment (number of the snapshot), from 0.
    """
    figure = Figure(figsize=(8.0, 3.7), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.35])
    first, modes = next(iter(watched.values())), len(mixture.centers)
    lines = draw_cloud(left, first.points[0, :, 0], mixture)
    left.set_title(f"step {first.steps[-1]:,}: 0 of {modes} modes", fontsize=11)
    zero = [0] * len(first.steps)
    (hits,) = right.step(first.steps, zero, where="post", color=BLUE, linestyle="-", label="modes hit")
    (share,) = right.plot(first.steps, zero, color=GREY, linestyle="--", label=f"share on a mode × {modes}")
    (dot,) = right.plot([], [], marker="o", color=VERMILION, markersize=9, linestyle="")
    right.set(xlabel="training step", ylabel="modes", ylim=(-0.4, modes * 1.28))
    right.legend(loc="upper left", ncols=2, fontsize=9)

    @functools.cache
    def found(model: str, copy: int) -> list[ModeCoverage]:
        return [point_coverage(points[:, copy], mixture) for points in watched[model].points]

    def update(model: str, copy: int, moment: int) -> None:
        seen, coverage = watched[model], found(model, copy)
        place_cloud(lines, seen.points[moment, :, copy], mixture)
        left.title.set_text(f"step {seen.steps[moment]:,}: {coverage[moment].hit} of {modes} modes")
        hits.set_data(seen.steps, [c.hit for c in coverage])
        share.set_data(seen.steps, [c.high_quality * modes for c in coverage])
        dot.set_data([seen.steps[moment]], [coverage[moment].hit])

    return Scene(figure, [*lines, left.title, hits, share, dot], update)


@styled
def draw_moments(watched: Mapping[str, Watched], mixture: GaussianMixture) -> Figure:
    """A row for each model (its first seed), with six snapshots from the start to the end of training."""
    columns = 6
    figure = Figure(figsize=(1.65 * columns, 1.95 * len(watched) + 0.2), layout="constrained")
    cells = figure.subplots(len(watched), columns, squeeze=False)
    for row, (name, seen) in zip(cells, watched.items(), strict=True):
        chosen = torch.linspace(0, len(seen.steps) - 1, columns).round().int().tolist()
        for axes, moment in zip(row, chosen, strict=True):
            points = seen.points[moment, :, 0]
            draw_cloud(axes, points, mixture)
            hit = point_coverage(points, mixture).hit
            axes.set_title(f"step {seen.steps[moment]:,}: {hit} hit", fontsize=9)
        row[0].set_ylabel(name, fontsize=9)
    return figure


def explore_training(watched: Mapping[str, Watched], mixture: GaussianMixture, alt: str) -> Explorer:
    """A menu of models, a slider for the seed and one for the moment; ``alt`` of the still figure, seed 0."""
    snapshots, _, copies, _ = next(iter(watched.values())).points.shape
    controls = {
        "model": dropdown("model", list(watched)),
        "copy": slider("seed", 0, copies - 1, 0),
        "moment": slider("moment of training", 0, snapshots - 1, snapshots // 2),
    }
    scene = moment_scene(watched, mixture)
    return Explorer(scene, controls, lambda: draw_moments(watched, mixture), alt=alt, fast=True)
