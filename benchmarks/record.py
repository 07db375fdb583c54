"""Train the deep model for the record, measure it on all test digits, and keep weights, numbers and figure.

    python -m benchmarks.record                        # MNIST, pixels drawn anew at every read
    python -m benchmarks.record --binarization fixed   # Larochelle's binarized_mnist

A run that was interrupted goes on where it stopped, in training (epochs) and in measuring (blocks of digits).
The settings were chosen on the last 10,000 training digits; the test digits are read once, at the end. The
weights stay in the folder of work; the numbers of the run that is reported are in ``assets/results``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path

import torch

from benchmarks.ladder import LadderVAE, load_ladder
from benchmarks.muon import fit_with_muon
from recipes.shipping import ship
from vae_course.evaluation.bounds import Estimate, evaluate, importance_weighted_log_prob
from vae_course.files import write_atomically
from vae_course.randomness import seed_everything
from vae_course.training.distributed import own_device, process_group, rank, started
from vae_course.training.loop import History

BLOCK = 50  # digits between two saves
ALIKE, CHUNK = 5, 25  # digits and draws at a time on CPUs: the maps of 125 draws stay in a core's cache
ALIKE_CUDA, CHUNK_CUDA = 50, 100


def lower_precision(device: str, wanted: bool = True) -> AbstractContextManager:
    """bfloat16 for convolutions and matrix products, float32 for densities; see ``torch.autocast``."""
    return torch.autocast(device, torch.bfloat16, enabled=wanted)


@cache
def _model_and_data(weights: str, dataset: str, binarize: str | None, split: str, device: str) -> tuple:
    from vae_course.data.loading import load

    torch.set_float32_matmul_precision("medium")
    return load_ladder(weights).to(device), load(dataset, split, binarize=binarize).to(device)


def block_of_bounds(
    weights: str, data: tuple, start: int, size: int, k: int, device: str, bfloat16: bool
) -> tuple[list[float], float]:
    """log p̂_K(x) in nats of the digits ``start`` to ``start + size``, and the CPU seconds that it took.

    Args:
        weights: file of the model.
        data: (name, binarize, split) for ``load``.
        start, size: of the block; its draws of z, and of dynamic pixels, come from a seed of its own.
        k: draws of z for each digit.
        device: "cpu" or "cuda".
        bfloat16: run the networks in it. The estimate stays a proper bound, of the model as rounded: one pass
            gives z, q(z|x) and p(x|z).
    """
    model, digits = _model_and_data(weights, *data, device)
    started = time.process_time()
    generator = torch.Generator(device).manual_seed(start)
    x = digits.batch(slice(start, start + size), generator)
    alike, chunk = (ALIKE, CHUNK) if device == "cpu" else (ALIKE_CUDA, CHUNK_CUDA)
    with torch.no_grad(), lower_precision(device, bfloat16):
        parts = [importance_weighted_log_prob(model, part, k, generator, chunk) for part in x.split(alike)]
    return torch.cat(parts).tolist(), time.process_time() - started


def bounds(
    weights: str,
    data: tuple,
    n: int,
    k: int,
    kept: Path,
    *,
    processes: int = 1,
    device: str = "cpu",
    bfloat16: bool = True,
    progress: bool = True,
) -> tuple[torch.Tensor, float]:
    """log p̂_K(x) in nats of the first n digits, (n,) float64, and the CPU seconds of all processes.

    Arguments as for :func:`block_of_bounds`, and

    Args:
        kept: file of the finished blocks; those in it are not computed again.
        processes: of one thread each; the result does not depend on their number.
        progress: print a line now and then.
    """
    same = hashlib.sha256(Path(weights).read_bytes()).hexdigest()
    asked = {"weights": same, "data": list(data), "k": k, "bfloat16": bfloat16}
    content = json.loads(kept.read_text()) if kept.is_file() else {}
    content = content if content.get("of") == asked else {}
    done, spent = content.get("blocks", {}), content.get("cpu_seconds", 0.0)
    sizes = {start: min(BLOCK, n - start) for start in range(0, n, BLOCK)}
    tasks = [
        (weights, data, start, size, k, device, bfloat16)
        for start, size in sizes.items()
        if len(done.get(str(start), [])) != size
    ]
    for start, (values, seconds) in _run(tasks, processes):
        done[str(start)], spent = values, spent + seconds
        content = {"of": asked, "blocks": done, "cpu_seconds": spent}
        write_atomically(kept, json.dumps(content).encode())
        if progress and len(done) % 10 == 0:
            so_far = torch.tensor([value for block in done.values() for value in block])
            print(f"  {len(so_far):,} of {n:,} digits: {-so_far.mean():.2f} nats", flush=True)
    values = [value for start, size in sizes.items() for value in done[str(start)][:size]]
    return torch.tensor(values, dtype=torch.float64), spent


def _run(tasks: list[tuple], processes: int) -> Iterator[tuple[int, tuple[list[float], float]]]:
    if processes <= 1 or len(tasks) <= 1:
        for task in tasks:
            yield task[2], block_of_bounds(*task)
        return
    context = torch.multiprocessing.get_context("spawn")
    with context.Pool(processes, torch.set_num_threads, (1,)) as pool:
        yield from pool.imap_unordered(_numbered, tasks)


def _numbered(task: tuple) -> tuple[int, tuple[list[float], float]]:
    return task[2], block_of_bounds(*task)


ASSETS = Path("assets")
# Name of the data set, how it is binarized, and the part trained on.
DATA = {
    "dynamic": ("mnist", "dynamic", "train+validation"),
    "fixed": ("binarized_mnist", None, "train"),
}
SIZES = {"top_dim": 32, "widths": (32, 64), "layers": (3, 2), "latent_channels": (2, 4), "hidden": 256}
SETTINGS = {
    "epochs": 24,
    "batch_size": 128,
    "learning_rate": 3e-3,
    "schedule": "linear",
    "warmup": 0.05,
    "gradient_clip": None,
    "beta": 1.0,
    "kl_warmup": 0.2,
    "free_bits": 0.0,
    "seed": 0,
    "eval_examples": 2000,
}


def train(options: argparse.Namespace, device: torch.device) -> tuple[LadderVAE, History]:
    """The trained model and its history; continues from the checkpoint in the folder of work."""
    from vae_course.data.loading import load

    name, binarize, part = DATA[options.binarization]
    digits = load(name, part, binarize=binarize)
    if options.examples:
        digits = digits.subset(options.examples)
    settings = SETTINGS | ({"epochs": options.epochs} if options.epochs else {})
    seed_everything(settings["seed"])
    model = LadderVAE.for_data(digits, **SIZES)
    history = fit_with_muon(
        model,
        digits,
        precision=options.precision,
        device=str(device),
        checkpoint=options.work / f"{options.name}_training.pt",
        resume=True,
        **settings,
    )
    return model, history


def measure(options: argparse.Namespace, weights: Path, device: str) -> dict:
    """−ELBO and importance-weighted NLL of the weights in a file on test digits, nats per example."""
    from vae_course.data.loading import load

    name, binarize, _ = DATA[options.binarization]
    bfloat16 = options.precision == "bfloat16"
    test = load(name, "test", binarize=binarize)
    n = min(options.test_examples or len(test), len(test))
    model = load_ladder(weights).to(device)
    with lower_precision(device, bfloat16):
        result = evaluate(model, test.select(torch.arange(n)))
    values, seconds = bounds(
        str(weights),
        (name, binarize, "test"),
        n,
        options.k,
        options.work / f"{options.name}_bounds.json",
        processes=options.processes if device == "cpu" else 1,
        device=device,
        bfloat16=bfloat16,
    )
    parts = {
        "negative_elbo": result.negative_elbo,
        "reconstruction": result.reconstruction,
        "kl": result.kl,
        "nll": Estimate.of(-values),
    }
    numbers = {
        part: {"value": estimate.value, "standard_error": estimate.standard_error}
        for part, estimate in parts.items()
    }
    return {**numbers, "k": options.k, "test_digits": n, "cpu_seconds": round(seconds)}


def draw_curve(history: History, path: Path) -> None:
    """The learning curve as PNG."""
    from vae_course.plots.curves import training_curves
    from vae_course.teaching.display import png_bytes

    write_atomically(path, png_bytes(training_curves(history)))


def main(arguments: list[str] | None = None) -> None:
    """See the module's first lines."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.record", description=__doc__)
    parser.add_argument("--binarization", choices=DATA, default="dynamic", help="of training and test digits")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--precision", choices=("bfloat16", "medium", "highest"), default="bfloat16")
    parser.add_argument("--epochs", type=int, help=f"instead of {SETTINGS['epochs']}")
    parser.add_argument("--name", help="of numbers and figure")
    parser.add_argument("--examples", type=int, help="train on so many digits only")
    parser.add_argument("--k", type=int, default=1000, help="draws of z for each test digit")
    parser.add_argument("--test-examples", type=int, help="measure on the first ones only")
    parser.add_argument(
        "--processes",
        type=int,
        default=max(torch.get_num_threads(), started()),
        help="that measure side by side, on CPUs",
    )
    kept = "folder of unfinished work and of the weights"
    parser.add_argument("--work", type=Path, default=Path("runs/record"), help=kept)
    parser.add_argument("--assets", type=Path, default=ASSETS, help="folder for numbers and figure")
    options = parser.parse_args(arguments)
    options.name = options.name or ("record" if options.binarization == "dynamic" else "record_fixed")
    options.work.mkdir(parents=True, exist_ok=True)
    own = own_device(options.device)
    with process_group(own):
        model, history = train(options, own)
        first = rank() == 0
    if not first:
        return
    device = own.type

    name, _, part = DATA[options.binarization]
    about = {
        "model": {"kind": "LadderVAE", "parameters": sum(p.numel() for p in model.parameters()), **SIZES},
        "trained_on": {"data": name, "part": part, "binarization": options.binarization},
        "settings": SETTINGS | {"optimizer": "muon", "epochs": history.last["epoch"]},
        "precision": options.precision,
        "device": device,
        "processes": started(),
        "threads": torch.get_num_threads(),
        "training_seconds": round(history.last["seconds"], 1),
    }
    weights = options.work / f"record_{name}.pt"
    ship(weights, model.cpu(), about=about)
    print(f"{weights.name}: {weights.stat().st_size / 1e6:.1f} MB; measuring", flush=True)
    measured = measure(options, weights, device)
    curve = [{name: record[name] for name in ("epoch", "seconds", "train")} for record in history.records]
    result = {
        **about,
        "weights_sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "unit": "nats per example",
        "test": measured,
        "curve": curve,
    }
    text = json.dumps(result, indent=1) + "\n"
    write_atomically(options.assets / "results" / f"{options.name}.json", text.encode())
    draw_curve(history, options.assets / "figures" / f"{options.name}.png")
    for part in ("negative_elbo", "nll"):
        print(f"{part}: {measured[part]['value']:.2f} ± {measured[part]['standard_error']:.2f} nats")


if __name__ == "__main__":
    main()
