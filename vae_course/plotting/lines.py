"""Curves of measured numbers against a setting, with optional intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from vae_course.plotting.style import COLORS, LINE_STYLES, MARKERS, styled


@styled
def line_plot(
    curves: Mapping[str, tuple[Sequence[float], ...]],
    x_label: str,
    y_label: str,
    *,
    points: Mapping[str, tuple[Sequence[float], Sequence[float]]] | None = None,
    log_x: bool = False,
    log_y: bool = False,
    x_ticks: Sequence[float] | None = None,
    legend_outside: bool = False,
) -> Figure:
    """One axes with a line for each name; lines differ in color, dash and marker.

    Args:
        curves: name → (x, y) or (x, y, low, high); low and high are drawn as error bars. With ``points``,
            curves have no markers.
        points: name → (x, y), drawn as markers without a line: measurements beside exact curves.
        x_label, y_label: with units.
        log_x, log_y: logarithmic axes.
        x_ticks: where to write numbers on the x axis; default: matplotlib's choice.
        legend_outside: put the legend to the right of the axes, where it hides nothing.

    Raises:
        ValueError: no curves, or x and y of different lengths.
    """
    if not curves:
        raise ValueError("line_plot got no curves; give at least one name with (x, y).")
    figure = Figure(figsize=(8.6 if legend_outside else 6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    for i, (name, (x, y, *interval)) in enumerate(curves.items()):
        if len(x) != len(y):
            raise ValueError(
                f"the curve {name!r} has {len(x)} x values and {len(y)} y values; expected as many."
            )
        look = {"color": COLORS[i % 8], "linestyle": LINE_STYLES[i % 8]}
        if not points:
            look["marker"] = MARKERS[i % 10]
        errors = None
        if interval:
            low, high = interval
            errors = [
                [value - bottom for value, bottom in zip(y, low, strict=True)],
                [top - value for value, top in zip(y, high, strict=True)],
            ]
        axes.errorbar(x, y, yerr=errors, label=name, capsize=3, **look)
    for i, (name, (x, y)) in enumerate((points or {}).items()):
        axes.plot(x, y, label=name, color=COLORS[i % 8], linestyle="none", marker=MARKERS[i % 10])
    if log_x:
        axes.set_xscale("log")
    if log_y:
        axes.set_yscale("log")
    if x_ticks is not None:
        axes.set_xticks(list(x_ticks), [f"{tick:,g}" for tick in x_ticks])
        axes.minorticks_off()
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    if len(curves) + len(points or {}) > 1:
        axes.legend(**({"loc": "center left", "bbox_to_anchor": (1, 0.5)} if legend_outside else {}))
    return figure
