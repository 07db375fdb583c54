"""Train the small judge of pictures that quality measures use: two convolutions and 64 features."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from recipes.judges import train_classifier
from recipes.shipping import ship
from vae_course.data.loading import load
from vae_course.weights import load_model


def parser() -> argparse.ArgumentParser:
    own = argparse.ArgumentParser(prog="python -m recipes.classifier", description=__doc__)
    own.add_argument("--dataset", help="labeled images to learn from", default="digits")
    own.add_argument("--subset", help="train on N images, classes balanced", type=int)
    own.add_argument("--epochs", help="passes through the training part", type=int, default=8)
    own.add_argument("--batch-size", help="images per update", type=int, default=128)
    own.add_argument("--learning-rate", help="highest step size", type=float, default=2e-3)
    own.add_argument("--seed", help="seed of weights and order of images", type=int, default=0)
    own.add_argument("--output", help="file to write (default: classifier_<dataset>.pt)", type=Path)
    return own


def main(words: Sequence[str] | None = None) -> int:
    """Train, write, and say how good it is."""
    options = parser().parse_args(words)
    path = options.output or Path(f"classifier_{options.dataset}.pt")
    train = load(options.dataset, "train", subset=options.subset, seed=options.seed)
    settings = {name: getattr(options, name) for name in ("epochs", "batch_size", "learning_rate", "seed")}
    model = train_classifier(train, **settings)
    ship(path, model, about={"dataset": options.dataset, "images": len(train), **settings})
    accuracy = load_model(path).accuracy(load(options.dataset, "test"))
    print(f"Wrote {path}: {100 * accuracy:.2f} % of the test images are classified correctly")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
