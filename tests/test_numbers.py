"""Numbers in sentences: filled from the record of the full run, and refused where there is none."""

import json

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from toy_course import WHOLE, make_project

from tools import numbers, structure
from tools.commands import keep, refresh_text
from tools.execute import Outcome
from tools.project import CourseError
from tools.sources import build
from vae_course.files import write_atomically
from vae_course.teaching.claims import claims_table

NAME = "01_Whole"
GAIN = {
    "id": "gain",
    "text": "Nats gained",
    "value": 7.31,
    "low": 6.64,
    "high": 7.98,
    "unit": "nats",
    "bound": "> 2",
    "exact": False,
    "holds": True,
}
SECONDS = {"id": "seconds", "value": 3.217, "low": None, "high": None, "unit": "s"}
RECORD = {"claims": [GAIN], "notes": [SECONDS]}


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("It is {{gain}} better.", "It is 7.3 nats (6.6 to 8.0) better."),
        ("It is {{gain.value}} better.", "It is 7.3 nats better."),
        ("It is {{ gain.number }} better.", "It is 7.3 better."),
        ("{{seconds}}, {{seconds.number}}.", "3.2 s, 3.2."),
        ("`{{gain}}` and\n```\n{{gain}}\n```\n{{gain.number}}", "`{{gain}}` and\n```\n{{gain}}\n```\n7.3"),
        (
            r"$\frac{{a}}{2}$ {{gian}} {{gain.high}} {{Gain}}",
            r"$\frac{{a}}{2}$ {{gian}} {{gain.high}} {{Gain}}",
        ),
    ],
)
def test_a_name_becomes_its_number(source, text):
    notebook = numbers.fill(new_notebook(cells=[new_markdown_cell(source)]), RECORD)
    assert notebook.cells[0].source == text


def test_code_is_left_alone():
    notebook = numbers.fill(new_notebook(cells=[new_code_cell('f"{{gain}}"')]), RECORD)
    assert notebook.cells[0].source == 'f"{{gain}}"'
    assert numbers.unknown(notebook, {}, NAME) == []


def test_an_unknown_name_is_told_with_its_place_and_the_nearest_known():
    cells = [new_code_cell("1"), new_markdown_cell("{{gain}} {{gian.value}} `{{other}}`")]
    assert numbers.unknown(new_notebook(cells=cells), RECORD, NAME) == [
        "cell 01-001 names {{gian.value}}, but the full run has no claim or note 'gian'; "
        "the nearest is 'gain'"
    ]
    assert numbers.unknown(new_notebook(cells=cells[1:]), {}, NAME)[0].endswith("has no claim or note 'gain'")


@pytest.fixture
def project(tmp_path):
    """A project whose chapter names a number and is about to be kept after its first full run."""
    source = WHOLE.replace("# It was small.", "# It was small: {{gain}} in {{seconds.value}}.")
    project = make_project(tmp_path, {NAME: source}, f"{NAME}: {{POINTS: 50}}\n")
    notebook = build(project, NAME)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for count, cell in enumerate(code, start=1):
        cell.execution_count = count
    table, text = claims_table({**RECORD, "run": "full"}, {})
    data, metadata = {"text/html": table, "text/plain": text}, {"vae_course": {"claims": NAME}}
    code[5].outputs = [new_output("display_data", data, metadata=metadata)]
    write_atomically(project.build / "full" / f"{NAME}.ipynb", nbformat.writes(notebook).encode())
    return project


def text_of(project) -> str:
    cells = nbformat.read(project.notebook(NAME), as_version=4).cells
    return "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def test_the_committed_notebook_has_the_numbers_and_the_source_the_names(project):
    assert "{{gain}} in" in build(project, NAME).cells[-1].source  # before the first full run
    keep(project, Outcome(NAME, 12.0, 300.0, RECORD, None), quick_seconds=6.0)
    assert "It was small: 7.3 nats (6.6 to 8.0) in 3.2 s." in text_of(project)
    assert "{{gain}}" in project.source(NAME).read_text(encoding="utf-8")
    assert structure.problems(project) == []


def test_a_number_that_the_run_does_not_have_keeps_nothing(project):
    with pytest.raises(CourseError, match=r"names \{\{seconds.value\}\}, but .* the nearest is 'gain'"):
        keep(project, Outcome(NAME, 12.0, 300.0, {"claims": [GAIN]}, None), quick_seconds=6.0)
    assert not project.notebook(NAME).exists() and not project.results.exists()


def test_stale_and_unknown_numbers_are_told_and_renewed(project):
    keep(project, Outcome(NAME, 12.0, 300.0, RECORD, None), quick_seconds=6.0)
    path = project.results / f"{NAME}.json"
    record = json.loads(path.read_text())
    record["claims"][0]["value"] = 7.41
    path.write_text(json.dumps(record))
    found = structure.notebook_problems(project, NAME)
    assert any("are not those of its source" in problem for problem in found)
    assert any("its table of claims is stale; run: python -m tools text" in problem for problem in found)
    refresh_text(project, [NAME])
    assert "7.4 nats" in text_of(project) and structure.problems(project) == []

    source = project.source(NAME)
    source.write_text(source.read_text().replace("{{gain}}", "{{pain}}"))
    assert any("no claim or note 'pain'" in problem for problem in structure.notebook_problems(project, NAME))
    with pytest.raises(CourseError, match="'pain'; the nearest is 'gain'"):
        refresh_text(project, [NAME])


def test_the_table_of_a_committed_notebook_learns_of_replications(project):
    keep(project, Outcome(NAME, 12.0, 300.0, RECORD, None), quick_seconds=6.0)
    again = {"gain": {"held": 5, "of": 5, "values": [7] * 5, "bound": "> 2"}}
    project.replication.write_text(json.dumps({"seeds": [1, 2, 3, 4, 5], "chapters": {NAME: again}}))
    assert any("table of claims is stale" in problem for problem in structure.problems(project))
    refresh_text(project, [NAME])
    assert "5 of 5</td>" in project.notebook(NAME).read_text() and structure.problems(project) == []
