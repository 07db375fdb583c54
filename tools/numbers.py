"""Numbers in sentences: ``{{gain}}`` in a source becomes ``7.3 nats (6.6 to 8.0)`` in the notebook.

The name is the id of a claim or a note (`Claims.add`, `Claims.note`); the number is that of the committed
full run, from ``assets/results``. ``{{gain.value}}`` leaves out the interval, ``{{gain.number}}`` the unit
as well.
"""

import difflib
import json
import re
from collections.abc import Iterator

from nbformat import NotebookNode

from tools.project import Project
from vae_course.teaching.claims import claims_table, measured_claim

NAME = re.compile(r"\{\{\s*([a-z][a-z0-9_]*)(?:\.(value|number))?\s*\}\}")
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


def record_of(project: Project, name: str) -> dict:
    """The record of the committed full run of chapter ``name``; empty before the first."""
    path = project.results / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def known(record: dict) -> dict[str, dict]:
    """Claims and notes of a record by id."""
    return {entry["id"]: entry for entry in record.get("claims", []) + record.get("notes", [])}


def written(entry: dict, part: str | None) -> str:
    """The number of a claim or note as the sentence wants it; in every form with the same digits."""
    text = measured_claim(entry)
    if part is not None:
        text = text.split(" (")[0]
    return text.split(" ")[0] if part == "number" else text


def prose(text: str) -> Iterator[tuple[str, bool]]:
    """Pieces of a Markdown text; True for those that are no code."""
    end = 0
    for match in CODE.finditer(text):
        yield text[end : match.start()], True
        yield match.group(), False
        end = match.end()
    yield text[end:], True


def fill(notebook: NotebookNode, record: dict) -> NotebookNode:
    """``notebook`` with the numbers that are known; names that are not stay as they are. Changed in place."""
    entries = known(record)

    def number(match: re.Match) -> str:
        name, part = match.groups()
        return written(entries[name], part) if name in entries else match.group()

    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = "".join(
                NAME.sub(number, piece) if is_prose else piece for piece, is_prose in prose(cell.source)
            )
    return notebook


def unknown(notebook: NotebookNode, record: dict, name: str) -> list[str]:
    """A sentence for each ``{{name}}`` that `fill` had to leave."""
    entries, problems = known(record), []
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type != "markdown":
            continue
        text = "".join(piece for piece, is_prose in prose(cell.source) if is_prose)
        for match in NAME.finditer(text):
            if match.group(1) in entries:
                continue
            near = difflib.get_close_matches(match.group(1), entries, n=1, cutoff=0.0)
            nearest = f"; the nearest is {near[0]!r}" if near else ""
            problems.append(
                f"cell {name[:2]}-{index:03d} names {match.group()}, but the full run has no claim or note "
                f"{match.group(1)!r}{nearest}"
            )
    return problems


def replicated(project: Project, name: str) -> dict:
    """What the replications say about the claims of chapter ``name``."""
    path = project.replication
    return json.loads(path.read_text(encoding="utf-8"))["chapters"].get(name, {}) if path.is_file() else {}


def renew_table(notebook: NotebookNode, project: Project, name: str) -> bool:
    """Show in the table of claims what record and replications say now; whether anything changed."""
    record, changed = record_of(project, name), False
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.get("metadata", {}).get("vae_course", {}).get("claims") == name:
                table, text = claims_table({**record, "run": "full"}, replicated(project, name))
                new = {"text/html": table, "text/plain": text}
                changed |= dict(output.data) != new
                output.data = new
    return changed
