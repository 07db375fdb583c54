"""Notebooks built from their sources."""

import pytest
from toy_course import WHOLE, make_project

from tools.project import CourseError, Project
from tools.sources import SETUP, build, differences, with_new_text
from tools.timing import RunTimes, rough, settled


@pytest.fixture
def project(tmp_path) -> Project:
    return make_project(tmp_path, {"01_Whole": WHOLE})


def test_badge_opens_this_notebook(project):
    first = build(project, "01_Whole").cells[0].source
    address = "https://colab.research.google.com/github/someone/toy-course/blob/main/notebooks/01_Whole.ipynb"
    assert f"]({address})" in first
    assert "<!-- badge -->" not in first


def test_minutes_say_only_what_was_measured(project):
    assert "Reading: about 5 minutes.\n" in build(project, "01_Whole").cells[0].source
    project.results.mkdir(parents=True)
    (project.results / "01_Whole.json").write_text('{"seconds": 231.0, "quick_seconds": 17.6}')
    head = build(project, "01_Whole").cells[0].source
    assert "Reading: about 5 minutes. Running on two CPU cores: quick 20 s, full 4 min." in head


def test_setup_cell_is_generated(project):
    cell = build(project, "01_Whole").cells[1]
    assert cell.metadata.tags == ["setup"]
    assert cell.source == SETUP.format(repository="https://github.com/someone/toy-course", branch="main")


@pytest.mark.parametrize("in_colab", [False, True])
@pytest.mark.parametrize("installed", [False, True])
def test_setup_installs_in_colab_only_what_is_missing(monkeypatch, in_colab, installed):
    """What IPython makes of the cell, run with the import machinery told what it should see."""
    import importlib.util
    import sys

    from IPython.core.inputtransformer2 import TransformerManager

    calls = []

    class Shell:
        def run_line_magic(self, name, line):
            calls.append((name, line))

    if in_colab:
        monkeypatch.setitem(sys.modules, "google.colab", object())
    else:
        monkeypatch.delitem(sys.modules, "google.colab", raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object() if installed else None)
    code = TransformerManager().transform_cell(SETUP.format(repository="https://host/a/b", branch="main"))
    for _ in range(2):
        if installed or in_colab:
            exec(code, {"get_ipython": Shell})
        else:
            with pytest.raises(
                ModuleNotFoundError, match=r'pip install "vae-course @ git\+https://host/a/b@main"'
            ):
                exec(code, {"get_ipython": Shell})
    expected = [("pip", '-q "vae-course @ git+https://host/a/b@main"'.replace("-q", "install -q"))]
    assert calls == (expected * 2 if in_colab and not installed else [])


def test_a_script_made_of_a_notebook_is_valid_python_and_keeps_the_prose(project):
    import ast

    from nbconvert import ScriptExporter

    script, resources = ScriptExporter().from_notebook_node(build(project, "01_Whole"))
    assert resources["output_extension"] == ".py"
    ast.parse(script)
    assert "# # " in script and "%pip" not in script


def test_two_builds_are_the_same_and_ids_come_from_the_place(project):
    one, two = build(project, "01_Whole"), build(project, "01_Whole")
    assert one == two
    assert [cell.id for cell in one.cells[:2]] == ["01-000", "01-001"]
    assert not differences(one, two)


def test_cells_tagged_hide_input_open_folded(tmp_path):
    tagged = WHOLE + '\n# %% tags=["hide-input"]\nprint("a figure")\n'
    cells = build(make_project(tmp_path, {"01_Toy": tagged}), "01_Toy").cells
    assert [cell.metadata.get("jupyter") for cell in cells[-2:]] == [None, {"source_hidden": True}]


def test_differences_name_the_cells(project):
    built = build(project, "01_Whole")
    changed = build(project, "01_Whole")
    changed.cells[3].source += "\n1"
    del changed.cells[-1]
    assert differences(changed, built) == [3, len(built.cells) - 1]


def test_new_text_keeps_outputs_and_refuses_new_code(project):
    executed = build(project, "01_Whole")
    for count, cell in enumerate((c for c in executed.cells if c.cell_type == "code"), start=1):
        cell.execution_count = count
    source = project.source("01_Whole")
    source.write_text(source.read_text().replace("It was small.", "It was tiny."))
    renewed = with_new_text(executed, build(project, "01_Whole"), "01_Whole")
    assert "It was tiny." in renewed.cells[-1].source
    assert renewed.cells[1].execution_count == 1

    source.write_text(source.read_text().replace("values.mean()", "values.max()"))
    with pytest.raises(CourseError, match="make notebooks ONLY=01"):
        with_new_text(executed, build(project, "01_Whole"), "01_Whole")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("# <!-- badge -->\n", "", "<!-- badge -->"),
        ("# <!-- minutes -->\n", "", "<!-- minutes -->"),
        ('# %% tags=["setup"]', "# %%", "0 code cells tagged 'setup'"),
        ('# %% tags=["parameters"]', '# %% tags=["setup"]', "0 code cells tagged 'parameters'"),
    ],
)
def test_sources_without_the_form_are_refused(tmp_path, old, new, message):
    project = make_project(tmp_path, {"01_Whole": WHOLE.replace(old, new)})
    with pytest.raises(CourseError, match=message):
        build(project, "01_Whole")


def test_installed_package_has_no_tooling(tmp_path):
    with pytest.raises(CourseError, match="not from an installed package"):
        Project.at(tmp_path)


def test_only_takes_numbers_with_and_without_zero(project):
    assert project.written("1") == project.written("01") == project.written() == ["01_Whole"]
    with pytest.raises(CourseError, match="there are: 01_Whole"):
        project.written("02")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "5 s"), (17.6, "20 s"), (60, "60 s"), (94, "90 s"), (121, "2 min"), (231, "4 min")],
)
def test_rough_seconds(seconds, text):
    assert rough(seconds) == text


def test_settled_keeps_the_record_unless_the_time_really_changed():
    assert settled(100.0, 120.0) == 100.0
    assert settled(100.0, 130.0) == 130.0
    assert settled(None, 3.0) == 3.0
    assert settled(3.0, None) == 3.0


def test_times_not_measured_are_not_told():
    assert RunTimes().sentence() == ""
    assert RunTimes(quick=12).sentence() == "Running on two CPU cores: quick 10 s."
