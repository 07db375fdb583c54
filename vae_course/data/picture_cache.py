"""Decode pictures once: a memory-mapped file of uint8 that later epochs and later sessions read."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch

from vae_course.data.errors import DataError
from vae_course.data.picture_files import PictureFiles, decode


def cache_folder(root: Path) -> Path:
    """Where decoded pictures go.

    The environment variable VAE_COURSE_CACHE; else `<root>/cache`; else, when the data folder may not be
    written, `vae_course` in the user's folder for caches.
    """
    chosen = os.environ.get("VAE_COURSE_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    if not root.exists() or (os.access(root, os.W_OK) and root.stat().st_mode & 0o222):
        return root / "cache"
    own = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or Path.home() / ".cache"
    return Path(own) / "vae_course"


def decoded(
    files: PictureFiles, names: Sequence[str], path: Path, *, size: int = 64, square: float = 1.0
) -> torch.Tensor:
    """The named pictures as one tensor, memory-mapped from `path`, which is made at the first call.

    The file appears only when it is complete. What is written into the tensor stays in this process.

    Args:
        files: where the pictures are.
        names: which of them, in the order wanted.
        path: .npy file, uint8 (N, 3, size, size).
        size, square: see `picture_files.decode`.

    Returns:
        uint8 (N, 3, size, size); a row is read from the disk when it is used.

    Raises:
        DataError: a picture is damaged, or there is no room for the file.
    """
    shape = (len(names), 3, size, size)
    found = _open(path, shape)
    if found is None:
        try:
            _write(files, names, path, shape, square)
        except OSError as error:
            needed = np.prod(shape, dtype=np.int64) / 1e6
            raise DataError(
                f"cannot write the decoded pictures to {path} ({error.strerror or error}): {needed:,.0f} MB "
                "are needed; make room, or name another folder in the environment variable VAE_COURSE_CACHE."
            ) from None
        found = _open(path, shape)
    return torch.from_numpy(found)


def _open(path: Path, shape: tuple[int, ...]) -> np.ndarray | None:
    """The file as an array that shares memory with it, or None if it is missing or not what it should be."""
    try:
        array = np.load(path, mmap_mode="c")
    except (OSError, ValueError):
        return None
    return array if array.shape == shape and array.dtype == np.uint8 else None


def _write(
    files: PictureFiles, names: Sequence[str], path: Path, shape: tuple[int, ...], square: float
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=".part")
    os.close(handle)
    try:
        array = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=shape)
        shown = 0
        for row, (name, content) in enumerate(files.read(names)):
            try:
                array[row] = decode(content, shape[-1], square)
            except (OSError, ValueError, SyntaxError) as error:
                raise DataError(
                    f"{name} in {files.path} is not a whole picture ({error}): delete it or fetch it anew."
                ) from None
            if (row + 1) * 10 // len(names) > shown:
                shown = (row + 1) * 10 // len(names)
                done = f"{10 * shown:3d} % of {len(names):,} pictures decoded"
                print(f"{path.stem}: {done}", file=sys.stderr, flush=True)
        array.flush()
        del array  # Windows renames only what nobody holds open
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
