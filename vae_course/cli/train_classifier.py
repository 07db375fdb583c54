"""``train-classifier``: the small judge of pictures that quality measures use."""

from __future__ import annotations

import argparse
from pathlib import Path

from vae_course.cli.options import add, number, whole
from vae_course.cli.shared import DATASETS, PROGRAM, Reparse, add_data_location

SUMMARY = "train the small classifier that judges pictures of a data set"


def describe(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Train a classifier with two convolutions and 64 features on the training part of a data set and\n"
        "write its weights in half precision. evaluation.load_classifier gives the ones that come along."
    )
    parser.epilog = (
        f"example:\n  {PROGRAM} train-classifier --dataset mnist --epochs 8 --output classifier_mnist.pt"
    )
    data = parser.add_argument_group("data")
    add(data, "--dataset", "labeled images to learn from", DATASETS, "digits")
    add(data, "--subset", "train on N images, classes balanced", whole(1), shown="all", metavar="N")
    add_data_location(data)
    group = parser.add_argument_group("training")
    add(group, "--epochs", "passes through the training part", whole(1), 8, metavar="N")
    add(group, "--batch-size", "images per update", whole(1), 128, metavar="N")
    add(group, "--learning-rate", "highest step size", number(0, ends="(]"), 2e-3, metavar="RATE")
    add(group, "--seed", "seed of weights and order of images", whole(0), 0, metavar="N")
    shown = "classifier_<dataset>.pt"
    add(group, "--output", "file to write", shown=shown, metavar="FILE")


def run(arguments: argparse.Namespace, reparse: Reparse) -> None:
    from vae_course.cli.output import check_file
    from vae_course.data.loading import load
    from vae_course.evaluation.classifier import train_classifier
    from vae_course.weights import read_classifier, save_classifier

    path = Path(arguments.output or f"classifier_{arguments.dataset}.pt")
    check_file(path, "--output")
    where = {"root": arguments.data_root, "download": not arguments.no_download}
    train = load(arguments.dataset, "train", subset=arguments.subset, seed=arguments.seed, **where)
    settings = {name: getattr(arguments, name) for name in ("epochs", "batch_size", "learning_rate", "seed")}
    model = train_classifier(train, **settings)
    save_classifier(path, model, dataset=arguments.dataset, images=len(train), **settings)
    accuracy = read_classifier(path).accuracy(load(arguments.dataset, "test", **where))
    print(f"Wrote {path}: {100 * accuracy:.2f} % of the test images are classified correctly")
