"""The generated tables of README and docs."""

import json

import nbformat
import pytest
from toy_course import WHOLE, make_project

from tools import results
from tools.chapters import CHAPTERS
from tools.project import CourseError

FIRST = CHAPTERS[0].name
README = "# Title\n\n<!-- chapters:start -->\nold\n<!-- chapters:end -->\nend\n"
RESULTS = "# Results\n\n<!-- results:start -->\n<!-- results:end -->\nend\n"
CLAIMS = [
    {
        "id": "gap",
        "text": "Gap | KL",
        "value": 2.5e-5,
        "low": None,
        "high": None,
        "unit": "nats",
        "bound": "< 0.001",
        "exact": True,
        "holds": True,
    },
    {
        "id": "level",
        "text": "Test −ELBO",
        "value": 104.2,
        "low": 103.9,
        "high": 104.5,
        "unit": "nats",
        "bound": "< 106",
        "exact": False,
        "holds": False,
    },
]


@pytest.fixture
def project(tmp_path):
    """A project in which chapter 01 has a source, a notebook and results."""
    project = make_project(tmp_path, {FIRST: WHOLE})
    project.notebook(FIRST).write_text(nbformat.writes(nbformat.v4.new_notebook()))
    project.results.mkdir(parents=True)
    record = {"parameters": {}, "seconds": 231.0, "quick_seconds": 17.6, "claims": CLAIMS}
    (project.results / f"{FIRST}.json").write_text(json.dumps(record))
    (tmp_path / "README.md").write_text(README)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "results.md").write_text(RESULTS)
    return project


def test_chapters_that_exist_are_linked_and_the_others_are_not(project):
    rows = results.chapter_table(project).splitlines()
    assert len(rows) == 2 + 11
    assert f"(notebooks/{FIRST}.ipynb)" in rows[2]
    assert f"({project.colab(FIRST)})" in rows[2]
    assert rows[2].endswith("| 5 min | 20 s / 4 min |")
    assert all("](" not in row and "in preparation" in row for row in rows[3:])


def test_deeper_notebooks_are_linked_below_the_table(project):
    assert "Deeper" not in results.chapter_table(project)
    for folder in (project.sources / "deeper", project.notebooks / "deeper"):
        folder.mkdir()
    (project.sources / "deeper" / "Water_Filling.py").write_text(WHOLE)
    assert "Deeper" not in results.chapter_table(project)  # not executed yet
    project.notebook("Water_Filling").write_text(nbformat.writes(nbformat.v4.new_notebook()))
    last = results.chapter_table(project).splitlines()[-1]
    assert last == "Deeper, beside the chapters: [Water Filling](notebooks/deeper/Water_Filling.ipynb)."


def test_results_are_those_of_the_files(project):
    table = results.results_table(project)
    assert table.count("<details>") == table.count("</details>") == 1
    assert "<summary>01 · Introduction to VAE fundamentals: 1 of 2 claims hold</summary>\n\n|" in table
    assert [row for row in table.splitlines() if row.startswith("| ")][1:] == [
        "| Gap \\| KL | 2.500e-5 nats | < 0.001 | yes | exact |",
        "| Test −ELBO | 104.20 nats (103.90 to 104.50) | < 106 | **no** |  |",
    ]
    again = {"level": {"held": 3, "of": 5, "values": [], "bound": "< 106"}}
    project.replication.write_text(json.dumps({"chapters": {FIRST: again}}))
    assert "| < 106 | **no** | 3 of 5 |" in results.results_table(project)


def test_stale_tables_are_told_and_renewed_once(project):
    stale = "The table of {} is stale; run: python -m tools results"
    assert results.problems(project) == [stale.format("README.md"), stale.format("results.md")]
    assert results.update(project) == ["README.md", "docs/results.md"]
    assert results.problems(project) == []
    assert results.update(project) == []
    readme = (project.root / "README.md").read_text()
    assert readme.startswith("# Title\n\n<!-- chapters:start -->\n| |")
    assert "\nold\n" not in readme and readme.endswith("<!-- chapters:end -->\nend\n")
    assert "2 claims hold" in (project.root / "docs" / "results.md").read_text()

    path = project.results / f"{FIRST}.json"
    path.write_text(path.read_text().replace("104.2", "105.2"))
    assert results.problems(project) != []


@pytest.mark.parametrize(
    "readme", ["# Title\n", README + "<!-- chapters:end -->\n", README.replace("chapters:end", "x")]
)
def test_markers_are_asked_for(project, readme):
    (project.root / "README.md").write_text(readme)
    with pytest.raises(CourseError, match=r"README\.md needs the line <!-- "):
        results.update(project)


def test_eleven_chapters_are_numbered_in_order():
    assert [chapter.number for chapter in CHAPTERS] == [f"{n:02d}" for n in range(1, 12)]
