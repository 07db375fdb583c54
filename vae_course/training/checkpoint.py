"""Checkpoints: state dicts with the configuration that rebuilds the model."""

import io
import zipfile
from pathlib import Path

import torch
from torch import nn

from vae_course.files import write_atomically
from vae_course.models import (
    VAE,
    VAEGAN,
    VQVAE,
    Autoencoder,
    CodePrior,
    ConditionalVAE,
    Generator,
    HierarchicalVAE,
    LadderVAE,
    TextVAE,
)

FORMAT = 1
KINDS = {
    kind.__name__: kind
    for kind in (
        VAE,
        Autoencoder,
        ConditionalVAE,
        Generator,
        VAEGAN,
        VQVAE,
        CodePrior,
        HierarchicalVAE,
        LadderVAE,
        TextVAE,
    )
}


class CheckpointError(RuntimeError):
    """A checkpoint cannot be read, or belongs to something else."""


def save_checkpoint(path: str | Path, model: nn.Module, *, half: bool = False, **extra) -> None:
    """Save weights and configuration; the file is complete or not there.

    Args:
        path: file to write; folders on the way are made.
        model: a VAE or Autoencoder: its class name and ``config`` are saved with the state dict. Any other
            module can be saved too, but :func:`load_model` cannot rebuild it.
        half: store the weights in half precision: half the size, and about three decimal digits.
        extra: more content: tensors, numbers, strings, lists and dicts of these (nothing that would need
            unpickling code).

    Raises:
        ValueError: a name in ``extra`` is one of the checkpoint's own.
    """
    content = {
        "format": FORMAT,
        "kind": type(model).__name__,
        "config": getattr(model, "config", None),
        "model": model.state_dict(),
    }
    for name in extra.keys() & content.keys():
        raise ValueError(
            f"{name} is written by save_checkpoint itself; choose another name for the extra content."
        )
    if half:
        weights = content["model"].items()
        content["model"] = {k: w.half() if w.is_floating_point() else w for k, w in weights}
    buffer = io.BytesIO()
    torch.save({**content, **extra}, buffer)
    write_atomically(path, buffer.getvalue())


def load_checkpoint(path: str | Path) -> dict:
    """Read a checkpoint onto the CPU, without running any code from it (``weights_only``).

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: the file is damaged or was not written by :func:`save_checkpoint`.
    """
    path = Path(path)
    if path.is_dir():
        raise FileNotFoundError(f"{path} is a folder; give a file in it, such as {path / 'model.pt'}.")
    if not path.is_file():
        raise FileNotFoundError(f"there is no checkpoint {path}; train a model first or check the path.")
    try:
        with zipfile.ZipFile(path) as archive:  # torch.load does not look at the checksums
            damaged = archive.testzip()
        if damaged:
            raise zipfile.BadZipFile(f"wrong checksum of {damaged}")
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file can raise nearly anything
        raise CheckpointError(
            f"{path} cannot be read as a checkpoint (damaged, or not a file of plain weights); "
            f"delete it and train again."
        ) from error
    if (
        not isinstance(content, dict)
        or content.get("format") != FORMAT
        or not {"kind", "config", "model"} <= content.keys()
    ):
        raise CheckpointError(
            f"{path} is not a checkpoint of this course (format {FORMAT}); use one that fit or "
            f"save_checkpoint wrote."
        )
    return content


def load_model(path: str | Path) -> nn.Module:
    """Rebuild the model of a checkpoint with its weights, on the CPU, in evaluation mode.

    Raises:
        FileNotFoundError, CheckpointError: as :func:`load_checkpoint`, or the weights do not fit.
    """
    content = load_checkpoint(path)
    if content["kind"] not in KINDS:
        raise CheckpointError(f"{path} holds a {content['kind']}; expected one of {', '.join(KINDS)}.")
    try:
        model = KINDS[content["kind"]](**content["config"])
        model.load_state_dict(content["model"])
    except (RuntimeError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"the weights in {path} do not fit the configuration saved with them."
        ) from error
    return model.eval()
