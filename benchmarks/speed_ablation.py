"""What each change of the fast recipe buys: one change taken back at a time, three seeds, held-out digits."""

import os
from concurrent.futures import ThreadPoolExecutor

from benchmarks.speed_jobs import OURS, USUAL_JOB
from benchmarks.speed_runs import Results, run
from vae_course.training.settings import USUAL_RECIPE

SEEDS = 3
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
