"""A dress rehearsal: one assignment through nbgrader with a made-up class, by the README's own commands.

It runs in CI, and lecturers run it to see that their installation works: ``make rehearsal``.
"""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from tools.classroom.made_up_class import EMPTY_HANDED, NUMBER
from tools.classroom.release import COURSE
from tools.project import CourseError, Project

Student = Callable[[NotebookNode, NotebookNode], NotebookNode]  # (released, lecturer's) -> handed in
SHARED = "/usr/local/share/nbgrader/exchange"  # where nbgrader looks for the exchange
PRINTED = re.compile(r"<!-- rehearsed: (\w+) -->\n```\n(.*?)```", re.DOTALL)


@dataclass(frozen=True)
class Graded:
    """What became of one student: points by test or essay, the sentence of each lost test, the marks' row."""

    student: str
    points: dict[str, float]
    said: dict[str, str]
    needs_reading: bool
    row: list[str]

    @property
    def total(self) -> float:
        return sum(self.points.values())


@dataclass(frozen=True)
class Rehearsal:
    """Rows of the class, the most points a machine can give, and seconds by stage."""

    students: list[Graded]
    most: float
    seconds: dict[str, float]


def printed(project: Project) -> dict[str, str]:
    """The README's commands, by stage."""
    text = (project.notebooks / "assignments" / "README.md").read_text(encoding="utf-8")
    return dict(PRINTED.findall(text))


def rehearse(project: Project, assignment: str, students: Mapping[str, Student], folder: Path) -> Rehearsal:
    """Release, fetch, submit, collect, autograde, give feedback and export in ``folder``.

    Raises:
        CourseError: a command failed; the message holds the end of what it said.
    """
    commands, seconds = printed(project), {}
    course, exchange = folder / "class", folder / "exchange"
    config = folder / "jupyter" / "nbgrader_config.py"
    config.parent.mkdir(parents=True)
    # Every student has an account, and so a cache, of one's own; here all are one account.
    cache = f'os.path.join({str(folder / "cache")!r}, os.environ["REHEARSED"])'
    places = f"c.Exchange.root = {str(exchange)!r}\nc.Exchange.cache = {cache}\n"
    config.write_text(f"import os\n\nc = get_config()\n{places}")

    def run(stage: str, here: Path, student: str = "", part: slice = slice(None)) -> None:
        lines = commands[stage].strip().splitlines()[part]
        text = "\n".join(lines).replace("A1", assignment)
        # Changed: where the exchange and the course's folder lie, and who of one account's class it is.
        for old, new in ((SHARED, exchange), ("sudo ", ""), ("--course class", f"--course {course}")):
            text = text.replace(old, str(new))
        text = text.replace("cd class", f"cd {course}") + f" --student={student}" * bool(student)
        environment = {
            **os.environ, "OMP_NUM_THREADS": "1", "REHEARSED": student,
            "JUPYTER_CONFIG_DIR": str(config.parent),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        }  # fmt: skip
        start = time.perf_counter()
        done = subprocess.run(
            ["bash", "-euc", text], cwd=here, capture_output=True, text=True, env=environment
        )
        seconds[stage] = seconds.get(stage, 0.0) + time.perf_counter() - start
        if done.returncode:
            raise CourseError(f"{text}\nfailed:\n{(done.stdout + done.stderr)[-3000:]}")

    run("exchange", folder)
    run("release", project.root)
    numbers = "".join(f"{name},{NUMBER}\n" for name in students)
    (course / "students.csv").write_text(f"student,number\n{numbers}")
    lecturer = _only_notebook(course / "source" / assignment)
    files = worked(lecturer, folder / "worked")
    for name, student in students.items():
        home = folder / "students" / name
        home.mkdir(parents=True)
        run("student", home, part=slice(1))
        path = _only_notebook(home / assignment)
        for file in () if name in EMPTY_HANDED else files:
            (home / assignment / file.name).write_bytes(file.read_bytes())
        handed_in = student(nbformat.read(path, as_version=4), nbformat.read(lecturer, as_version=4))
        nbformat.write(handed_in, path)
        run("student", home, name, slice(1, None))
    run("grade", course)
    for name in students:
        run("feedback", folder / "students" / name, name)
    with (course / "marks_moodle.csv").open(encoding="utf-8", newline="") as stream:
        marks = {row[0]: row for row in csv.reader(stream)}
    rows = [_row(course, assignment, name, marks.get(name, [])) for name in students]
    return Rehearsal(rows, _most(lecturer), seconds)


def worked(lecturer: Path, folder: Path) -> list[Path]:
    """Execute the lecturer's notebook as a student of the made-up number; the files that it wrote."""
    from nbclient import NotebookClient

    folder.mkdir()
    notebook = nbformat.read(lecturer, as_version=4)
    cells = [cell for cell in notebook.cells if "setup" not in cell.metadata.get("tags", [])]
    notebook.cells = [cell for cell in cells if "parameters" not in cell.metadata.get("tags", [])]
    notebook.cells.insert(0, nbformat.v4.new_code_cell(f"STUDENT = {NUMBER}"))
    NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(folder)}}).execute()
    return sorted(folder.glob("*.pt"))


def table(rehearsal: Rehearsal) -> str:
    """The class as text, a line for each student, then the seconds of each stage."""
    lines = [f"{'student':<12}{'points':>9}  lost"]
    for row in rehearsal.students:
        lost = "; ".join(f"{name}: {said[:60]}" for name, said in row.said.items()) or "nothing"
        reading = ", and an answer waits to be read" if row.needs_reading else ""
        lines.append(f"{row.student:<12}{row.total:>4g} of {rehearsal.most:<2g}  {lost}{reading}")
    stages = ", ".join(f"{stage} {value:.1f}" for stage, value in rehearsal.seconds.items())
    return "\n".join([*lines, "", f"seconds: {stages}, together {sum(rehearsal.seconds.values()):.1f}"])


def _only_notebook(folder: Path) -> Path:
    (path,) = folder.glob("*.ipynb")
    return path


def _most(lecturer: Path) -> float:
    cells = nbformat.read(lecturer, as_version=4).cells
    marks = [cell.metadata.get("nbgrader", {}) for cell in cells]
    return sum(mark["points"] for mark in marks if mark.get("grade") and not mark["solution"])


def _row(course: Path, assignment: str, student: str, row: list[str]) -> Graded:
    """Points out of the grade book, and the sentence of each failed test out of the graded notebook."""
    from nbgrader.api import Gradebook

    graded = nbformat.read(_only_notebook(course / "autograded" / student / assignment), as_version=4)
    said = {}
    for cell in graded.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "error" and cell.metadata.get("nbgrader", {}).get("grade"):
                said[cell.metadata["nbgrader"]["grade_id"]] = output.evalue
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}", COURSE) as book:
        (notebook,) = book.find_submission(assignment, student).notebooks
        points = {grade.name: grade.score for grade in notebook.grades if grade.auto_score is not None}
        needs_reading = notebook.needs_manual_grade
    return Graded(student, points, said, needs_reading, row)
