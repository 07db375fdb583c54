"""The ablation of chapter 11: pixel loss → learned features → adversary, everything else as in the arena.

    python -m recipes.ablation

trains the stages that are not in the runs folder yet (one thread, about 12 minutes of CPU time), measures
them as the arena does, and writes ``vae_course/weights/ablation/``: a table, and the models of three seeds.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from recipes.arena import DATASET, EPOCHS, EXAMPLES, JUDGED, Run, measure_run
from recipes.arena_recipes import RECIPES
from vae_course.data.loading import load
from vae_course.files import write_atomically
from vae_course.weights import (
    STAGES,
    WEIGHTS,
    load_checkpoint,
    load_classifier,
    load_model,
    save_checkpoint,
    shipped_file,
)

LOSSES = {
    "pixel": {"pixel_weight": 1.0, "feature_weight": 0.0, "adversary_weight": 0.0},
    "feature": {"adversary_weight": 0.0},
    "adversary": {},
}
SEEDS = {"pixel": (0, 1, 2), "feature": (0, 1, 2), "adversary": (0, 1, 2)}


def plan() -> list[tuple[str, Run]]:
    """Stage and run, one seed of everything first; the last stage is the arena's own VAE-GAN."""
    return [
        (stage, Run("vae_gan", seed, RECIPES["vae_gan"] | LOSSES[stage]))
        for seed in sorted({seed for seeds in SEEDS.values() for seed in seeds})
        for stage in STAGES
        if seed in SEEDS[stage]
    ]


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, default=Path("results/arena"), help="folder of finished runs")
    parser.add_argument("--stages", nargs="+", choices=STAGES, help="make these runs and write nothing")
    parser.add_argument("--seeds", type=int, nargs="+", help="make these runs and write nothing")
    arguments = parser.parse_args(argv)
    torch.set_num_threads(1)  # CPU seconds are then seconds of one core
    data = load(DATASET, "train").subset(EXAMPLES, seed=0)
    held_out = load(DATASET, "test").subset(JUDGED, seed=0)
    classifier = load_classifier(DATASET)
    records = []
    for stage, run in plan():
        if stage not in (arguments.stages or STAGES) or run.seed not in (arguments.seeds or [run.seed]):
            continue
        record = measure_run(run, data, held_out, classifier, arguments.runs)
        if "failed" not in record:
            record["negative_elbo"] = record["distortion"] + record["rate"]
        records.append({**record, "name": stage})
        result = record.get("failed") or f"Fréchet distance {record['frechet']:.1f}"
        print(f"{stage}, seed {run.seed}: {result}", flush=True)
    if arguments.stages or arguments.seeds:
        return
    content = {
        "dataset": DATASET,
        "train_examples": EXAMPLES,
        "pictures_seen": EXAMPLES * EPOCHS,
        "judged_on": "test",
        "n": JUDGED,
        "settings": {stage: RECIPES["vae_gan"] | LOSSES[stage] for stage in STAGES},
        "runs": records,
    }
    table = WEIGHTS / "ablation" / "ablation.json"
    write_atomically(table, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())
    for stage, run in plan():
        file = arguments.runs / f"{run.stem}.pt"
        if file.is_file():
            seconds = load_checkpoint(file)["arena"]["cpu_seconds"]
            about = {"stage": stage, "seed": run.seed, "cpu_seconds": seconds}
            save_checkpoint(
                shipped_file("ablation", stage, run.seed), load_model(file), int8=True, about=about
            )


if __name__ == "__main__":
    main()
