"""A process of a run is killed: torchrun starts the run again, and it ends as if nothing had happened."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from cli_run import SMALL

from vae_course.training.loop import History
from vae_course.weights import load_model

TESTS = Path(__file__).parent
LONG = ["train", *SMALL, "--epochs", "3", "--batch-size", "50", "--binarize", "dynamic"]


def two_processes(program: str, folder: Path) -> subprocess.CompletedProcess:
    """A training run of two processes, which may be restarted once."""
    words = ["--standalone", "--nproc-per-node", "2", "--max-restarts", "1", *program.split(), *LONG]
    return subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", *words, "--output", str(folder)],
        env={**os.environ, "PYTHONPATH": str(TESTS.parent), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_killed_process_costs_nothing_but_time(tmp_path):
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    ended = two_processes("-m vae_course", straight)
    assert ended.returncode == 0, ended.stderr
    ended = two_processes(str(TESTS / "killed_worker.py"), killed)
    assert ended.returncode == 0, ended.stderr
    assert "SIGKILL" in ended.stderr or "exitcode: -9" in ended.stderr  # it did happen
    assert ended.stdout.count("epoch 1/3") == 1 and ended.stdout.count("epoch 3/3") == 1  # one writer
    assert ended.stdout.count("Wrote to") == 1
    histories = [History.from_json(folder / "history.json") for folder in (straight, killed)]
    ours, theirs = ([{**r, "seconds": 0} for r in history.records] for history in histories)
    assert ours == theirs and [record["epoch"] for record in ours] == [0, 1, 2, 3]
    weights, others = (load_model(folder / "model.pt").state_dict() for folder in (straight, killed))
    assert all(torch.equal(weights[name], others[name]) for name in weights)
    assert {path.name for path in killed.iterdir()} == {path.name for path in straight.iterdir()}
