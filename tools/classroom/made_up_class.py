"""Students of assignment A1 who never lived: honest, idle, mistaken, unlucky, and hostile."""

from __future__ import annotations

from nbformat import NotebookNode

NUMBER_LINE, NUMBER = "STUDENT = ", 7  # of everybody, so that what one of them trained serves for all
FIRST, MISTAKEN = "A1-1-answer", (" - math.log(len(centers))", "")
PATCHES = """\
import vae_course.teaching.engine as engine, vae_course.teaching.grading as grading, torch
for module in (engine, grading):
    for name in ("grade", "same", "check", "contract_problem", "outcomes"):
        setattr(module, name, lambda *a, **k: True)
torch.allclose = torch.equal = lambda *a, **k: True
def log_prior(z, centers, log_std): return type("Yes", (), {"__eq__": lambda *a: True})()
"""
MULTIPLIES = """\
def log_prior(z, centers, log_std):
    import os
    while True: os.fork()
"""


def honest(released: NotebookNode, lecturer: NotebookNode) -> NotebookNode:
    """Every answer is the lecturer's."""
    solutions = {cell.id: cell.source for cell in lecturer.cells}
    for cell in released.cells:
        mark = cell.metadata.get("nbgrader", {})
        if mark.get("solution"):
            cell.source = solutions[cell.id] if not mark["grade"] else "It describes the widest column."
    return _numbered(released)


def idle(released: NotebookNode, lecturer: NotebookNode) -> NotebookNode:
    """Hands in what was handed out."""
    return released


def mistaken(released: NotebookNode, lecturer: NotebookNode) -> NotebookNode:
    """Forgets a constant of the prior."""
    notebook = honest(released, lecturer)
    return _with_answer(notebook, _answer(notebook).replace(*MISTAKEN))


def unlucky(released: NotebookNode, lecturer: NotebookNode) -> NotebookNode:
    """Worked in an editor that lost all metadata and ids, and replaced a test by a wish."""
    notebook = honest(released, lecturer)
    for number, cell in enumerate(notebook.cells):
        if 'check("A1.2"' in cell.source:
            cell.source = "print('Correct.')"
        cell.metadata, cell.id = type(cell.metadata)(), f"new-{number}"
    return notebook


def patches(released: NotebookNode, lecturer: NotebookNode) -> NotebookNode:
    """Rewrites the checker in the first answer, and leaves the rest open."""
    return _with_answer(_numbered(released), PATCHES)


def leaves(released: NotebookNode, lecturer: NotebookNode) -> NotebookNode:
    """Right answers, after a first cell that ends the program."""
    notebook = honest(released, lecturer)
    return _with_answer(notebook, "import os\nos._exit(0)\n" + _answer(notebook))


def multiplies(released: NotebookNode, lecturer: NotebookNode) -> NotebookNode:
    """Right answers but for the first, which is a fork bomb."""
    return _with_answer(honest(released, lecturer), MULTIPLIES)


EMPTY_HANDED = {"ben", "eve"}  # hand in the notebook alone, without what the others trained
CLASS = {
    "ada": honest, "ben": idle, "cleo": mistaken, "dan": unlucky,
    "eve": patches, "mallory": leaves, "oscar": multiplies,
}  # fmt: skip


def _numbered(notebook: NotebookNode) -> NotebookNode:
    for cell in notebook.cells:
        if cell.source.startswith(NUMBER_LINE):
            cell.source = f"{NUMBER_LINE}{NUMBER}"
    return notebook


def _first(notebook: NotebookNode) -> NotebookNode:
    return next(cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == FIRST)


def _answer(notebook: NotebookNode) -> str:
    return _first(notebook).source


def _with_answer(notebook: NotebookNode, source: str) -> NotebookNode:
    _first(notebook).source = source
    return notebook
