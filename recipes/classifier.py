"""Train the small judge of pictures that quality measures use: two convolutions and 64 features."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from vae_course.cli import DATASETS, Parser, UsageError, add, add_data_location, finish
from vae_course.training.settings import number, one_of, whole

PROGRAM = "python -m recipes.classifier"


def parser() -> Parser:
    own = Parser(prog=PROGRAM, description=__doc__, epilog=f"example: {PROGRAM} --dataset mnist")
    add(own, "--dataset", "labeled images to learn from", one_of(DATASETS), "digits")
    add(own, "--subset", "train on N images, classes balanced", whole(1), shown="all")
    add_data_location(own)
    add(own, "--epochs", "passes through the training part", whole(1), 8)
    add(own, "--batch-size", "images per update", whole(1), 128)
    add(own, "--learning-rate", "highest step size", number(0, ends="(]"), 2e-3, metavar="RATE")
    add(own, "--seed", "seed of weights and order of images", whole(0), 0)
    add(own, "--output", "file to write", shown="classifier_<dataset>.pt", metavar="FILE")
    return own


def run(words: Sequence[str] | None) -> None:
    options = parser().read(words)
    from recipes.judges import train_classifier
    from recipes.shipping import ship
    from vae_course.cli_runs import check_output, where
    from vae_course.data.loading import load
    from vae_course.weights import load_model

    path = Path(options.output or f"classifier_{options.dataset}.pt")
    check_output(path, endings=())
    train = load(options.dataset, "train", subset=options.subset, seed=options.seed, **where(options))
    if train.labels is None:
        raise UsageError(f"--dataset: {options.dataset} has no labels to learn.")
    settings = {name: getattr(options, name) for name in ("epochs", "batch_size", "learning_rate", "seed")}
    model = train_classifier(train, **settings)
    about = {"dataset": options.dataset, "images": len(train), **settings}
    ship(path, model, about=about)
    accuracy = load_model(path).accuracy(load(options.dataset, "test", **where(options)))
    print(f"Wrote {path}: {100 * accuracy:.2f} % of the test images are classified correctly")


def main(words: Sequence[str] | None = None) -> int:
    """Train, write, and say how good it is; returns the exit code of :func:`vae_course.cli.finish`."""
    return finish(PROGRAM, partial(run, words))


if __name__ == "__main__":
    raise SystemExit(main())
