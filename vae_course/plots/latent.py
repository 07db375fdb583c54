"""Codes in the plane: scatter, ellipses, maps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Ellipse

from vae_course.elbo import GaussianPosterior
from vae_course.plots.style import BLACK, GREY, class_style, styled
from vae_course.randomness import seed_of

# -------- Codes in the plane: one point per image, one color and one glyph per class.

PRIOR_95 = 2.4477  # radius that holds 95 % of a two-dimensional standard normal: sqrt(-2 ln 0.05)
MAX_POINTS = 2000  # more glyphs than this hide one another


@styled
def latent_scatter(
    codes: torch.Tensor | np.ndarray,
    labels: torch.Tensor | np.ndarray | Sequence[int] | None = None,
    class_names: Sequence[str] | None = None,
    *,
    seed: int = 0,
) -> Figure:
    """Draw codes as points, directly when they have two dimensions and by PCA when they have more.

    Classes with one-character names (digits) are drawn as that character, other classes as marker shapes
    with a legend; a large one marks each class's median. The dashed circle holds 95 % of the prior N(0, I),
    so codes are in units of the prior's standard deviation; it is drawn for two-dimensional codes only.
    One-dimensional codes are drawn with one row per class.

    Args:
        codes: (n, latent), float, n >= 2.
        labels: (n,) class numbers 0, 1, ...; without them all points are grey.
        class_names: name of each class (default: its number).
        seed: chooses the points that are drawn when there are more than 2,000.

    Raises:
        ValueError: codes and labels have the wrong shape, or a label has no name.
    """
    codes = np.asarray(codes.detach().cpu() if isinstance(codes, torch.Tensor) else codes, dtype=float)
    if codes.ndim != 2 or len(codes) < 2 or codes.shape[1] < 1:
        raise ValueError(f"codes must have the shape (n, latent) with n >= 2, not {codes.shape}.")
    if not np.isfinite(codes).all():
        raise ValueError("codes contain values that are not finite; the model may have diverged.")
    labels, names = _check_labels(labels, class_names, len(codes))

    points, axis_labels = _project(codes)
    if len(points) > MAX_POINTS:
        keep = np.random.default_rng(seed_of(seed)).permutation(len(points))[:MAX_POINTS]
        points, labels = points[keep], None if labels is None else labels[keep]
    if points.shape[1] == 1:  # one row per class, with a little spread so that points do not hide one another
        spread = np.random.default_rng(seed_of(seed)).uniform(-0.3, 0.3, len(points))
        points = np.column_stack([points[:, 0], (0 if labels is None else labels) + spread])

    legend = labels is not None and any(len(name) > 1 for name in names) and codes.shape[1] > 1
    figure = Figure(figsize=(7.4 if legend else 5.8, 5.5), layout="constrained")
    axes = figure.subplots()
    if codes.shape[1] == 2:
        angle = np.linspace(0, 2 * np.pi, 200)
        x, y = PRIOR_95 * np.cos(angle), PRIOR_95 * np.sin(angle)
        axes.plot(x, y, color=GREY, linestyle="--", linewidth=1.2)
        axes.text(0, -1.02 * PRIOR_95, "95% of the prior", color=GREY, fontsize=9.5, ha="center", va="top")
    if labels is None:
        axes.scatter(*points.T, s=9, color=GREY, alpha=0.6, linewidths=0)
    else:
        _draw_classes(axes, points, labels, names, medians=codes.shape[1] > 1)
    axes.set_xlabel(axis_labels[0])
    axes.set_ylabel(axis_labels[1])
    if codes.shape[1] == 1:
        axes.set_yticks(range(len(names)) if labels is not None else [], names if labels is not None else [])
    else:
        axes.set_aspect("equal", adjustable="datalim")
    if legend:
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), markerscale=1.6)
    return figure


def _check_labels(
    labels: torch.Tensor | np.ndarray | Sequence[int] | None, names: Sequence[str] | None, n: int
) -> tuple[np.ndarray | None, list[str]]:
    if labels is None:
        return None, []
    labels = np.asarray(labels.cpu() if isinstance(labels, torch.Tensor) else labels)
    if labels.shape != (n,) or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"labels must be {n} whole numbers, one per code, not {labels.dtype} {labels.shape}."
        )
    names = [str(name) for name in (names if names is not None else range(int(labels.max()) + 1))]
    if labels.min() < 0 or labels.max() >= len(names):
        raise ValueError(
            f"labels go from {labels.min()} to {labels.max()}, but there are {len(names)} class names."
        )
    return labels, names


def _project(codes: np.ndarray) -> tuple[np.ndarray, tuple[str, str]]:
    """Points to draw, (n, 1) or (n, 2), and what the axes show."""
    if codes.shape[1] == 1:
        return codes, ("$z_1$ (standard deviations of the prior)", "class")
    if codes.shape[1] == 2:
        return codes, ("$z_1$ (standard deviations of the prior)", "$z_2$ (standard deviations of the prior)")
    centered = codes - codes.mean(0)
    _, singular, directions = np.linalg.svd(centered, full_matrices=False)
    # The sign of a principal direction is arbitrary; fixing it keeps the picture the same on every machine.
    directions = (
        directions * np.sign(directions[np.arange(len(directions)), np.abs(directions).argmax(1)])[:, None]
    )
    share = singular**2 / max((singular**2).sum(), 1e-30)
    labels = tuple(f"principal component {i + 1} ({share[i]:.0%} of the variance)" for i in range(2))
    return centered @ directions[:2].T, labels


def _draw_classes(
    axes: Axes, points: np.ndarray, labels: np.ndarray, names: list[str], medians: bool
) -> None:
    halo = [patheffects.withStroke(linewidth=3.5, foreground="white")]
    for index in np.unique(labels):
        name, look, mine = names[index], class_style(int(index)), points[labels == index]
        glyph = len(name) == 1 and name.isalnum() and medians
        marker = f"${name}$" if glyph else look["marker"]
        axes.scatter(
            *mine.T,
            s=34 if glyph else 16,
            marker=marker,
            color=look["color"],
            alpha=0.75,
            linewidths=0,
            label=name,
        )
    if not medians:
        return
    classes = np.unique(labels)
    places = np.array([np.median(points[labels == index], axis=0) for index in classes])
    if all(len(name) == 1 for name in names):
        places = _apart(places, 0.055 * np.ptp(points, axis=0).max())
    for index, place in zip(classes, places, strict=True):
        name, look = names[index], class_style(int(index))
        if len(name) == 1:
            style = {
                "fontsize": 19,
                "fontweight": "bold",
                "ha": "center",
                "va": "center",
                "path_effects": halo,
            }
            axes.text(*place, name, color=look["color"], **style)
        else:
            axes.scatter(*place, s=170, edgecolors="black", linewidths=1.2, **look)


def _apart(places: np.ndarray, gap: float) -> np.ndarray:
    """Move labels at (classes, 2) just far enough that no two are closer than ``gap``."""
    places = places.copy()
    for _ in range(60):
        for i in range(len(places)):
            for j in range(i):
                step = places[i] - places[j]
                distance = np.hypot(*step)
                if distance < gap:
                    push = (
                        (step / distance if distance > 1e-9 else np.array([1.0, 0.0])) * (gap - distance) / 2
                    )
                    places[i] += push
                    places[j] -= push
    return places


# -------- Points in a plane that is no latent space: a projection, an embedding, or the prior spread out
# evenly.


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
        keep = np.random.default_rng(seed_of(seed)).permutation(len(points))[:MAX_POINTS]
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


# -------- An encoder's output as what it is: one Gaussian per image.


@styled
def posterior_ellipses(
    posterior: GaussianPosterior,
    labels: torch.Tensor | Sequence[int] | Sequence[str] | None = None,
    *,
    dimensions: tuple[int, int] | None = None,
) -> Figure:
    """Draw q(z|x) of each image as an ellipse at one standard deviation (solid) and at two (dotted).

    The dashed circles are the prior N(0, I) at one and two standard deviations, in the same units.

    Args:
        posterior: mean and log σ² of shape (batch, latent) with latent >= 2.
        labels: text above each ellipse, one per image; equal labels share a color.
        dimensions: the two latent dimensions to show (default: the two with the largest mean KL).

    Raises:
        ValueError: fewer than two latent dimensions, dimensions that do not exist, or a wrong number of
        labels.
    """
    mean = posterior.mean.detach().cpu().double().numpy()
    if mean.ndim != 2 or mean.shape[1] < 2:
        raise ValueError(f"The posterior must have the shape (batch, latent >= 2), not {mean.shape}.")
    batch, latent = mean.shape
    if labels is not None and len(labels) != batch:
        raise ValueError(f"labels must hold {batch} entries, one per image, not {len(labels)}.")
    if dimensions is None:
        kl = posterior.kl_per_dimension().detach().cpu().mean(0)
        dimensions = (0, 1) if latent == 2 else tuple(sorted(kl.topk(2).indices.tolist()))
    if len(set(dimensions)) != 2 or not all(0 <= d < latent for d in dimensions):
        raise ValueError(
            f"dimensions must be two different ones of the {latent} latent dimensions (0 to {latent - 1}), "
            f"not {tuple(dimensions)}."
        )
    std = torch.exp(0.5 * posterior.log_var.detach().cpu().double()).numpy()
    centers, widths = mean[:, dimensions], std[:, dimensions]
    texts = (
        None
        if labels is None
        else [str(getattr(label, "item", lambda label=label: label)()) for label in labels]
    )
    order = sorted(set(texts)) if texts else []

    figure = Figure(figsize=(5.8, 5.5), layout="constrained")
    axes = figure.subplots()
    halo = [patheffects.withStroke(linewidth=3, foreground="white")]
    for sigmas in (1, 2):
        axes.add_patch(
            Ellipse((0, 0), 2 * sigmas, 2 * sigmas, fill=False, edgecolor=GREY, linestyle="--", lw=1.1)
        )
    for index in range(batch):
        color = class_style(order.index(texts[index]) if texts else 0)["color"]
        for sigmas, line in ((1, "-"), (2, ":")):
            size = 2 * sigmas * widths[index]
            axes.add_patch(
                Ellipse(centers[index], *size, fill=False, edgecolor=color, linestyle=line, lw=1.5)
            )
        axes.add_patch(Ellipse(centers[index], *2 * widths[index], facecolor=color, alpha=0.15))
        if texts:
            place = (centers[index, 0], centers[index, 1] + 2 * widths[index, 1])
            text = axes.text(*place, texts[index], color=color, fontsize=11, fontweight="bold")
            text.set(ha="center", va="bottom", path_effects=halo)
        axes.plot(*centers[index], marker="o", color=color, markersize=2.5)
    reach = (
        max(2.2, float(np.abs(centers + 2 * widths).max()), float(np.abs(centers - 2 * widths).max())) * 1.04
    )
    axes.set_xlim(-reach, reach)
    axes.set_ylim(-reach, reach)
    axes.set_aspect("equal")
    axes.set_xlabel(f"$z_{{{dimensions[0] + 1}}}$ (standard deviations of the prior)")
    axes.set_ylabel(f"$z_{{{dimensions[1] + 1}}}$ (standard deviations of the prior)")
    handles = [
        Line2D([], [], color="black", linestyle="-", linewidth=1.5, label="q(z|x), 1σ"),
        Line2D([], [], color="black", linestyle=":", linewidth=1.5, label="q(z|x), 2σ"),
        Line2D([], [], color=GREY, linestyle="--", linewidth=1.1, label="prior, 1σ and 2σ"),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=3)
    return figure
