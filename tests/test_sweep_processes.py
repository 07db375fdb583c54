"""A sweep on several processes trains each cell once, loses at most a cell, and gives the same records."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tiny_data import tiny_images

from vae_course.training.sweep import plan, run_sweep
from vae_course.training.sweep_processes import CellFailed

SETTINGS = {"hidden_dims": (16,), "epochs": 2, "batch_size": 32}
posix = pytest.mark.skipif(sys.platform == "win32", reason="processes are ended differently there")


class Deadly:
    """Pictures that end the process that reads them, ``times`` times; a file for each death keeps count."""

    def __init__(self, data, folder: Path, times: int):
        self.data, self.folder, self.times = data, folder, times

    def __len__(self) -> int:
        return len(self.data)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.__dict__["data"], name)

    def to(self, device) -> "Deadly":
        return self

    def batch(self, index, generator=None):
        deaths = len(list(self.folder.iterdir()))
        if deaths < self.times:
            (self.folder / str(deaths)).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return self.data.batch(index, generator)


def parts():
    return tiny_images(96), tiny_images(64, seed=1)


@posix
def test_two_processes_give_the_records_of_one_and_a_killed_one_loses_its_cell_only(tmp_path, capsys):
    train, held_out = parts()
    cells = plan("tiny", (2, 3, 4), (1.0,), 1, 96, **SETTINGS)
    one = run_sweep(cells, train, held_out, folder=tmp_path / "one", progress=False)
    (tmp_path / "deaths").mkdir()
    (tmp_path / "two").mkdir()
    first = cells[0].file_name
    (tmp_path / "two" / first).write_bytes((tmp_path / "one" / first).read_bytes())
    train = Deadly(train, tmp_path / "deaths", times=1)
    two = run_sweep(cells, train, held_out, folder=tmp_path / "two", processes=2)
    assert two == one
    assert len(list((tmp_path / "deaths").iterdir())) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and "from an earlier run" in lines[0]
    assert [json.loads((tmp_path / "two" / cell.file_name).read_text()) for cell in cells] == one


@posix
def test_a_cell_whose_process_is_killed_again_and_again_is_told(tmp_path):
    train, held_out = parts()
    (tmp_path / "deaths").mkdir()
    train = Deadly(train, tmp_path / "deaths", times=9)
    with pytest.raises(CellFailed, match=r"tiny_k2_.* was ended 2 times .*-9"):
        run_sweep(plan("tiny", (2,), (1.0,), 1, 96, **SETTINGS), train, held_out, processes=2)


@posix
def test_ctrl_c_ends_all_with_one_sentence(tmp_path):
    words = "sweep --latent-dims 2 3 4 --seeds 1 --examples 100 --epochs 100000 --processes 2".split()
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
        assert "3 models" in process.stdout.readline()
        time.sleep(0.5)
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130
    assert err.count("\n") == 1 and "interrupted; the numbers of finished models are in" in err
    for _ in range(600):  # Python's own helper process ends a moment after its parent
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    pytest.fail("a process of the sweep is left")
