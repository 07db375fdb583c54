"""The assignments: committed notebooks equal their sources, leak nothing, and grade what they should."""

import re

import nbformat
import pytest
from matplotlib import pyplot

from tools.classroom import source
from tools.classroom.release import student_notebook, text
from tools.project import CourseError, Project

PROJECT = Project.here()
NAMES = source.names(PROJECT)

nbgrader = pytest.importorskip("nbgrader", reason="nbgrader, of the instructor extra, is not installed")


@pytest.fixture(scope="module", params=NAMES)
def lecturer(request):
    return source.lecturer_notebook(PROJECT, request.param)


@pytest.fixture(scope="module")
def student(lecturer):
    return student_notebook(lecturer)


def graded(notebook):
    return [cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade")]


@pytest.mark.parametrize("name", NAMES)
def test_the_committed_notebook_is_what_its_source_says(name):
    committed = (source.folder(PROJECT) / f"{name}.ipynb").read_text(encoding="utf-8")
    built = text(student_notebook(source.lecturer_notebook(PROJECT, name)))
    assert committed == built, "run: make assignments"


def test_nothing_of_the_solution_is_handed_out(lecturer, student):
    everything = "\n".join(cell.source for cell in student.cells)
    assert "SOLUTION" not in everything and "HIDDEN" not in everything and "MARK SCHEME" not in everything
    assert "require(" not in everything
    for cell in lecturer.cells:
        for secret in re.findall(r"### BEGIN SOLUTION\n(.*?)\n\s*### END SOLUTION", cell.source, re.DOTALL):
            assert secret not in everything


def test_points_are_declared_where_the_text_says(lecturer):
    points = sum(cell.metadata.nbgrader.points for cell in graded(lecturer))
    assert f"{points} points" in lecturer.cells[0].source
    for cell in graded(lecturer):
        mark = cell.metadata.nbgrader
        question = mark.grade_id.rpartition("-")[0].replace("-", ".")
        heading = next(
            line
            for other in lecturer.cells
            for line in other.source.splitlines()
            if line.startswith(f"## {question} ")
        )
        assert re.search(rf"\({mark.points} points?\)$", heading), heading


def run_cells(notebook):
    """Execute the notebook in this process; what each test raised, by its mark (None: nothing)."""
    names, raised = {"__name__": "__main__"}, {}
    for cell in notebook.cells:
        if cell.cell_type != "code" or "setup" in cell.metadata.get("tags", []):
            continue
        mark = cell.metadata.get("nbgrader", {})
        try:
            exec(compile(cell.source, cell.id, "exec"), names)
            error = None
        except Exception as caught:
            error = caught
        if mark.get("grade"):
            raised[mark.grade_id] = error
        elif error is not None and not mark:
            raise error
    pyplot.close("all")  # other tests insist on finding none
    return raised


def test_the_solution_passes_every_test_and_the_stub_none(lecturer, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    solved = run_cells(lecturer)
    assert solved and not any(solved.values()), solved
    stub = nbformat.from_dict(lecturer)
    handed_out = {cell.id: cell.source for cell in student_notebook(lecturer).cells}
    for cell in stub.cells:
        if cell.metadata.get("nbgrader", {}).get("solution"):
            cell.source = handed_out[cell.id]
    unsolved = run_cells(stub)
    assert all("Not answered yet" in str(error) for error in unsolved.values()), unsolved


def test_the_student_notebook_runs_from_top_to_bottom_unsolved(student, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    assert not any(run_cells(student).values())


def test_an_unknown_assignment_is_named():
    with pytest.raises(CourseError, match="There is no assignment B9; there are A1"):
        source.names(PROJECT, "B9")
