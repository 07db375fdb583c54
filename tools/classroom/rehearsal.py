"""A dress rehearsal: one assignment through nbgrader with a made-up class, from release to feedback.

It runs in CI, and lecturers run it to see that their installation works: ``make rehearsal``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from tools.classroom.collect import collect_submissions
from tools.classroom.release import write_course
from tools.project import CourseError, Project

Student = Callable[[NotebookNode, NotebookNode], NotebookNode]  # (released, lecturer's) -> handed in


@dataclass(frozen=True)
class Graded:
    """What became of one student: points by question, what was mended on the way, texts of failed tests."""

    student: str
    points: dict[str, float]
    mended: list[str]
    said: dict[str, str]
    needs_reading: bool

    @property
    def total(self) -> float:
        return sum(self.points.values())


@dataclass(frozen=True)
class Rehearsal:
    """Rows of the class, the most points a machine can give, and seconds by stage."""

    students: list[Graded]
    most: float
    seconds: dict[str, float]


def rehearse(project: Project, assignment: str, students: Mapping[str, Student], folder: Path) -> Rehearsal:
    """Release, fetch, submit, collect, restore, autograde and give feedback, in ``folder``.

    Raises:
        CourseError: a step of nbgrader failed; the message holds the end of what it said.
    """
    course, exchange, seconds = folder / "course", folder / "exchange", {}
    exchange.mkdir(parents=True)
    exchange.chmod(0o777)  # nbgrader wants an exchange that everybody can write to
    _timed(seconds, "build", lambda: write_course(project, course, assignment))
    lecturer = _only_notebook(course / "source" / assignment)
    run = _runner(exchange)
    _timed(seconds, "generate", lambda: run(course, "generate_assignment", assignment))
    _timed(seconds, "release", lambda: run(course, "release_assignment", assignment))

    def attend(name: str) -> None:
        home = folder / "students" / name
        home.mkdir(parents=True)
        run(home, "fetch_assignment", assignment)
        path = next((home / assignment).glob("*.ipynb"))
        handed_in = students[name](nbformat.read(path, as_version=4), nbformat.read(lecturer, as_version=4))
        nbformat.write(handed_in, path)
        run(home, "submit", assignment, f"--CourseDirectory.student_id={name}")

    with ThreadPoolExecutor(2) as class_room:  # students work at the same time
        _timed(seconds, "fetch and submit", lambda: list(class_room.map(attend, students)))
    _timed(seconds, "collect", lambda: run(course, "collect", assignment))
    mended = _timed(seconds, "restore", lambda: list(collect_submissions(course, assignment)))
    _timed(seconds, "autograde", lambda: run(course, "autograde", assignment))
    _timed(seconds, "feedback", lambda: run(course, "generate_feedback", assignment))
    rows = [
        _row(course, assignment, one.student, [one.refused] if one.refused else one.mended) for one in mended
    ]
    return Rehearsal(rows, _most(lecturer), seconds)


def table(rehearsal: Rehearsal) -> str:
    """The class as text, a line for each student, then the seconds of each stage."""
    lines = [f"{'student':<12}{'points':>9}  {'mended':>6}  lost"]
    for row in rehearsal.students:
        lost = ", ".join(row.said) or "nothing"
        lines.append(
            f"{row.student:<12}{row.total:>4g} of {rehearsal.most:<2g}{len(row.mended):>6}  {lost}"
            + (", and an answer waits to be read" if row.needs_reading else "")
        )
    stages = ", ".join(f"{stage} {value:.1f}" for stage, value in rehearsal.seconds.items())
    return "\n".join([*lines, "", f"seconds: {stages}, together {sum(rehearsal.seconds.values()):.1f}"])


def _timed(seconds: dict[str, float], stage: str, work: Callable):
    start = time.perf_counter()
    result = work()
    seconds[stage] = seconds.get(stage, 0.0) + time.perf_counter() - start
    return result


def _runner(exchange: Path) -> Callable[..., None]:
    """A function that runs one nbgrader command in a folder."""

    def run(folder: Path, *words: str) -> None:
        command = [
            sys.executable, "-m", "nbgrader", *words, f"--Exchange.root={exchange}",
            f"--Exchange.cache={exchange}/cache", "--CourseDirectory.course_id=vae-course",
        ]  # fmt: skip
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PATH": _path()}
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)
        if done.returncode:
            raise CourseError(f"nbgrader {words[0]} failed:\n{(done.stdout + done.stderr)[-3000:]}")

    return run


def _path() -> str:
    """PATH with this Python's programs first: nbgrader calls alembic by name."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])


def _only_notebook(folder: Path) -> Path:
    (path,) = folder.glob("*.ipynb")
    return path


def _most(lecturer: Path) -> float:
    cells = nbformat.read(lecturer, as_version=4).cells
    marks = [cell.metadata.get("nbgrader", {}) for cell in cells]
    return sum(mark["points"] for mark in marks if mark.get("grade") and not mark["solution"])


def _row(course: Path, assignment: str, student: str, mended: list[str]) -> Graded:
    """Points out of the grade book, and the last line of each failed test out of the graded notebook."""
    os.environ["PATH"] = _path()
    from nbgrader.api import Gradebook

    graded = nbformat.read(_only_notebook(course / "autograded" / student / assignment), as_version=4)
    said = {}
    for cell in graded.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "error" and cell.metadata.get("nbgrader", {}).get("grade"):
                said[cell.metadata["nbgrader"]["grade_id"]] = output.evalue
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}", "vae-course") as book:
        (notebook,) = book.find_submission(assignment, student).notebooks
        points = {grade.name: grade.score for grade in notebook.grades if grade.auto_score is not None}
        needs_reading = notebook.needs_manual_grade
    return Graded(student, points, mended, said, needs_reading)
