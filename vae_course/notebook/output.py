"""Put one thing on the page, with a plain-text twin for everywhere a picture cannot go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def publish(data: Mapping[str, Any], metadata: Mapping[str, Any] | None = None) -> None:
    """Display a MIME bundle in a notebook; print its text where there is no notebook.

    Args:
        data: MIME type to content; must hold "text/plain". Pictures are base64 strings.
        metadata: output metadata by MIME type, for example {"image/png": {"alt": "..."}}.
    """
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        print(data["text/plain"])
        return
    if get_ipython() is None:
        print(data["text/plain"])
    else:
        display(dict(data), raw=True, metadata=dict(metadata or {}))


def publish_widget(widget: Any, text: str) -> None:
    """Display an ipywidgets widget whose saved twin is `text` instead of its Python repr.

    GitHub and a notebook that was just opened show the text/plain entry of a widget output.
    """
    view = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    publish({WIDGET_VIEW: view, "text/plain": text})
