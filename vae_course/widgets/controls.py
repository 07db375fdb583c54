"""Sliders and menus with a label and a unit that are read in full (ipywidgets 7.7 subset, for Colab)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import ipywidgets as widgets

from vae_course.notebook.tables import format_number

WHOLE_LABEL = {"description_width": "initial"}
WIDTH = "30em"


def slider(
    label: str,
    low: float,
    high: float,
    value: float,
    *,
    step: float | None = None,
    unit: str = "",
    log: bool = False,
) -> widgets.IntSlider | widgets.FloatSlider | widgets.FloatLogSlider:
    """A labeled slider: whole numbers if low, high and value are ints, else real ones.

    Args:
        label: what it sets.
        low, high, value: range and first value.
        step: default 1 for whole numbers, a hundredth of the range for real ones.
        unit: shown behind the label, for example "nats" or "pixels".
        log: equal steps in the logarithm; needs low > 0. Then `step` is in powers of ten (default 0.05).

    Raises:
        ValueError: an empty range, a value outside it, or a log slider that touches 0.
    """
    if not low < high or not low <= value <= high:
        raise ValueError(f"Slider {label!r}: expected low <= value <= high; got {low}, {value}, {high}.")
    common = {
        "value": value,
        "description": f"{label} ({unit})" if unit else label,
        "continuous_update": False,
        "style": WHOLE_LABEL,
        "layout": widgets.Layout(width=WIDTH),
    }
    if log:
        if low <= 0:
            raise ValueError(f"Slider {label!r}: a log slider needs low > 0; got {low}.")
        powers = {"min": math.log10(low), "max": math.log10(high), "step": step or 0.05}
        return widgets.FloatLogSlider(base=10, readout_format=".3g", **powers, **common)
    if all(isinstance(number, int) for number in (low, high, value)):
        return widgets.IntSlider(min=low, max=high, step=int(step or 1), **common)
    return widgets.FloatSlider(min=low, max=high, step=step or (high - low) / 100, **common)


def dropdown(label: str, options: Sequence[Any] | Mapping[str, Any], value: Any = None) -> widgets.Dropdown:
    """A labeled menu; `options` are values, or a dict from what is shown to the value."""
    choices = list(options.items()) if isinstance(options, Mapping) else list(options)
    if not choices:
        raise ValueError(f"Menu {label!r}: expected at least one option; got none.")
    menu = widgets.Dropdown(
        options=choices, description=label, style=WHOLE_LABEL, layout=widgets.Layout(width=WIDTH)
    )
    if value is not None:
        menu.value = value
    return menu


def setting(control: widgets.Widget) -> str:
    """A control's present setting as text: "β = 0.5", "digit = a seven"."""
    shown = getattr(control, "label", None)
    return f"{control.description} = {format_number(control.value) if shown is None else shown}"


def reach(control: widgets.Widget) -> str:
    """What a control can be set to, as text: "β (0.1 to 10)", "digit (a seven, a two)"."""
    if hasattr(control, "base"):
        low, high = control.base**control.min, control.base**control.max
    elif hasattr(control, "min"):
        low, high = control.min, control.max
    else:
        labels = [option[0] if isinstance(option, tuple) else option for option in control.options]
        return f"{control.description} ({', '.join(str(label) for label in labels)})"
    return f"{control.description}, {format_number(low)} to {format_number(high)}"
