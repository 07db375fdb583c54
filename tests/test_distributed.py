"""Two processes train a model to the weights that one process reaches with the same batches, and a run that
loses a process is started again and ends as if nothing had happened.
"""

import os
import subprocess
import sys
from pathlib import Path

import parallel_runs
import pytest
import torch
from torch.distributed import TCPStore

from vae_course.__main__ import main
from vae_course.training.distributed import RowsOfDraws, process_group
from vae_course.training.loop import History
from vae_course.weights import load_model

TESTS = Path(__file__).parent


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What two processes found, started as torchrun starts them: around a store on a port that is free."""
    folder = tmp_path_factory.mktemp("two")
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    started = []
    try:
        for rank in range(2):
            environment = {
                **os.environ,
                "PYTHONPATH": os.pathsep.join((str(TESTS), str(TESTS.parent))),
                "OMP_NUM_THREADS": "1",
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": str(store.port),
                "TORCHELASTIC_USE_AGENT_STORE": "True",
                "RANK": str(rank),
                "LOCAL_RANK": str(rank),
                "WORLD_SIZE": "2",
                "LOCAL_WORLD_SIZE": "2",
            }
            words = [sys.executable, str(TESTS / "parallel_runs.py"), str(folder)]
            started.append(subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True))
        errors = [process.communicate(timeout=300)[1] for process in started]
    finally:
        for process in started:
            process.kill()
    assert [process.returncode for process in started] == [0, 0], errors
    return {"folder": folder, **torch.load(folder / "found.pt", weights_only=True)}


@pytest.mark.parametrize("name", parallel_runs.RUNS)
def test_two_processes_equal_one(found, name):
    one, two = parallel_runs.run(name), found[name]
    assert one["weights"].keys() == two["weights"].keys()
    # Sums of at most 100 terms of at most 1, in another order; Adam divides a gradient by 1e-8 or more.
    rounding, updates, rate = (
        100 * torch.finfo(torch.float64).eps,
        one["history"]["records"][-1]["step"],
        0.01,
    )
    bound = updates * rate * 2 * rounding / 1e-8
    difference = max((one["weights"][key] - two["weights"][key]).abs().max() for key in one["weights"])
    assert difference < bound < 2e-6
    records = zip(one["history"]["records"], two["history"]["records"], strict=True)
    for record, other in records:
        assert record["step"] == other["step"] and record["beta"] == other["beta"]
        for part in ("train", "validation"):
            assert record[part] == pytest.approx(other[part], abs=1e-4)
    assert one["history"]["best_epoch"] == two["history"]["best_epoch"]


def test_these_runs_do_move(found):
    """Otherwise the comparison above would say nothing."""
    for name in parallel_runs.RUNS:
        first, *_, last = found[name]["history"]["records"]
        assert last["train"]["negative_elbo"] < first["train"]["negative_elbo"] - 0.5


def test_resumed_processes_equal_uninterrupted_ones_bit_for_bit(found):
    straight, resumed = found["uneven last batch"], found["resumed"]
    for name, weight in straight["weights"].items():
        assert torch.equal(weight, resumed["weights"][name])


def test_misuse_is_told(found):
    assert "draws by bernoulli" in found["refused"]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_killed_process_costs_nothing_but_time(found, tmp_path):
    """The command line under torchrun, which may restart it once, against the two processes of `found`."""
    straight, killed = found["folder"] / "straight", tmp_path / "killed"
    words = ["--standalone", "--nproc-per-node", "2", "--max-restarts", "1", str(TESTS / "killed_worker.py")]
    words += [*parallel_runs.COMMAND, "--output", str(killed)]
    ended = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", *words],
        env={**os.environ, "PYTHONPATH": str(TESTS.parent), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert found["command"] == ended.returncode == 0, ended.stderr
    assert "SIGKILL" in ended.stderr or "exitcode: -9" in ended.stderr  # it did happen
    assert ended.stdout.count("epoch 1/3") == 1 and ended.stdout.count("epoch 3/3") == 1  # one writer
    assert ended.stdout.count("Wrote to") == 1
    histories = [History.from_json(folder / "history.json") for folder in (straight, killed)]
    ours, theirs = ([{**r, "seconds": 0} for r in history.records] for history in histories)
    assert ours == theirs and [record["epoch"] for record in ours] == [0, 1, 2, 3]
    weights, others = (load_model(folder / "model.pt").state_dict() for folder in (straight, killed))
    assert all(torch.equal(weights[name], others[name]) for name in weights)
    assert {path.name for path in killed.iterdir()} == {path.name for path in straight.iterdir()}


@pytest.mark.parametrize("shape", [(4, 3), (2, 4, 3), (4, 1, 5, 5), (4,)])
def test_rows_of_draws_are_rows_of_the_whole(shape):
    axis = 1 if shape == (2, 4, 3) else 0
    whole = torch.Size((*shape[:axis], 9, *shape[axis + 1 :]))
    for draw in (torch.randn, torch.rand, lambda size, **more: torch.randint(0, 255, size, **more)):
        expected = draw(whole, generator=torch.Generator().manual_seed(3)).narrow(axis, 5, 4)
        generator = torch.Generator().manual_seed(3)
        with RowsOfDraws(generator, slice(5, 9), 9):
            assert torch.equal(draw(torch.Size(shape), generator=generator), expected)
            assert (
                draw(torch.Size(shape), generator=torch.Generator()).shape == shape
            )  # another's: left alone


def test_without_torchrun_there_is_no_group():
    with process_group():
        assert not torch.distributed.is_initialized()


class TestMisuse:
    """What torchrun's variables alone decide, in this process."""

    @pytest.fixture(autouse=True)
    def two(self, monkeypatch):
        for name, value in {
            "WORLD_SIZE": "2",
            "LOCAL_WORLD_SIZE": "2",
            "LOCAL_RANK": "1",
            "RANK": "1",
        }.items():
            monkeypatch.setenv(name, value)

    def test_other_commands_are_refused_once(self, monkeypatch, capsys):
        assert main(["sweep"]) == 2
        assert capsys.readouterr().err == ""  # the first process of the machine says it
        monkeypatch.setenv("LOCAL_RANK", "0")
        assert main(["sweep"]) == 2
        assert "run sweep without it" in capsys.readouterr().err
