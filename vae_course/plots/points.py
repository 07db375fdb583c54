"""Samples of point models over the modes of a mixture, as panels and as small frames of an animation."""

from collections.abc import Mapping

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from torch import Tensor

from vae_course.data.toys import GaussianMixture
from vae_course.evaluation.modes import point_coverage
from vae_course.plots.style import BLACK, BLUE, VERMILION, styled

SHOWN = 600  # points in a panel
# Markers of an animation's points, as (down, right) from the center in pixels.
DOT = tuple((down, right) for down in (-1, 0, 1) for right in (-1, 0, 1))
CROSS = ((-1, -1), (-1, 1), (0, 0), (1, -1), (1, 1))


@styled
def point_clouds(
    panels: Mapping[str, Tensor],
    mixture: GaussianMixture,
    *,
    columns: int = 5,
    least: float = 1,
) -> Figure:
    """A panel for each set of samples: dots lie on a mode, crosses do not; circles are the modes.

    ``panels``: name → points (n, 2). The first 600 are drawn; the counts in the title are of all. ``least``:
    good samples that make a mode hit.
    """
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(1.95 * columns, (1.95 + 0.35) * rows), layout="constrained")
    cells = figure.subplots(rows, columns, squeeze=False).flat
    for axes, (name, points) in zip(cells, panels.items(), strict=False):
        draw_cloud(axes, points, mixture)
        found = point_coverage(points, mixture, least=least)
        title = f"{name}\n{found.hit} of {found.modes} modes, {found.high_quality:.0%} on one"
        axes.set_title(title.lstrip(), fontsize=8.5)
    for axes in list(figure.axes)[len(panels) :]:
        axes.set_axis_off()
    return figure


def draw_cloud(axes: Axes, points: Tensor, mixture: GaussianMixture) -> list[Line2D]:
    """One panel: the plane around the mixture, without ticks. Returns stray and good points as lines."""
    reach = 1.3 * float(mixture.centers.abs().max())
    ring = {"color": "none", "markeredgecolor": BLACK, "markersize": 9, "markeredgewidth": 0.7}
    axes.plot(*mixture.centers.T.numpy(), "o", **ring)
    lines = axes.plot([], [], "x", color=VERMILION, markersize=2.6, markeredgewidth=0.6)
    lines += axes.plot([], [], "o", color=BLUE, markersize=1.8, markeredgewidth=0)
    place_cloud(lines, points, mixture)
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xticks=[], yticks=[])
    return lines


def place_cloud(lines: list[Line2D], points: Tensor, mixture: GaussianMixture) -> None:
    """Move the lines of ``draw_cloud`` to other points (n, 2)."""
    points = points[:SHOWN].cpu()
    good = mixture.nearest(points)[1] <= 3 * mixture.std
    for line, some in zip(lines, (points[~good], points[good]), strict=True):
        line.set_data(*some.T.numpy())


def cloud_frames(snapshots: Tensor, mixture: GaussianMixture, pixels: int = 168) -> Tensor:
    """Snapshots of samples as small pictures for ``animation_html``: blue dots on a mode, red crosses off it.

    ``snapshots`` (steps, n, copies, 2) are n samples of each copy at each step; the mixture's modes are gray
    squares of three standard deviations to each side. Gives float32 (steps, copies, 3, pixels, pixels).
    """
    snapshots = snapshots.cpu()
    steps, _, copies, _ = snapshots.shape
    reach = 1.3 * float(mixture.centers.abs().max())
    frames = np.ones((steps, copies, pixels, pixels, 3), dtype=np.float32)

    def place(points: Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        cell = ((points.double() / reach + 1) / 2 * pixels).floor().long()
        inside = ((cell >= 1) & (cell < pixels - 1)).all(-1)
        cell = cell.clamp(0, pixels - 1)
        return pixels - 1 - cell[..., 1].numpy(), cell[..., 0].numpy(), inside.numpy()

    half = max(1, round(3 * mixture.std * pixels / (2 * reach)))
    for r, c in zip(*place(mixture.centers)[:2], strict=True):
        frames[:, :, r - half : r + half + 1, c - half : c + half + 1] = 0.75
    good = (mixture.nearest(snapshots)[1] <= 3 * mixture.std).numpy()
    row, column, inside = place(snapshots)
    for on_mode, marker, color in ((False, CROSS, VERMILION), (True, DOT, BLUE)):
        step, point, copy = np.nonzero(inside & (good == on_mode))
        r, c = row[step, point, copy], column[step, point, copy]
        for down, right in marker:
            frames[step, copy, r + down, c + right] = to_rgb(color)
    return torch.from_numpy(frames).permute(0, 1, 4, 2, 3)
