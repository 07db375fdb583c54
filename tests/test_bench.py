"""The benchmarks' own arithmetic: what is counted, compared and kept. Nothing is timed here."""

import contextlib
import json
import os
import subprocess
import sys
import types

import pytest
import torch
from tiny_data import tiny_images
from toy_course import SMALL, make_project

from benchmarks import __main__ as bench
from benchmarks import busy
from benchmarks.bound import peak_tensor_mib
from benchmarks.growth import Growth, draw, multiplications, slope
from benchmarks.imports import dearest
from benchmarks.memory import activation_bytes, needed, peak_bytes
from benchmarks.throughput import Case, bare_seconds, fit_seconds
from tools.execute import Failure, Outcome
from tools.project import CourseError
from vae_course.machine import Adam
from vae_course.models.vae import VAE


def test_parts_are_kept_one_by_one_and_a_failed_one_stops_no_other(tmp_path, monkeypatch, capsys):
    def fails():
        raise CourseError("no data here.")

    modules = {
        "imports": lambda: {"a": 1},
        "memory": fails,
        "growth": lambda: {"b": 2},
        "speed": lambda: None,
    }
    fake = {f"benchmarks.{name}": types.SimpleNamespace(main=m) for name, m in modules.items()}
    monkeypatch.setattr(bench, "import_module", fake.__getitem__)
    project, path = types.SimpleNamespace(results=tmp_path), tmp_path / "bench.json"
    path.write_text('{"bound": {"k": 7}}')
    assert bench.bench(project, ["imports", "memory", "growth", "speed"]) == 1
    kept = json.loads(path.read_text())
    assert set(kept) == {"bound", "imports", "growth"} and kept["bound"] == {"k": 7}
    assert kept["imports"]["a"] == 1 and kept["growth"]["machine"]["torch"] == torch.__version__
    assert "not measured: no data here." in capsys.readouterr().out
    assert bench.bench(project, ["imports"]) == 0
    with pytest.raises(CourseError, match="no benchmark 'sped'"):
        bench.bench(project, ["imports", "sped"])


@pytest.mark.parametrize("exponent", [-1.0, 0.0, 1.7])
def test_the_slope_of_a_power_law_is_its_exponent(exponent):
    x = (2, 8, 32, 100)
    assert slope(x, [3 * value**exponent for value in x]) == pytest.approx(exponent, abs=1e-12)


def test_a_larger_code_adds_multiplications_beside_it_only():
    # Encoder: 256 inputs to mean and log variance; decoder: the code to 256.
    assert multiplications(12) - multiplications(2) == 10 * (2 * 256 + 256)


def test_the_growth_figure_has_a_panel_for_each_curve():
    found = [Growth(name, (1, 2), (1.0, 2.0), 1.0, (0.0, 1.0)) for name in "abcd"]
    assert [axes.get_xlabel() for axes in draw(found).axes] == list("abcd")


def test_only_what_comes_after_torch_counts_as_an_import_of_ours():
    log = "\n".join(
        f"import time: {own:9} | {own + 5:10} | {name}"
        for own, name in [(9000, "  torch.nn"), (8000, "torch"), (300, "  ours.a"), (700, "ours.b")]
    )
    assert dearest(log) == [("ours.b", 0.7), ("ours.a", 0.3)]
    assert dearest(log, count=1) == [("ours.b", 0.7)]


def test_the_sum_counts_what_the_shapes_say():
    data = tiny_images(30, (1, 4, 4))
    model = VAE((1, 4, 4), latent_dim=3, hidden_dims=[8])
    weights = (16 * 8 + 8) + (8 * 6 + 6) + (3 * 8 + 8) + (8 * 16 + 16)
    parts = needed(model, data, batch_size=10)
    assert parts["data"] == 30 * 16
    assert parts["model"] == 4 * (weights + 2 * 16)
    assert parts["gradients"] == 4 * weights and parts["optimizer"] == 8 * weights
    # Flatten 16, linear 8, GELU 8, linear 6; linear 8, GELU 8, linear 16, unflatten 16; the picture itself.
    assert parts["activations"] == 2 * 4 * 10 * (16 + 8 + 8 + 6 + 8 + 8 + 16 + 16 + 16)
    assert activation_bytes(model, data.batch(slice(0, 20))) == 2 * parts["activations"]
    assert not any(module._forward_hooks for module in model.modules())


def test_peak_memory_is_no_less_than_what_is_held():
    held = torch.ones(60 << 20, dtype=torch.uint8)
    assert peak_bytes() > held.nbytes


@pytest.mark.parametrize("architecture", ["mlp", "conv"])
def test_both_loops_make_the_same_number_of_updates(architecture, monkeypatch):
    steps, step = [], Adam.step
    monkeypatch.setattr(Adam, "step", lambda self, *args: steps.append(1) or step(self, *args))
    case = Case("tiny", architecture, 300)
    fit_seconds(case)
    ours = len(steps)
    bare_seconds(case)
    assert ours == 4 and len(steps) == 2 * ours


def test_memory_of_the_bound_does_not_grow_with_k():
    torch.manual_seed(0)
    data = tiny_images(20, binarize="dynamic")
    model = VAE.for_data(data, latent_dim=2, hidden_dims=[8])
    assert peak_tensor_mib(model, data, 2_000) == peak_tensor_mib(model, data, 40) > 0
    assert peak_tensor_mib(model, data, 20) > 2 * peak_tensor_mib(model, data, 5)


@pytest.mark.parametrize(
    "given, set_to",
    [({}, "1000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "None")],
)
def test_threads_wait_asleep_unless_told_otherwise(given, set_to):
    """Set before torch is loaded, which reads it then."""
    program = (
        "import os, sys; import vae_course; assert 'torch' not in sys.modules;"
        "print(os.environ.get('GOMP_SPINCOUNT'))"
    )
    environment = {name: value for name, value in os.environ.items() if name not in busy.SET} | given
    said = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert said.stdout == f"{set_to}\n", said.stderr


def test_neighbors_keep_a_core_busy_and_end():
    with busy.neighbors(1) as jobs:
        assert jobs[0].poll() is None
    assert jobs[0].poll() is not None


def test_an_epoch_that_fails_is_no_number(monkeypatch):
    monkeypatch.setenv("VAE_COURSE_DATA", "/nowhere")
    with pytest.raises(CourseError, match="DataError"):
        busy.seconds_of("fit", {})


def test_a_chapter_that_stops_is_no_number(tmp_path, monkeypatch):
    project = make_project(tmp_path, {"01_Toy": SMALL.replace("CODE", "pass")}, "01_Toy: {POINTS: 50}\n")
    failure = [Failure(2, "x", "NameError: x"), None]
    outcome = lambda job: Outcome(job.name, 3.5, None, {}, failure.pop(0))  # noqa: E731
    monkeypatch.setattr("tools.commands.execute", lambda jobs: [outcome(job) for job in jobs])
    with pytest.raises(CourseError, match=r"01_Toy stopped: In \[2\] `x`: NameError"):
        busy.chapter_seconds("01_Toy", project)
    assert busy.chapter_seconds("01_Toy", project) == 3.5
    assert not project.build.exists()


def test_what_a_neighbor_slows_too_much_is_marked(monkeypatch, capsys):
    """Made-up seconds: everything but the chapter takes 1.5 times as long beside a neighbor."""
    beside = []

    @contextlib.contextmanager
    def neighbors(count):
        beside.append(count)
        yield
        beside.pop()

    monkeypatch.setattr(busy, "neighbors", neighbors)
    monkeypatch.setattr(busy, "seconds_of", lambda what, variables: 3.0 if beside else 2.0)
    monkeypatch.setattr(busy, "chapter_seconds", lambda: 8.0 if beside else 2.0)
    found = busy.main()
    assert found["epoch"].keys() == busy.WAYS.keys() and found["evaluate"]["ratio"] == 1.5
    assert found["chapter"] == {"quiet": 2.0, "busy": 8.0, "ratio": 4.0}
    marked = [line for line in capsys.readouterr().out.splitlines() if "more than 2.5" in line]
    assert len(marked) == 1 and "chapter 02" in marked[0]


@pytest.mark.parametrize("what", busy.ROUNDS)
def test_a_round_is_timed(what, monkeypatch):
    monkeypatch.setattr("vae_course.load", lambda *_, **__: tiny_images(40))
    assert 0 < busy.ROUNDS[what]() < 60
