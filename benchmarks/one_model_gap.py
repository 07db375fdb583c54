"""Hold the shipped one-for-all model against models trained for one (β, latent size) each.

    python -m vae_course.course.one_model_gap --dataset mnist

Each separately trained model is one small file in the output folder, named by its settings; a run that was
interrupted goes on where it stopped. The end is ``assets/results/one_model_gap.json`` and its figure.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from vae_course.files import write_atomically
from vae_course.plots.style import styled


@styled
def gap_map(records: Sequence[dict], title: str = "", limit: float = 5.0) -> Figure:
    """One square for each (β, k) with the gap in nats; blue is better than separate training, orange worse.

    Args:
        records: dicts with "beta", "k", "gap" and, where there are several seeds, "low" and "high".
        title: what was compared, and how long each was trained.
        limit: gap at which the color is full.

    Raises:
        ValueError: no records.
    """
    if not records:
        raise ValueError("gap_map got no records; run the comparison first.")
    betas, sizes = (sorted({record[name] for record in records}) for name in ("beta", "k"))
    values = np.full((len(betas), len(sizes)), np.nan)
    figure = Figure(figsize=(1.6 + 1.25 * len(sizes), 1.3 + 0.62 * len(betas)), layout="constrained")
    axes = figure.subplots()
    for record in records:
        row, column = betas.index(record["beta"]), sizes.index(record["k"])
        values[row, column] = record["gap"]
        text = f"{record['gap']:+.1f}".replace("-", "\N{MINUS SIGN}")
        if record.get("low") is not None:
            text += f"\n± {(record['high'] - record['low']) / 2:.1f}"
        strong = abs(record["gap"]) > 0.7 * limit
        axes.text(
            column, row, text, ha="center", va="center", fontsize=10, color="white" if strong else "black"
        )
    picture = axes.imshow(values, cmap="PuOr_r", vmin=-limit, vmax=limit, aspect="auto")
    figure.colorbar(picture, ax=axes, label="gap (nats)", extend="both")
    axes.set_xticks(range(len(sizes)), [f"{k}" for k in sizes])
    axes.set_yticks(range(len(betas)), [f"{beta:g}" for beta in betas])
    axes.set(xlabel="latent size k", ylabel="β")
    axes.set_title(title, fontsize=11)
    axes.grid(False)
    return figure


BETAS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
SIZES = (2, 4, 8, 16, 32)
SEEDS = (0, 1, 2)
# How much a separate model gains from training three times as long, at a few settings.
LONGER_EPOCHS, LONGER_CELLS = 24, ((1.0, 8), (0.25, 32), (0.5, 4), (4.0, 32))


@dataclass(frozen=True)
class Separate:
    """One separately trained model: its setting and how it was trained."""

    dataset: str
    beta: float
    k: int
    seed: int
    epochs: int = 8
    examples: int = 50_000
    hidden_dims: tuple[int, ...] = (384, 256)
    batch_size: int = 256
    learning_rate: float = 6e-3
    schedule: str = "linear"
    warmup: float = 0.05
    kl_warmup: float = 0.5

    @property
    def key(self) -> str:
        """Ten hexadecimal digits that change with any of the settings."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:10]


def cells(every_other: bool = True) -> list[tuple[float, int]]:
    """The grid of (β, k): every other one, like the black squares of a chessboard (15), or all 30."""
    return [
        (beta, k)
        for i, beta in enumerate(BETAS)
        for j, k in enumerate(SIZES)
        if not every_other or (i + j) % 2 == 0
    ]


def train_separate(run: Separate, train, validation, test) -> dict:
    """Train the model of ``run`` and measure both held-out parts: rate and distortion in nats per example."""
    from vae_course.models.vae import VAE
    from vae_course.randomness import seed_everything
    from vae_course.training.loop import fit

    seed_everything(run.seed)
    model = VAE.for_data(train, latent_dim=run.k, hidden_dims=run.hidden_dims)
    start = time.perf_counter()
    names = ("epochs", "batch_size", "learning_rate", "schedule", "warmup", "kl_warmup", "beta", "seed")
    settings = {name: getattr(run, name) for name in names}
    fit(model, train, device="cpu", progress=False, eval_examples=1, **settings)
    seconds = time.perf_counter() - start
    return {**asdict(run), "seconds": seconds, "measured": measure(model, validation, test)}


def measure(model, validation, test) -> dict:
    """Distortion and rate on both held-out parts, nats per example, z sampled once for each example."""
    from vae_course.evaluation.bounds import evaluate

    parts = {"validation": evaluate(model, validation), "test": evaluate(model, test)}
    return {
        name: {"reconstruction": part.reconstruction.value, "kl": part.kl.value}
        for name, part in parts.items()
    }


def run_separate(folder: Path, runs: list[Separate], data) -> list[dict]:
    """All runs, those with a file in ``folder`` read from it."""
    results = []
    for i, run in enumerate(runs):
        path = folder / f"{run.dataset}_beta{run.beta:g}_k{run.k}_seed{run.seed}_{run.key}.json"
        if not path.exists():
            result = train_separate(run, *data)
            write_atomically(path, json.dumps(result, indent=1).encode())
            part = result["measured"]["test"]
            print(
                f"{i + 1}/{len(runs)}  β {run.beta:g}  k {run.k}  seed {run.seed}: "
                f"β-ELBO loss {part['reconstruction'] + run.beta * part['kl']:.2f} nats, "
                f"{result['seconds']:.0f} s",
                flush=True,
            )
        results.append(json.loads(path.read_text()))
    return results


def load_parts(dataset: str):
    """Training, validation and test part."""
    from vae_course.data.loading import load

    return tuple(load(dataset, part) for part in ("train", "validation", "test"))


def weights_file(dataset: str) -> Path:
    """Where the shipped model of a data set lies."""
    from vae_course.weights import shipped_file

    return shipped_file("model for all settings", dataset)


def weights_hash(dataset: str) -> str:
    """SHA-256 of the shipped weights, by which a test sees whether the comparison is about them."""
    return hashlib.sha256(weights_file(dataset).read_bytes()).hexdigest()


def compare(separate: list[dict], shipped: dict[tuple[float, int], dict]) -> list[dict]:
    """One record for each (β, k): losses on the test part, and shipped − separate with its interval.

    Args:
        separate: results of :func:`train_separate`, several seeds for each setting.
        shipped: (β, k) → what :func:`measure` says of the shipped model there.

    Returns:
        Records sorted by β and k; gap, low and high in nats per example of distortion + β·rate. The interval
        is over the seeds of the separate models (Student's t, 95 %); None where there is only one.
    """
    from vae_course.evaluation.intervals import Runs

    records = []
    for (beta, k), part in sorted(shipped.items()):
        mine = [run for run in separate if (run["beta"], run["k"]) == (beta, k)]
        if not mine:
            continue
        losses = [loss(run["measured"]["test"], beta) for run in mine]
        gaps = loss(part["test"], beta) - Runs(losses)
        low, high = gaps.interval() if gaps.n > 1 else (None, None)
        records.append(
            {
                "beta": beta,
                "k": k,
                "shipped": part["test"],
                "separate": losses,
                "epochs": sorted({run["epochs"] for run in mine}),
                "gap": gaps.mean,
                "low": low,
                "high": high,
            }
        )
    return records


def loss(terms: dict, beta: float) -> float:
    """distortion + β·rate in nats."""
    return terms["reconstruction"] + beta * terms["kl"]


def table(records: list[dict]) -> str:
    """The gaps as a Markdown table, rows β, columns k."""
    sizes = sorted({record["k"] for record in records})
    lines = ["| β \\ k | " + " | ".join(map(str, sizes)) + " |", "|---" * (len(sizes) + 1) + "|"]
    for beta in sorted({record["beta"] for record in records}):
        cells = {record["k"]: record for record in records if record["beta"] == beta}
        texts = [_cell(cells.get(k)) for k in sizes]
        lines.append(f"| {beta:g} | " + " | ".join(texts) + " |")
    return "\n".join(lines)


def _cell(record: dict | None) -> str:
    if record is None:
        return ""
    text = f"{record['gap']:+.2f}"
    return text if record["low"] is None else f"{text} ({record['low']:+.2f} to {record['high']:+.2f})"


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="mnist")
    parser.add_argument(
        "--runs", type=Path, default=Path("results/one_model_gap"), help="folder of finished runs"
    )
    parser.add_argument("--assets", type=Path, default=Path("assets"), help="folder for result and figure")
    parser.add_argument("--all-cells", action="store_true", help="one seed in the other cells as well")
    parser.add_argument("--epochs", type=int, default=8, help="of each separately trained model")
    parser.add_argument(
        "--longer", action="store_true", help=f"{LONGER_EPOCHS} epochs at a few settings as well"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    arguments = parser.parse_args(argv)
    import torch

    from benchmarks.one_model_gap import gap_map
    from vae_course.weights import load_checkpoint, load_one_model

    torch.set_float32_matmul_precision("medium")  # still float32 on most CPUs, and twice as fast on some
    data = load_parts(arguments.dataset)
    grid, whole = cells(), cells(not arguments.all_cells)
    runs = [
        Separate(arguments.dataset, beta, k, seed, arguments.epochs, len(data[0]))
        for seed in arguments.seeds
        for beta, k in grid
    ]
    separate = run_separate(arguments.runs, runs, data)
    longer = [replace(runs[0], beta=b, k=k, epochs=LONGER_EPOCHS) for b, k in LONGER_CELLS]
    longer = run_separate(arguments.runs, longer if arguments.longer else [], data)
    other = [replace(runs[0], beta=b, k=k) for b, k in whole if (b, k) not in grid]
    other = run_separate(arguments.runs, other, data)
    model = load_one_model(arguments.dataset)
    shipped = {(beta, k): measure(model.at(beta, k), *data[1:]) for beta, k in whole}
    records = compare(separate, shipped)
    name = "one_model_gap" + ("" if arguments.dataset == "mnist" else f"_{arguments.dataset}")
    made = load_checkpoint(weights_file(arguments.dataset))["about"]
    settings = {name: value for name, value in asdict(runs[0]).items() if name not in ("beta", "k", "seed")}
    content = {
        "dataset": arguments.dataset,
        "part": "test",
        "unit": "nats per example of distortion + beta * rate",
        "gap": "shipped one-for-all model minus separately trained",
        "weights_sha256": weights_hash(arguments.dataset),
        "shipped": made,
        "separate": settings,
        "seeds": arguments.seeds,
        "cells": records,
        "other_cells": compare(other, shipped),
        "longer": compare(longer, shipped),
    }
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    write_atomically(arguments.assets / "results" / f"{name}.json", text.encode())
    (arguments.assets / "figures").mkdir(parents=True, exist_ok=True)
    title = (
        f"{arguments.dataset}, test part: one model for all settings − models trained for one\n"
        f"(trained for one: {arguments.epochs} epochs, for all: {made['epochs']}; "
        f"±: 95 % interval over {len(arguments.seeds)} seeds)"
    )
    gap_map(records, title).savefig(
        arguments.assets / "figures" / f"{name}.png", dpi=150, metadata={"Software": None}
    )
    print(table(records))


if __name__ == "__main__":
    main()
