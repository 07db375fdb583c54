"""Options that several commands share, and the names they accept.

Light: no torch, so that --help answers at once. The names are those of the modules that do the work; a test
keeps the two lists equal.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

from vae_course.cli.options import add, whole

PROGRAM = "python -m vae_course"

# Reads the same command line again, with other defaults (option name → value); raises UsageError.
Reparse = Callable[[dict], argparse.Namespace]

DATASETS = (
    "digits",
    "mnist",
    "fashion_mnist",
    "binarized_mnist",
    "faces_synthetic",
    "celeba",
    "stanford_dogs",
)
SPLITS = ("train", "validation", "test")
BINARIZE = ("none", "dynamic", "fixed")
ARCHITECTURES = ("mlp", "conv")
LIKELIHOODS = (
    "bernoulli",
    "gaussian",
    "gaussian_learned",
    "continuous_bernoulli",
    "laplace",
    "laplace_learned",
    "discretized_logistic",
)
ACTIVATIONS = ("relu", "gelu", "silu", "tanh")
OPTIMIZERS = ("adam", "adamw", "muon")
SCHEDULES = ("constant", "linear", "cosine")
PRECISIONS = ("auto", "highest", "medium", "bfloat16")
KL_SCHEDULES = ("constant", "linear", "cyclical")


def add_model(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("model")
    text = "output folder of `train`, or a model file"
    add(group, "--model", text, metavar="PATH", required=True)


def add_data(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("data")
    shown = "what the model was trained on"
    add(group, "--dataset", "images to take", DATASETS, shown=shown)
    text = ".npy file of own images instead: needed again where the model was trained on such a file"
    add(group, "--images", text, shown="none", metavar="FILE")
    add(group, "--split", "part of the data set", SPLITS, "test")
    add(group, "--subset", "take N images, classes balanced", whole(1), shown="all", metavar="N")
    add(group, "--binarize", "black and white", BINARIZE, shown="as in training")
    add_data_location(group)


def add_data_location(group: argparse._ActionsContainer) -> None:
    shown = "$VAE_COURSE_DATA, else ./data"
    add(group, "--data-root", "where data sets lie", shown=shown, metavar="FOLDER")
    group.add_argument("--no-download", action="store_true", help="use only files that are already there")


def add_picture(group: argparse._ActionsContainer, name: str) -> None:
    add(group, "--output", ".png, .pdf or .svg file to write", default=name, metavar="FILE")


def add_seed(group: argparse._ActionsContainer, what: str) -> None:
    add(group, "--seed", f"seed of the {what}", whole(0), 0, metavar="N")


def add_device(group: argparse._ActionsContainer) -> None:
    add(group, "--device", "auto, cpu, cuda or mps", default="auto", metavar="DEVICE")
