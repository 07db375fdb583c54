"""A sweep gives the same records wherever its cells are trained: here, in processes, on a cluster."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import joblib
import pytest
import torch
from tiny_data import tiny_images

from vae_course.evaluation.code_use import size_report
from vae_course.files import Told
from vae_course.models.networks import Classifier
from vae_course.randomness import base_seeded
from vae_course.training.sweep import plan, run_sweep

TRAIN, HELD_OUT = tiny_images(96), tiny_images(64, seed=1)
CELLS = plan("tiny", (2, 3), (1.0,), 2, 96, hidden_dims=(16,), epochs=2, batch_size=32)
posix = pytest.mark.skipif(sys.platform == "win32", reason="processes are ended differently there")


class Judged:
    """Everything that a sweep measures, with a judge, and the process that did it."""

    def __init__(self):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.judge = Classifier(TRAIN.shape, 4)

    def __call__(self, model, train, held_out) -> dict:
        return {**size_report(model, train, held_out, self.judge), "process": os.getpid()}


class Deadly:
    """Pictures that end the process that reads them, once; a file says that it has happened."""

    def __init__(self, data, file: Path):
        self.data, self.file = data, file

    def __len__(self) -> int:
        return len(self.data)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.__dict__["data"], name)

    def to(self, device) -> "Deadly":
        return self

    def batch(self, index, generator=None):
        if not self.file.exists():
            self.file.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return self.data.batch(index, generator)


def sweep(cells=CELLS, train=TRAIN, measure=None, **more) -> list[dict]:
    return run_sweep(cells, train, HELD_OUT, measure=measure or Judged(), **more)


def processes(records: list[dict]) -> set[int]:
    """Takes the numbers of the processes out of the records, which then can be compared."""
    return {record.pop("process") for record in records}


@pytest.fixture(scope="module")
def one():
    """The records of a sweep in this process, one cell after another, on two threads if it were allowed."""
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        records = sweep(progress=False)
    finally:
        torch.set_num_threads(threads)
    assert processes(records) == {os.getpid()}
    return records


def test_two_processes_give_the_records_of_one(one, tmp_path, capsys):
    (tmp_path / CELLS[0].file_name).write_text(json.dumps({**one[0], "process": 0}))
    records = sweep(folder=tmp_path, jobs=2)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 and "from an earlier run" in lines[0]
    assert [json.loads((tmp_path / cell.file_name).read_text()) for cell in CELLS] == records
    assert os.getpid() not in processes(records)
    assert records == one


def test_two_threads_of_one_process_give_them_as_well(one):
    state = torch.get_rng_state()
    with joblib.parallel_config(backend="threading", n_jobs=2):
        records = sweep(progress=False)
    assert processes(records) == {os.getpid()}
    assert records == one
    assert torch.equal(torch.get_rng_state(), state)


def test_a_base_seed_travels_to_the_processes(one):
    name = CELLS[0].file_name
    with base_seeded(3):
        assert CELLS[0].file_name != name  # or a folder would mix the two
        here, there = sweep(CELLS[:1], progress=False), sweep(CELLS[:1], jobs=2, progress=False)
    assert processes(here) != processes(there)
    assert here == there and here[0]["negative_elbo"] != one[0]["negative_elbo"]


@posix
def test_a_killed_process_costs_its_cell_alone(one, tmp_path):
    folder = tmp_path / "cells"
    sweep(CELLS[:1], folder=folder, progress=False)
    train = Deadly(TRAIN, tmp_path / "dead")
    with pytest.raises(Told, match=r"was ended from outside \(out of memory\?\); .* are kept"):
        sweep(train=train, folder=folder, jobs=2, progress=False)
    assert (tmp_path / "dead").exists() and (folder / CELLS[0].file_name).exists()
    records = sweep(train=train, folder=folder, jobs=2, progress=False)
    processes(records)
    assert records == one


@posix
def test_ctrl_c_ends_all_with_one_sentence(tmp_path):
    words = "sweep --latent-dims 2 --seeds 500 --examples 100 --epochs 1 --hidden-dims 8 --jobs 2".split()
    process = subprocess.Popen(
        [sys.executable, "-m", "vae_course", *words, "--output", str(tmp_path)],
        cwd=Path(__file__).parents[1],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a group of its own: Ctrl-C in a terminal reaches parent and workers
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        assert "500 models" in process.stdout.readline()
        for _ in range(30):  # by then all workers are at work
            assert "seed" in process.stdout.readline()
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130
    assert err.count("\n") == 1 and "interrupted; the numbers of finished models are in" in err
    assert list((tmp_path / "cells").glob("digits_k2_*.json"))
    for _ in range(600):  # helper processes end a moment after their parent
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    pytest.fail("a process of the sweep is left")


def test_a_cluster_of_two_processes_gives_the_records_of_one(one):
    distributed = pytest.importorskip("distributed", reason="dask is not installed")
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs="CRITICAL"
    )
    with cluster, distributed.Client(cluster), joblib.parallel_config(backend="dask"):
        records = sweep(progress=False)
    workers = processes(records)
    assert os.getpid() not in workers and len(workers) == 2
    assert records == one
