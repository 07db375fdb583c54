"""One epoch of ``fit`` on a quiet machine and beside a job that takes half of its cores.

    python -m benchmarks busy

Threads that wait for one another either look out for the others or sleep. Looking out is faster by some
microseconds at each of some hundred meetings in an update, and on a machine with another job it keeps the
core from the thread that is waited for. The package sets GNU OpenMP's GOMP_SPINCOUNT, if nobody else has, to
a compromise; the table shows it beside OpenMP's own rule and its alternatives. The other job is a loop of
Python; results are the same bits in every row but that of one thread.
"""

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tools.project import CourseError

EXAMPLES, EPOCHS = 6000, 3
WAYS = {
    "as the package sets it": {},
    "OpenMP's own rule": {"GOMP_SPINCOUNT": "300000"},
    "asleep at once": {"OMP_WAIT_POLICY": "PASSIVE"},
    "one thread": {"OMP_NUM_THREADS": "1"},
}
SET = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def epoch_seconds(variables: dict[str, str]) -> float:
    """Seconds of the fastest of some epochs, in a process of its own.

    Raises:
        CourseError: it failed.
    """
    environment = {name: value for name, value in os.environ.items() if name not in SET} | variables
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks.busy"], env=environment, capture_output=True, text=True
    )
    if ended.returncode != 0:
        raise CourseError(ended.stderr.strip().splitlines()[-1])
    return float(ended.stdout)


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


def main() -> dict:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(f"seconds for one epoch of {EXAMPLES:,} digits, {cores} cores, {max(1, cores // 2)} of them taken")
    found = {}
    for name, variables in WAYS.items():
        quiet = epoch_seconds(variables)
        with neighbors(max(1, cores // 2)):
            busy = epoch_seconds(variables)
        found[name] = {"quiet": round(quiet, 3), "busy": round(busy, 3)}
        print(f"  {name:24} quiet {quiet:6.2f}   busy {busy:6.2f}   {busy / quiet:5.1f} times", flush=True)
    return {"examples": EXAMPLES, "cores": cores, "epoch": found}


def train() -> None:
    """What each process does."""
    from vae_course import VAE, fit, load, seed_everything

    data = load("mnist", subset=EXAMPLES, download=False)
    seed_everything(0)
    model = VAE.for_data(data)
    history = fit(model, data, epochs=EPOCHS, batch_size=256, device="cpu", eval_examples=1, progress=False)
    seconds = [record["seconds"] for record in history.records]
    print(min(after - before for before, after in itertools.pairwise(seconds)))


if __name__ == "__main__":
    train()
