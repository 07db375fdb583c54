"""Means with intervals for several sources, one panel for each measure."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure

from vae_course.plotting.style import BLACK, COLORS, GREY, MARKERS, styled


@styled
def interval_dots(
    panels: Mapping[str, Mapping[str, tuple[float, float, float]]],
    references: Mapping[str, float] | None = None,
    *,
    log: tuple[str, ...] = (),
    reference_name: str = "real digits",
) -> Figure:
    """Draw each measure in a panel of its own, with the same sources in rows.

    Args:
        panels: measure (the axis label, with unit) → source → (mean, low, high). Same sources in every panel.
        references: measure → a value drawn as a dotted line, labeled with ``reference_name``.
        log: measures on a logarithmic axis.
        reference_name: what the references were measured on.

    Raises:
        ValueError: no panels, or panels with different sources.
    """
    if not panels or len({tuple(rows) for rows in panels.values()}) != 1:
        raise ValueError("interval_dots needs at least one panel, and the same sources in every panel.")
    sources = list(next(iter(panels.values())))
    width = max(8.5, 2 * len(panels))  # inches; more than four panels need more than a text column
    figure = Figure(figsize=(width, 0.42 * len(sources) + 1.3), layout="constrained")
    row = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (measure, rows) in zip(row, panels.items(), strict=True):
        for i, (mean, low, high) in enumerate(rows.values()):
            axes.plot([low, high], [i, i], color=COLORS[i % 8], linestyle="-", linewidth=3, alpha=0.5)
            axes.plot(mean, i, color=COLORS[i % 8], marker=MARKERS[i % 10], markersize=7, linestyle="")
        if references and measure in references:
            axes.axvline(references[measure], color=BLACK, linestyle=":", linewidth=1.4)
            axes.annotate(
                reference_name,
                (references[measure], 1.0),
                xycoords=("data", "axes fraction"),
                xytext=(0, 3),
                textcoords="offset points",
                ha="center",
                fontsize=9,
                color=GREY,
            )
        if measure in log:
            axes.set_xscale("log")
        axes.set_xlabel(measure)
    row[0].set_yticks(range(len(sources)), sources)
    row[0].invert_yaxis()
    return figure
