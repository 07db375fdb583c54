"""Give a submitted notebook back the marks by which nbgrader knows its cells.

Colab and some editors drop a cell's metadata or its id; nbgrader then finds no answer and gives 0 without a
word. Here every graded cell of the released notebook is looked for in the submission, by what is left of it;
one that cannot be found for certain is refused with a sentence.
"""

from __future__ import annotations

import copy
import re

import nbformat
from nbformat import NotebookNode

DEFINES = re.compile(r"^(?:def |class )?(\w+)\s*(?:\(|=(?!=)|:)", re.MULTILINE)


class RestoreError(ValueError):
    """A submission that does not belong to the released assignment, or lost an answer; one clear sentence."""


def restore(submitted: NotebookNode, released: NotebookNode) -> tuple[NotebookNode, list[str]]:
    """A copy of ``submitted`` whose graded cells carry the released marks, and a sentence for each repair.

    Answers are matched by nbgrader's mark, the cell's id (also where Colab keeps it), or the name they
    define, texts by their order where as many are the student's own; tests by mark, id or text, and put back
    where they are missing.

    Raises:
        RestoreError: an answer cannot be found, or two cells claim to be the same answer.
    """
    notebook, mended = copy.deepcopy(submitted), []
    taken: dict[int, str] = {}
    found = {}
    for cell in _graded(released):
        found[_grade_id(cell)] = _find(cell, released, notebook, taken, mended)
    for index, cell in enumerate(notebook.cells):
        if "nbgrader" in cell.metadata and index not in taken:
            del cell.metadata["nbgrader"]
            mended.append(f"cell {index + 1} carried a mark that is not its own (a copied cell?): removed")
    for wanted in _graded(released):
        index = found[_grade_id(wanted)]
        if index is not None:
            _mend(notebook.cells[index], wanted, mended)
    _put_back(notebook, released, found, mended)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    _unique_ids(notebook)
    return notebook, mended


def _graded(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if "nbgrader" in cell.metadata]


def _grade_id(cell: NotebookNode) -> str:
    return cell.metadata["nbgrader"]["grade_id"]


def _ids(cell: NotebookNode) -> set[str]:
    return {str(value) for value in (cell.get("id"), cell.metadata.get("id")) if value}


def _find(
    wanted: NotebookNode,
    released: NotebookNode,
    notebook: NotebookNode,
    taken: dict[int, str],
    mended: list[str],
) -> int | None:
    """Index of the submission's cell for one released cell; None for a test that is missing."""
    mark, name = _grade_id(wanted), _defined(wanted)
    free = [
        i for i, cell in enumerate(notebook.cells) if i not in taken and cell.cell_type == wanted.cell_type
    ]
    cells = notebook.cells
    clues = {
        "its mark": [i for i in free if cells[i].metadata.get("nbgrader", {}).get("grade_id") == mark],
        "its id": [i for i in free if _ids(cells[i]) & _ids(wanted)],
        f"the name {name}": [i for i in free if _answers(wanted) and name and name in _names(cells[i])],
        "its text": [i for i in free if _same_text(cells[i], wanted)],
    }
    if _answers(wanted) and wanted.cell_type == "markdown":
        own = [i for i in free if not any(_same_text(cells[i], known) for known in released.cells)]
        texts = [cell for cell in _graded(released) if _answers(cell) and cell.cell_type == "markdown"]
        left = len(texts) - texts.index(wanted)
        clues["its place among the texts of the student's own"] = own[:1] if len(own) == left else own
    for clue, candidates in clues.items():
        if len(candidates) > 1 and clue == "its mark":
            # A copied cell keeps the mark; the one that also kept the id, or else the first, is the original.
            candidates = [i for i in candidates if _ids(cells[i]) & _ids(wanted)][:1] or candidates[:1]
        if len(candidates) == 1:
            taken[candidates[0]] = mark
            if clue != "its mark":
                mended.append(f"{mark}: mark lost, restored by {clue}")
            return candidates[0]
        if len(candidates) > 1 and _answers(wanted):
            raise RestoreError(
                f"{mark}: {len(candidates)} cells could be this answer (found by {clue}); "
                "leave the one that counts and submit again."
            )
    if _answers(wanted):
        raise RestoreError(
            f"{mark}: no cell of the submission could be matched to this answer; compare it with the "
            "released notebook, copy the answer into its cell, and submit again."
        )
    return None


def _answers(cell: NotebookNode) -> bool:
    return cell.metadata["nbgrader"]["solution"]


def _names(cell: NotebookNode) -> set[str]:
    """Names that a code cell defines at its top level, as far as a pattern can see."""
    return set(DEFINES.findall(cell.source)) if cell.cell_type == "code" else set()


def _defined(cell: NotebookNode) -> str | None:
    match = DEFINES.search(cell.source) if cell.cell_type == "code" else None
    return match[1] if match else None


def _same_text(cell: NotebookNode, wanted: NotebookNode) -> bool:
    return "".join(cell.source.split()) == "".join(wanted.source.split())


def _mend(cell: NotebookNode, wanted: NotebookNode, mended: list[str]) -> None:
    """Copy the released mark onto a cell; a test's text too, for it is not the student's to change."""
    mark = _grade_id(wanted)
    if dict(cell.metadata.get("nbgrader", {})) != dict(wanted.metadata["nbgrader"]):
        if "nbgrader" in cell.metadata:
            mended.append(f"{mark}: mark was altered, restored")
        cell.metadata["nbgrader"] = copy.deepcopy(wanted.metadata["nbgrader"])
    if "tags" in wanted.metadata:  # of a cell that trains: grading must not run it
        cell.metadata["tags"] = list(wanted.metadata["tags"])
    if not _answers(wanted) and not _same_text(cell, wanted):
        cell.source = wanted.source
        mended.append(f"{mark}: the test was edited, its text restored")


def _put_back(
    notebook: NotebookNode, released: NotebookNode, found: dict[str, int | None], mended: list[str]
) -> None:
    """Insert missing tests after the answer they belong to, from the end so that indices stay true."""
    position = -1
    inserts = []
    for wanted in _graded(released):
        index = found[_grade_id(wanted)]
        if index is None:
            inserts.append((position + 1, wanted))
            mended.append(f"{_grade_id(wanted)}: the test was missing, put back")
        else:
            position = index
    for at, wanted in reversed(inserts):
        notebook.cells.insert(at, copy.deepcopy(wanted))


def _unique_ids(notebook: NotebookNode) -> None:
    """nbformat 4.5 wants one id for each cell; Colab writes none, and copies have the original's."""
    seen: set[str] = set()
    for number, cell in enumerate(notebook.cells):
        if not cell.get("id") or cell["id"] in seen or not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", cell["id"]):
            cell["id"] = f"cell-{number}"
            while cell["id"] in seen:
                cell["id"] += "x"
        seen.add(cell["id"])
    nbformat.validate(notebook)
