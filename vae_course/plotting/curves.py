"""Training curves: -ELBO, reconstruction and KL, on training and held-out data, from epoch 0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from vae_course.plotting.style import GREY, HELD_OUT, TRAIN, styled

if TYPE_CHECKING:
    from vae_course.training import History

TITLES = {"negative_elbo": "−ELBO", "reconstruction": "reconstruction", "kl": "KL"}


@styled
def training_curves(
    history: History, names: Sequence[str] = ("negative_elbo", "reconstruction", "kl")
) -> Figure:
    """Draw one panel per quantity: training data (solid, circles) and held-out data (dashed, squares).

    Before training the loss is so large that it would press the rest of the curve flat. Where that happens,
    the axis covers epochs 1 and later, and a note above the panel gives the value at epoch 0. A run that
    stopped early has a dotted line at its best epoch.

    Args:
        history: what ``fit`` returns; epoch 0 is the model before training.
        names: terms to draw, keys of the records' "train" and "validation" parts, in nats per example.

    Returns:
        A Figure with one axes per name.

    Raises:
        ValueError: the history is empty or lacks a name.
    """
    if not history.records:
        raise ValueError("The history has no records yet; train for at least one epoch first.")
    first = history.records[0]["train"]
    if not names:
        raise ValueError(f"names is empty; give at least one of {', '.join(map(repr, first))}.")
    for name in names:
        if name not in first:
            raise ValueError(f"The history has no quantity {name!r}; it has {', '.join(map(repr, first))}.")

    figure = Figure(figsize=(2.9 * len(names) + 0.4, 3.0), layout="constrained")
    panels = figure.subplots(1, len(names), squeeze=False)[0]
    for axes, name in zip(panels, names, strict=True):
        _panel(axes, history, name)
    panels[0].set_ylabel("nats per example")
    panels[0].legend(loc="best")
    return figure


def _panel(axes: Axes, history: History, name: str) -> None:
    curves = {"train": _curve(history, "train", name), "validation": _curve(history, "validation", name)}
    labels = {"train": "training", "validation": "held out"}
    for part, style in (("train", TRAIN), ("validation", HELD_OUT)):
        epochs, values = curves[part]
        if len(epochs):
            every = max(1, len(epochs) // 12)
            axes.plot(epochs, values, **style, markevery=every, label=labels[part])
    if history.stopped_early and history.best_epoch is not None:
        label = f"best: epoch {history.best_epoch}"
        axes.axvline(history.best_epoch, color=GREY, linestyle=":", linewidth=1.3, label=label)
    axes.set_title(TITLES.get(name, name), loc="left")
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    _limit(axes, [curve for curve in curves.values() if len(curve[0])])


def _curve(history: History, part: str, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Epochs and values of one curve, without the gaps that an unwatched part leaves."""
    records = [record for record in history.records if record.get(part)]
    epochs = np.array([record["epoch"] for record in records])
    return epochs, np.array([record[part][name] for record in records], dtype=float)


def _limit(axes: Axes, curves: list[tuple[np.ndarray, np.ndarray]]) -> None:
    """Keep the value before training from pressing the rest flat; say in the panel where it lies."""
    start = np.concatenate([values[epochs == 0] for epochs, values in curves])
    later = np.concatenate([values[epochs > 0] for epochs, values in curves])
    start, later = start[np.isfinite(start)], later[np.isfinite(later)]
    if not len(start) or not len(later):
        return
    low, high = later.min(), later.max()
    span = max(high - low, 0.02 * abs(high), 1e-3)
    if start.max() <= high + 2 * span:
        return
    axes.set_ylim(low - 0.08 * span, high + 0.08 * span)
    axes.set_title(f"epoch 0: {start.max():,.0f} ↑", loc="right", color=GREY, fontsize=9.5)
