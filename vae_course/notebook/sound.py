"""Play short sounds in a notebook."""

from __future__ import annotations

import base64
import html as html_text
import io
import wave
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from vae_course.notebook.figures import show_html

if TYPE_CHECKING:
    from torch import Tensor


def play(clips: Mapping[str, Tensor], rate: int, alt: str) -> None:
    """Show a player for each clip, with its name, as one table of mono 16-bit WAV at `rate` Hz.

    Every clip is brought to the same peak, so that nothing is louder for being differently scaled.

    Args:
        clips: name to samples, float or int16 (n,); a second at 8 kHz takes 21 kB of the notebook.
        rate: samples a second.
        alt: a sentence that says what can be heard.
    """
    rows = "".join(
        f'<tr><td style="text-align: left">{html_text.escape(name)}</td><td><audio controls preload="none" '
        f'aria-label="{html_text.escape(name, quote=True)}" '
        f'src="data:audio/wav;base64,{base64.b64encode(wav_bytes(clip, rate)).decode()}"></audio></td></tr>'
        for name, clip in clips.items()
    )
    show_html(f"<table>{rows}</table>", alt)


def wav_bytes(clip: Tensor, rate: int) -> bytes:
    """One clip (n,) as a mono 16-bit WAV file with its peak at 90 % of full scale."""
    import torch  # not above: the course's command line imports this folder and needs no torch

    samples = torch.as_tensor(clip).detach().cpu().double().numpy()
    if samples.ndim != 1 or len(samples) == 0:
        raise ValueError(f"a clip has shape {samples.shape}; expected (n,) with at least one sample.")
    peak = np.abs(samples).max()
    scaled = np.round(samples * (0.9 * 32_767 / peak)) if peak > 0 else samples * 0
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(scaled.astype("<i2").tobytes())
    return buffer.getvalue()
