"""Replications: chapters run again under other base seeds, taken up where they stopped, and counted."""

import json
from pathlib import Path

import pytest
import torch
from toy_course import SMALL, make_project

from tools import replicate as module
from tools.__main__ import main
from tools.execute import Failure, Outcome
from tools.replicate import replicate, stamp
from vae_course import base_seeded, over_seeds

CODE = """\
from vae_course import Runs, base_seed, over_seeds
from vae_course.teaching import Claims

claims = Claims("NAME")
claims.add("odd", base_seed() % 2, above=0.5, unit="times")
claims.add("draw", over_seeds(2, lambda seed: __import__("torch").rand(())), between=(0, 1))
claims.add("points", POINTS, between=(50, 500), exact=True)
if base_seed() == 2:
    raise RuntimeError("no more")
claims.report()
"""
QUICK = "01_Toy: {POINTS: 50}\n02_Other: {POINTS: 50}\n"


def claim(id: str, value: float, holds: bool) -> dict:
    return {"id": id, "value": value, "bound": "> 1", "holds": holds}


def made_up(job, value: float, failure=None, holds: bool = True) -> Outcome:
    return Outcome(job.name, 1.0, None, {"claims": [claim("gain", value, holds)]}, failure)


@pytest.fixture
def project(tmp_path):
    small = {name: SMALL.replace("CODE", CODE) for name in ("01_Toy", "02_Other")}
    return make_project(tmp_path, small, QUICK)


def test_two_seeds_of_a_real_chapter_are_run_and_counted(project, capsys):
    """Seed 2 stops before its report: its claims count as not held."""
    assert main(["--root", str(project.root), "replicate", "--quick", "--only", "1", "--seeds", "2"]) == 1
    printed = capsys.readouterr().out
    assert "2 runs to make, 0 there already" in printed
    assert "01 stopped under base seed 2: In [" in printed and "RuntimeError: no more" in printed
    assert "01 odd: held 1 of 2, must be > 0.5; got 1, -" in printed
    assert "0 of 3 claims held under each of 2 base seeds." in printed
    saved = json.loads((project.build / "replication" / "quick.json").read_text())
    assert saved["seeds"] == [1, 2] and list(saved["stopped"]["01_Toy"]) == ["2"]
    odd = {"held": 1, "of": 2, "values": [1, None], "bound": "> 0.5"}
    assert saved["chapters"]["01_Toy"]["odd"] == odd
    with base_seeded(1):
        drawn = over_seeds(2, lambda seed: torch.rand(())).mean
    assert saved["chapters"]["01_Toy"]["draw"]["values"][0] == pytest.approx(drawn, rel=1e-12)
    assert not project.replication.exists()


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A small package in place of the real one, so that the stamps are the test's own."""
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    monkeypatch.setattr(module.vae_course, "__file__", str(folder / "__init__.py"))
    return folder


def test_the_stamp_changes_with_all_that_a_run_depends_on(project, package: Path):
    first = stamp(project, "01_Toy", {"A": 1})
    assert stamp(project, "01_Toy", {"A": 1}) == first != stamp(project, "01_Toy", {"A": 2})
    (package / "models").mkdir()
    (package / "models" / "vae.py").write_text("x = 1")
    assert stamp(project, "01_Toy", {"A": 1}) != first


def test_an_interrupted_replication_goes_on_and_changed_chapters_are_run_again(project, package, monkeypatch):
    calls, stop_at = [], 3

    def execute(jobs, finished):
        outcomes = []
        for number, job in enumerate(jobs):
            if number == stop_at:
                raise KeyboardInterrupt
            seed = int(job.variables["VAE_COURSE_SEED"])
            calls.append((job.name, seed))
            outcomes.append(made_up(job, value=float(seed), holds=seed > 1))
            finished(job, outcomes[-1])
        return outcomes

    monkeypatch.setattr(module, "execute", execute)
    names = ["01_Toy", "02_Other"]
    with pytest.raises(KeyboardInterrupt):
        replicate(project, names, [1, 2])
    assert [seed for _, seed in calls] == [1, 1, 2] and not project.replication.exists()
    calls.clear()
    report = replicate(project, names, [1, 2])
    assert len(calls) == 1
    gain = {"held": 1, "of": 2, "values": [1.0, 2.0], "bound": "> 1"}
    assert report.chapters == {name: {"gain": gain} for name in names} and not any(report.stopped.values())
    assert json.loads(project.replication.read_text())["chapters"]["02_Other"]["gain"] == gain

    calls.clear()
    source = project.source("02_Other")
    source.write_text(source.read_text() + "\n# changed\n")
    replicate(project, ["02_Other"], [1, 2])
    assert calls == [("02_Other", 1), ("02_Other", 2)]
    assert json.loads(project.replication.read_text())["chapters"]["01_Toy"]["gain"] == gain


def test_full_runs_are_told_that_they_are_and_a_run_that_stopped_is_made_again(project, package, monkeypatch):
    seen = []

    def execute(jobs, finished):
        seen.extend((job.variables["VAE_COURSE_RUN"], job.parameters, job.data is not None) for job in jobs)
        failure = None if len(seen) > 1 else Failure(0, "", "the kernel died")
        outcomes = [made_up(job, 2.0, failure) for job in jobs]
        for job, outcome in zip(jobs, outcomes, strict=True):
            finished(job, outcome)
        return outcomes

    monkeypatch.setattr(module, "execute", execute)
    report = replicate(project, ["01_Toy"], [1])
    assert report.stopped == {"01_Toy": {1: "the kernel died"}}
    assert "stopped under base seed 1: the kernel died" in str(report)
    assert replicate(project, ["01_Toy"], [1]).stopped == {"01_Toy": {}}
    assert seen == [("full", {}, True)] * 2
    assert str(replicate(project, ["01_Toy"], [1])) == "1 of 1 claims held under each of 1 base seeds."
    assert len(seen) == 2


def test_no_seed_is_no_replication(project, capsys):
    assert main(["--root", str(project.root), "replicate", "--seeds", "0"]) == 1
    assert "give at least one base seed" in capsys.readouterr().err
