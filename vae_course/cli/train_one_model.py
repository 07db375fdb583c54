"""``train-one-model``: one model for every β and latent size, so that a slider answers at once."""

from __future__ import annotations

import argparse
from pathlib import Path

from vae_course.cli.options import UsageError, add, number, whole
from vae_course.cli.shared import DATASETS, PROGRAM, Reparse, add_data_location, add_device

SUMMARY = "train one model for every β and latent size, for the sliders"


def describe(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Train one VAE for all β from 0.2 to 10 and all latent sizes up to 32, and write its\n"
        "weights in half precision. load_one_model of vae_course.training gives the ones that come along.\n"
        "Takes some minutes on two cores; with --checkpoint, the same command continues an interrupted run."
    )
    parser.epilog = f"example:\n  {PROGRAM} train-one-model --dataset mnist --output one_model_mnist.pt"
    data = parser.add_argument_group("data")
    add(data, "--dataset", "images to learn from", DATASETS, "digits")
    add(data, "--subset", "train on N images, classes balanced", whole(1), shown="all", metavar="N")
    add_data_location(data)
    model = parser.add_argument_group("model")
    add(model, "--latent-dim", "largest latent size", whole(1), 32, metavar="K")
    add(
        model,
        "--hidden-dims",
        "encoder layers; the decoder mirrors them",
        whole(1),
        [384, 256],
        metavar="N",
        nargs="+",
    )
    group = parser.add_argument_group("training")
    add(group, "--epochs", "passes through the training part", whole(1), shown="by data set", metavar="N")
    add(group, "--batch-size", "images per update", whole(1), shown="by data set", metavar="N")
    add(
        group,
        "--learning-rate",
        "highest step size",
        number(0, ends="(]"),
        shown="by data set",
        metavar="RATE",
    )
    add(group, "--seed", "seed of weights, order of images, settings and noise", whole(0), 0, metavar="N")
    add(group, "--output", "file to write", shown="one_model_<dataset>.pt", metavar="FILE")
    add(group, "--checkpoint", "file from which an interrupted run goes on", shown="none", metavar="FILE")
    add_device(group)


def run(arguments: argparse.Namespace, reparse: Reparse) -> None:
    import torch

    from vae_course.cli.models import open_device
    from vae_course.cli.output import check_file
    from vae_course.data.loading import load
    from vae_course.models.one_model import SMALLEST_SIZE
    from vae_course.training.one_model import recipe, train_one_model

    if arguments.latent_dim <= SMALLEST_SIZE:
        raise UsageError(f"--latent-dim: {arguments.latent_dim} is not a whole number above {SMALLEST_SIZE}.")

    path = Path(arguments.output or f"one_model_{arguments.dataset}.pt")
    check_file(path, "--output")
    device = open_device(arguments.device)
    where = {"root": arguments.data_root, "download": not arguments.no_download}
    train = load(arguments.dataset, "train", subset=arguments.subset, seed=arguments.seed, **where)
    validation = load(arguments.dataset, "validation", **where)
    chosen = {name: getattr(arguments, name) for name in ("epochs", "batch_size", "learning_rate")}
    settings = recipe(arguments.dataset) | {
        name: value for name, value in chosen.items() if value is not None
    }
    settings |= {name: getattr(arguments, name) for name in ("latent_dim", "hidden_dims", "seed")}
    if arguments.checkpoint:
        settings |= {"checkpoint": arguments.checkpoint, "resume": True}
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")  # still float32 on most CPUs, and twice as fast on some
    try:
        train_one_model(train, validation, path, device=str(device), **settings)
    finally:
        torch.set_float32_matmul_precision(before)
    print(f"Wrote {path}, {path.stat().st_size / 1e6:.2f} MB")
