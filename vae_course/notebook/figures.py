"""Show a figure with alternative text that stays in the saved notebook."""

from __future__ import annotations

import base64
import html as html_text
import io
from typing import TYPE_CHECKING

from vae_course.notebook.output import publish

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 100
SHORTEST_ALT = 20


def show(fig: Figure, alt: str, *, dpi: int = DPI) -> None:
    """Display a matplotlib Figure as PNG with alternative text, then close it.

    The text goes into the output metadata ({"image/png": {"alt": alt}}, from where the course's HTML pages
    take it) and into text/plain (for terminals and screen readers).

    Args:
        fig: the figure; it is closed, so that the notebook's inline backend does not draw it twice.
        alt: one sentence that says what can be seen, at least 20 characters, ending with a period.
        dpi: dots per inch of the picture.

    Raises:
        ValueError: the alternative text is missing, too short or not a sentence.
    """
    import matplotlib.pyplot as plt

    alt = check_alt(alt)
    picture = png_bytes(fig, dpi=dpi)
    plt.close(fig)
    publish(
        {"image/png": base64.b64encode(picture).decode("ascii"), "text/plain": alt},
        {"image/png": {"alt": alt}},
    )


def show_html(html: str, alt: str) -> None:
    """Display HTML (an animation, a player, a table) labeled with a sentence of alternative text.

    Args:
        html: a fragment of HTML.
        alt: as in `show`; it labels the fragment for screen readers and is its text/plain twin.
    """
    alt = check_alt(alt)
    label = html_text.escape(alt, quote=True)
    wrapped = f'<div role="figure" aria-label="{label}">{html}</div>'
    publish({"text/html": wrapped, "text/plain": alt}, {"text/html": {"alt": alt}})


def check_alt(alt: str) -> str:
    """Return the alternative text without surrounding space; ValueError when it is not a sentence."""
    text = alt.strip() if isinstance(alt, str) else ""
    if len(text) < SHORTEST_ALT or not text.endswith("."):
        raise ValueError(
            f"Alternative text must be a sentence of at least {SHORTEST_ALT} characters that ends with a "
            f"period and says what can be seen; got {alt!r}."
        )
    return text


def png_bytes(fig: Figure, *, dpi: int = DPI, live: bool = False) -> bytes:
    """Render a figure to PNG without software name or date, so that the same figure gives the same bytes.

    Args:
        fig: the figure; it stays open.
        dpi: dots per inch.
        live: for pictures that are redrawn while somebody waits: of constant size (nothing is cropped, so
            the figure needs a layout of its own, such as "constrained") and lightly compressed.
    """
    options = {"dpi": dpi, "facecolor": "white", "metadata": {"Software": None}}
    if live:
        options["pil_kwargs"] = {"compress_level": 1}
    else:
        options |= {"bbox_inches": "tight", "pil_kwargs": {"compress_level": 6}}
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", **options)
    return buffer.getvalue()
