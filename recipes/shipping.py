"""Small files of weights: half precision, large weights in 8 bits, parts left out, compressed."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from vae_course.files import write_atomically
from vae_course.weights import save_checkpoint

INT8_FROM = 10_000  # numbers of a weight from which it is worth a scale for each row


def ship(path: str | Path, model: nn.Module, *, int8: bool = False, without: Sequence[str] = (), **extra):
    """Write a model as ``save_checkpoint`` does, in half the size or less; ``load_model`` reads it.

    Args:
        int8: store large weights as whole numbers from −127 to 127 times a scale of each row; all else in
            half precision, which keeps about three decimal digits.
        without: parts of the model that are left out, such as "encoder".
        extra: more content, as for ``save_checkpoint``.
    """
    save_checkpoint(path, model, **extra)
    content = torch.load(path, map_location="cpu", weights_only=True)
    state = {k: w for k, w in content["model"].items() if k.split(".")[0] not in without}
    content["stored"] = "float16"
    content["model"] = {k: w.half() if w.is_floating_point() else w for k, w in state.items()}
    if int8:
        content["stored"] = (
            f"weights of {INT8_FROM:,} numbers or more: int8 times a scale of each row; else float16"
        )
        content["model"] |= {k: _in_int8(w) for k, w in state.items() if _is_large(k, w)}
    if without:
        content["without"] = list(without)
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_atomically(path, deflated(buffer.getvalue()))


def deflated(content: bytes) -> bytes:
    """The same archive, compressed without loss: torch reads it, and small numbers take a tenth less room."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as stored, zipfile.ZipFile(buffer, "w") as packed:
        for part in stored.infolist():
            name = zipfile.ZipInfo(part.filename, part.date_time)
            packed.writestr(name, stored.read(part), zipfile.ZIP_DEFLATED, compresslevel=9)
    return buffer.getvalue()


def _is_large(name: str, weight: Tensor) -> bool:
    return "weight" in name and weight.is_floating_point() and weight.numel() >= INT8_FROM


def _in_int8(weight: Tensor) -> dict[str, Tensor]:
    rows = weight.float().flatten(1)
    scale = rows.abs().amax(1, keepdim=True).clamp_min(1e-12) / 127
    return {"int8": (rows / scale).round().to(torch.int8).reshape(weight.shape), "scale": scale}
