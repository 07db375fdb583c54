"""Sweep over latent size, β and seed: many small models, each trained and measured once.

The cells go through joblib: one after another, ``jobs=8`` at a time in processes, or on a cluster::

    with joblib.parallel_config(backend="dask"):  # or "ray", once a client is connected
        records = run_sweep(cells, train, held_out, measure=size_report, folder=shared_folder)

Each cell leaves a file, so an interrupted sweep goes on where it stopped. It is trained on one thread, from
seeds of its own: its numbers are the same wherever it is trained.
"""

import contextlib
import hashlib
import json
import os
import signal
import threading
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from multiprocessing import current_process
from pathlib import Path

import torch

from vae_course.files import Told, say, write_atomically
from vae_course.machine import matrix_products
from vae_course.models.vae import VAE
from vae_course.randomness import SEED_VARIABLE, base_seed, seed_everything
from vae_course.training.loop import TrainingDiverged, fit
from vae_course.training.settings import SWEEP_RECIPE

FORMAT = 1  # raised when a record's meaning changes, so that old files are not mixed with new ones


@dataclass(frozen=True)
class Cell:
    """One model of a sweep: everything that decides its numbers."""

    dataset: str
    latent_dim: int
    beta: float
    seed: int
    examples: int  # training pictures
    hidden_dims: tuple[int, ...] = (128, 128)  # of the encoder; the decoder mirrors them
    epochs: int = SWEEP_RECIPE["epochs"]
    batch_size: int = SWEEP_RECIPE["batch_size"]
    learning_rate: float = SWEEP_RECIPE["learning_rate"]
    kl_warmup: float = SWEEP_RECIPE["kl_warmup"]

    @property
    def key(self) -> str:
        """Ten hexadecimal digits that change with any of the settings, and with the base seed."""
        content = {**asdict(self), "beta": float(self.beta), "format": FORMAT}
        content |= {"base": base_seed()} if base_seed() else {}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:10]

    @property
    def file_name(self) -> str:
        return f"{self.dataset}_k{self.latent_dim}_beta{self.beta:g}_seed{self.seed}_{self.key}.json"


def plan(
    dataset: str, latent_dims: Sequence[int], betas: Sequence[float], seeds: int, examples: int, **settings
) -> list[Cell]:
    """The cells of a sweep, of which the seed changes slowest; ``settings`` as for :class:`Cell`."""
    return [
        Cell(dataset, int(k), float(beta), seed, examples, **settings)
        for seed in range(seeds)
        for beta in dict.fromkeys(betas)
        for k in dict.fromkeys(latent_dims)
    ]


def run_sweep(
    cells: Sequence[Cell],
    train,
    held_out,
    *,
    measure: Callable,
    folder: str | Path | None = None,
    jobs: int | None = None,
    progress: bool = True,
) -> list[dict]:
    """Train and measure every cell; a cell that has a file in ``folder`` is read instead.

    ``measure(model, train, held_out)`` gives a dict of plain numbers, as ``evaluation.size_report``. Each
    finished cell leaves a JSON file in ``folder``, for one ``measure`` only (on a cluster, a folder that all
    machines see); None keeps everything in memory. ``jobs`` cells are trained at the same time, each in a
    process of its own; None: as ``joblib.parallel_config`` says.

    Gives a record for each cell, in their order: its settings and what ``measure`` found. TrainingDiverged
    says in which cell; Told: a process was ended. Finished cells are kept.
    """
    from joblib import Parallel, delayed
    from threadpoolctl import threadpool_limits

    for cell in cells:
        if len(train) != cell.examples:
            asked = f"the cell asks for {cell.examples:,} training pictures"
            raise ValueError(f"{asked} and was given {len(train):,}.")
    threads, records, data = torch.get_num_threads(), [], (train, held_out, measure, folder, base_seed())
    try:
        with threadpool_limits(1), warnings.catch_warnings():  # threads are put back after cells trained here
            warnings.filterwarnings("ignore", message=".*tasks which were still being processed")
            work = Parallel(n_jobs=jobs, return_as="generator", batch_size=1)
            with contextlib.closing(work(delayed(_keep)(cell, *data) for cell in cells)) as found:
                for record, how in found:
                    records.append(record)
                    if progress:
                        place = f"{len(records):>{len(str(len(cells)))}}/{len(cells)}"
                        say(f"{place}   {describe(record)}{how}")
    except BrokenProcessPool as error:
        raise Told(
            "a process that trained a model was ended from outside (out of memory?); the numbers of finished "
            "models are kept: run the same sweep again, with fewer jobs."
        ) from error
    finally:
        torch.set_num_threads(threads)
    return records


PRECISION = "medium"  # not chosen by each machine: all shall do the same


def run_cell(cell: Cell, train, held_out, measure: Callable) -> dict:
    """Train and measure the model of one cell, on the CPU and on the threads that torch has."""
    # Other cells may be under way in other threads, and torch's global generator is one for all.
    with _BUILDING, torch.random.fork_rng(devices=[]):
        seed_everything(cell.seed)
        model = VAE.for_data(train, latent_dim=cell.latent_dim, hidden_dims=cell.hidden_dims)
    how = {name: getattr(cell, name) for name in (*SWEEP_RECIPE, "beta", "seed")}
    how |= {"schedule": "linear", "warmup": 0.05, "eval_examples": 1, "precision": PRECISION}
    settings = {**asdict(cell), "hidden_dims": list(cell.hidden_dims)}
    with matrix_products(PRECISION):  # measured in it, too: cells of other threads train meanwhile
        fit(model, train, device="cpu", progress=False, **how)
        return {**settings, **measure(model, train, held_out)}


_BUILDING = threading.Lock()


def _keep(cell: Cell, train, held_out, measure: Callable, folder, base: int) -> tuple[dict, str]:
    """The work of one job, wherever it runs: the cell's record, kept in ``folder``, and its origin."""
    from threadpoolctl import threadpool_limits

    if current_process().name.startswith("Loky"):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches workers, too; the parent answers it
    # One thread, because the rounding of a sum depends on how many share it.
    torch.set_num_threads(1)
    threadpool_limits(1)
    if base_seed() != base:  # a process that was started before the base seed was changed
        os.environ[SEED_VARIABLE] = str(base)
    path = Path(folder) / cell.file_name if folder is not None else None
    if path is not None and path.is_file():
        with contextlib.suppress(ValueError):  # no whole record
            return json.loads(path.read_text(encoding="utf-8")), "   (from an earlier run)"
    try:
        record = run_cell(cell, train, held_out, measure)
    except TrainingDiverged as error:
        raise TrainingDiverged(f"{cell.file_name}: {error}") from error
    if path is not None:
        write_atomically(path, json.dumps(record).encode() + b"\n")
    return record, ""


def describe(record: dict) -> str:
    """A record as one line, without seconds, so that a repeated run prints the same."""
    text = f"k = {record['latent_dim']:>3}   β = {record['beta']:g}   seed {record['seed']}"
    if "distortion" not in record:
        return text
    loss = f"{record['negative_elbo']:6.1f} = {record['distortion']:6.1f} + KL {record['rate']:4.1f} nats"
    return f"{text}:   −ELBO {loss}, {record['used_units']:>2} units in use"
