"""Train a VAE and GANs on stacked digits (1,000 modes), and keep what sampling needs as shipped weights.

    python -m vae_course.course.stacked_digits            # all models and seeds; goes on where it stopped
    python -m vae_course.course.stacked_digits --models vae --seeds 0

Every model has the same decoder, sees the same pictures and sees as many of them. The weights go into
``vae_course/weights/stacked`` in half precision, with the CPU seconds of each in ``made.json`` beside them.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch

from recipes.stacked_recipe import EXAMPLES, MODELS, PASSES, SEEDS, save_half, train_stacked
from vae_course.files import write_atomically
from vae_course.weights import STACKED as WEIGHTS
from vae_course.weights import load_checkpoint, stacked_path


def main(arguments: list[str] | None = None) -> None:
    """See the module's first lines."""
    from vae_course.data.images import stack_digits
    from vae_course.data.loading import load

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS)
    parser.add_argument(
        "--work", type=Path, default=Path("runs/stacked"), help="checkpoints of unfinished runs"
    )
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    data = stack_digits(load("mnist", "train"), EXAMPLES, seed=0)
    for seed in options.seeds:
        for name in options.models:
            path = stacked_path(name, seed)
            if path.is_file():
                print(f"{path.name} is there.")
                continue
            options.work.mkdir(parents=True, exist_ok=True)
            started = time.process_time()
            generator = train_stacked(name, seed, data, options.work / f"{name}_{seed}.pt")
            seconds = round(time.process_time() - started, 1)
            save_half(path, generator, seconds=seconds, pictures=PASSES * len(data))
            print(f"{path.name}: {seconds} s of CPU time")
    made = {p.stem: load_checkpoint(p)["about"] for p in sorted(WEIGHTS.glob("*.pt"))}
    write_atomically(WEIGHTS / "made.json", (json.dumps(made, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
