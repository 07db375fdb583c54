"""Time to a level on MNIST: the usual recipe against ``fit``, as whole processes and as training alone.

    python -m benchmarks speed             three alternating rounds, about 3 minutes
    python -m benchmarks.speed --avx2      the same as a usual laptop runs it, without wider instructions
    python -m benchmarks.speed --ablation  what each change buys, about 4 minutes
    python -m benchmarks.speed --long      75 seconds and 5 minutes, with the bound they reach
    python -m benchmarks.speed --fifty     50 epochs by both recipes

Settings were chosen on the last 10,000 training digits; the test digits are read when they are fixed. All
programs train on the same 60,000 digits, start from files on disk and end when training ends; what is
measured afterwards is off the clock. Finished runs are kept in assets/results/speed.json, and the pages in
assets/results/speed.md are written from it.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Lock

import torch

from benchmarks.pages import write_report
from benchmarks.runs import FIFTY, LONG, OURS, RACE, SEEDS, USUAL, USUAL_JOB, USUAL_RECIPE
from tools.machine import machine
from tools.project import CourseError, Project
from vae_course.files import write_atomically

AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "DNNL_MAX_CPU_ISA": "AVX2"}  # torch's kernels, and oneDNN's


def run(program: str, job: dict, threads: int | None = None, limits: dict | None = None) -> dict:
    """What a program printed, and ``process_seconds``: from its start to the end of its training.

    Args:
        program: module name.
        job: its settings.
        threads: of torch; None leaves torch's default.
        limits: more environment variables, as ``AVX2``.

    Raises:
        CourseError: the program failed; its own words are in the message.
    """
    environment = os.environ | ({"OMP_NUM_THREADS": str(threads)} if threads else {}) | (limits or {})
    # Compiled modules are kept between processes, as on a reader's machine.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+") as errors:
        command = [sys.executable, "-m", program, json.dumps(job)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment)
        first = process.stdout.readline()
        seconds = time.perf_counter() - start
        rest = process.stdout.read()  # of the same reader, which may have both lines already
        if process.wait():
            errors.seek(0)
            raise CourseError(f"{program} failed with {json.dumps(job)}:\n{errors.read()[-2000:]}")
    return {"process_seconds": seconds, **json.loads(first), **json.loads(rest)}


class Results:
    """A JSON file of finished runs: what is in it is not run again.

    Args:
        path: the file; made when the first result is kept.
        renew: names of parts whose results are forgotten first.
    """

    def __init__(self, path: Path, renew: Sequence[str] = ()):
        self.path, self.lock = path, Lock()
        self.content = json.loads(path.read_text()) if path.is_file() else {}
        for part in renew:
            self.content.pop(part, None)

    def get(self, part: str, key: str, make: Callable[[], dict]) -> dict:
        """The result ``key`` of a part: from the file, or made by ``make()`` and written at once."""
        found = self.content.setdefault(part, {}).get(key)
        if found is None:
            found = make()
            with self.lock:
                self.content[part][key] = found
                self.save()
        return found

    def save(self) -> None:
        write_atomically(self.path, (json.dumps(self.content, indent=1, ensure_ascii=False) + "\n").encode())


EPOCHS = 6
MODEL = {"latent_dim": 16, "hidden_dims": [256, 128], "decoder_dims": [256, 768]}

# What differs from the recipe: entries of the job.
CHANGES: dict[str, dict] = {
    "the recipe": {},
    "learning rate 1e-3 instead of 8e-3": {"settings": {"learning_rate": 1e-3}},
    "no decay of the learning rate": {"settings": {"schedule": "constant"}},
    "one hidden layer (512 each)": {"model": {"hidden_dims": [512], "decoder_dims": None}},
    "decoder mirrors the encoder (512-256)": {"model": {"hidden_dims": [512, 256], "decoder_dims": None}},
    "8 latent dimensions": {"model": {"latent_dim": 8}},
    "32 latent dimensions": {"model": {"latent_dim": 32}},
    "ReLU instead of GELU": {"model": {"activation": "relu"}},
    "no mean picture": {"center": False},
    "no KL warm-up": {"settings": {"kl_warmup": 0.0}},
    "no learning rate warm-up": {"settings": {"warmup": 0.0}},
    "batch 128": {"settings": {"batch_size": 128}},
    "batch 512": {"settings": {"batch_size": 512}},
    "torch's own float32 products": {"settings": {"precision": "highest"}},
    'float32 products by "medium"': {"settings": {"precision": "medium"}},
    "bfloat16 products": {"settings": {"precision": "bfloat16"}},
    "all taken back: the usual recipe": {
        **USUAL_JOB,
        "settings": {**USUAL_RECIPE, "precision": "highest"},
    },
}


def job(change: dict, seed: int, root: str) -> dict:
    """The job of one run: 50,000 digits to learn from, the last 10,000 of the training files to judge by."""
    return {
        "seed": seed,
        "epochs": EPOCHS,
        "root": root,
        "part": "train",
        "held_out": "validation",
        "center": change.get("center", True),
        "model": {**MODEL, **change.get("model", {})},
        "settings": change.get("settings", {}),
    }


def run_ablation(results: Results, root: str) -> None:
    """Every change with every seed; as many runs at a time as there are cores, one thread each."""

    def one(task: tuple[str, int]) -> None:
        name, seed = task
        key = f"{name}, seed {seed}"
        found = results.get("ablation", key, lambda: run(OURS, job(CHANGES[name], seed, root), threads=1))
        print(f"{key:48} {found['training_seconds']:6.1f} s, gray {found['gray']:.2f}", flush=True)

    tasks = [(name, seed) for seed in range(SEEDS) for name in CHANGES]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(one, tasks))


def race(
    results: Results, root: str, seeds: int = SEEDS, part: str = "race", limits: dict | None = None
) -> None:
    """Alternating rounds: in each, every program once with the same seed. Before them each is started once,
    untimed, so that neither is charged for compiling its modules or for a cold disk."""
    for program in (USUAL, OURS):
        run(program, {"seed": 0, "root": root, "epochs": 0}, limits=limits)
    for seed in range(seeds):
        for name, (program, job) in RACE.items():
            job = {"seed": seed, "root": root, **job}
            make = partial(run, program, job, limits=limits)
            print(_line(name, seed, results.get(part, f"{name}, seed {seed}", make)), flush=True)
    print(f"\nmedians of {seeds} seeds, {torch.get_num_threads()} threads:")
    usual = medians(results.content[part], "usual")
    for name in RACE:
        ours = medians(results.content[part], name)
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
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    parser.add_argument("--avx2", action="store_true", help="the race without wider instructions than AVX2")
    parser.add_argument("--ablation", action="store_true", help="what each change of the recipe buys")
    parser.add_argument("--long", action="store_true", help="runs of minutes, with the bound they reach")
    parser.add_argument("--fifty", action="store_true", help="50 epochs by both recipes")
    parser.add_argument("--keep", action="store_true", help="go on: run only what speed.json does not hold")
    options = parser.parse_args(arguments or [])
    project = Project.here()
    root = str(Path(os.environ.get("VAE_COURSE_DATA") or project.root / "data").resolve())
    chosen = [name for name in ("avx2", "ablation", "long", "fifty") if getattr(options, name)] or ["race"]
    path = project.root / "assets" / "results" / "speed.json"
    results = Results(path, renew=[] if options.keep else chosen)
    runners = {"ablation": run_ablation, "long": long_runs, "fifty": fifty_epochs, "race": race}
    runners["avx2"] = partial(race, part="avx2", limits=AVX2)
    for name in chosen:
        results.content.setdefault("machines", {})[name] = machine()
        runners[name](results, root)
    results.save()
    write_report(results.content, project.root / "assets" / "results" / "speed.md")


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
