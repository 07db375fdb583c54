"""log p̂_K(x) of many test digits: in blocks, in several processes, going on where it stopped."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path

import torch

from vae_course.evaluation.bounds import importance_weighted_log_prob
from vae_course.files import write_atomically
from vae_course.weights import load_model

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
    return load_model(weights).to(device), load(dataset, split, binarize=binarize).to(device)


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
