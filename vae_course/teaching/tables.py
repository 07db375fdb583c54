"""Tables and numbers for people: HTML for the eye, one line per row for terminals and screen readers."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from vae_course.teaching.display import publish


def format_number(value: Any) -> str:
    """Write a number the way a reader wants it: four significant digits, no noise.

    12 -> "12", 0.00012345 -> "1.234e-4", 104.2371 -> "104.2", 60000 -> "60,000", nan -> "not a number". None
    becomes an empty string; what is no number is returned as text.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return f"{value:,}"
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
    """Display a list of dicts, column name to number, text or None (empty), as a table: HTML, with a text
    twin of one line per row; columns come in order of first appearance.
    """
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
