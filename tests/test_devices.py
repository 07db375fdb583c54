"""The same code on CPU, CUDA and MPS: training uses the accelerator, and nothing else leaves the CPU.

What is checked is in ``device_uses.py``: it runs with a stand-in for a CUDA device that has no float64, as
MPS has none, and on a real accelerator if there is one. The package never asks whether a device has float64,
so what runs without it runs with it. The command line on a stand-in is test_cli_commands'.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tools.stand_in_device import ROOT

USES = str(Path(__file__).with_name("device_uses.py"))
PYTEST = ("python", "-m", "pytest", USES, "-q", "-p", "no:cacheprovider")


def passes(*command: str) -> None:
    done = subprocess.run(
        [sys.executable, *command],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": ROOT},
        cwd=ROOT,
    )
    assert done.returncode == 0 and " passed" in done.stdout and "skipped" not in done.stdout, done.stdout


def test_the_course_with_a_stand_in_accelerator():
    passes("-m", "tools.stand_in_device", "--no-float64", *PYTEST, "-k", "not command_line")


@pytest.mark.skipif(
    not (torch.cuda.is_available() or torch.backends.mps.is_available()), reason="needs an accelerator"
)
def test_the_course_with_a_real_accelerator():
    passes(*PYTEST[1:])
