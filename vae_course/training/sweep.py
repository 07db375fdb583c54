"""Sweep over latent size, β and seed: many small models, each trained and measured once.

Models are trained one after another. Several at once, as one batched model, gain little on one thread: its
matrix products keep it busy already, and 3 or 6 models together took 84 to 100 % of the time (hidden sizes
256-128, batch 200).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from vae_course.evaluation.sizes import size_report
from vae_course.files import write_atomically
from vae_course.models.classifier import Classifier
from vae_course.models.vae import VAE
from vae_course.randomness import seed_everything
from vae_course.training.loop import fit

EARLIER = "   (from an earlier run)"
FORMAT = 1  # raised when a record's meaning changes, so that old files are not mixed with new ones


@dataclass(frozen=True)
class Cell:
    """One model of a sweep: everything that decides its numbers.

    Attributes:
        dataset: name of the data.
        latent_dim, beta, seed: the setting.
        examples: training pictures.
        hidden_dims: widths of the encoder; the decoder mirrors them.
        epochs, batch_size, learning_rate, kl_warmup: as for :func:`vae_course.training.loop`.
    """

    dataset: str
    latent_dim: int
    beta: float
    seed: int
    examples: int
    hidden_dims: tuple[int, ...] = (128, 128)
    epochs: int = 6
    batch_size: int = 160
    learning_rate: float = 6e-3
    kl_warmup: float = 0.5

    @property
    def key(self) -> str:
        """Ten hexadecimal digits that change with any of the settings."""
        content = json.dumps({**asdict(self), "beta": float(self.beta), "format": FORMAT}, sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:10]

    @property
    def file_name(self) -> str:
        return f"{self.dataset}_k{self.latent_dim}_beta{self.beta:g}_seed{self.seed}_{self.key}.json"


def plan(
    dataset: str, latent_dims: Sequence[int], betas: Sequence[float], seeds: int, examples: int, **settings
) -> list[Cell]:
    """The cells of a sweep; the seed changes slowest, so that a whole curve is there early.

    Args:
        dataset: name of the data.
        latent_dims: sizes of z, each ≥ 1.
        betas: weights of the KL term.
        seeds: number of repetitions: seeds 0, 1, ...
        examples: number of training pictures.
        settings: further attributes of :class:`Cell`.

    Raises:
        ValueError: nothing to do, or a size below 1.
    """
    if not latent_dims or not betas or seeds < 1:
        raise ValueError("a sweep needs at least one latent size, one β and one seed.")
    if min(latent_dims) < 1:
        raise ValueError(f"latent sizes are {list(latent_dims)}; each must be at least 1.")
    return [
        Cell(dataset, int(k), float(beta), seed, examples, **settings)
        for seed in range(seeds)
        for beta in dict.fromkeys(betas)
        for k in dict.fromkeys(latent_dims)
    ]


def shard(cells: Sequence[Cell], number: int, of: int) -> list[Cell]:
    """Part ``number`` (1 to ``of``) of the cells: run the parts anywhere and merge their folders."""
    if not 1 <= number <= of:
        raise ValueError(f"part {number} of {of} does not exist; expected 1 to {of}.")
    return list(cells[number - 1 :: of])


def run_sweep(
    cells: Sequence[Cell],
    train,
    held_out,
    *,
    classifier: Classifier | None = None,
    folder: str | Path | None = None,
    processes: int = 1,
    progress: bool = True,
) -> list[dict]:
    """Train and measure every cell; a cell that has a file in ``folder`` is read instead.

    Args:
        cells: from :func:`plan`.
        train: ImageData of ``cell.examples`` pictures.
        held_out: ImageData on which models are measured.
        classifier: judge of the samples, or None.
        folder: where each finished cell leaves a JSON file, so that an interrupted sweep goes on where it
            stopped; None keeps everything in memory.
        processes: how many train at the same time, each on one thread; see
            :mod:`vae_course.training.sweep_processes`.
        progress: print a line for each cell.

    Returns:
        A record for each cell: its settings and the measures of :func:`evaluation.size_report.size_report`.
    """
    paths = [Path(folder) / cell.file_name if folder is not None else None for cell in cells]
    records = [_read(path) for path in paths]

    def finished(place: int, how: str = "") -> None:
        if progress:
            width = len(str(len(cells)))
            print(f"{place + 1:>{width}}/{len(cells)}   {describe(records[place])}{how}", flush=True)

    todo = [place for place, record in enumerate(records) if record is None]
    if processes > 1:
        from vae_course.training.sweep_processes import run_cells

        for place in set(range(len(cells))).difference(todo):
            finished(place, EARLIER)
        work = [(cells[place], paths[place]) for place in todo]
        for number, record in run_cells(keep_cell, work, (train, held_out, classifier), processes):
            records[todo[number]] = record
            finished(todo[number])
        return records
    for place, cell in enumerate(cells):
        if place in todo:
            records[place] = keep_cell(cell, paths[place], train, held_out, classifier)
        finished(place, "" if place in todo else EARLIER)
    return records


def keep_cell(cell: Cell, path: Path | None, train, held_out, classifier: Classifier | None = None) -> dict:
    """The record of a cell: from the file ``path`` if it is there by now, else trained and written to it."""
    record = _read(path)
    if record is None:
        record = run_cell(cell, train, held_out, classifier)
        if path is not None:
            write_atomically(path, json.dumps(record).encode() + b"\n")
    return record


def run_cell(cell: Cell, train, held_out, classifier: Classifier | None = None) -> dict:
    """Train and measure the model of one cell."""
    if len(train) != cell.examples:
        raise ValueError(
            f"the cell asks for {cell.examples:,} training pictures and was given {len(train):,}."
        )
    seed_everything(cell.seed)
    model = VAE.for_data(train, latent_dim=cell.latent_dim, hidden_dims=cell.hidden_dims)
    fit(
        model,
        train,
        epochs=cell.epochs,
        batch_size=cell.batch_size,
        learning_rate=cell.learning_rate,
        schedule="linear",
        warmup=0.05,
        beta=cell.beta,
        kl_warmup=cell.kl_warmup,
        seed=cell.seed,
        device="cpu",
        progress=False,
        eval_examples=1,
        precision="medium",  # not measured: every process and machine of a sweep shall do the same
    )
    settings = {**asdict(cell), "hidden_dims": list(cell.hidden_dims)}
    return {**settings, **size_report(model, train, held_out, classifier)}


def describe(record: dict) -> str:
    """A record as one line, without seconds, so that a repeated run prints the same."""
    return (
        f"k = {record['latent_dim']:>3}   β = {record['beta']:g}   seed {record['seed']}:   "
        f"−ELBO {record['negative_elbo']:6.1f} = {record['distortion']:6.1f} + KL {record['rate']:4.1f} "
        f"nats, {record['used_units']:>2} units in use"
    )


def merge(folders: Iterable[str | Path]) -> list[dict]:
    """The records of several folders, each cell once, ordered by data set, β, latent size and seed.

    Raises:
        ValueError: a folder is missing or holds no finished cell.
    """
    found = {}
    for folder in map(Path, folders):
        files = sorted(folder.glob("*_seed*_*.json")) if folder.is_dir() else []
        if not files:
            raise ValueError(f"there is no finished cell of a sweep in {folder}.")
        for path in files:
            record = _read(path)
            if record is not None:
                found[path.name] = record
    order = ("dataset", "beta", "latent_dim", "seed")
    return sorted(found.values(), key=lambda record: tuple(record[name] for name in order))


def _read(path: Path | None) -> dict | None:
    """The record in a file, or None where there is none that can be read."""
    if path is None or not path.is_file():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return None
