"""Reading IDX, the file format of MNIST: magic number, one big-endian size per dimension, then the bytes."""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np

from vae_course.data.errors import DataError

_UINT8 = 0x08


def read_idx(path: Path, ndim: int) -> np.ndarray:
    """Read an IDX file of unsigned bytes, plain or (name ending in .gz) compressed, checking all of it.

    Format: two zero bytes, type code 0x08, number of dimensions, sizes as big-endian uint32, data
    (LeCun, Cortes & Burges, "The MNIST database of handwritten digits").

    Args:
        path: the file.
        ndim: the number of dimensions it must have (images 3, labels 1).

    Returns:
        uint8 array, writable, of the shape that the header gives.

    Raises:
        DataError: not IDX, another type or dimension, or fewer or more bytes than the header promises.
    """
    content = _read_bytes(path)
    header = 4 + 4 * ndim
    expected = bytes([0, 0, _UINT8, ndim])
    if content[:4] != expected:
        raise DataError(
            f"{path} is damaged: it starts with the bytes {content[:4].hex(' ') or '(none)'}, but an IDX "
            f"file of {ndim}-dimensional bytes starts with {expected.hex(' ')}"
        )
    if len(content) < header:
        raise DataError(
            f"{path} is damaged: it ends after {len(content)} bytes, inside its {header}-byte header"
        )
    shape = struct.unpack(f">{ndim}I", content[4:header])
    promised = header + int(np.prod([int(side) for side in shape], dtype=object))
    if len(content) != promised:
        raise DataError(
            f"{path} is damaged: it has {len(content):,} bytes, but its header promises {promised:,}"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def _read_bytes(path: Path) -> bytearray:
    try:
        raw = path.read_bytes()
        return bytearray(gzip.decompress(raw) if path.suffix == ".gz" else raw)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path} is damaged: it is not a whole gzip file ({error})") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error})") from None
