"""The collapse panel: which latent dimensions a model uses, in one row for each model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vae_course.plotting.style import BLUE, GREY, ORANGE, VERMILION, styled

if TYPE_CHECKING:
    from vae_course.evaluation.collapse import CollapseReport


@styled
def collapse_panel(reports: CollapseReport | Mapping[str, CollapseReport]) -> Figure:
    """Draw KL and mutual information of each latent dimension, and the totals beside them.

    Left: a bar for each dimension, largest KL first; its lower, solid part is what the dimension tells about
    x, the hatched rest is what its codes pay for lying elsewhere than the prior. A cross marks an inactive
    unit.
    Right: the rate of the whole code, split in the same way, against the ceiling log n of what n examples can
    show. Rows share their axes, so that models can be compared.

    Args:
        reports: one ``collapse_report``, or several by name.

    Raises:
        ValueError: no reports.
    """
    named = dict(reports) if isinstance(reports, Mapping) else {"": reports}
    if not named:
        raise ValueError("collapse_panel got no reports; give at least one collapse_report.")
    figure = Figure(figsize=(9.6, 0.8 + 1.85 * len(named)), layout="constrained")
    rows = figure.subplots(len(named), 2, squeeze=False, sharex="col", width_ratios=[3, 1.6])
    top = max(float(report.kl_per_dimension.max()) for report in named.values())
    for (name, report), (left, right) in zip(named.items(), rows, strict=True):
        _dimensions(left, report)
        _totals(right, report)
        left.set_ylim(0, max(1.12 * top, 0.1))
        left.set_title(
            f"{name}: {report.active_units} of {len(report.active)} units active".lstrip(": "), loc="left"
        )
        left.set_ylabel("nats per example")
    widest = max(max(report.rate.value, report.ceiling) for report in named.values())
    rows[-1, 1].set_xlim(0, 1.08 * widest)
    rows[-1, 0].set_xlabel("latent dimension, largest KL first")
    rows[-1, 1].set_xlabel("nats per example")
    rows[0, 0].legend(loc="upper right")
    return figure


def _dimensions(axes: Axes, report: CollapseReport) -> None:
    order = report.kl_per_dimension.argsort(descending=True)
    kl = report.kl_per_dimension[order].numpy()
    told = np.clip(report.information_per_dimension[order].numpy(), 0, kl)
    place = np.arange(1, len(kl) + 1)
    axes.bar(place, told, color=BLUE, width=0.8, label="tells about x")
    axes.bar(
        place, kl - told, bottom=told, color="white", edgecolor=ORANGE, hatch="////", width=0.8,
        label="off the prior",
    )  # fmt: skip
    inactive = ~report.active[order].numpy()
    if inactive.any():
        height = np.full(inactive.sum(), 0.03 * max(float(kl.max()), 0.1))
        axes.plot(place[inactive], height, "x", color=VERMILION, markersize=6, label="inactive unit")
    axes.grid(axis="x", visible=False)


def _totals(axes: Axes, report: CollapseReport) -> None:
    rate, information = report.rate.value, report.mutual_information.value
    values = {"rate": rate, "tells": information, "off the prior": max(report.aggregate_kl, 0.0)}
    styles = ({"color": GREY}, {"color": BLUE}, {"color": "white", "edgecolor": ORANGE, "hatch": "////"})
    for place, (value, look) in enumerate(zip(values.values(), styles, strict=True)):
        axes.barh(place, value, **look)
    axes.set_yticks(range(3), [f"{label} {value:.2f}" for label, value in values.items()])
    axes.plot([report.ceiling] * 2, [0.5, 1.5], color="black", linestyle=":", linewidth=1.8)
    axes.set_ylim(2.6, -0.6)
    axes.set_title(f"dotted: ceiling for {report.n:,} examples", loc="left", fontsize=10)
    axes.grid(axis="y", visible=False)
