"""``fit``, ``evaluate`` and a quick chapter on a quiet machine and beside a job that takes half of its cores.

    python -m benchmarks busy

Threads that wait for one another either look out for the others or sleep. Looking out is faster by some
microseconds at each of some hundred meetings in an update, and on a machine with another job it keeps the
core from the thread that is waited for. The package sets GNU OpenMP's GOMP_SPINCOUNT, if nobody else has, to
a compromise; the table shows it beside OpenMP's own rule and its alternatives. The other job is a loop of
Python; results are the same bits in every row but that of one thread. A chapter is the whole process: kernel,
imports and all cells, on one thread as always. Nothing may take more than ``MOST`` times as long.
"""

import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from functools import partial
from pathlib import Path

from tools.project import CourseError, Project

EXAMPLES, EPOCHS = 6000, 3
CHAPTER = "02_Encoder_and_Decoder_in_VAEs"
MOST = 2.5  # times as long as on a quiet machine
WAYS = {
    "as the package sets it": {},
    "OpenMP's own rule": {"GOMP_SPINCOUNT": "300000"},
    "asleep at once": {"OMP_WAIT_POLICY": "PASSIVE"},
    "one thread": {"OMP_NUM_THREADS": "1"},
}
SET = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def seconds_of(what: str, variables: dict[str, str]) -> float:
    """Seconds of the fastest of some rounds of ``what``, of ``ROUNDS``, in a process of its own.

    Raises:
        CourseError: it failed.
    """
    environment = {name: value for name, value in os.environ.items() if name not in SET} | variables
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks.busy", what], env=environment, capture_output=True, text=True
    )
    if ended.returncode != 0:
        raise CourseError(ended.stderr.strip().splitlines()[-1])
    return float(ended.stdout)


def chapter_seconds(name: str = CHAPTER, project: Project | None = None) -> float:
    """Seconds of one quick run of a chapter; nothing of it is kept.

    Raises:
        CourseError: it failed.
    """
    from tools.commands import quick

    with tempfile.TemporaryDirectory() as folder, redirect_stdout(sys.stderr):
        (outcome,) = quick(project or Project.here(), [name], Path(folder))
    if outcome.failure:
        raise CourseError(f"{name} stopped: {outcome.failure}")
    return outcome.seconds


@contextmanager
def neighbors(count: int) -> Iterator[list[subprocess.Popen]]:
    """As many other processes, each of which would take a whole core."""
    loop = [sys.executable, "-c", "while True: pass"]
    # In sessions of their own, as the jobs of others are: Linux divides the time by sessions first.
    jobs = [subprocess.Popen(loop, start_new_session=True) for _ in range(count)]
    try:
        yield jobs
    finally:
        for job in jobs:
            job.kill()
            job.wait()


def both(measure: Callable[[], float], taken: int) -> dict[str, float]:
    """Seconds on a quiet machine, beside ``taken`` others that each want a core, and their ratio."""
    quiet = measure()
    with neighbors(taken):
        busy = measure()
    return {"quiet": round(quiet, 3), "busy": round(busy, 3), "ratio": round(busy / quiet, 2)}


def main() -> dict:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    taken = max(1, cores // 2)
    print(f"{cores} cores, {taken} of them taken; seconds for {EXAMPLES:,} digits, and for the whole chapter")

    def row(name: str, measure: Callable[[], float]) -> dict[str, float]:
        found = both(measure, taken)
        quiet, busy, ratio = found.values()
        mark = "" if ratio <= MOST or name in list(WAYS)[1:] else f"   more than {MOST}"
        print(f"  {name:24} quiet {quiet:6.2f}   busy {busy:6.2f}   {ratio:5.1f} times{mark}", flush=True)
        return found

    print("one epoch of fit")
    epoch = {name: row(name, partial(seconds_of, "fit", variables)) for name, variables in WAYS.items()}
    print("as the package sets it")
    others = {
        "evaluate": row("evaluate", partial(seconds_of, "evaluate", {})),
        "chapter": row(f"chapter {CHAPTER[:2]}, quick", chapter_seconds),
    }
    return {"examples": EXAMPLES, "cores": cores, "taken": taken, "most": MOST, "epoch": epoch, **others}


def train() -> float:
    from vae_course import VAE, fit, load, seed_everything

    data = load("mnist", subset=EXAMPLES, download=False)
    seed_everything(0)
    model = VAE.for_data(data)
    history = fit(model, data, epochs=EPOCHS, batch_size=256, device="cpu", eval_examples=1, progress=False)
    seconds = [record["seconds"] for record in history.records]
    return min(after - before for before, after in itertools.pairwise(seconds))


def measure_model() -> float:
    from vae_course import VAE, evaluate, load, seed_everything

    data = load("mnist", subset=EXAMPLES, download=False)
    seed_everything(0)
    model, seconds = VAE.for_data(data), []
    for _ in range(EPOCHS + 1):  # the first one warms up
        start = time.perf_counter()
        evaluate(model, data, n_samples=4)
        seconds.append(time.perf_counter() - start)
    return min(seconds[1:])


ROUNDS = {"fit": train, "evaluate": measure_model}

if __name__ == "__main__":
    print(ROUNDS[sys.argv[1]]())
