"""The student's notebook: the lecturer's, with solutions and hidden tests taken out by nbgrader itself."""

from __future__ import annotations

import csv
import hashlib
import logging
import shutil
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from tools.classroom import source
from tools.project import CourseError, Project
from vae_course.files import write_atomically

COURSE, ANSWER_HERE = "vae-course", "# your answer here"
CONFIG = """\
# nbgrader's settings for a class that uses these assignments; grading and the package come from here:
import sys

sys.path.insert(0, {checkout!r})
from tools.classroom.release import settings

settings(get_config())
"""


def settings_of_release(c) -> None:
    """What nbgrader must know to hand out the same notebooks as the committed ones."""
    c.CourseDirectory.course_id = COURSE
    c.ClearSolutions.code_stub = {"python": ANSWER_HERE}


def settings(c) -> None:
    """nbgrader's configuration for a class. Names alone: what grades is loaded when something is graded."""
    settings_of_release(c)
    ours, theirs = "tools.classroom.autograde.", "nbgrader.preprocessors."
    before = ("DeduplicateIds", "OverwriteKernelspec", "OverwriteCells", "CheckCellMetadata")
    after = ("IgnorePattern", "LimitOutput", "SaveAutoGrades", "AssignLatePenalties", "CheckCellMetadata")
    c.Autograde.sanitize_preprocessors = [ours + "RestoreMarks", *(theirs + name for name in before)]
    c.Autograde.autograde_preprocessors = [ours + "GradeApart", *(theirs + name for name in after)]
    c.Autograde.exporter_class = ours + "Forgiving"
    c.ExportApp.plugin_class = ours + "Marks"
    c.ExchangeFactory.collect = ours + "CollectFiles"


def student_notebook(lecturer: NotebookNode) -> NotebookNode:
    """What nbgrader's generate_assignment makes of the lecturer's notebook, without a grade book.

    Raises:
        CourseError: nbgrader is not installed.
    """
    try:
        from nbgrader import preprocessors
        from traitlets.config import Config
    except ImportError:
        raise CourseError(
            'nbgrader is not installed; install the lecturer\'s extra: pip install "vae-course[instructor]"'
        ) from None
    config = Config()
    settings_of_release(config)
    notebook, resources = nbformat.from_dict(lecturer), {}
    for name in (
        "LockCells",
        "ClearSolutions",
        "ClearOutput",
        "CheckCellMetadata",
        "ComputeChecksums",
        "ClearHiddenTests",
        "ClearMarkScheme",
        "ComputeChecksums",
        "CheckCellMetadata",
    ):
        step = getattr(preprocessors, name)(config=config)
        step.log.setLevel(logging.ERROR)
        notebook, resources = step.preprocess(notebook, resources)
    return notebook


def write_students(project: Project, only: str | None = None) -> list[Path]:
    """Renew notebooks/assignments/*.ipynb from their sources; the files written."""
    written = []
    for name in source.names(project, only):
        path = source.folder(project) / f"{name}.ipynb"
        write_atomically(path, text(student_notebook(source.lecturer_notebook(project, name))).encode())
        written.append(path)
    return written


def write_course(project: Project, target: Path, only: str | None = None) -> Path:
    """Prepare a folder in which nbgrader works: its settings and the lecturer's notebooks under source/."""
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    config = target / "nbgrader_config.py"
    if not config.exists():  # a lecturer's own settings stay
        write_atomically(config, CONFIG.format(checkout=str(project.root)).encode())
    for name in source.names(project, only):
        home = target / "source" / name.partition("_")[0]
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        write_atomically(home / f"{name}.ipynb", text(source.lecturer_notebook(project, name)).encode())
    return target


def text(notebook: NotebookNode) -> str:
    """A notebook as it is committed: sorted keys, one line break at the end."""
    return nbformat.writes(notebook, version=nbformat.NO_CONVERT).rstrip("\n") + "\n"


def draw(*words: str) -> int:
    """A whole number below 2³¹ that belongs to these words; to a seed cases may still add something."""
    return int(hashlib.sha256("/".join(words).encode()).hexdigest()[:8], 16) // 2


def number(course: Path, student: str) -> int:
    """The student's number: from students.csv (columns student and number), or drawn from the name."""
    path = course / "students.csv"
    rows = csv.DictReader(path.read_text(encoding="utf-8").splitlines()) if path.exists() else ()
    known = {row["student"].strip(): int(row["number"]) for row in rows}
    return known.get(student, draw(student) % 1_000_000)
