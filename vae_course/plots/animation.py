"""Animations that play in a notebook without a kernel and without scripts."""

import base64
import html as html_text
import io
from collections.abc import Sequence

import numpy as np
from torch import Tensor

from vae_course.plots.images import GAP, montage


def gif_bytes(frames: Tensor | np.ndarray, *, seconds: float = 0.08, back_and_forth: bool = True) -> bytes:
    """Frames as an animated GIF that repeats for ever, in the pictures' own size.

    ``frames`` are (steps, channels, height, width), or (steps, n, channels, height, width) for n pictures
    side by side; floats in [0, 1]. Each stands for ``seconds``, at least 0.02 (browsers slow shorter ones
    down); ``back_and_forth`` appends the way back, so that nothing jumps.
    """
    from PIL import Image

    if len(frames.shape) == 4:
        frames = frames[:, None]
    if len(frames.shape) != 5 or frames.shape[0] < 2:
        shape = tuple(frames.shape)
        raise ValueError(f"frames must be (steps, [n,] channels, height, width) with 2 steps, not {shape}.")
    rows = [(255 * montage(row, 1, len(row))).round().astype(np.uint8) for row in frames]
    if frames.shape[2] == 1:
        rows = [row[..., 0] for row in rows]
    film = [Image.fromarray(row) for row in rows]
    if back_and_forth:
        film += film[-2:0:-1]
    buffer, how = io.BytesIO(), {"duration": round(1000 * seconds), "loop": 0, "optimize": False}
    film[0].save(buffer, "GIF", save_all=True, append_images=film[1:], **how)
    return buffer.getvalue()


def animation_html(
    frames: Tensor | np.ndarray,
    caption: str,
    alt: str,
    *,
    names: Sequence[str] | None = None,
    zoom: int = 6,
    seconds: float = 0.08,
) -> str:
    """An animation as HTML for ``show_html``: a GIF, which needs no script, in a fold; closing it stops it.

    ``frames``, ``seconds`` as in ``gif_bytes``; ``caption`` is a line above the animation, ``alt`` a sentence
    that says what can be seen, ``names`` the text under each of the n pictures of a frame; a picture is shown
    ``zoom`` times larger than its pixels.
    """
    n = frames.shape[1] if len(frames.shape) == 5 else 1
    gif = gif_bytes(frames, seconds=seconds)
    width = zoom * (n * frames.shape[-1] + GAP * (n - 1))
    escape = html_text.escape
    source = base64.b64encode(gif).decode("ascii")
    image = f'<img alt="{escape(alt, quote=True)}" width="{width}" height="{zoom * frames.shape[-2]}" '
    image += f'style="image-rendering: pixelated; max-width: none" src="data:image/gif;base64,{source}">'
    look = f"text-align: center; width: {width // n}px"
    cells = "".join(f'<td style="{look}">{escape(name)}</td>' for name in names or ())
    labels = f'<table style="width: {width}px; margin: 0"><tr>{cells}</tr></table>' if cells else ""
    summary = f"{escape(caption)} (close to stop the movement)"
    return f"<details open><summary>{summary}</summary>{image}{labels}</details>"
