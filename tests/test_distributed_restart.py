"""A process of a run is killed: torchrun starts the run again, and it ends as if nothing had happened."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cli_run import SMALL

from vae_course.__main__ import main
from vae_course.training.loop import History
from vae_course.weights import load_model

TESTS = Path(__file__).parent
LONG = [*SMALL, "--epochs", "3", "--batch-size", "50", "--binarize", "dynamic"]
# Adam makes whole steps out of gradients that are mere rounding, as those of pixels that are always black.
LONG += ["--precision", "highest", "--learning-rate", "1e-3"]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    assert main(["train", *LONG, "--output", str(folder), "--quiet"]) == 0
    return folder


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_killed_process_costs_nothing_but_time(uninterrupted, tmp_path):
    words = ["--standalone", "--nproc-per-node", "2", "--max-restarts", "1", str(TESTS / "killed_worker.py")]
    ended = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", *words, "train", *LONG, "--output", str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(TESTS.parent), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert ended.returncode == 0, ended.stderr
    assert "SIGKILL" in ended.stderr or "exitcode: -9" in ended.stderr  # it did happen
    assert ended.stdout.count("epoch 1/3") == 1 and ended.stdout.count("epoch 3/3") == 1  # one writer
    assert ended.stdout.count("Wrote to") == 1
    whole, parts = (History.from_json(folder / "history.json") for folder in (uninterrupted, tmp_path))
    assert [record["step"] for record in parts.records] == [record["step"] for record in whole.records]
    weights, others = (load_model(folder / "model.pt").state_dict() for folder in (uninterrupted, tmp_path))
    assert max((weights[name] - others[name]).abs().max() for name in weights) < 1e-5
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in uninterrupted.iterdir()}
