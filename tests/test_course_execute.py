"""Chapters executed for real: one that is whole, one that fails in a cell, one with an unknown parameter."""

import contextlib
import io
import json
import re

import nbformat
import pytest
from toy_course import SMALL, WHOLE, make_project

from tools import commands, structure
from tools.__main__ import main
from tools.execute import UNFINISHED, Job, Outcome, Progress, _note, environment, execute
from tools.sources import build

FAILING = SMALL.replace("CODE", "os.no_such_function()")
QUICK = """\
01_Whole: {POINTS: 50}
02_Failing: {POINTS: 50}
03_Misspelt: {POINTZ: 50}
"""


@pytest.fixture(scope="module")
def full_run(tmp_path_factory):
    """A whole and a failing chapter, executed in full by the command line, which begins with their quick run:
    the project, and the outcomes of the quick run with what it printed."""
    sources = {"01_Whole": WHOLE, "02_Failing": FAILING}
    project = make_project(tmp_path_factory.mktemp("course"), sources, QUICK)
    project.notebook("02_Failing").write_text("what was committed before")
    printed, outcomes, quick = io.StringIO(), [], commands.quick

    def overheard(*arguments):
        with contextlib.redirect_stdout(printed):
            outcomes.extend(found := quick(*arguments))
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(commands, "quick", overheard)
        assert main(["--root", str(project.root), "full"]) == 1
    assert len(outcomes) == 2
    project.source("03_Misspelt").write_text(WHOLE)  # later, for it would run in full
    overheard(project, ["03_Misspelt"])
    return project, outcomes, printed.getvalue()


@pytest.fixture(scope="module")
def quick_run(full_run):
    """The quick run of three chapters: project, outcomes by name, and what was printed."""
    project, outcomes, printed = full_run
    return project, {outcome.name: outcome for outcome in outcomes}, printed


def test_whole_chapter_is_measured(quick_run):
    project, outcomes, printed = quick_run
    outcome = outcomes["01_Whole"]
    assert outcome.failure is None
    assert outcome.seconds > 0
    assert outcome.peak_memory_mb is None or outcome.peak_memory_mb > 20
    assert outcome.claims["parameters"] == {"SEED": 0, "POINTS": 50}
    assert outcome.claims_held == "1 of 1"
    assert "start  01_Whole" in printed
    assert re.search(r"^\d\d:\d\d  done   01_Whole in \d+\.\d s$", printed, re.MULTILINE)
    executed = nbformat.read(project.build / "quick" / "01_Whole.ipynb", as_version=4)
    assert any("POINTS = 50" in cell.source for cell in executed.cells)


def test_page_has_the_alternative_text(quick_run):
    page = (quick_run[0].build / "quick" / "01_Whole.html").read_text()
    assert re.search(
        r"""<img alt=["']A line that wiggles around [^>]* never leaves &lt;-5, 5&gt;\.["']""", page
    )
    assert "No description has been provided" not in page


def test_failing_cell_is_named_with_its_error_and_the_others_go_on(quick_run):
    project, outcomes, printed = quick_run
    failure = outcomes["02_Failing"].failure
    executed = nbformat.read(project.build / "quick" / "02_Failing.ipynb", as_version=4)
    cell = next(cell for cell in executed.cells if cell.get("execution_count") == failure.cell)
    assert "no_such_function" in cell.source
    assert failure.line == "import os"
    assert failure.error == "AttributeError: module 'os' has no attribute 'no_such_function'"
    assert f"FAILED 02_Failing: In [{failure.cell}] `import os`: AttributeError" in printed


def test_unknown_parameter_stops_the_chapter_before_it_starts(quick_run):
    _, outcomes, printed = quick_run
    failure = outcomes["03_Misspelt"].failure
    assert failure.cell == 0
    assert "has no parameter POINTZ" in str(failure)
    assert "start  03_Misspelt" not in printed


def test_the_longest_chapter_starts_first_and_one_without_a_time_before_it(tmp_path):
    project = make_project(tmp_path, dict.fromkeys(["01_Short", "02_Long", "03_New"], SMALL))
    project.results.mkdir(parents=True)
    for name, seconds in {"01_Short": 5.0, "02_Long": 50.0}.items():
        (project.results / f"{name}.json").write_text(json.dumps({"quick_seconds": seconds}))
    order = commands.longest_first(project, project.written())
    assert order == ["03_New", "02_Long", "01_Short"]


def test_modules_are_compiled_once_where_bytecode_may_not_lie_beside_them(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    variables = environment(tmp_path, tmp_path, None, tmp_path / "compiled")
    assert variables["PYTHONPYCACHEPREFIX"] == str(tmp_path / "compiled")
    assert "PYTHONDONTWRITEBYTECODE" not in variables
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE")
    monkeypatch.delenv("PYTHONPYCACHEPREFIX", raising=False)
    assert "PYTHONPYCACHEPREFIX" not in environment(tmp_path, tmp_path, None, tmp_path / "compiled")


def test_table_has_a_line_for_each(quick_run):
    _, outcomes, _ = quick_run
    table = commands.table(list(outcomes.values()))
    assert re.search(r"^01_Whole +\d+\.\d +(\d+ MB|-)  1 of 1$", table, re.MULTILINE)
    assert re.search(r"^02_Failing +\d+\.\d +(\d+ MB|-)  FAILED$", table, re.MULTILINE)
    assert "\n02_Failing failed: In [" in table


def test_full_run_leaves_nothing_to_complain_about(full_run):
    project, *_ = full_run
    found = structure.source_problems(project, "01_Whole")
    found += structure.notebook_problems(project, "01_Whole") + structure.results_problems(
        project, "01_Whole"
    )
    assert found == []
    notebook = nbformat.read(project.notebook("01_Whole"), as_version=4)
    assert notebook.metadata.vae_course.parameters == {"SEED": 0, "POINTS": 500}
    record = json.loads((project.results / "01_Whole.json").read_text())
    assert record["parameters"] == {"SEED": 0, "POINTS": 500}
    assert record["seconds"] > 0 and record["quick_seconds"] > 0
    assert "full" in notebook.cells[0].source


def test_failed_full_run_leaves_the_committed_notebook(full_run):
    project, *_ = full_run
    assert project.notebook("02_Failing").read_text() == "what was committed before"
    assert not (project.results / "02_Failing.json").exists()
    assert "no_such_function" in (project.build / "full" / "02_Failing.ipynb").read_text()


def test_second_full_run_gives_the_same_bytes(full_run):
    project, *_ = full_run
    notebook = project.notebook("01_Whole")
    before = notebook.read_bytes()
    record = json.loads((project.results / "01_Whole.json").read_text())
    notebook.unlink()
    assert main(["--root", str(project.root), "full", "--only", "1"]) == 0
    # The measured times may have moved with the load of the machine; nothing else may.
    again = json.loads((project.results / "01_Whole.json").read_text())
    assert again["claims"] == record["claims"]
    times = rb"Running on two CPU cores: [^\n]*\."
    assert re.sub(times, b"", notebook.read_bytes()) == re.sub(times, b"", before)


def test_the_estimate_follows_the_pace_of_what_is_done(tmp_path, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("tools.execute.time.monotonic", lambda: clock[0])
    jobs = [Job(name, None, tmp_path / name, expected=60.0) for name in ("01", "02", "03", "04")]
    progress = Progress(jobs)
    assert progress.left() == "about 2 min left"  # four minutes of work, two at a time
    progress.took = {"01": 180.0}
    progress.reached = {"02": (0.0, 0.5)}
    clock[0] = 90.0  # 90 expected seconds took 270: three times slower than recorded
    assert progress.left() == "about 4 min left"


def test_an_interrupted_run_goes_on_and_a_changed_chapter_is_done_again(tmp_path):
    sources = {"01_Whole": SMALL.replace("CODE", "print('run', os.environ.get('TIMES'))")}
    project = make_project(tmp_path, sources)
    job = Job("01_Whole", build(project, "01_Whole"), tmp_path / "out" / "01_Whole.ipynb")
    job.output.parent.mkdir()
    job.output.write_text("from the first run")
    kept = {"seconds": 5.0, "peak_memory_mb": 7.0, "claims": {}}
    _note(job).parent.mkdir()
    _note(job).write_text(json.dumps({"key": job.key(), "outcome": kept}))
    assert execute([job]) == [Outcome("01_Whole", 5.0, 7.0, {}, None)]
    assert job.output.read_text() == "from the first run"
    assert not (job.output.parent / UNFINISHED).exists()  # the run is whole: the next one begins afresh

    _note(job).parent.mkdir()
    _note(job).write_text(json.dumps({"key": "of another source", "outcome": kept}))
    assert execute([job])[0].seconds != 5.0
    assert "from the first run" not in job.output.read_text()


@pytest.fixture(scope="module")
def odd_runs(tmp_path_factory):
    """Outcomes and folder of four chapters: one waits, one dies, two look at where they are."""
    folder = tmp_path_factory.mktemp("odd")
    look = "print('data:', os.environ.get('VAE_COURSE_DATA'), os.listdir())"
    codes = {
        "01_Waits": "import time\n\ntime.sleep(600)",
        "02_Dies": "print('still', 'here')\n\n# %%\nos._exit(3)",
        "03_Looks": look,
        "04_Looks_At_Data": look,
    }
    sources = {name: SMALL.replace("CODE", code) for name, code in codes.items()}
    project = make_project(folder, sources)
    options = {"01_Waits": {"cell_seconds": 15}, "04_Looks_At_Data": {"data": folder / "data"}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VAE_COURSE_DATA", "somewhere/else")
        outcomes = execute(
            [
                Job(name, build(project, name), folder / f"{name}.ipynb", **options.get(name, {}))
                for name in project.written()
            ]
        )
    return {outcome.name: outcome for outcome in outcomes}, folder


def test_cell_that_takes_too_long_is_stopped(odd_runs):
    failure = odd_runs[0]["01_Waits"].failure
    assert failure.error.startswith("CellTimeoutError: A cell timed out")
    assert failure.error.endswith("after 15 seconds.")
    assert failure.line == "import os"


def test_kernel_that_dies_is_told(odd_runs):
    assert odd_runs[0]["02_Dies"].failure.error.startswith("DeadKernelError")
    assert odd_runs[0]["02_Dies"].failure.line == "os._exit(3)"


def test_what_came_before_the_end_of_a_kernel_is_kept(odd_runs):
    assert "still here" in (odd_runs[1] / "02_Dies.ipynb").read_text()


def test_data_folder_reaches_the_kernel_only_when_given(odd_runs):
    outcomes, folder = odd_runs
    assert outcomes["03_Looks"].failure is None and outcomes["04_Looks_At_Data"].failure is None
    assert "data: None" in (folder / "03_Looks.ipynb").read_text()
    assert f"data: {folder / 'data'}" in (folder / "04_Looks_At_Data.ipynb").read_text()
