"""The arena: one table for all generative models of the course, same pictures, same decoder, same judge.

    python -m recipes.arena

trains eight models with three seeds each (one thread, about 25 minutes of CPU time), or goes on where it
stopped: every finished run is a file in the runs folder, named by its configuration. The end is
``assets/results/realism.json``, a copy of it inside the package, and the shipped weights. With ``--only gan``
it trains and measures that model alone and writes no table.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from recipes.arena_measures import MEASURES, SAMPLE_MEASURES, arena_rows, judge_pictures, measure
from recipes.arena_recipes import LABELS, LIKELIHOODS, RECIPES, decoder_parameters, save_arena, train
from vae_course.data.loading import load
from vae_course.evaluation.intervals import Runs
from vae_course.files import write_atomically
from vae_course.training.loop import TrainingDiverged
from vae_course.weights import (
    ARENA,
    WEIGHTS,
    load_checkpoint,
    load_classifier,
    read_arena,
    shipped_file,
)

FORMAT = 1  # raised when a run's meaning changes, so that old files are not mixed with new ones
DATASET, EXAMPLES, EPOCHS, SEEDS = "fashion_mnist", 20_000, 4, (0, 1, 2)
JUDGED = 5000  # pictures on each side


@dataclass(frozen=True)
class Run:
    """One contestant with one seed: everything that decides its weights."""

    name: str
    seed: int
    settings: dict
    dataset: str = DATASET
    examples: int = EXAMPLES
    epochs: int = EPOCHS

    @property
    def key(self) -> str:
        """Ten hexadecimal digits that change with any of the settings."""
        content = json.dumps({**asdict(self), "format": FORMAT}, sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:10]

    @property
    def stem(self) -> str:
        return f"{self.name}_{self.seed}_{self.key}"


def train_run(run: Run, data, folder: Path) -> Path:
    """Train unless the file is there; the file, or a JSON file with the reason when the training failed."""
    weights, failed = folder / f"{run.stem}.pt", folder / f"{run.stem}.failed.json"
    if weights.is_file() or failed.is_file():
        return weights if weights.is_file() else failed
    start = time.process_time()
    try:
        entry = train(run.name, run.seed, data, run.epochs, run.settings)
    except TrainingDiverged as error:
        spent = time.process_time() - start
        write_atomically(failed, json.dumps({"why": str(error), "cpu_seconds": spent}).encode())
        return failed
    save_arena(weights, entry, cpu_seconds=time.process_time() - start)
    return weights


def measure_run(run: Run, data, held_out, classifier, folder: Path) -> dict:
    """Train and measure one contestant, or read both from the folder."""
    file = train_run(run, data, folder)
    about = {"name": run.name, "seed": run.seed, "key": run.key}
    if file.suffix == ".json":
        return {**about, "failed": json.loads(file.read_text())["why"]}
    path = folder / f"{run.stem}.{held_out.split}.{len(held_out)}.json"
    found = json.loads(path.read_text()) if path.is_file() else {}
    if not found.keys() >= set(SAMPLE_MEASURES):  # never measured, or before the arena had them all
        seconds = load_checkpoint(file)["arena"]["cpu_seconds"]
        found = {**measure(read_arena(file), data, held_out, classifier), "cpu_seconds": seconds}
        write_atomically(path, json.dumps(found, indent=1).encode())
    return {**about, **found}


def plan(names, seeds, **changes) -> list[Run]:
    """The runs in the order they are made: one seed of everything first."""
    return [Run(name, seed, RECIPES[name], **changes) for seed in seeds for name in names]


def summarize(records: list[dict], names) -> list[dict]:
    """Rows of the table: for each model its seeds' values, mean and interval, and the seeds that failed."""
    rows = []
    for name in names:
        mine = [record for record in records if record["name"] == name]
        good = [record for record in mine if "failed" not in record]
        measures = {}
        for key in MEASURES:
            values = [record[key] for record in good if key in record]
            measures[key] = _interval(values) if values else None
        rows.append(
            {
                "name": name,
                "label": LABELS[name],
                "likelihood": LIKELIHOODS.get(name),
                "settings": RECIPES[name],
                "failed": [{"seed": r["seed"], "why": r["failed"]} for r in mine if "failed" in r],
                "measures": measures,
            }
        )
    return rows


def _interval(values: list[float]) -> dict:
    runs = Runs(values)
    low, high = runs.interval() if runs.n > 1 else (None, None)
    return {"values": values, "mean": runs.mean, "low": low, "high": high}


def ship(runs: list[Run], folder: Path) -> None:
    """Put the weights that come with the package there, in 8 bits: what sampling needs, one model whole."""
    for run in runs:
        file = folder / f"{run.stem}.pt"
        if file.is_file() and run.seed in ARENA[run.name]:
            without = () if run.name in ("gan", "hierarchical") else ("encoder",)
            about = {"cpu_seconds": load_checkpoint(file)["arena"]["cpu_seconds"]}
            target = shipped_file("arena model", run.name, run.seed)
            save_arena(target, read_arena(file), int8=True, without=without, **about)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, default=Path("results/arena"), help="folder of finished runs")
    parser.add_argument("--assets", type=Path, default=Path("assets"), help="folder for the table")
    parser.add_argument("--only", nargs="+", choices=list(RECIPES), help="train these and write no table")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    arguments = parser.parse_args(argv)
    torch.set_num_threads(1)  # CPU seconds are then seconds of one core
    data = load(DATASET, "train").subset(EXAMPLES, seed=0)
    held_out = load(DATASET, "test").subset(JUDGED, seed=0)
    classifier = load_classifier(DATASET)
    names = arguments.only or list(RECIPES)
    runs, records = plan(names, arguments.seeds), []
    for number, run in enumerate(runs, start=1):
        record = measure_run(run, data, held_out, classifier, arguments.runs)
        records.append(record)
        result = record.get("failed") or f"Fréchet distance {record['frechet']:.1f}"
        print(f"{number}/{len(runs)}   {run.name}, seed {run.seed}: {result}", flush=True)
    if arguments.only:
        return
    others = load(DATASET, "validation").subset(JUDGED, seed=0).floats()
    content = {
        "dataset": DATASET,
        "train_examples": EXAMPLES,
        "pictures_seen": EXAMPLES * EPOCHS,
        "judged_on": "test",
        "n": JUDGED,
        "classifier": f"classifier_{DATASET}.pt, 64 features",
        "decoder": f"ConvDecoder, channels (32, 64), latent size 32, {decoder_parameters():,} numbers",
        "seeds": arguments.seeds,
        "interval": "95 %, Student's t over seeds",
        "reference": judge_pictures(others, held_out.floats(), classifier),
        "rows": summarize(records, names),
        "runs": records,
    }
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    for path in (arguments.assets / "results" / "realism.json", WEIGHTS / "arena" / "realism.json"):
        write_atomically(path, text.encode())
    ship(runs, arguments.runs)
    for row in arena_rows(
        content, ("frechet", "precision", "recall", "coverage", "sharpness", "cpu_seconds")
    ):
        print(row)


if __name__ == "__main__":
    main()
