"""The lecturer's notebook of an assignment, from its source in py:percent form.

A source marks the cells that matter, and nothing else: ``question="A1.1" role="answer"`` on a code cell that
holds the solution between BEGIN SOLUTION and END SOLUTION, ``role="test" points=2`` on the cell that checks
it, and ``role="essay" points=4`` on a Markdown cell that a person reads. nbgrader's metadata are written from
that. How a question is marked stands in ``tools/classroom/graded``, which no student installs. Grading runs
all code cells but the setup and those with the tag ``train`` or ``ungraded`` (pictures, sliders).
"""

import re

import jupytext
import nbformat
from nbformat import NotebookNode

from tools.project import CourseError, Project
from tools.sources import BADGE, NOTEBOOK_METADATA, SETUP, one_tagged

ROLES = {
    "answer": {"grade": False, "solution": True, "locked": False},
    "test": {"grade": True, "solution": False, "locked": True},
    "essay": {"grade": True, "solution": True, "locked": False},
}
CHECK = re.compile(r'check\("(?P<question>[^"]+)", (?P<name>\w+)\)')


def names(project: Project, only: str | None = None) -> list[str]:
    """Stems of the assignments' sources, such as "A1_Build_a_VAE", in order; ``only`` "A1" gives that one.

    Raises:
        CourseError: there is no such assignment.
    """
    found = sorted(path.stem for path in folder(project).glob("source/A*.py"))
    chosen = [name for name in found if only is None or name.partition("_")[0] == only]
    if only and not chosen:
        known = ", ".join(name.partition("_")[0] for name in found)
        raise CourseError(f"There is no assignment {only}; there are {known}.")
    return chosen


def folder(project: Project):
    """Where the assignments lie in the checkout."""
    return project.notebooks / "assignments"


def lecturer_notebook(project: Project, name: str) -> NotebookNode:
    """The notebook with solutions, hidden tests and nbgrader's metadata, unexecuted.

    Raises:
        CourseError: a marked cell breaks the form.
    """
    source = folder(project) / "source" / f"{name}.py"
    notebook = jupytext.reads(source.read_text(encoding="utf-8"), fmt="py:percent")
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    notebook.metadata = nbformat.from_dict(NOTEBOOK_METADATA)
    first = notebook.cells[0]
    if first.source.count(BADGE) != 1:
        raise CourseError(f"The first cell of assignment {name} needs the line {BADGE} exactly once.")
    first.source = first.source.replace(BADGE, project.badge(f"assignments/{name}"))
    setup = notebook.cells[one_tagged(notebook, "setup", name)]
    setup.source = SETUP.format(repository=project.repository, branch=project.branch)
    for index, cell in enumerate(notebook.cells):
        cell.id = f"{name.partition('_')[0]}-{index:03d}"
        cell.metadata.pop("lines_to_next_cell", None)
        if cell.cell_type == "code":
            cell.source = cell.source.strip("\n")
            cell.execution_count, cell.outputs = None, []
        if "role" in cell.metadata:
            _mark(cell, name)
    _check_pairs(notebook, name)
    nbformat.validate(notebook)
    return notebook


def _mark(cell: NotebookNode, name: str) -> None:
    """Turn the short marks of one cell into nbgrader's metadata, and add the hidden test."""
    role, question = cell.metadata.pop("role"), cell.metadata.pop("question", None)
    points = cell.metadata.pop("points", None)
    if role not in ROLES or question is None or (points is None) != (role == "answer"):
        raise CourseError(
            f"A cell of assignment {name} is marked role={role!r}, question={question!r}, points={points!r}; "
            f"expected a question and one of {', '.join(ROLES)}, with points for test and essay alone."
        )
    if role == "test":
        found = CHECK.search(cell.source)
        if not found or found["question"] != question:
            raise CourseError(
                f'The test cell of question {question} in {name} needs check("{question}", answer).'
            )
    cell.metadata.nbgrader = nbformat.from_dict(
        {
            **ROLES[role],
            "task": False,
            "grade_id": f"{question.replace('.', '-')}-{role}",
            "schema_version": 3,
            "cell_type": cell.cell_type,
            **({} if points is None else {"points": points}),
        }
    )


def _check_pairs(notebook: NotebookNode, name: str) -> None:
    """Each answer has its test after it, and each test its answer before it."""
    marks = [cell.metadata.nbgrader.grade_id for cell in notebook.cells if "nbgrader" in cell.metadata]
    answers = [mark.removesuffix("-answer") for mark in marks if mark.endswith("-answer")]
    tests = [mark.removesuffix("-test") for mark in marks if mark.endswith("-test")]
    if answers != tests or len(set(marks)) != len(marks):
        raise CourseError(
            f"Assignment {name} has answers {', '.join(answers)} and tests {', '.join(tests)}; "
            "expected one test after each answer, in the same order, and no question twice."
        )
