"""Honest, idle, mistaken, unlucky and hostile students go through nbgrader by the README's commands."""

import re

import pytest

pytest.importorskip("nbgrader", reason="nbgrader, of the instructor extra, is not installed")
pytest.importorskip("pwd", reason="nbgrader's exchange needs a Unix system")

from tools.classroom import apart
from tools.classroom.made_up_class import CLASS
from tools.classroom.rehearsal import printed, rehearse, table
from tools.project import Project

pytestmark = pytest.mark.xdist_group("classroom")


@pytest.mark.skipif(apart.protection() != "bubblewrap", reason="bubblewrap is not installed")
def test_a_class_from_release_to_marks(tmp_path):
    rehearsal = rehearse(Project.here(), "A1", CLASS, tmp_path)
    print("\n" + table(rehearsal))
    rows = {row.student: row for row in rehearsal.students}
    assert set(rows) == set(CLASS)
    for name in ("ada", "dan"):
        assert rows[name].total == rehearsal.most == 14 and not rows[name].said, "lost marks lose no points"
    assert rows["ada"].needs_reading, "the essay waits for a person"
    assert rows["ben"].total == 0
    assert set(rows["cleo"].said) == {"A1-1-test"} and "log C left out" in rows["cleo"].said["A1-1-test"]
    assert rows["cleo"].total == rehearsal.most - 2
    assert rows["eve"].said["A1-1-test"] and rows["eve"].said["A1-2-test"], "a patched checker gives nothing"
    assert rows["mallory"].total == 0
    assert "Your code ended the program" in rows["mallory"].said["A1-1-test"]
    assert set(rows["oscar"].said) == {"A1-1-test"}, "a fork bomb costs its own question"
    for name, row in rows.items():
        assert row.row[0] == name and float(row.row[2]) == row.total
        (page,) = (tmp_path / "students" / name / "A1" / "feedback").rglob("*.html")
        text = page.read_text(encoding="utf-8")
        assert "A1.1" in text and "Traceback (most recent" not in text
        assert all(re.sub(r"\W+", " ", said)[:40] in re.sub(r"\W+", " ", text) for said in row.said.values())


def test_the_readme_prints_every_command_of_the_rehearsal():
    assert set(printed(Project.here())) == {"exchange", "release", "student", "grade", "feedback"}
