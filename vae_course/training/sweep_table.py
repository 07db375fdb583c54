"""Sweep records as a table, and the sweeps that come with the course."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

from vae_course.files import write_atomically

SHIPPED = Path(__file__).parents[1] / "weights"


def write_csv(records: Sequence[dict], path: str | Path) -> None:
    """One row for each model; lists (widths, the KL of each dimension) are left to the JSON file."""
    if not records:
        raise ValueError("there are no records to write.")
    columns = [name for name, value in records[0].items() if not isinstance(value, (list, tuple))]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for record in records:
        writer.writerow({name: _short(record[name]) for name in columns})
    write_atomically(path, text.getvalue().encode())


def shipped_sweep(name: str) -> list[dict]:
    """The records of the sweep that comes with the course.

    Args:
        name: "mnist", "fashion_mnist" or "digits".

    Raises:
        ValueError: there is none of that name.
    """
    path = SHIPPED / f"sweep_{name}.json"
    if not path.is_file():
        known = ", ".join(sorted(file.stem.removeprefix("sweep_") for file in SHIPPED.glob("sweep_*.json")))
        raise ValueError(f"no sweep of {name!r} comes with the course; there are: {known or 'none'}.")
    return json.loads(path.read_text(encoding="utf-8"))


def _short(value: object) -> object:
    """Seven significant digits are more than any of the measures has."""
    return f"{value:.7g}" if isinstance(value, float) else value
