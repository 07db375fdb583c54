"""``train``: a run from the command line to a folder of results."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from vae_course.cli.options import UsageError, add, number, whole
from vae_course.cli.own import add_images, check_one_source, check_same_source, learned_from
from vae_course.cli.shared import (
    ACTIVATIONS,
    ARCHITECTURES,
    BINARIZE,
    DATASETS,
    KL_SCHEDULES,
    LIKELIHOODS,
    OPTIMIZERS,
    PRECISIONS,
    PROGRAM,
    SCHEDULES,
    Reparse,
    add_data_location,
    add_device,
)

SUMMARY = "train a VAE and leave weights, numbers and pictures in a folder"

# What a resumed run may choose anew: where it runs and what it prints, nothing that changes the result.
# (The file of own images may have moved; its content stands in the name of the data set.)
FREE = ("command", "output", "resume", "overwrite", "device", "compile", "quiet")
FREE += ("data_root", "no_download", "images")


def describe(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Train a VAE on the training part of a data set, watch the validation part, and measure the\n"
        "test part once, at the end."
    )
    parser.epilog = (
        "example:\n"
        f"  {PROGRAM} train --dataset mnist --epochs 50 --latent-dim 20 --beta 1.0 \\\n"
        "      --hidden-dims 512 256 --batch-size 128 --learning-rate 1e-3 --output results/\n"
        f"  {PROGRAM} train --images my_pictures.npy --epochs 100 --output mine/\n\n"
        "Ctrl-C leaves a checkpoint; `train --resume --output results/` goes on from it.\n"
        "torchrun --nproc-per-node 8 -m vae_course train ... shares every batch among 8 processes\n"
        "(each with a GPU, if there are any) and gives the result of one."
    )
    data = parser.add_argument_group("data")
    add(data, "--dataset", "images to learn from; digits need no network", DATASETS, shown="digits")
    add_images(data)
    add(data, "--subset", "train on N images, classes balanced", whole(1), shown="all", metavar="N")
    add(data, "--binarize", "black and white: drawn anew at each read, or once", BINARIZE, "none")
    text = "mirror the training images at random and vary their colors, anew at each read"
    data.add_argument("--augment", action="store_true", help=text)
    add_data_location(data)

    model = parser.add_argument_group("model")
    add(model, "--architecture", "fully connected or convolutional", ARCHITECTURES, "mlp")
    add(model, "--latent-dim", "size of the code z", whole(1), 20, metavar="K")
    text = "encoder layers: widths (mlp) or channels (conv); the decoder mirrors them"
    shown = "512 256; conv: by picture size"
    add(model, "--hidden-dims", text, whole(1), shown=shown, metavar="N", nargs="+")
    text = "start from the mean training image, as VAE.for_data does (default: yes)"
    model.add_argument("--center", action=argparse.BooleanOptionalAction, default=True, help=text)
    add(model, "--activation", "between layers", ACTIVATIONS, "gelu")
    add(model, "--likelihood", "p(x|z) of a pixel", LIKELIHOODS, "bernoulli")

    loss = parser.add_argument_group("objective")
    add(loss, "--beta", "weight of the KL term; 1 is the ELBO", number(0), 1.0, metavar="B")
    text = "share of the run (of each cycle, if cyclical), 0 to 1, over which that weight rises from 0"
    add(loss, "--kl-warmup", text, number(0, 1), shown="0.5; 0 if constant", metavar="SHARE")
    add(loss, "--kl-schedule", "course of that weight: once, or in cycles", KL_SCHEDULES, "linear")
    add(loss, "--kl-cycles", "number of cycles, if cyclical", whole(1), 4, metavar="N")
    text = "nats for each latent dimension below which its KL costs nothing more"
    add(loss, "--free-bits", text, number(0), 0.0, metavar="NATS")

    steps = parser.add_argument_group("optimization")
    add(steps, "--epochs", "passes through the training part", whole(0), 20, metavar="N")
    add(steps, "--batch-size", "images per update", whole(1), shown="256, fewer for small data", metavar="N")
    add(steps, "--learning-rate", "highest step size", number(0, ends="(]"), 8e-3, metavar="RATE")
    add(steps, "--optimizer", "", OPTIMIZERS, "adam")
    add(steps, "--weight-decay", "pull of the weights towards 0", number(0), 0.0, metavar="RATE")
    add(steps, "--schedule", "course of the learning rate; linear and cosine end at 0", SCHEDULES, "linear")
    text = "share of the run, 0 to 1, over which the learning rate first rises"
    add(steps, "--warmup", text, number(0, 1, ends="[)"), 0.05, metavar="SHARE")
    shown = "no limit"
    add(
        steps,
        "--gradient-clip",
        "largest norm of a gradient",
        number(0, ends="(]"),
        shown=shown,
        metavar="NORM",
    )
    text = "arithmetic of matrix products; auto measures this machine and takes the fastest harmless one"
    add(steps, "--precision", text, PRECISIONS, "auto")
    text = "stop when the validation -ELBO has not fallen for N epochs; keep the best weights"
    add(steps, "--patience", text, whole(1), shown="never", metavar="N")

    run = parser.add_argument_group("run")
    add(run, "--output", "where everything is written", default="results", metavar="FOLDER")
    run.add_argument("--half", action="store_true", help="write model.pt in half precision, half the size")
    text = "go on with the interrupted run in FOLDER, as it was planned: schedules span it, so it cannot grow"
    run.add_argument("--resume", action="store_true", help=text)
    run.add_argument("--overwrite", action="store_true", help="replace the run that FOLDER holds")
    add(run, "--seed", "seed of weights, order of images, noise, subset", whole(0), 0, metavar="N")
    add_device(run)
    text = "run the networks through torch.compile: slow to start, then faster where it helps"
    run.add_argument("--compile", action="store_true", help=text)
    run.add_argument("--quiet", action="store_true", help="print nothing but errors")


def run(arguments: argparse.Namespace, reparse: Reparse) -> None:
    from vae_course.cli import run_folder
    from vae_course.cli.training_run import train
    from vae_course.training.distributed import agreed, own_device, process_group

    try:
        device = own_device(arguments.device)
    except ValueError as error:
        raise UsageError(f"--device: {error}") from error
    folder = run_folder.RunFolder(Path(arguments.output))
    with process_group(device):
        arguments = agreed(lambda: _checked(folder, arguments, reparse))
        if arguments is not None:
            settings = {name: value for name, value in vars(arguments).items() if name not in FREE}
            train(folder, settings, arguments)


def _checked(folder, arguments: argparse.Namespace, reparse: Reparse) -> argparse.Namespace | None:
    """The settings of the run, which the folder has a say in; None when it is finished. Raises UsageError."""
    from vae_course.training.distributed import restarts

    if restarts() and (folder / "config.json").is_file():  # torchrun repeats the command as it was
        arguments.resume, arguments.overwrite = True, False
    if not arguments.resume:
        folder.check_new(arguments.overwrite)
        arguments.dataset = learned_from(arguments)
        return arguments
    arguments = recorded(folder, arguments, reparse)
    arguments.resume = True
    if not folder.finished:
        return arguments
    if not arguments.quiet:
        print(f"The run in {folder.path} is finished; there is nothing left to do.")
    return None


def recorded(folder, arguments: argparse.Namespace, reparse: Reparse) -> argparse.Namespace:
    """The command line again, with the settings of the run in ``folder`` as defaults.

    Raises UsageError when there is no run, or when an option asks for something else than the run had.
    """
    if arguments.overwrite:
        raise UsageError("--resume and --overwrite exclude each other; give one of them.")
    check_one_source(arguments)
    saved = folder.settings()
    # The name of own images is none that --dataset would take, so it is not offered as a default.
    again = reparse({name: value for name, value in saved.items() if name != "dataset" or value in DATASETS})
    again.dataset = again.dataset or saved["dataset"]
    for name, value in saved.items():
        asked = getattr(again, name)
        if asked != value:
            option = f"--{name.replace('_', '-')}"
            raise UsageError(
                f"{option}: the run in {folder.path} was started with {_shown(value)}, not {_shown(asked)}; "
                f"leave {option} out to resume it, or choose another --output for a new run."
            )
    if not folder.finished:
        check_same_source(again, saved["dataset"], str(folder.path))
    return again


def _shown(value: object) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value))
    return json.dumps(value) if value is None else str(value)
