"""The stand-in accelerator: its rules, and the ways to switch it on."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from toy_course import SMALL, make_project

from tools import commands, stand_in_device

RULES = str(Path(__file__).with_name("device_rules.py"))
MIX = "torch.zeros(2, device='cuda') + torch.zeros(2)"


def run(*command: str, **variables: str) -> subprocess.CompletedProcess:
    done = subprocess.run(
        [sys.executable, *command],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": stand_in_device.ROOT, "OMP_NUM_THREADS": "1"} | variables,
        cwd=stand_in_device.ROOT,
        timeout=300,
    )
    return done


def test_the_stand_in_keeps_the_rules_of_a_device():
    done = run("-m", "tools.stand_in_device", "python", "-m", "pytest", RULES, "-q", "-p", "no:cacheprovider")
    assert done.returncode == 0 and " passed" in done.stdout and "skipped" not in done.stdout, done.stdout


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_real_device_keeps_the_same_rules():
    done = run("-m", "pytest", RULES, "-q", "-p", "no:cacheprovider")
    assert done.returncode == 0 and " passed" in done.stdout, done.stdout


def test_the_command_gives_its_children_the_stand_in_and_returns_their_status():
    child = f"import torch\ntorch.zeros(2, device='cuda').double()\nprint('kept')\n{MIX}"
    grandchild = (
        f"import subprocess, sys; sys.exit(7 * subprocess.run([sys.executable, '-c', {child!r}]).returncode)"
    )
    done = run("-m", "tools.stand_in_device", "python", "-c", grandchild)
    assert "kept" in done.stdout and "Expected all tensors to be on the same device" in done.stderr
    assert done.returncode == 7


def test_the_command_says_how_it_is_used(capsys):
    assert stand_in_device.main([]) == 2
    assert "COMMAND" in capsys.readouterr().err


def test_without_float64():
    code = "import torch; x = torch.zeros(2, device='cuda'); x.cpu().double(); print('kept'); x.double()"
    done = run("-m", "tools.stand_in_device", "--no-float64", "python", "-c", code)
    assert "kept" in done.stdout and "doesn't support float64" in done.stderr


def test_the_quick_run_takes_it_into_chapters_and_not_without_being_asked(tmp_path, monkeypatch):
    chapter = SMALL.replace("CODE", f"import torch\n\n{MIX}")
    project = make_project(tmp_path, {"01_Mixed": chapter}, "01_Mixed: {POINTS: 50}\n")
    (with_it,) = commands.with_stand_in(project, project.written(), [])
    assert "Expected all tensors to be on the same device" in with_it.failure.error
    assert (project.build / "stand-in" / "01_Mixed.ipynb").is_file()
    asked = []
    monkeypatch.setattr(commands, "execute", lambda jobs: asked.extend(jobs) or [])
    commands.with_stand_in(project, project.written(), [])
    commands.quick(project, project.written())
    assert ["PYTHONPATH" in job.variables for job in asked] == [True, False]
