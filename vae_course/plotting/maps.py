"""Points in a plane that is no latent space: a projection, an embedding, or the prior spread out evenly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.figure import Figure

from vae_course.plotting.latent import MAX_POINTS, _check_labels, _draw_classes
from vae_course.plotting.style import BLACK, styled


@styled
def point_map(
    points: torch.Tensor | np.ndarray,
    labels: torch.Tensor | np.ndarray | Sequence[int],
    class_names: Sequence[str] | None = None,
    *,
    x_label: str,
    y_label: str,
    square: bool = False,
    seed: int = 0,
) -> Figure:
    """Draw points by class: digits as glyphs, other classes as markers with a legend.

    Args:
        points: (n, 2), float.
        labels: (n,) class numbers 0, 1, ...
        class_names: name of each class (default: its number).
        x_label, y_label: what the axes show, with unit.
        square: the axes are exactly the square from 0 to 1, with a frame.
        seed: chooses the points that are drawn when there are more than 2,000.

    Raises:
        ValueError: points and labels have the wrong shape, or a label has no name.
    """
    points = np.asarray(points.detach().cpu() if isinstance(points, torch.Tensor) else points, dtype=float)
    if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
        raise ValueError(f"points must be finite numbers of shape (n, 2), not {points.shape}.")
    labels, names = _check_labels(labels, class_names, len(points))
    if len(points) > MAX_POINTS:
        keep = np.random.default_rng(seed).permutation(len(points))[:MAX_POINTS]
        points, labels = points[keep], labels[keep]
    legend = any(len(name) > 1 for name in names)
    figure = Figure(figsize=(7.4 if legend else 5.8, 5.5), layout="constrained")
    axes = figure.subplots()
    _draw_classes(axes, points, labels, names, medians=True)
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    if square:
        axes.plot([0, 1, 1, 0, 0], [0, 0, 1, 1, 0], color=BLACK, linewidth=1, linestyle="-")
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.02, 1.02)
        axes.set_aspect("equal", adjustable="box")
    else:
        axes.set_aspect("equal", adjustable="datalim")
    if legend:
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), markerscale=1.6)
    return figure


def prior_square(
    codes: torch.Tensor, labels: torch.Tensor, class_names: Sequence[str] | None = None
) -> Figure:
    """Draw two-dimensional codes at Φ(z), the normal distribution function: the prior fills it evenly.

    Args:
        codes: (n, 2) draws of z.
        labels, class_names: as in ``point_map``.
    """
    return point_map(
        torch.special.ndtr(codes.double()),
        labels,
        class_names,
        x_label="$Φ(z_1)$ (share of the prior to the left)",
        y_label="$Φ(z_2)$ (share of the prior below)",
        square=True,
    )
