"""``sweep``: which latent size does a data set need? Many small models, a CSV file and figures."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from vae_course.cli.options import UsageError, add, number, whole
from vae_course.cli.own import add_images, check_one_source
from vae_course.cli.shared import DATASETS, PROGRAM, Reparse, add_data_location

SUMMARY = "train small models over latent sizes, and say which size is enough"


def describe(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Train a small model for every latent size, beta and seed, measure each on the validation part, and\n"
        "write a CSV file, the same as JSON with the KL of every dimension, and figures. The last line\n"
        "recommends a latent size. The numbers of every finished model (not its weights) are kept in\n"
        "FOLDER/cells: the same command goes on where it was interrupted."
    )
    parser.epilog = (
        "examples:\n"
        f"  {PROGRAM} sweep --dataset mnist --latent-dims 2 4 8 16 32 64 --betas 1 4 --seeds 3\n"
        f"  {PROGRAM} sweep --images my_pictures.npy --latent-dims 4 8 16 32\n"
        f"  {PROGRAM} sweep --dataset mnist --processes 8\n"
        f"  {PROGRAM} sweep --dataset mnist --shard 1/2 --output part1\n"
        f"  {PROGRAM} sweep --merge part1 part2 --output sweep"
    )
    data = parser.add_argument_group("data")
    add(data, "--dataset", "images to learn from; digits need no network", DATASETS, shown="digits")
    add_images(data)
    add(data, "--examples", "train on at most N images, classes balanced", whole(1), 10_000, metavar="N")
    add_data_location(data)
    grid = parser.add_argument_group("grid")
    shown = "2 4 8 16 32 64"
    add(grid, "--latent-dims", "sizes of the code z", whole(1), shown=shown, metavar="K", nargs="+")
    add(grid, "--betas", "weights of the KL term", number(0), shown="1", metavar="B", nargs="+")
    add(grid, "--seeds", "repetitions of every model", whole(1), 3, metavar="N")
    training = parser.add_argument_group("training of each model")
    text = "encoder layers; the decoder mirrors them"
    add(training, "--hidden-dims", text, whole(1), shown="128 128", metavar="N", nargs="+")
    add(training, "--epochs", "passes through the images", whole(1), 6, metavar="N")
    add(training, "--batch-size", "images per update", whole(1), 160, metavar="N")
    add(training, "--learning-rate", "highest step size", number(0, ends="(]"), 6e-3, metavar="RATE")
    text = "share of the run, 0 to 1, over which the KL weight rises from 0"
    add(training, "--kl-warmup", text, number(0, 1), 0.5, metavar="SHARE")
    rule = parser.add_argument_group("result")
    text = "nats per example that a smaller code may cost"
    add(rule, "--tolerance", text, number(0), 1.0, metavar="NATS")
    add(rule, "--output", "where everything is written", default="sweep", metavar="FOLDER")
    add(rule, "--processes", "models trained at the same time, one thread each", whole(1), 1, metavar="N")
    add(rule, "--shard", "train part I of N only, for several machines", shown="all", metavar="I/N")
    text = "train nothing; put these sweep folders together into FOLDER"
    add(rule, "--merge", text, shown="no", metavar="FOLDER", nargs="+")


def run(arguments: argparse.Namespace, reparse: Reparse) -> None:
    from vae_course.cli.output import check_folder

    folder = Path(arguments.output)
    check_folder(folder)
    if arguments.merge:
        records = _merged(arguments.merge, folder)
    else:
        records = _trained(arguments, folder)
    _report(records, folder, arguments.tolerance)
    if not arguments.merge and _shard(arguments.shard)[1] > 1:
        print(f"This is part {arguments.shard}: --merge all parts before you choose a size.")


def _trained(arguments: argparse.Namespace, folder: Path) -> list[dict]:
    from vae_course.training.sweep import plan, run_sweep, shard
    from vae_course.training.sweep_processes import CellFailed

    part = _shard(arguments.shard)
    name, train, held_out, classifier = _data(arguments)
    settings = {
        key: getattr(arguments, key) for key in ("epochs", "batch_size", "learning_rate", "kl_warmup")
    }
    cells = plan(
        name,
        arguments.latent_dims or (2, 4, 8, 16, 32, 64),
        arguments.betas or (1.0,),
        arguments.seeds,
        len(train),
        hidden_dims=tuple(arguments.hidden_dims or (128, 128)),
        **settings,
    )
    cells = shard(cells, *part)
    print(f"{name}: {len(train):,} images to learn from, {len(held_out):,} held out; {len(cells)} models")
    try:
        return run_sweep(
            cells,
            train,
            held_out,
            classifier=classifier,
            folder=folder / "cells",
            processes=arguments.processes,
        )
    except CellFailed as error:
        raise UsageError(f"{error} The same command goes on from them.") from error
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"interrupted; the numbers of finished models are in {folder / 'cells'}, the same command goes "
            "on from there."
        ) from None


def _data(arguments: argparse.Namespace):
    """Name, training part, held-out part and judge: of a data set by name, or of the reader's own images."""
    from vae_course.data.loading import load
    from vae_course.weights import load_classifier

    check_one_source(arguments)
    if arguments.images:
        from vae_course.data.own_images import load_own_images

        name, train, held_out = load_own_images(arguments.images)
        classifier = None
    else:
        name, where = (
            arguments.dataset or "digits",
            {"root": arguments.data_root, "download": not arguments.no_download},
        )
        train, held_out = (load(name, split, **where) for split in ("train", "validation"))
        classifier = load_classifier(name)
    train = train if len(train) <= arguments.examples else train.subset(arguments.examples)
    return name, train, held_out if len(held_out) <= 2000 else held_out.subset(2000), classifier


def _merged(sources: Sequence[str], folder: Path) -> list[dict]:
    from vae_course.files import write_atomically
    from vae_course.training.sweep import merge

    folders = [Path(source) / "cells" for source in sources]
    try:
        records = merge(folders)
    except ValueError as error:
        raise UsageError(f"--merge: {error}") from error
    for source in folders:
        for path in source.glob("*.json"):
            write_atomically(folder / "cells" / path.name, path.read_bytes())
    return records


def _report(records: list[dict], folder: Path, tolerance: float) -> None:
    """CSV, JSON, figures and the recommendation, for every data set among the records."""
    from vae_course.cli.output import save_figure, save_json
    from vae_course.evaluation.sizes import choose_size
    from vae_course.plots.chapter_08 import rate_distortion_panel, size_panel
    from vae_course.training.sweep_table import write_csv

    write_csv(records, folder / "sweep.csv")
    save_json(records, folder / "sweep.json")
    print(f"\nWrote {folder / 'sweep.csv'} and {folder / 'sweep.json'}")
    for name in sorted({record["dataset"] for record in records}):
        own = [record for record in records if record["dataset"] == name]
        betas = sorted({record["beta"] for record in own})
        shown = {f"β = {beta:g}": beta for beta in betas}
        for label, beta in shown.items():
            path = folder / f"{name}_sizes_beta{beta:g}.png"
            save_figure(size_panel({f"{name}, {label}": own}, beta=beta), path)
            print(f"Wrote {path}")
        save_figure(rate_distortion_panel(own), folder / f"{name}_rate_distortion.png")
        print(f"Wrote {folder / f'{name}_rate_distortion.png'}")
        for label, beta in shown.items():
            print(f"{name}, {label}: {choose_size(own, beta, tolerance)}")


def _shard(text: str | None) -> tuple[int, int]:
    if text is None:
        return 1, 1
    first, slash, last = text.partition("/")
    if not (slash and first.isdecimal() and last.isdecimal() and 1 <= int(first) <= int(last)):
        raise UsageError(f"--shard: {text} is not a part such as 1/2.")
    return int(first), int(last)
