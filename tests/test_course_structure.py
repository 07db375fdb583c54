"""The structure checks say what is wrong with a chapter, one sentence per fault."""

import json
from collections.abc import Callable

import nbformat
import pytest
from nbformat.v4 import new_output
from toy_course import WHOLE, make_project

from tools import structure
from tools.commands import keep, record_quick_times
from tools.execute import Failure, Outcome
from tools.project import Project
from tools.sources import build
from vae_course.files import write_atomically

NAME = "01_Whole"
CLAIM = {
    "id": "mean",
    "text": "Mean",
    "value": 0.1,
    "low": None,
    "high": None,
    "unit": "nats",
    "bound": "< 1",
    "exact": False,
    "holds": True,
}


@pytest.fixture
def project(tmp_path) -> Project:
    """A project whose one chapter is committed, as if it had been executed."""
    project = make_project(tmp_path, {NAME: WHOLE}, f"{NAME}: {{POINTS: 50}}\n")
    notebook = build(project, NAME)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for count, cell in enumerate(code, start=1):
        cell.execution_count = count
    picture = new_output(
        "display_data", {"image/png": ""}, metadata={"image/png": {"alt": "A line that wiggles around zero."}}
    )
    code[3].outputs = [new_output("stream", text="mean 0.1\n"), picture]
    write_atomically(project.build / "full" / f"{NAME}.ipynb", nbformat.writes(notebook).encode())
    keep(project, Outcome(NAME, 12.0, 300.0, {"parameters": {}, "claims": [CLAIM]}, None), quick_seconds=6.0)
    return project


def test_whole_chapter_has_no_problem(project):
    assert structure.problems(project) == []


def test_quick_times_can_be_measured_again_without_a_full_run(project):
    def recorded() -> float:
        return json.loads((project.results / f"{NAME}.json").read_text())["quick_seconds"]

    record_quick_times(project, [Outcome(NAME, 6.5, 300.0, {}, None)])
    assert recorded() == 6.0  # within a quarter of what is recorded: nothing moves
    record_quick_times(project, [Outcome(NAME, 40.0, 300.0, {}, Failure(1, "x", "y"))])
    assert recorded() == 6.0
    record_quick_times(project, [Outcome(NAME, 40.0, 300.0, {}, None)])
    assert recorded() == 40.0
    assert "quick 40 s, full 10 s" in project.notebook(NAME).read_text()
    assert structure.problems(project) == []


def source_edit(old: str, new: str) -> Callable[[Project], None]:
    def edit(project: Project) -> None:
        path = project.source(NAME)
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    return edit


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (source_edit("# - Diagnose a wrong one.\n", ""), "it lists 2 objectives"),
        (
            source_edit("# - Diagnose", "# - One.\n# - Two.\n# - Three.\n# - Diagnose"),
            "it lists 6 objectives",
        ),
        (source_edit("# ## Play", "# ## Explore"), "it has no heading 'Play'"),
        (source_edit("# ## Summary", "# ## References\n# ## Summary"), "its sections are not in the order"),
        (source_edit('check("3", None)\n', ""), "its exercises call check for 2 of them"),
        (source_edit('check("3", None)\n', 'check("2", 5)\n'), "its exercises call check for 2 of them"),
        (source_edit("500  # points to draw, 2 or more", "500"), "its parameter POINTS has no comment"),
        (source_edit("POINTS = 500", "POINTS = 5 * 100"), "only NAME = literal"),
        (
            source_edit("claims.report()", 'claims.note("mean", 1)\nclaims.add("mean", 1, above=0)'),
            "two of its claims have the id 'mean'",
        ),
        (source_edit("# <!-- badge -->\n", ""), "needs the line <!-- badge -->"),
        (source_edit("POINTS", "NUMBER"), "notebooks/quick.yaml gives it POINTS, which it does not have"),
    ],
)
def test_faults_of_a_source_are_told(project, edit, message):
    edit(project)
    found = structure.source_problems(project, NAME)
    assert any(message in problem for problem in found), found


def test_chapter_without_quick_parameters_is_told(project):
    project.quick_parameters.write_text("{}\n")
    assert structure.problems(project) == [f"{NAME}: it has no quick parameters in notebooks/quick.yaml"]


SECOND = """\
# %% [markdown]
# # A chapter of the second edition
# <!-- badge -->
# <!-- minutes -->
# ## Objectives
# 1. One.
# 2. Two.
# 3. Three.
# %% tags=["setup"]
# generated
# %% tags=["parameters"]
POINTS = 500  # points to draw, 2 or more
# %%
from vae_course.teaching import (
    check,
    complete,
    show,
)
f = complete("1", f)
# %% [markdown]
# ## Play
# ## Break it
# %%
check("2", 2)
check("3", 3)
# %% [markdown]
# ## What you can say now
# ## References
"""


@pytest.fixture
def second(tmp_path, monkeypatch) -> Project:
    """A project whose one chapter is of the second edition, with smaller budgets than the course's."""
    monkeypatch.setattr(structure, "SECOND_EDITION", (NAME,))
    for budget, most in {"MOST_CELLS": 8, "MOST_CODE": 6, "LONGEST_CELL": 3, "MOST_PICTURES": 1}.items():
        monkeypatch.setattr(structure, budget, most)
    return make_project(tmp_path, {NAME: SECOND}, f"{NAME}: {{POINTS: 50}}\n")


def test_chapter_of_the_second_edition_is_whole(second):
    assert structure.source_problems(second, NAME) == []


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (source_edit("# ## Break it\n", ""), "it has no heading 'Break it'"),
        (source_edit('check("3", 3)\n', ""), "its exercises call check for 2 of them"),
        (
            source_edit('check("3"', 'a = 1\nb = 2\ncheck("3"'),
            "it has 4 lines in its longest cell",
        ),
        (source_edit("# ## Play", "# ## Play\n# %%\na = 1\n# %%\nb = 2\n# %%\n# c"), "it has 10 cells"),
        (source_edit("# ## Play", "# ## Play\n" + "# word word\n" * 1101), "words of text; at most 2,200"),
        (source_edit('check("3"', 'show(1)\nshow(2)\ncheck("3"'), "it has 2 pictures; at most 1"),
        (
            source_edit("POINTS = 500", "".join(f"P{i} = {i}  # x\n" for i in range(8)) + "POINTS = 500"),
            "it has 9 parameters; at most 8",
        ),
    ],
)
def test_too_much_in_a_chapter_of_the_second_edition_is_told(second, edit, message):
    edit(second)
    found = structure.source_problems(second, NAME)
    assert any(message in problem for problem in found), found


def test_deeper_notebooks_lie_beside_the_chapters_and_need_no_exercises(second):
    folder = second.sources / "deeper"
    folder.mkdir()
    (folder / "More.py").write_text(SECOND.replace('check("2", 2)\n', "").replace("# ## Break it\n", ""))
    second.quick_parameters.write_text(f"{NAME}: {{POINTS: 50}}\nMore: {{POINTS: 50}}\n")
    assert second.written() == [NAME, "More"]
    assert second.written("deeper") == second.written("More") == ["More"]
    assert second.notebook("More") == second.notebooks / "deeper" / "More.ipynb"
    assert "notebooks/deeper/More.ipynb" in build(second, "More").cells[0].source
    assert structure.source_problems(second, "More") == []


def code_cell(notebook, number: int):
    return [cell for cell in notebook.cells if cell.cell_type == "code"][number]


def count_wrong(notebook):
    code_cell(notebook, 2).execution_count = 9


def error_saved(notebook):
    error = new_output("error", ename="ValueError", evalue="x", traceback=["x"])
    code_cell(notebook, 2).outputs.append(error)


def alt_missing(notebook):
    code_cell(notebook, 3).outputs[1].metadata = {}


def alt_short(notebook):
    code_cell(notebook, 3).outputs[1].metadata = {"image/png": {"alt": "A line."}}


def alt_no_sentence(notebook):
    code_cell(notebook, 3).outputs[1].metadata = {"image/png": {"alt": "A line that wiggles around zero"}}


def path_printed(notebook):
    code_cell(notebook, 3).outputs[0].text = "saved to /home/someone/model.pt"


def too_big(notebook):
    code_cell(notebook, 3).outputs[0].text = "x" * 3_000_000


def edited_by_hand(notebook):
    code_cell(notebook, 3).source += "\n1"


def tags_lost(notebook):
    code_cell(notebook, 1).metadata = {}


def badge_elsewhere(notebook):
    notebook.cells[0].source = notebook.cells[0].source.replace("toy-course", "other")


def stamp_lost(notebook):
    del notebook.metadata["vae_course"]


def widgets_broken(notebook):
    notebook.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {"version_major": 2}}


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (count_wrong, "its execution counts are not 1..n"),
        (error_saved, "an error output is saved in it"),
        (alt_missing, "an image has the alternative text ''"),
        (alt_short, "an image has the alternative text 'A line.'"),
        (alt_no_sentence, "ends with a period"),
        (path_printed, "an output holds '/home/someone/model.pt'"),
        (too_big, "at most 3 MB are allowed"),
        (edited_by_hand, "are not those of its source"),
        (tags_lost, "are not those of its source"),
        (badge_elsewhere, "its badge does not open it"),
        (stamp_lost, "it carries no stamp"),
        (widgets_broken, "Invalid Notebook"),
    ],
)
def test_faults_of_a_notebook_are_told(project, damage, message):
    path = project.notebook(NAME)
    notebook = nbformat.read(path, as_version=4)
    damage(notebook)
    path.write_text(nbformat.writes(notebook), encoding="utf-8")
    found = structure.notebook_problems(project, NAME)
    assert any(message in problem for problem in found), found


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"claims": [{**CLAIM, "holds": False}]}, "a claim does not hold: Mean"),
        ({"claims": [{"text": "Mean", "holds": True}]}, "a claim has the entries holds, text"),
        ({"claims": []}, "it makes no claim"),
        ({"seconds": None}, "its results have no seconds"),
        ({"quick_seconds": None}, "its results have no quick_seconds"),
        ({"parameters": []}, "its results have no parameters"),
    ],
)
def test_faults_of_results_are_told(project, change, message):
    path = project.results / f"{NAME}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    found = structure.results_problems(project, NAME)
    assert any(message in problem for problem in found), found


def test_missing_pieces_are_told(project):
    (project.results / f"{NAME}.json").unlink()
    assert "has a notebook but no assets/results/" in structure.results_problems(project, NAME)[0]
    project.source(NAME).unlink()
    assert structure.problems(project) == [f"{NAME}: it has a notebook but no source"]
