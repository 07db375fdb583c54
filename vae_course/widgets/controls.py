"""What every explorer is made of."""

from __future__ import annotations

import base64
import html as html_text
import math
import struct
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ipywidgets as widgets
from matplotlib.figure import Figure

from vae_course.teaching.display import check_alt, png_bytes, publish_widget, show
from vae_course.teaching.tables import format_number

# -------- Sliders and menus with a label and a unit that are read in full (ipywidgets 7.7 subset, for Colab).

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


# -------- A thin shell that turns a plain drawing function into sliders with a live picture.
#
# The function does all the work and is tested as a function. The shell redraws, shows errors where the
# reader looks, and always leaves a still figure for GitHub, print and screen readers.


class Explorer:
    """What `explorer` returns: the controls, the live picture, and the box that holds both.

    The picture is one HTML widget whose content is replaced as a whole. An Output widget would collapse
    while it is cleared, would not carry alternative text in every front end, and swallows exceptions.

    Attributes:
        draw: the plain function, keyword arguments to Figure.
        controls: name to ipywidgets control.
        picture: HTML widget with the present picture, or with the error that drawing it raised.
        box: everything, ready to display.
    """

    def __init__(self, draw: Callable[..., Figure], controls: Mapping[str, widgets.Widget]) -> None:
        self.draw = draw
        self.controls = dict(controls)
        self.picture = widgets.HTML()
        self.box = widgets.VBox([*self.controls.values(), self.picture])
        self.redraw()
        for control in self.controls.values():
            control.observe(self.redraw, names="value")

    @property
    def values(self) -> dict[str, Any]:
        """The present setting of every control, by name."""
        return {name: control.value for name, control in self.controls.items()}

    def redraw(self, _change: Any = None) -> None:
        """Draw the present setting. An error is shown in place of the picture, and raised."""
        try:
            fig = self.draw(**self.values)
            picture = png_bytes(fig, live=True)
            _close(fig)
        except Exception:
            self.picture.value = _error_html(traceback.format_exc(), self.described())
            # With a front end this reaches the log; without one it is all that a test or CI can see.
            raise
        self.picture.value = _picture_html(picture, f"Live picture at {self.described()}.")

    def described(self) -> str:
        """The present setting as text."""
        return ", ".join(setting(control) for control in self.controls.values())

    def _ipython_display_(self) -> None:
        """Nothing: `explorer` has already displayed the box, and Out[...] would repeat it."""


def explorer(
    draw: Callable[..., Figure],
    controls: Mapping[str, widgets.Widget],
    static: Callable[[], Figure] | None = None,
    *,
    alt: str,
    fast: bool = False,
) -> Explorer:
    """Show controls with a live picture, and under them a still figure of the same thing.

    Args:
        draw: plain function from the controls' values (by name) to a Figure. It must only look up, decode and
            draw: a second at most, and no training.
        controls: name of an argument of `draw` to a control; see `slider` and `dropdown`.
        static: function without arguments that returns the still figure, usually a strip over the range of
            the controls; default: `draw` at the first setting.
        alt: one sentence of alternative text for the still figure.
        fast: redraw while a slider is being dragged, not only when it is let go; for drawings under 0.1 s.

    Raises:
        ValueError: no controls, or alternative text that is not a sentence.
        Exception: whatever `draw` raises, at once for the first picture and again for every later one.
    """
    check_alt(alt)
    if not controls:
        raise ValueError(
            "explorer needs at least one control, for example {'beta': slider('β', 0.1, 10, 1.0)}."
        )
    for control in controls.values():
        if control.has_trait("continuous_update"):
            control.continuous_update = fast
    shell = Explorer(draw, controls)
    reachable = "; ".join(reach(control) for control in controls.values())
    publish_widget(
        shell.box,
        f"Interactive controls: {reachable}. Run the notebook to move them; the figure below stands still.",
    )
    show(draw(**shell.values) if static is None else static(), alt)
    return shell


def _picture_html(png: bytes, alt: str) -> str:
    """An image with its size, so that nothing jumps, decoded before it is painted: no flicker."""
    width, height = struct.unpack(">II", png[16:24])
    source = base64.b64encode(png).decode("ascii")
    return (
        f'<img alt="{html_text.escape(alt, quote=True)}" width="{width}" height="{height}" decoding="sync" '
        f'style="max-width: 100%; height: auto" src="data:image/png;base64,{source}">'
    )


def _error_html(trace: str, described: str) -> str:
    last = trace.strip().splitlines()[-1]
    return (
        f'<div role="alert"><p><strong>This setting cannot be drawn</strong> '
        f"({html_text.escape(described)}): {html_text.escape(last)}</p>"
        f"<pre>{html_text.escape(trace)}</pre></div>"
    )


def _close(fig: Figure) -> None:
    import matplotlib.pyplot as plt

    plt.close(fig)
