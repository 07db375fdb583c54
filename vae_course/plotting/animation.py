"""Short animations that play in a notebook without a kernel, without scripts and in a few kilobytes."""

from __future__ import annotations

import base64
import html as html_text
import io
from collections.abc import Sequence

import numpy as np
import torch

from vae_course.plotting.images import check_images, montage

GAP = 2  # white pixels between the pictures of one frame


def gif_bytes(
    frames: torch.Tensor | np.ndarray, *, seconds: float = 0.08, back_and_forth: bool = True
) -> bytes:
    """Frames as an animated GIF that repeats for ever, in the pictures' own size.

    Args:
        frames: (steps, channels, height, width), or (steps, n, channels, height, width) for n pictures
            side by side in each frame; floats in [0, 1].
        seconds: time for which each frame stands, at least 0.02 (browsers slow shorter ones down).
        back_and_forth: append the way back, so that nothing jumps.

    Raises:
        ValueError: wrong shape or range, fewer than 2 frames, or too little time.
    """
    from PIL import Image

    if len(frames.shape) == 4:
        frames = frames[:, None]
    if len(frames.shape) != 5 or frames.shape[0] < 2:
        raise ValueError(
            "frames must have the shape (steps, [n,] channels, height, width) with at least 2 steps, "
            f"not {tuple(frames.shape)}."
        )
    if seconds < 0.02:
        raise ValueError(f"seconds must be at least 0.02 for each frame, not {seconds}.")
    steps, n = frames.shape[:2]
    flat = check_images(frames.reshape(-1, *frames.shape[2:]), "frames")
    rows = flat.reshape(steps, n, *flat.shape[1:])
    pictures = [
        Image.fromarray((255 * montage(row, 1, n, (GAP, GAP))).round().astype(np.uint8)) for row in rows
    ]
    if all(_is_gray(picture) for picture in pictures):
        pictures = [picture.convert("L") for picture in pictures]
    if back_and_forth:
        pictures += pictures[-2:0:-1]
    buffer = io.BytesIO()
    duration = round(1000 * seconds)
    pictures[0].save(
        buffer, "GIF", save_all=True, append_images=pictures[1:], duration=duration, loop=0, optimize=False
    )
    return buffer.getvalue()


def animation_html(
    frames: torch.Tensor | np.ndarray,
    caption: str,
    alt: str,
    *,
    names: Sequence[str] | None = None,
    zoom: int = 6,
    seconds: float = 0.08,
    back_and_forth: bool = True,
) -> str:
    """An animation as HTML for ``notebook.show_html``; closing its fold stops it.

    A GIF in a fold needs no script, so it also plays in a notebook that is not trusted; whoever is disturbed
    by movement closes the fold.

    Args:
        frames, seconds, back_and_forth: as in ``gif_bytes``.
        caption: one line above the animation.
        alt: a sentence that says what can be seen.
        names: text under each of the n pictures of a frame.
        zoom: how many times larger than its pixels a picture is shown.

    Raises:
        ValueError: as in ``gif_bytes``, or a wrong number of names.
    """
    n = frames.shape[1] if len(frames.shape) == 5 else 1
    if names is not None and len(names) != n:
        raise ValueError(f"names must hold {n} texts, not {len(names)}.")
    gif = gif_bytes(frames, seconds=seconds, back_and_forth=back_and_forth)
    width = zoom * (n * frames.shape[-1] + GAP * (n - 1))
    escape = html_text.escape
    source = base64.b64encode(gif).decode("ascii")
    image = (
        f'<img alt="{escape(alt, quote=True)}" width="{width}" height="{zoom * frames.shape[-2]}" '
        f'style="image-rendering: pixelated; max-width: none" src="data:image/gif;base64,{source}">'
    )
    cells = "".join(
        f'<td style="text-align: center; width: {width // n}px">{escape(name)}</td>' for name in names or ()
    )
    labels = f'<table style="width: {width}px; margin: 0"><tr>{cells}</tr></table>' if cells else ""
    summary = f"{escape(caption)} (close to stop the movement)"
    return f"<details open><summary>{summary}</summary>{image}{labels}</details>"


def _is_gray(picture) -> bool:
    pixels = np.asarray(picture)
    return bool((pixels == pixels[..., :1]).all())
