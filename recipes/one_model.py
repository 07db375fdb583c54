"""Train one VAE for all β from 0.2 to 10 and all latent sizes up to 32, so that a slider answers at once.

Takes some minutes on two cores; with --checkpoint, the same command continues an interrupted run.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from vae_course.cli import DATASETS, Parser, UsageError, add, add_data_location, add_device, finish
from vae_course.training.settings import number, one_of, whole

PROGRAM = "python -m recipes.one_model"


def parser() -> Parser:
    own = Parser(prog=PROGRAM, description=__doc__, epilog=f"example: {PROGRAM} --dataset mnist")
    add(own, "--dataset", "images to learn from", one_of(DATASETS), "digits")
    add(own, "--subset", "train on N images, classes balanced", whole(1), shown="all")
    add_data_location(own)
    add(own, "--latent-dim", "largest latent size", whole(3), 32, metavar="K")
    text = "encoder layers; the decoder mirrors them"
    add(own, "--hidden-dims", text, whole(1), [384, 256], shown="384 256", nargs="+")
    add(own, "--epochs", "passes through the training part", whole(1), shown="by data set")
    add(own, "--batch-size", "images per update", whole(1), shown="by data set")
    rate = number(0, ends="(]")
    add(own, "--learning-rate", "highest step size", rate, shown="by data set", metavar="RATE")
    add(own, "--seed", "seed of weights, order of images, settings and noise", whole(0), 0)
    add(own, "--output", "file to write", shown="one_model_<dataset>.pt", metavar="FILE")
    add(own, "--checkpoint", "file from which an interrupted run goes on", shown="none", metavar="FILE")
    add_device(own)
    return own


def run(words: Sequence[str] | None) -> None:
    options = parser().read(words)
    from vae_course.cli_runs import check_output, where
    from vae_course.data.loading import load
    from vae_course.machine import matrix_products, pick_device
    from vae_course.training.one_model import recipe, train_one_model

    path = Path(options.output or f"one_model_{options.dataset}.pt")
    check_output(path, endings=())
    try:
        pick_device(options.device)
    except ValueError as error:
        raise UsageError(f"--device: {error}") from error
    train = load(options.dataset, "train", subset=options.subset, seed=options.seed, **where(options))
    validation = load(options.dataset, "validation", **where(options))
    chosen = {name: getattr(options, name) for name in ("epochs", "batch_size", "learning_rate")}
    settings = recipe(options.dataset) | {name: value for name, value in chosen.items() if value is not None}
    settings |= {name: getattr(options, name) for name in ("latent_dim", "hidden_dims", "seed", "device")}
    if options.checkpoint:
        settings |= {"checkpoint": options.checkpoint, "resume": True}
    with matrix_products("medium"):  # still float32 on most CPUs, and twice as fast on some
        train_one_model(train, validation, path, **settings)
    print(f"Wrote {path}, {path.stat().st_size / 1e6:.2f} MB")


def main(words: Sequence[str] | None = None) -> int:
    """Train and write; returns the exit code of :func:`vae_course.cli.finish`."""
    return finish(PROGRAM, partial(run, words))


if __name__ == "__main__":
    raise SystemExit(main())
