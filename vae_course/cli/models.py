"""Open what ``train`` left behind: the model, and the data it belongs to."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import nn

from vae_course.cli.options import UsageError
from vae_course.cli.own import check_named, check_one_source
from vae_course.data.images import ImageData
from vae_course.data.loading import finish, load
from vae_course.data.own_images import load_own_parts
from vae_course.machine import pick_device
from vae_course.models.vae import VAE
from vae_course.weights import CheckpointError, load_checkpoint, load_model

MODEL_FILE = "model.pt"


def open_model(path: str, device: str) -> tuple[nn.Module, dict]:
    """The VAE at ``path`` (folder or file), and the settings it was trained with ({} if unknown).

    Raises UsageError when there is none, it is not ours, or it is not a VAE.
    """
    target = open_device(device)
    file = Path(path) / MODEL_FILE if Path(path).is_dir() else Path(path)
    if not file.is_file():
        if file.name == MODEL_FILE and (file.parent / "checkpoint.pt").is_file():
            raise UsageError(f"--model: the run in {path} is not finished; go on with train --resume first.")
        raise UsageError(f"--model: there is no model at {file}; give the output folder of train.")
    try:
        model, content = load_model(file), load_checkpoint(file)
    except CheckpointError as error:
        raise UsageError(f"--model: {file} is damaged, or not a model that train wrote.") from error
    if not isinstance(model, VAE):
        raise UsageError(f"--model: {file} holds an {type(model).__name__}, and this command needs a VAE.")
    return model.to(target), content.get("settings", {})


def open_data(arguments: argparse.Namespace, settings: dict, model: nn.Module, seed: int) -> ImageData:
    """The data that the options name, by default those of the training run.

    ``seed`` draws subset and binarization. Raises UsageError, DataError.
    """
    check_one_source(arguments)
    own = load_own_parts(arguments.images)[arguments.split] if arguments.images else None
    name = own.name if own else arguments.dataset or settings.get("dataset")
    if name is None:
        raise UsageError("--dataset is missing, and the model file does not say what it was trained on.")
    # Another data set's pixels are read as they are, unless asked otherwise.
    usual = settings.get("binarize", "none") if name == settings.get("dataset") else "none"
    binarize = binarization(arguments.binarize or usual)
    if own:
        data = finish(own, arguments.subset, seed, binarize)
    else:
        check_named(name)
        where = {"root": arguments.data_root, "download": not arguments.no_download}
        data = load(name, arguments.split, subset=arguments.subset, seed=seed, binarize=binarize, **where)
    if data.shape != tuple(model.image_shape):
        size, taken = ("x".join(map(str, shape)) for shape in (data.shape, model.image_shape))
        option = "--images" if own else "--dataset"
        raise UsageError(f"{option}: {name} has images of {size}, and the model takes {taken}.")
    return data


def open_device(name: str) -> torch.device:
    """The device of that name. Raises UsageError."""
    try:
        return pick_device(name)
    except ValueError as error:
        raise UsageError(f"--device: {error}") from error


def binarization(name: str) -> str | None:
    """The data layer's word for an option's value."""
    return None if name == "none" else name


def reading(data: ImageData, binarize: str) -> str:
    """How pixels are read, in words: losses of different readings cannot be compared."""
    if data.name == "binarized_mnist":
        return "fixed binarization"
    if binarize == "none":
        return "gray values" if data.shape[0] == 1 else "color values"
    return f"{binarize} binarization"
