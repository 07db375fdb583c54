"""Show figures, sounds, tables and widgets in a notebook, with alternative text."""

from __future__ import annotations

import base64
import io
import math
import sys
import textwrap
import threading
import time
from collections.abc import Mapping, Sequence
from html import escape
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from vae_course.files import say

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor


WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def publish(data: Mapping[str, Any], metadata: Mapping[str, Any] | None = None) -> None:
    """Display a MIME bundle in a notebook; print its text where there is no notebook.

    ``data``: MIME type to content, "text/plain" among them, pictures in base64; ``metadata`` by MIME type.
    """
    from IPython import get_ipython
    from IPython.display import display

    if get_ipython() is None:
        say(data["text/plain"])
    else:
        display(dict(data), raw=True, metadata=dict(metadata or {}))


def publish_widget(widget: Any, text: str) -> None:
    """Display an ipywidgets widget; GitHub and a notebook that was just opened show `text` instead."""
    view = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    publish({WIDGET_VIEW: view, "text/plain": text})


FIRST, EVERY = 10.0, 5.0  # seconds until a cell says that it is at work, and between its words


def watch_cells() -> None:
    """From the next cell on: one that runs for long says below it for how long, and how far its training is.

    The line is empty when the cell ends. Nothing happens outside a notebook, nor the second time.
    """
    from IPython import get_ipython

    shell = get_ipython()
    if not hasattr(shell, "kernel") or hasattr(shell, "vae_course_watch"):
        return
    shell.vae_course_watch = threading.Event()

    def begin(*_) -> None:
        ended = shell.vae_course_watch = threading.Event()
        threading.Thread(target=_say_time, args=(ended, time.monotonic()), daemon=True).start()

    shell.events.register("pre_run_cell", begin)
    shell.events.register("post_run_cell", lambda *_: shell.vae_course_watch.set())


def _say_time(ended: threading.Event, start: float) -> None:
    from IPython.display import display

    line, before = None, _runs().made
    while not ended.wait(FIRST if line is None else EVERY):
        text, run = f"At work for {time.monotonic() - start:.0f} s", _runs().last()
        if run is not None and (number := _runs().made - before) > 0:
            text += f"; training {number} of this cell, update {run.step:,} of {run.total_steps:,}"
        bundle = {"text/html": text, "text/plain": text}
        if line is None:
            line = display(bundle, raw=True, display_id=True)
        else:
            line.update(bundle, raw=True)
    if line is not None:
        line.update({"text/html": "", "text/plain": ""}, raw=True)


def _runs() -> Any:
    """`fit`'s runs, counted; nothing is imported for it."""
    loop = sys.modules.get("vae_course.training.loop")
    return loop.Run if loop else SimpleNamespace(made=0, last=lambda: None)


DPI = 100
SHORTEST_ALT = 20


def show(fig: Figure, alt: str, *, title: str | None = None, dpi: int = DPI) -> None:
    """Display a matplotlib Figure as PNG with alternative text, then close it, so that it is not drawn twice.

    ``alt``, one sentence that says what can be seen, goes into the output's metadata and its text; ``title``
    is the finding in a few words, written above the figure.
    """
    alt = check_alt(alt)
    if title is not None:
        _entitle(fig, title)
    picture = base64.b64encode(png_bytes(fig, dpi=dpi)).decode("ascii")
    publish({"image/png": picture, "text/plain": alt}, {"image/png": {"alt": alt}})


def _entitle(fig: Figure, title: str) -> None:
    """Write a title above all that the figure holds, from its left edge; too long a line is broken."""
    width, height = fig.get_size_inches()
    lines = textwrap.fill(title, max(20, int(10.5 * width)))
    fig.draw_without_rendering()  # lays the figure out: only then is it known how far it reaches
    box = fig.get_tightbbox()
    look = {"ha": "left", "va": "bottom", "fontsize": 12, "fontweight": "bold"}
    fig.text(box.x0 / width, (box.y1 + 0.12) / height, lines, **look)


def show_html(html: str, alt: str) -> None:
    """Display a fragment of HTML (an animation, a player, a table); ``alt`` as in `show`."""
    alt = check_alt(alt)
    wrapped = f'<div role="figure" aria-label="{escape(alt)}">{html}</div>'
    publish({"text/html": wrapped, "text/plain": alt}, {"text/html": {"alt": alt}})


def check_alt(alt: str) -> str:
    """Return the alternative text without surrounding space; ValueError when it is not a sentence."""
    text = alt.strip() if isinstance(alt, str) else ""
    if len(text) < SHORTEST_ALT or not text.endswith("."):
        wanted = f"a sentence of at least {SHORTEST_ALT} characters that ends with a period"
        raise ValueError(f"Alternative text must be {wanted} and says what can be seen; got {alt!r}.")
    return text


def png_bytes(fig: Figure, *, dpi: int = DPI, live: bool = False) -> bytes:
    """A figure as PNG, bytes that repeat, and closed; ``live``: not cropped, quickly packed."""
    import matplotlib.pyplot as plt

    size = {} if live else {"bbox_inches": "tight"}
    buffer, png = io.BytesIO(), {"compress_level": 1 if live else 6}
    fig.savefig(buffer, dpi=dpi, facecolor="white", metadata={"Software": None}, pil_kwargs=png, **size)
    plt.close(fig)  # where pyplot keeps it
    return buffer.getvalue()


def play(clips: Mapping[str, Tensor], rate: int, alt: str) -> None:
    """Show a player for each named clip, float or int16 (n,), in a table: mono 16-bit WAV at `rate` Hz, all
    brought to the same peak; 21 kB a second at 8 kHz. ``alt`` is a sentence that says what can be heard.
    """
    rows = "".join(
        f'<tr><td style="text-align: left">{escape(name)}</td><td><audio controls preload="none" '
        f'aria-label="{escape(name)}" '
        f'src="data:audio/wav;base64,{base64.b64encode(wav_bytes(clip, rate)).decode()}"></audio></td></tr>'
        for name, clip in clips.items()
    )
    show_html(f"<table>{rows}</table>", alt)


def wav_bytes(clip: Tensor, rate: int) -> bytes:
    """One clip (n,) as a mono 16-bit WAV file with its peak at 90 % of full scale."""
    import torch  # not above: the course's command line imports this folder and needs no torch
    from scipy.io import wavfile

    samples = torch.as_tensor(clip).detach().cpu().double().numpy()
    peak = np.abs(samples).max()
    scaled = np.round(samples * (0.9 * 32_767 / peak)) if peak > 0 else samples * 0
    buffer = io.BytesIO()
    wavfile.write(buffer, rate, scaled.astype("<i2"))
    return buffer.getvalue()


# Tables and numbers for people: HTML for the eye, one line per row for terminals and screen readers.


def format_number(value: Any) -> str:
    """A number with four significant digits: 12 -> "12", 0.00012345 -> "1.234e-4", 104.2371 -> "104.2", 60000
    -> "60,000". None becomes an empty string; what is no number is returned as text.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str | int):
        return value if isinstance(value, str) else f"{value:,}"
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value)
    if math.isnan(number):
        return "not a number"
    if math.isinf(number):
        return "infinity" if number > 0 else "-infinity"
    size = abs(number)
    if size and (size < 1e-3 or size >= 1e7):
        digits, power = f"{number:.3e}".split("e")
        return f"{digits.rstrip('0').rstrip('.')}e{int(power)}"
    if size >= 1000:
        return f"{number:,.0f}"
    return f"{number:.4g}"


def results_table(rows: Sequence[Mapping[str, Any]], *, caption: str = "What we measured") -> None:
    """Display dicts, column name to number, text or None (empty), as a table, in HTML with a text twin."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    cells = [[format_number(row.get(name)) for name in columns] for row in rows]
    lines = [f"{caption}:"]
    for number, row in enumerate(cells, start=1):
        filled = [f"{name}: {cell}" for name, cell in zip(columns, row, strict=True) if cell]
        lines.append(f"{number}. {'; '.join(filled)}")
    publish({"text/html": table_html(columns, cells, caption), "text/plain": "\n".join(lines)})


def table_html(columns: Sequence[str], cells: Sequence[Sequence[str]], caption: str) -> str:
    """A plain HTML table: caption, column headers with scope, first cell of each row as its header."""
    left = 'style="text-align: left"'
    head = "".join(f'<th scope="col" {left}>{escape(name)}</th>' for name in columns)
    body = "\n".join(
        f'<tr><th scope="row" {left}>{escape(row[0])}</th>'
        + "".join(f"<td {left}>{escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in cells
    )
    text = f"<table>\n<caption {left}>{escape(caption)}</caption>\n"
    return text + f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"
