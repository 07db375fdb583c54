"""Codes and points in the plane: scatter, ellipses, paths, several maps, modes of a mixture."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Ellipse
from torch import Tensor

from vae_course.data.toys import GaussianMixture
from vae_course.elbo import GaussianPosterior
from vae_course.evaluation.samples import point_coverage
from vae_course.plots.style import BLACK, DATA, PRIOR, VERMILION, class_style, styled, subplots
from vae_course.randomness import seed_of

PRIOR_95 = 2.4477  # radius that holds 95 % of a two-dimensional standard normal: sqrt(-2 ln 0.05)
MAX_POINTS = 2000  # more glyphs than this hide one another
UNIT = "standard deviations of the prior"

Labels = Tensor | np.ndarray | Sequence[int]


@styled
def latent_scatter(
    codes: Tensor | np.ndarray, labels: Labels | None = None, class_names: Sequence[str] | None = None
) -> Figure:
    """Draw codes (n, latent) as points, as they are in two dimensions, and by PCA in more.

    Classes with one-character names (digits) are drawn as that character, others as marker shapes with a
    legend; a large one marks each class's median; without ``labels`` (n,), 0, 1, ..., all points are grey.
    The dashed circle holds 95 % of the prior N(0, I), of two-dimensional codes. One-dimensional codes have
    one row per class. Of more than 2,000 codes 2,000 are drawn.
    """
    codes = np.asarray(codes.detach().cpu() if isinstance(codes, Tensor) else codes, dtype=float)
    if codes.ndim != 2 or len(codes) < 2 or not np.isfinite(codes).all():
        raise ValueError(f"codes must be finite numbers of shape (n >= 2, latent), not {codes.shape}.")
    latent, names = codes.shape[1], []
    if labels is not None:
        labels = np.asarray(labels.cpu() if isinstance(labels, Tensor) else labels)
        if labels.shape != (len(codes),) or not np.issubdtype(labels.dtype, np.integer):
            raise ValueError(f"labels must be {len(codes)} whole numbers, not {labels.dtype} {labels.shape}.")
        names = [str(n) for n in (range(int(labels.max()) + 1) if class_names is None else class_names)]
    points, axis_labels = _project(codes)
    if len(points) > MAX_POINTS:  # the same ones every time
        keep = np.random.default_rng(seed_of(0)).permutation(len(points))[:MAX_POINTS]
        points, labels = points[keep], None if labels is None else labels[keep]
    if latent == 1:  # one row per class, with a little spread so that points do not hide one another
        spread = np.random.default_rng(seed_of(0)).uniform(-0.3, 0.3, len(points))
        points = np.column_stack([points[:, 0], (0 if labels is None else labels) + spread])

    legend = latent > 1 and any(len(name) > 1 for name in names)
    figure, axes = subplots(figsize=(7.4 if legend else 5.8, 5.5))
    if latent == 2:
        draw_prior(axes)
        look = {"color": PRIOR, "fontsize": 9.5, "ha": "center", "va": "top"}
        axes.text(0, -1.02 * PRIOR_95, "95% of the prior", path_effects=_halo(3.5), zorder=4, **look)
    if labels is None:
        axes.scatter(*points.T, s=9, color=DATA, alpha=0.6, linewidths=0)
    else:
        _draw_classes(axes, points, labels, names, medians=latent > 1)
    axes.set(xlabel=axis_labels[0], ylabel=axis_labels[1])
    if latent == 1:
        axes.set_yticks(range(len(names)), names)
    else:
        axes.set_aspect("equal", adjustable="datalim")
    return figure


def draw_prior(axes: Axes, linewidth: float = 1.2) -> None:
    """The dashed circle that holds 95 % of the prior."""
    angle = np.linspace(0, 2 * np.pi, 200)
    x, y = PRIOR_95 * np.cos(angle), PRIOR_95 * np.sin(angle)
    axes.plot(x, y, color=PRIOR, linestyle="--", linewidth=linewidth)


def _halo(width: float) -> list:
    return [patheffects.withStroke(linewidth=width, foreground="white")]


def _project(codes: np.ndarray) -> tuple[np.ndarray, tuple[str, str]]:
    """Points to draw, (n, 1) or (n, 2), and what the axes show."""
    if codes.shape[1] <= 2:
        return codes, (f"$z_1$ ({UNIT})", "class" if codes.shape[1] == 1 else f"$z_2$ ({UNIT})")
    centered = codes - codes.mean(0)
    _, singular, directions = np.linalg.svd(centered, full_matrices=False)
    # The sign of a principal direction is arbitrary; fixing it keeps the picture the same on every machine.
    largest = np.abs(directions).argmax(1)
    directions *= np.sign(directions[np.arange(len(directions)), largest])[:, None]
    share = singular**2 / max((singular**2).sum(), 1e-30)
    labels = tuple(f"principal component {i + 1} ({share[i]:.0%} of the variance)" for i in range(2))
    return centered @ directions[:2].T, labels


def _draw_classes(axes: Axes, points: np.ndarray, labels: np.ndarray, names: list[str], medians) -> None:
    """Each class as its character or its marker, a large one at its median; a legend of long names."""
    classes = np.unique(labels)
    for index in classes:
        name, look = names[index], class_style(int(index))
        glyph = len(name) == 1 and name.isalnum() and medians
        look |= {"marker": f"${name}$", "s": 34} if glyph else {"s": 16}
        axes.scatter(*points[labels == index].T, alpha=0.75, linewidths=0, label=name, **look)
    if not medians:
        return
    places = np.array([np.median(points[labels == index], axis=0) for index in classes])
    if all(len(name) == 1 for name in names):
        places = apart(places, 0.055 * np.ptp(points, axis=0).max())
    for index, place in zip(classes, places, strict=True):
        name, look = names[index], class_style(int(index))
        if len(name) == 1:
            text = axes.text(*place, name, color=look["color"], fontsize=19, fontweight="bold")
            text.set(ha="center", va="center", path_effects=_halo(3.5))
        else:
            axes.scatter(*place, s=170, edgecolors="black", linewidths=1.2, **look)
    if any(len(name) > 1 for name in names):
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), markerscale=1.6)


def apart(places: np.ndarray, gap: float) -> np.ndarray:
    """Move labels at (classes, 2) just far enough that no two are closer than ``gap``."""
    places = places.copy()
    for _ in range(60):
        for i in range(len(places)):
            for j in range(i):
                step = places[i] - places[j]
                distance = np.hypot(*step)
                if distance < gap:
                    way = step / distance if distance > 1e-9 else np.array([1.0, 0.0])
                    places[i] += way * (gap - distance) / 2
                    places[j] -= way * (gap - distance) / 2
    return places


@styled
def posterior_ellipses(
    posterior: GaussianPosterior, labels: Tensor | Sequence[int] | Sequence[str] | None = None
) -> Figure:
    """An encoder's output as what it is: q(z|x) of each image at one standard deviation and at two (dotted).

    Of more than two dimensions the two with the largest mean KL are shown; dashed circles are the prior's one
    and two standard deviations. ``labels`` are written at the centers; equal labels share a color.
    """
    mean = posterior.mean.detach().cpu().double()
    kl = posterior.kl_per_dimension().detach().cpu().mean(0)
    shown = [0, 1] if len(kl) == 2 else sorted(kl.topk(2).indices.tolist())
    std = torch.exp(0.5 * posterior.log_var.detach().cpu().double())
    centers, widths = mean[:, shown].numpy(), std[:, shown].numpy()
    labels = labels.tolist() if isinstance(labels, Tensor) else labels or []
    texts = [str(label) for label in labels]
    order = sorted(set(texts))

    figure, axes = subplots(figsize=(5.8, 5.5))

    def ellipse(center, width, **look) -> None:
        axes.add_patch(Ellipse(center, *(2 * width), **{"fill": False, "linewidth": 1.5} | look))

    for sigmas in (1, 2):
        ellipse((0, 0), np.full(2, sigmas), edgecolor=PRIOR, linestyle="--", linewidth=1.1)
    for index, (center, width) in enumerate(zip(centers, widths, strict=True)):
        color = class_style(order.index(texts[index]) if texts else 0)["color"]
        ellipse(center, width, edgecolor=color, linestyle="-")
        ellipse(center, 2 * width, edgecolor=color, linestyle=":")
        ellipse(center, width, facecolor=color, alpha=0.15, fill=True)
        if texts:
            text = axes.text(center[0], center[1] + 2 * width[1], texts[index], color=color, fontsize=11)
            text.set(ha="center", va="bottom", path_effects=_halo(3), fontweight="bold")
        axes.plot(*center, marker="o", color=color, markersize=2.5)
    reach = max(2.2, float((np.abs(centers) + 2 * widths).max())) * 1.04
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    axes.set(xlabel=f"$z_{{{shown[0] + 1}}}$ ({UNIT})", ylabel=f"$z_{{{shown[1] + 1}}}$ ({UNIT})")
    handles = [
        Line2D([], [], color=BLACK, linestyle="-", linewidth=1.5, label="q(z|x), 1σ"),
        Line2D([], [], color=BLACK, linestyle=":", linewidth=1.5, label="q(z|x), 2σ"),
        Line2D([], [], color=PRIOR, linestyle="--", linewidth=1.1, label="prior, 1σ and 2σ"),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=3)
    return figure


# Chapter 03: paths on the decoder's map, and several maps of the same codes.


@styled
def paths_on_map(
    metric: Callable[[Tensor], Tensor], straight: Tensor, bent: Tensor, names: Sequence[tuple]
) -> Figure:
    """Straight lines and geodesics between codes, over a decoder's magnification √det G.

    ``metric``: codes (n, 2) → G, (n, 2, 2); ``straight`` and ``bent`` are paths (steps, paths, 2); ``names``
    what to write at start and end of each.
    """
    reach, points = 3.5, 71
    side = torch.linspace(-reach, reach, points)
    grid = torch.stack(torch.meshgrid(side, side, indexing="xy"), -1).flatten(0, 1)
    magnification = metric(grid).det().clamp_min(1).sqrt().unflatten(0, (points, points)).numpy(force=True)
    figure, axes = subplots(figsize=(6.2, 5.0))
    extent = (-reach, reach, -reach, reach)
    shown = axes.imshow(magnification, origin="lower", extent=extent, cmap="Blues", norm="log")
    figure.colorbar(shown, ax=axes, shrink=0.8, label="magnification √det G (change per area)")
    draw_prior(axes)
    axes.text(0, -PRIOR_95, "95% of the prior", ha="center", va="top", fontsize=9.5)
    line = {"color": BLACK, "linestyle": "--", "linewidth": 1.2}
    curve = {"color": VERMILION, "linestyle": "-", "linewidth": 2.4}
    for there, along in zip(straight.unbind(1), bent.unbind(1), strict=True):
        axes.plot(*there.T.numpy(), **line)
        axes.plot(*along.T.numpy(), **curve)
    box = {"boxstyle": "circle,pad=0.15", "facecolor": "white", "edgecolor": BLACK}
    for path, pair in zip(straight.unbind(1), names, strict=False):
        for place, name in zip(path[[0, -1]].tolist(), pair, strict=True):
            axes.text(*place, str(name), ha="center", va="center", fontsize=12, bbox=box)
    axes.plot([], [], **line, label="straight line")
    axes.plot([], [], **curve, label="geodesic")
    axes.legend(loc="upper right", frameon=True)
    axes.grid(False)
    axes.set(xlabel=f"$z_1$ ({UNIT})", ylabel=f"$z_2$ ({UNIT})", aspect="equal")
    return figure


@styled
def maps_side_by_side(maps: Mapping[str, Tensor], labels: Tensor, class_names: Sequence[str]) -> Figure:
    """The same pictures on several maps, title → points (n, 2), by class: ``labels`` (n,) are class numbers,
    ``class_names`` of 1 or 2 letters, or the number is written. The axes have no unit.
    """
    figure, row = subplots(1, len(maps), figsize=(4.3 * len(maps), 4.5), squeeze=False)
    labels = labels.cpu()
    classes = labels.unique().tolist()
    for axes, (title, points) in zip(row[0], maps.items(), strict=True):
        points = points.detach().cpu().float()
        medians = torch.stack([points[labels == index].median(0).values for index in classes]).numpy()
        reach = (points.max(0).values - points.min(0).values).max().item()
        for index, place in zip(classes, apart(medians, 0.07 * reach), strict=True):
            color = class_style(index)["color"]
            name = str(class_names[index])
            axes.scatter(*points[labels == index].T.numpy(), s=7, alpha=0.6, linewidths=0, color=color)
            box = {"boxstyle": "circle,pad=0.15", "facecolor": "white", "edgecolor": color, "alpha": 0.9}
            look = {"ha": "center", "va": "center", "fontsize": 15, "color": color, "bbox": box}
            axes.text(*place, name if len(name) < 3 else str(index), **look)
        axes.set(xticks=[], yticks=[])
        axes.set_title(title, loc="left", fontsize=11)
        axes.spines[:].set_visible(True)
    return figure


# Chapter 06: samples of point models over the modes of a mixture.

SHOWN = 600  # points in a panel


@styled
def point_clouds(panels: Mapping[str, Tensor], mixture: GaussianMixture, *, columns: int = 4) -> Figure:
    """A panel for each set of samples, name → points (n, 2): dots lie on a mode, crosses do not; circles are
    the modes. The first 600 are drawn; the counts in the title are of all.
    """
    rows = -(-len(panels) // columns)
    figure, cells = subplots(rows, columns, figsize=(2.1 * columns, 2.5 * rows), squeeze=False)
    for axes, (name, points) in zip(cells.flat, panels.items(), strict=False):
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
    lines += axes.plot([], [], "o", color=BLACK, markersize=1.8, markeredgewidth=0, alpha=0.35)
    place_cloud(lines, points, mixture)
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xticks=[], yticks=[])
    return lines


def place_cloud(lines: list[Line2D], points: Tensor, mixture: GaussianMixture) -> None:
    """Move the lines of ``draw_cloud`` to other points (n, 2)."""
    points = points[:SHOWN].cpu()
    good = mixture.nearest(points)[1] <= 3 * mixture.std
    for line, some in zip(lines, (points[~good], points[good]), strict=True):
        line.set_data(*some.T.numpy())
