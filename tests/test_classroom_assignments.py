"""The assignments: committed notebooks equal their sources, leak nothing, and grade what they should."""

import re

import pytest
import torch
from matplotlib import pyplot

from tools.classroom import source
from tools.classroom.release import student_notebook, text
from tools.project import CourseError, Project
from vae_course.teaching.engine import exercises, solution_source
from vae_course.teaching.grading import ContractBroken

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
    """Execute the notebook in this process; the names that it defines, and what each test raised."""
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
    return names, raised


class Here:
    """A submission that ran in this process, as a hidden test sees one."""

    seed = 20_011

    def __init__(self, names):
        self.names, self.number = names, names.get("STUDENT", 0)

    def answer(self, name):
        return self.names.get(name)

    def weights(self, file="weights.pt"):
        try:
            return torch.load(file, weights_only=True)
        except OSError:
            raise ContractBroken(f"{file} is missing.") from None

    def apart(self):
        return self


def judged(notebook, assignment):
    from tools.classroom.autograde import judge, name_of, questions

    names, raised = run_cells(notebook)
    assert not any(raised.values()), raised  # a test cell says what is missing and stops nothing
    asked = questions(assignment)
    tests = [cell for cell in graded(notebook) if not cell.metadata.nbgrader.solution]
    assert {name_of(cell) for cell in tests} == set(asked)
    return {name: judge(question, Here(names)) for name, question in asked.items()}


def test_the_solution_earns_every_point_and_the_stub_none(lecturer, student, monkeypatch, tmp_path):
    """Both notebooks run from top to bottom."""
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.chdir(tmp_path)
    assignment = lecturer.cells[0].id[:2]
    unsolved = judged(student, assignment)
    assert unsolved and not any(share for share, _ in unsolved.values()), unsolved
    solved = judged(lecturer, assignment)
    assert all(share == 1 for share, _ in solved.values()), solved


@pytest.mark.parametrize("name", NAMES)
def test_no_answer_is_in_what_students_install(name):
    for exercise in exercises(name[:2]):
        assert exercise.reference is None and exercise.value is None and not exercise.mistakes
        assert "marked after you hand in" in solution_source(exercise)


def test_an_unknown_assignment_is_named():
    with pytest.raises(CourseError, match="There is no assignment B9; there are A1"):
        source.names(PROJECT, "B9")
