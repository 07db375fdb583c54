"""Time to a level on MNIST: the usual recipe against ``fit``, as whole processes and as training alone.

    python -m vae_course.course bench speed             three alternating rounds, about 3 minutes
    python -m vae_course.course.bench_speed --ablation  what each change buys, about 4 minutes
    python -m vae_course.course.bench_speed --long      75 seconds and 5 minutes, with the bound they reach
    python -m vae_course.course.bench_speed --fifty     50 epochs by both recipes

Settings were chosen on the last 10,000 training digits; the test digits are read when they are fixed. All
programs train on the same 60,000 digits, start from files on disk and end when training ends; what is
measured afterwards is off the clock. Finished runs are kept in assets/results/speed.json, and the pages in
assets/results/speed.md are written from it.
"""

import argparse
import os
import statistics
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

from benchmarks.speed_ablation import run_ablation
from benchmarks.speed_jobs import FIFTY, LONG, OURS, RACE, SEEDS, USUAL
from benchmarks.speed_report import write_report
from benchmarks.speed_runs import Results, run
from tools.machine import machine
from tools.project import Project


def race(results: Results, root: str, seeds: int = SEEDS) -> None:
    """Alternating rounds: in each, every program once with the same seed. Before them each is started once,
    untimed, so that neither is charged for compiling its modules or for a cold disk."""
    for program in (USUAL, OURS):
        run(program, {"seed": 0, "root": root, "epochs": 0})
    for seed in range(seeds):
        for name, (program, job) in RACE.items():
            job = {"seed": seed, "root": root, **job}
            found = results.get("race", f"{name}, seed {seed}", lambda p=program, j=job: run(p, j))
            print(_line(name, seed, found), flush=True)
    print(f"\nmedians of {seeds} seeds, {torch.get_num_threads()} threads:")
    usual = medians(results.content["race"], "usual")
    for name in RACE:
        ours = medians(results.content["race"], name)
        processes, trainings = (_ratio(usual, ours, key) for key in ("process_seconds", "training_seconds"))
        text = f"  {name:24} process {ours['process_seconds']:6.2f} s ({processes}), training "
        text += f"{ours['training_seconds']:6.2f} s ({trainings}), gray {ours['gray']:.2f} nats"
        print(text + (f", dynamic {ours['dynamic']:.2f}" if "dynamic" in ours else ""))


def medians(found: dict, name: str) -> dict[str, float]:
    """Medians over seeds of every number that the runs of a name have."""
    runs = [value for key, value in found.items() if key.startswith(f"{name}, seed ")]
    names = [key for key, value in runs[0].items() if isinstance(value, int | float)]
    return {key: statistics.median(one[key] for one in runs) for key in names}


def long_runs(results: Results, root: str) -> None:
    """The runs of a minute and more: larger models on binarized digits, and their bound."""
    for name, job in LONG.items():

        def make(job: dict = job) -> dict:
            # The folder of the data belongs to this machine, so the record leaves it out.
            return run(OURS, {"seed": 0, "root": root, **job}) | {"job": job}

        print(_line(name, 0, results.get("long", name, make)), flush=True)


def fifty_epochs(results: Results, root: str) -> None:
    """Does fast stay right? The same 50 epochs by both recipes, one thread each."""

    def one(name: str) -> None:
        job = {"seed": 0, "root": root, **FIFTY[name]}
        print(_line(name, 0, results.get("fifty", name, lambda: run(OURS, job, threads=1))), flush=True)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(one, FIFTY))


def _ratio(usual: dict, ours: dict, key: str) -> str:
    return f"{usual[key] / ours[key]:.1f} times as fast as usual" if ours is not usual else "the usual recipe"


def _line(name: str, seed: int, found: dict) -> str:
    text = f"{name:24} seed {seed}: process {found['process_seconds']:6.2f} s, training "
    text += f"{found['training_seconds']:6.2f} s, gray {found['gray']:.2f}"
    text += f", dynamic {found['dynamic']:.2f}" if "dynamic" in found else ""
    if "nll" in found:
        text += f", NLL {found['nll']:.2f} ± {found['standard_error']:.2f} (K = {found['k']}, "
        text += f"{found['digits']:,} digits, {found['bound_seconds']:.0f} s)"
    return text


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_speed", description=__doc__)
    parser.add_argument("--ablation", action="store_true", help="what each change of the recipe buys")
    parser.add_argument("--long", action="store_true", help="runs of minutes, with the bound they reach")
    parser.add_argument("--fifty", action="store_true", help="50 epochs by both recipes")
    parser.add_argument("--keep", action="store_true", help="go on: run only what speed.json does not hold")
    options = parser.parse_args(arguments or [])
    project = Project.here()
    root = str(Path(os.environ.get("VAE_COURSE_DATA") or project.root / "data").resolve())
    chosen = [name for name in ("ablation", "long", "fifty") if getattr(options, name)] or ["race"]
    path = project.root / "assets" / "results" / "speed.json"
    results = Results(path, renew=[] if options.keep else chosen)
    results.content["machine"] = machine()
    runners = {"ablation": run_ablation, "long": long_runs, "fifty": fifty_epochs, "race": race}
    for name in chosen:
        runners[name](results, root)
    results.save()
    write_report(results.content, project.root / "assets" / "results" / "speed.md")


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
