"""Samples of point models over the modes of a mixture."""

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from torch import Tensor

from vae_course.data.toys import GaussianMixture
from vae_course.evaluation.samples import point_coverage
from vae_course.plots.style import BLACK, BLUE, VERMILION, styled

SHOWN = 600  # points in a panel


@styled
def point_clouds(panels: Mapping[str, Tensor], mixture: GaussianMixture, *, columns: int = 4) -> Figure:
    """A panel for each set of samples, name → points (n, 2): dots lie on a mode, crosses do not; circles are
    the modes. The first 600 are drawn; the counts in the title are of all.
    """
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(2.1 * columns, (2.1 + 0.4) * rows), layout="constrained")
    cells = figure.subplots(rows, columns, squeeze=False).flat
    for axes, (name, points) in zip(cells, panels.items(), strict=False):
        draw_cloud(axes, points, mixture)
        found = point_coverage(points, mixture)
        title = f"{name}\n{found.hit} of {found.modes} hit, {found.high_quality:.0%} good"
        axes.set_title(title.lstrip(), fontsize=9.5)
    for axes in list(figure.axes)[len(panels) :]:
        axes.set_axis_off()
    return figure


def draw_cloud(axes: Axes, points: Tensor, mixture: GaussianMixture) -> list[Line2D]:
    """One panel: the plane around the mixture, without ticks. Returns stray and good points as lines."""
    reach = 1.3 * float(mixture.centers.abs().max())
    ring = {"color": "none", "markeredgecolor": BLACK, "markersize": 9, "markeredgewidth": 0.7}
    axes.plot(*mixture.centers.T.numpy(), "o", **ring)
    lines = axes.plot([], [], "x", color=VERMILION, markersize=2.6, markeredgewidth=0.6)
    lines += axes.plot([], [], "o", color=BLUE, markersize=1.8, markeredgewidth=0, alpha=0.35)
    place_cloud(lines, points, mixture)
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xticks=[], yticks=[])
    return lines


def place_cloud(lines: list[Line2D], points: Tensor, mixture: GaussianMixture) -> None:
    """Move the lines of ``draw_cloud`` to other points (n, 2)."""
    points = points[:SHOWN].cpu()
    good = mixture.nearest(points)[1] <= 3 * mixture.std
    for line, some in zip(lines, (points[~good], points[good]), strict=True):
        line.set_data(*some.T.numpy())
