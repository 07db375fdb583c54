"""Files that commands write: checked before the work starts, complete or absent afterwards."""

from __future__ import annotations

import io
import json
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vae_course.cli.options import UsageError
from vae_course.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PICTURES = (".png", ".pdf", ".svg")


def check_folder(folder: Path, option: str = "--output") -> None:
    """Raise UsageError unless ``folder`` can be made, or is there, and can be written to."""
    existing = folder
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir():
        raise UsageError(f"{option}: {existing} is a file, not a folder; choose another place.")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise UsageError(f"{option}: {existing} is not writable; choose another place.")


def check_file(path: Path, option: str, endings: tuple[str, ...] = ()) -> None:
    """Raise UsageError unless a file ``path`` with one of ``endings`` can be written."""
    if path.is_dir():
        raise UsageError(f"{option}: {path} is a folder; give the name of a file in it.")
    if endings and path.suffix.lower() not in endings:
        raise UsageError(f"{option}: {path} must end in {', '.join(endings[:-1])} or {endings[-1]}.")
    check_folder(path.parent, option)


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure in the format its ending names."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format=path.suffix[1:].lower(), dpi=150)
    write_atomically(path, buffer.getvalue())


def save_json(content: Any, path: Path) -> None:
    """Write numbers, texts, lists and dicts as JSON; NaN, which JSON does not have, becomes null."""
    text = json.dumps(_finite(content), indent=2, ensure_ascii=False, allow_nan=False)
    write_atomically(path, text.encode() + b"\n")


def _finite(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content
