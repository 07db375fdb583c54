"""What stands between nbgrader and the programs: refusals get a row, marks a file, outputs are harmless."""

import csv
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

pytest.importorskip("nbgrader", reason="nbgrader, of the instructor extra, is not installed")

from nbgrader.coursedir import CourseDirectory
from nbgrader.exchange import ExchangeFactory

from tools.classroom import autograde
from tools.classroom.release import draw, number, settings

NAMES = {"nbgrader": {"assignment": "A9", "notebook": "A9_Nine", "student": "ada"}, "metadata": {"path": "."}}


def marked(cell, mark, grade, solution, **more):
    cell.metadata.nbgrader = {
        "grade_id": mark,
        "grade": grade,
        "solution": solution,
        "schema_version": 3,
        **more,
    }
    return cell


@pytest.fixture
def released(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    notebook = new_notebook(
        cells=[
            marked(new_code_cell("def one(x):\n    ..."), "A9-1-answer", False, True),
            marked(new_code_cell('check("A9.1", one)'), "A9-1-test", True, False, points=4),
            marked(new_code_cell('check("A9.2", two)'), "A9-2-test", True, False, points=3),
        ]
    )
    (tmp_path / "release" / "A9").mkdir(parents=True)
    nbformat.write(notebook, tmp_path / "release" / "A9" / "A9_Nine.ipynb")
    return notebook


def test_a_refused_notebook_becomes_the_released_one_and_every_question_says_why(released, monkeypatch):
    monkeypatch.setattr(autograde, "protection", lambda: "bubblewrap")
    monkeypatch.setattr(autograde, "questions", lambda assignment: {"A9.1": None, "A9.2": None})
    monkeypatch.setattr(autograde, "judge_all", None)
    notebook, _ = autograde.RestoreMarks().preprocess(new_notebook(), NAMES)
    notebook, _ = autograde.GradeApart().preprocess(notebook, NAMES)
    outputs = [cell.outputs for cell in notebook.cells[1:]]
    assert all("refused: A9-1-answer: no cell" in output[0].evalue for output in outputs)
    assert "refused" not in notebook.metadata


@pytest.fixture
def exchange(tmp_path, monkeypatch):
    """The lecturer's folder, a place of the exchange, and what `nbgrader collect` collects with."""
    from traitlets.config import Config

    settings(config := Config())
    course, inbound = tmp_path / "course", tmp_path / "exchange" / "vae-course" / "inbound"
    for folder in (course, inbound):
        folder.mkdir(parents=True)
    monkeypatch.chdir(course)
    # The grade book calls alembic by name.
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    config.CourseDirectory.root, config.Exchange.root = str(course), str(tmp_path / "exchange")
    config.CourseDirectory.assignment_id = "A9"
    (course / "secret.txt").write_text("the secret of the class")
    factory = ExchangeFactory(config=config)
    collect = factory.Collect(coursedir=CourseDirectory(config=config), authenticator=None, config=config)
    return course, inbound, collect


def test_no_link_in_the_exchange_leads_to_the_lecturers_files(exchange):
    course, inbound, collect = exchange
    handed = inbound / "eve+A9+2026-01-01 10:00:00 UTC+x"
    (handed / "more").mkdir(parents=True)
    (handed / "A9_Nine.ipynb").write_text("{}")
    (handed / "more" / "weights.pt").write_text("weights")
    (handed / "notes.txt").symlink_to(course / "secret.txt")
    (handed / "more" / "folder").symlink_to(course)
    (inbound / "mallory+A9+2026-01-01 10:00:00 UTC+x").symlink_to(course)
    (inbound / "ada+A9+2026-01-01 10:00:00 UTC+x").mkdir()
    (inbound / "ada+A9+2026-01-01 10:00:00 UTC+x" / "A9_Nine.ipynb").write_text("{}")
    collect.start()
    there = [path for path in (course / "submitted").rglob("*") if path.is_file() or path.is_symlink()]
    assert sorted(path.name for path in there if "eve" in path.parts) == ["A9_Nine.ipynb", "weights.pt"]
    assert {path.name for path in there if "ada" in path.parts} == {"A9_Nine.ipynb"}
    assert not any("mallory" in path.parts or "secret" in path.read_text() for path in there)


def test_a_submission_that_cannot_be_copied_stops_nobody_else(exchange):
    course, inbound, collect = exchange
    collect.coursedir.max_dir_size = 1  # kB
    for student, text in (("ada", "{}"), ("bob", "x" * 2000), ("zoe", "{}")):
        (inbound / f"{student}+A9+2026-01-01 10:00:00 UTC+x").mkdir()
        (inbound / f"{student}+A9+2026-01-01 10:00:00 UTC+x" / "A9_Nine.ipynb").write_text(text)
    collect.start()
    assert sorted(path.name for path in (course / "submitted").glob("*/A9")) == ["A9", "A9"]
    assert sorted(path.parts[-3] for path in course.rglob("A9_Nine.ipynb")) == ["ada", "zoe"]


def test_a_file_that_is_no_notebook_is_refused_like_one(released, tmp_path):
    broken = tmp_path / "A9_Nine.ipynb"
    broken.write_text("<html>Your session has expired</html>")
    text, _ = autograde.Forgiving().from_filename(str(broken), dict(NAMES))
    assert "no readable notebook" in nbformat.reads(text, as_version=4).metadata.refused


def test_points_and_sentences_become_outputs_that_nbgrader_reads(released, monkeypatch):
    from nbgrader.utils import determine_grade

    found = {"A9.1": (0.5, "Half."), "A9.2": (1.0, "Correct.")}
    monkeypatch.setattr(autograde, "protection", lambda: "bubblewrap")
    monkeypatch.setattr(autograde, "questions", lambda assignment: dict.fromkeys(found))
    monkeypatch.setattr(autograde, "judge_all", lambda *given: found)
    notebook, _ = autograde.GradeApart().preprocess(released, NAMES)
    assert [determine_grade(cell)[0] for cell in notebook.cells[1:]] == [2, 3]
    found["A9.1"] = 0.0, "Not yet."
    notebook, _ = autograde.GradeApart().preprocess(released, NAMES)
    (output,) = notebook.cells[1].outputs
    assert determine_grade(notebook.cells[1])[0] == 0
    assert output.traceback == [output.evalue] == ["Question A9.1: Not yet."]


def test_of_a_student_s_outputs_only_pictures_and_text_are_kept(released):
    data = {"text/html": "<script>alert(1)</script>", "text/plain": "a figure", "image/png": "AAAA"}
    released.cells[0].outputs = [new_output("display_data", data=data)]
    notebook, _ = autograde.RestoreMarks().preprocess(released, NAMES)
    assert set(notebook.cells[0].outputs[0].data) == {"text/plain", "image/png"}


def test_cells_that_train_or_test_do_not_run():
    cells = [new_code_cell("a"), new_code_cell("b", metadata={"tags": ["train"]}), new_code_cell("c")]
    marked(cells[2], "A9-1-test", True, False)
    assert [autograde._runs(cell) for cell in cells] == [True, False, False]


def test_numbers_and_the_secret_stay_the_same(tmp_path):
    assert autograde.secret(tmp_path) == autograde.secret(tmp_path)
    assert (tmp_path / "secret.txt").stat().st_mode & 0o077 == 0
    assert number(tmp_path, "ada") == draw("ada") % 1_000_000
    (tmp_path / "students.csv").write_text("student,number\nada,12\n")
    assert number(tmp_path, "ada") == 12


def handed_in(assignment, student):
    if student == "cleo":
        raise autograde.MissingEntry
    return SimpleNamespace(score=17.5, needs_manual_grade=False)


def test_marks_are_written_for_canvas_and_for_moodle(tmp_path, monkeypatch):
    """Nothing handed in: no mark. Moodle's import reads an empty cell of a new item as 0, a dash as none."""
    monkeypatch.chdir(tmp_path)
    students = [
        SimpleNamespace(id="bob", last_name="Best", first_name="Bob", email="bob@example.org"),
        SimpleNamespace(id="ada", last_name=None, first_name=None, email=None),
        SimpleNamespace(id="cleo", last_name="Li", first_name=None, email=None),
    ]
    book = SimpleNamespace(
        assignments=[SimpleNamespace(name="A1", max_score=20.0)],
        students=students,
        find_submission=handed_in,
    )
    autograde.Marks().export(book)
    canvas, moodle = (
        list(csv.reader((tmp_path / f"marks_{name}.csv").open(encoding="utf-8")))
        for name in ("canvas", "moodle")
    )
    assert canvas[0] == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "A1"]
    assert canvas[1][0].strip() == "Points Possible" and canvas[1][-1] == "20"
    assert canvas[2:4] == [["ada", "", "", "ada", "", "17.5"], ["Best, Bob", "", "", "bob", "", "17.5"]]
    assert canvas[4] == ["Li", "", "", "cleo", "", ""]
    assert moodle[:2] == [["username", "email", "A1"], ["ada", "", "17.5"]]
    assert moodle[2:] == [["bob", "bob@example.org", "17.5"], ["cleo", "", "-"]]
