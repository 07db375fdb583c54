"""The parameters cell and the quick run's values for it."""

import pytest
from toy_course import WHOLE, make_project

from tools.parameters import assigned, checked, quick_parameters, quick_values, uncommented
from tools.project import CourseError
from tools.sources import build

CELL = """\
SEED = 0  # seed of every draw, any integer
POINTS = 500  # points to draw, 2 or more
"""


def chapter(tmp_path, cell: str):
    return build(make_project(tmp_path, {"01_Whole": WHOLE.replace(CELL, cell)}), "01_Whole")


def test_values_are_read(tmp_path):
    cell = "RATE: float = 1e-3  # step size\n# hidden layers\nWIDTHS = [512, 256]\nNOTHING = -1  # none\n"
    notebook = chapter(tmp_path, cell)
    assert assigned(notebook, "01_Whole") == {"RATE": 1e-3, "WIDTHS": [512, 256], "NOTHING": -1}
    assert uncommented(notebook, "01_Whole") == []


@pytest.mark.parametrize(
    "line", ["HALF = 1 / 2", "A, B = 1, 2", "import os", "N = len('abc')", "A = B = 3", "SEED += 1", "A: int"]
)
def test_anything_derived_is_refused(tmp_path, line):
    with pytest.raises(CourseError, match="only NAME = literal"):
        assigned(chapter(tmp_path, f"SEED = 0  # seed\n{line}  # what\n"), "01_Whole")


def test_names_without_a_comment_are_told(tmp_path):
    cell = 'SEED = 0  # seed\nPOINTS = 500\nWIDE = 3  #\nKIND = "#"\nSIZE = 1  # "big" or 1\n'
    assert uncommented(chapter(tmp_path, cell), "01_Whole") == ["POINTS", "WIDE", "KIND"]


def test_unknown_parameter_is_an_error_that_names_the_known_ones(tmp_path):
    notebook = chapter(tmp_path, CELL)
    assert checked(notebook, "01_Whole", {"POINTS": 3}) == {"POINTS": 3}
    with pytest.raises(CourseError, match=r"no parameter POINTZ.*SEED, POINTS"):
        checked(notebook, "01_Whole", {"POINTS": 3, "POINTZ": 3})


def test_quick_parameters_may_be_empty(tmp_path):
    project = make_project(tmp_path, {}, quick="# nothing yet\n")
    assert quick_parameters(project) == {}
    project.quick_parameters.write_text("01_Whole:\n02_Other:\n  A: 1\n")
    assert quick_parameters(project) == {"01_Whole": {}, "02_Other": {"A": 1}}


def test_chapter_without_quick_parameters_does_not_run_in_full_by_accident(tmp_path):
    project = make_project(tmp_path, {"01_Whole": WHOLE})
    notebook = build(project, "01_Whole")
    with pytest.raises(CourseError, match=r"add it to notebooks/quick\.yaml"):
        quick_values(project, notebook, "01_Whole")
    project.quick_parameters.write_text("01_Whole: {POINTS: 7}\n")
    assert quick_values(project, notebook, "01_Whole") == {"POINTS": 7}
