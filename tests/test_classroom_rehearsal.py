"""A class of five goes through nbgrader, from release to feedback."""

import pytest

from tools.classroom.made_up_class import CLASS
from tools.classroom.rehearsal import rehearse, table
from tools.project import Project

pytest.importorskip("nbgrader", reason="nbgrader, of the instructor extra, is not installed")
pytest.importorskip("pwd", reason="nbgrader's exchange needs a Unix system")


def test_a_class_of_five(tmp_path):
    rehearsal = rehearse(Project.here(), "A1", CLASS, tmp_path)
    print("\n" + table(rehearsal))
    rows = {row.student: row for row in rehearsal.students}
    assert set(rows) == set(CLASS)
    assert rows["ada"].total == rehearsal.most == 18 and not rows["ada"].mended
    assert rows["ada"].needs_reading, "the essay waits for a person"
    assert rows["ben"].total == 0
    assert all("Not answered yet" in said for said in rows["ben"].said.values())
    assert set(rows["cleo"].said) == {"A1-3-test", "A1-5-test"}  # A1.5 builds on A1.3
    assert "averaged over the latent dimensions" in rows["cleo"].said["A1-3-test"]
    assert set(rows["dan"].said) == {"A1-5-test"}
    assert "decoded at the mean" in rows["dan"].said["A1-5-test"]
    assert rows["eve"].total == 18, "lost marks are no reason for losing points"
    assert len(rows["eve"].mended) == 15
    assert any("put back" in sentence for sentence in rows["eve"].mended)
    for name in CLASS:
        (page,) = (tmp_path / "course" / "feedback" / name / "A1").glob("*.html")
        assert "A1.1" in page.read_text(encoding="utf-8")
