"""Animations that play in a notebook without a kernel and without scripts; a poster and a morph to keep."""

import base64
import html as html_text
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from vae_course.files import write_atomically
from vae_course.plots.images import GAP, check_images, grid_shape, montage


def gif_bytes(frames: Tensor | np.ndarray, *, seconds: float = 0.08, back_and_forth: bool = True) -> bytes:
    """Frames as an animated GIF that repeats for ever, in the pictures' own size.

    ``frames`` are (steps, channels, height, width), or (steps, n, channels, height, width) for n pictures
    side by side in each; floats in [0, 1]. Each stands for ``seconds``, at least 0.02 (browsers slow shorter
    ones down); ``back_and_forth`` appends the way back, so that nothing jumps.
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
    back_and_forth: bool = True,
) -> str:
    """An animation as HTML for ``show_html``; closing its fold stops it.

    A GIF in a fold needs no script, so it also plays in a notebook that is not trusted; whoever is disturbed
    by movement closes the fold.

    Args:
        frames, seconds, back_and_forth: as in ``gif_bytes``.
        caption, alt: one line above the animation, and a sentence that says what can be seen.
        names: text under each of the n pictures of a frame.
        zoom: how many times larger than its pixels a picture is shown.
    """
    n = frames.shape[1] if len(frames.shape) == 5 else 1
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


def write_poster(
    path: str | Path,
    images: Tensor | np.ndarray,
    columns: int | None = None,
    *,
    zoom: int = 4,
    invert: bool = False,
) -> Path:
    """Write pictures (n, channels, height, width) in rows as PNG for print at 200 pixels per inch; returns
    the path.

    The sheet has ``columns`` (default: near a square) and margins, and is complete or not there. Each picture
    gets ``zoom`` times larger, smoothly. ``invert`` prints black on white what is white on black.
    """
    from PIL import Image

    path, large = _ending(path, ".png"), _larger(images, zoom)
    width = large.shape[-1]
    gap = round(0.08 * width)
    sheet = montage(1 - large if invert else large, *grid_shape(len(large), None, columns), (gap, gap))
    margin = round(0.6 * width)
    sheet = np.pad(sheet, ((margin, margin), (margin, margin), (0, 0)), constant_values=1.0)
    sheet *= 0.98 if invert else 1.0  # paper is not quite white
    buffer = io.BytesIO()
    Image.fromarray((255 * sheet).round().astype(np.uint8)).save(buffer, "PNG", optimize=True, dpi=(200, 200))
    write_atomically(path, buffer.getvalue())
    return path


def write_morph(
    path: str | Path, frames: Tensor | np.ndarray, *, zoom: int = 6, back_and_forth: bool = True
) -> Path:
    """Write frames (steps, channels, height, width) as a GIF that repeats for ever, whole or not; returns the
    path.

    Pictures get ``zoom`` times larger, smoothly; ``back_and_forth`` as in ``gif_bytes``.
    """
    path = _ending(path, ".gif")
    write_atomically(path, gif_bytes(_larger(frames, zoom), seconds=0.06, back_and_forth=back_and_forth))
    return path


def _larger(images: Tensor | np.ndarray, zoom: int) -> Tensor:
    """Pictures (n, channels, height, width) ``zoom`` times as large, smoothly."""
    check_images(images)
    small = torch.as_tensor(images).detach().cpu().float().clamp(0, 1)
    return F.interpolate(small, scale_factor=zoom, mode="bicubic", align_corners=False).clamp(0, 1)


def _ending(path: str | Path, suffix: str) -> Path:
    path = Path(path)
    if path.suffix.lower() != suffix:
        raise ValueError(f"{path.name} does not end in {suffix}; give a name such as my_work{suffix}.")
    return path
