"""The format of the site's explorer files, and the measured numbers that they hold.

A file is a head in JSON (``config``, and for each array its kind, shape and place) and the arrays, gzipped;
docs/site/static/play/weights.js reads it. What has to be measured on data, and is small, was measured once by
``python -m tools.explorer_numbers`` and lies in docs/site/explorers.json.
"""

import base64
import gzip
import json
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

NUMBERS = Path(__file__).parents[1] / "docs" / "site" / "explorers.json"
Content = tuple[dict[str, Any], dict[str, Any]]  # config, arrays by name


def write(path: Path, config: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
    """Write one file. An array is a tensor (float32, float16, or uint8: whole numbers), a stored weight with
    "int8" and "scale", or ("pixel", uint8 tensor), which is read as shares of 255.
    """
    body, head = bytearray(), {}

    def add(values: np.ndarray) -> int:
        body.extend(bytes(-len(body) % 4))
        start = len(body)
        body.extend(np.ascontiguousarray(values).tobytes())
        return start

    kinds = {torch.float32: "f32", torch.float16: "f16", torch.uint8: "whole"}
    for name, value in arrays.items():
        if isinstance(value, Mapping):
            entry = {"kind": "i8", "shape": list(value["int8"].shape), "at": add(value["int8"].numpy())}
            entry["scale"] = add(value["scale"].float().numpy())
        else:
            kind, value = value if isinstance(value, tuple) else (kinds[value.dtype], value)
            entry = {"kind": kind, "shape": list(value.shape), "at": add(value.numpy())}
        head[name] = entry
    text, size = b"", -1
    while len(text) != size:  # places count from the start of the file, and so depend on the head's length
        size = len(text)
        moved = {
            name: entry | {key: entry[key] + 4 + size for key in ("at", "scale") if key in entry}
            for name, entry in head.items()
        }
        text = json.dumps({"config": config, "tensors": moved}, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 4)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(struct.pack("<I", len(text)) + text + bytes(body), 9, mtime=0))


def numbers() -> dict[str, Any]:
    """What was measured on data."""
    return json.loads(NUMBERS.read_text(encoding="utf-8"))


def packed(pictures: Tensor) -> str:
    """uint8 pictures as text, for the file of measured numbers."""
    return base64.b64encode(zlib.compress(pictures.numpy().tobytes(), 9)).decode()


def unpacked(text: str, *shape: int) -> tuple[str, Tensor]:
    plain = bytearray(zlib.decompress(base64.b64decode(text)))
    return "pixel", torch.frombuffer(plain, dtype=torch.uint8).view(-1, *shape)
