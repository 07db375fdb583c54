"""What every explorer is made of: labeled controls, a live picture that answers at once, errors where the
reader looks, and a still figure for GitHub, print and screen readers.
"""

import base64
import html as html_text
import io
import math
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import ipywidgets as widgets
import numpy as np
import torch
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from PIL import Image
from torch import Tensor

from vae_course.plots import style
from vae_course.teaching.display import check_alt, format_number, png_bytes, publish_widget, show

# Sliders and menus with a label and a unit that are read in full (ipywidgets 7.7 subset, for Colab).


def slider(
    label: str, low: float, high: float, value: float, *, step: float | None = None, log: bool = False
) -> widgets.IntSlider | widgets.FloatSlider | widgets.FloatLogSlider:
    """A labeled slider: whole numbers if low, high and value are ints, else real ones.

    ``step`` is 1 for whole numbers, else a hundredth of the range, unless given. ``log`` makes equal steps in
    the logarithm, then in powers of ten (default 0.05).
    """
    if not low < high or not low <= value <= high:
        raise ValueError(f"Slider {label!r}: expected low <= value <= high; got {low}, {value}, {high}.")
    common = {"value": value, "continuous_update": False} | _labeled(label)
    if log:
        powers = {"min": math.log10(low), "max": math.log10(high), "step": step or 0.05}
        return widgets.FloatLogSlider(base=10, readout_format=".3g", **powers, **common)
    if all(isinstance(number, int) for number in (low, high, value)):
        return widgets.IntSlider(min=low, max=high, step=int(step or 1), **common)
    return widgets.FloatSlider(min=low, max=high, step=step or (high - low) / 100, **common)


def dropdown(label: str, options: Sequence[Any] | Mapping[str, Any], value: Any = None) -> widgets.Dropdown:
    """A labeled menu; a mapping shows its keys and gives its values. The first option is the first value."""
    choices = list(options.items()) if isinstance(options, Mapping) else list(options)
    menu = widgets.Dropdown(options=choices, **_labeled(label))
    if value is not None:
        menu.value = value
    return menu


def _labeled(text: str) -> dict[str, Any]:
    layout = widgets.Layout(width="30em")
    return {"description": text, "style": {"description_width": "initial"}, "layout": layout}


def setting(control: widgets.Widget) -> str:
    """A control's present setting as text: "β = 0.5", "digit = a seven"."""
    shown = getattr(control, "label", None)
    return f"{control.description} = {format_number(control.value) if shown is None else shown}"


def reach(control: widgets.Widget) -> str:
    """What a control can be set to, as text: "β, 0.1 to 10", "digit (a seven, a two)"."""
    if not hasattr(control, "min"):
        labels = [option[0] if isinstance(option, tuple) else option for option in control.options]
        return f"{control.description} ({', '.join(map(str, labels))})"
    low, high = control.min, control.max
    if hasattr(control, "base"):
        low, high = control.base**low, control.base**high
    return f"{control.description}, {format_number(low)} to {format_number(high)}"


class Scene:
    """A figure that is laid out once, and then draws only what a move changes: settings in, PNG out.

    Drawing a figure from nothing takes 0.1 to 0.3 s, nearly all of it layout, ticks and text. A scene keeps a
    picture of that and draws ``moving``, the artists or whole axes that ``update`` changes, on top of it;
    ``update`` takes the settings by keyword, and returns True where it has changed anything else.
    """

    def __init__(self, figure: Figure, moving: Sequence[Artist], update: Callable[..., bool | None]) -> None:
        self.figure, self.moving, self.update = figure, moving, update
        self.canvas = FigureCanvasAgg(figure)
        with style.use():
            figure.draw_without_rendering()  # the layout
        figure.set_layout_engine("none")
        self._keep()

    @style.styled
    def _keep(self) -> None:
        """Draw what stands still."""
        for artist in self.moving:
            artist.set_animated(True)  # left out
        self.canvas.draw()
        self.background = self.canvas.copy_from_bbox(self.figure.bbox)
        for artist in self.moving:
            artist.set_animated(False)

    def __call__(self, **settings: Any) -> bytes:
        if self.update(**settings):
            self._keep()
        self.canvas.restore_region(self.background)
        for artist in self.moving:
            self.figure.draw_artist(artist)
        buffer = io.BytesIO()
        Image.fromarray(np.asarray(self.canvas.buffer_rgba())).save(buffer, "PNG", compress_level=1)
        return buffer.getvalue()


def place_picture(axes: Axes, picture: Tensor, title: str, below: str = "") -> AxesImage:
    """One picture (C, H, W) in [0, 1] in an axes of its own, with a text above and one below."""
    image = axes.imshow(_pixels(picture), cmap="gray", vmin=0, vmax=1)
    axes.set_title(title, fontsize=11)
    axes.set(xlabel=below, xticks=[], yticks=[])
    axes.grid(False)
    return image


def set_picture(image: AxesImage, picture: Tensor) -> None:
    """Put another picture where `place_picture` has put one."""
    image.set_data(_pixels(picture))


def _pixels(picture: Tensor) -> np.ndarray:
    return picture.detach().cpu().permute(1, 2, 0).squeeze(-1).clamp(0, 1).numpy()


class Explorer:
    """Controls with a live picture, and under them a still figure of the same thing; shown when it is made.

    The picture is one HTML widget whose content is replaced as a whole: an Output widget would collapse while
    it is cleared, would not carry alternative text in every front end, and swallows exceptions.

    Args:
        draw: plain function from the controls' values (by name) to a Figure, or to a PNG (see `Scene`). What
            it raises is shown in place of the picture, and raised.
        controls: name of an argument of `draw` to a control; see `slider` and `dropdown`.
        static: gives the still figure, usually a strip over the range; default: `draw` at the first setting.
        alt, title: one sentence of alternative text for the still figure; its finding, written above it.
        fast: redraw while a slider is being dragged, not only when it is let go; for drawings under 0.1 s.
        below: more widgets for ``box``, which is everything as displayed.
    """

    def __init__(
        self,
        draw: Callable[..., Figure | bytes],
        controls: Mapping[str, widgets.Widget],
        static: Callable[[], Figure] | None = None,
        *,
        alt: str,
        title: str | None = None,
        fast: bool = False,
        below: Sequence[widgets.Widget] = (),
    ) -> None:
        check_alt(alt)
        self.draw, self.controls, self.picture = draw, dict(controls), widgets.HTML()
        self.redraw()
        label = 0.55 * max(len(control.description) for control in controls.values()) + 1
        for control in controls.values():
            if control.has_trait("continuous_update"):
                control.continuous_update = fast
            control.style.description_width = f"{label:.1f}em"  # all tracks begin below one another
            control.layout.width = f"{label + 20:.1f}em"
            control.observe(self.redraw, names="value")
        self.box = widgets.VBox([*self.controls.values(), self.picture, *below])
        reachable = "; ".join(map(reach, controls.values()))
        text = "Run the notebook to move them; the figure below stands still."
        publish_widget(self.box, f"Interactive controls: {reachable}. {text}")
        show(draw(**self.values) if static is None else static(), alt, title=title)

    @property
    def values(self) -> dict[str, Any]:
        """The present setting of every control, by name."""
        return {name: control.value for name, control in self.controls.items()}

    def redraw(self, _change: Any = None) -> None:
        """Draw the present setting. An error is shown in place of the picture, and raised."""
        described = ", ".join(map(setting, self.controls.values()))
        try:
            with one_thread():
                drawn = self.draw(**self.values)
            picture = drawn if isinstance(drawn, bytes) else png_bytes(drawn, live=True)
        except Exception:
            self.picture.value = error_html(traceback.format_exc(), described)
            # With a front end this reaches the log; without one it is all that a test or CI can see.
            raise
        self.picture.value = picture_html(picture, f"Live picture at {described}.")

    def _ipython_display_(self) -> None:
        """Nothing: it is displayed already, and Out[...] would repeat it."""


explorer = Explorer  # as chapters write it


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute on one core: this little work gains nothing from two, and on a busy machine waits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def picture_html(png: bytes, alt: str) -> str:
    """An image with its size, so that nothing jumps, decoded before it is painted: no flicker."""
    width, height = Image.open(io.BytesIO(png)).size
    source = base64.b64encode(png).decode("ascii")
    return (
        f'<img alt="{html_text.escape(alt, quote=True)}" width="{width}" height="{height}" decoding="sync" '
        f'style="max-width: 100%; height: auto" src="data:image/png;base64,{source}">'
    )


def error_html(trace: str, described: str) -> str:
    """A traceback where the picture would be, its last line first."""
    last = trace.strip().splitlines()[-1]
    text = '<div role="alert"><p><strong>This setting cannot be drawn</strong> '
    text += f"({html_text.escape(described)}): {html_text.escape(last)}</p>"
    return text + f"<pre>{html_text.escape(trace)}</pre></div>"
