"""Pictures as files: listing and reading them from a folder, a .zip or a .tar, and cutting them square."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vae_course.data.errors import DataError

SUFFIXES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class PictureFiles:
    """The pictures below one folder or inside one archive.

    Attributes:
        path: the folder, the .zip or the (uncompressed) .tar.
        names: names of the pictures, with / between folders, sorted.
        fingerprint: changes when a picture is added, removed or changes its size.
    """

    path: Path
    names: tuple[str, ...]
    fingerprint: str

    def read(self, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """The content of the named pictures, in that order, as pairs of name and bytes."""
        if self.path.is_dir():
            for name in names:
                yield name, (self.path / name).read_bytes()
        elif self.path.suffix == ".tar":
            with tarfile.open(self.path, "r:") as archive:
                members = {member.name: member for member in archive.getmembers()}
                for name in names:
                    yield name, archive.extractfile(members[name]).read()
        else:
            with zipfile.ZipFile(self.path) as archive:
                for name in names:
                    yield name, archive.read(name)


def list_pictures(path: Path) -> PictureFiles:
    """All pictures (.jpg, .jpeg, .png) below a folder, or in a .zip or .tar.

    Raises:
        DataError: the archive cannot be opened.
    """
    try:
        sizes = dict(_sizes(path))
    except (OSError, zipfile.BadZipFile, tarfile.TarError) as error:
        raise DataError(
            f"{path} cannot be opened ({error}): it is damaged or still being copied; delete it and fetch it "
            "anew."
        ) from None
    names = tuple(sorted(sizes))
    content = "\n".join(f"{name} {sizes[name]}" for name in names)
    return PictureFiles(path, names, hashlib.sha256(content.encode()).hexdigest())


def _sizes(path: Path) -> Iterator[tuple[str, int]]:
    """Pairs of a picture's name and its size in bytes (in a .zip its checksum, which says more)."""
    if path.is_dir():
        for folder, _, files in os.walk(path):
            inside = Path(folder).relative_to(path)
            for name in files:
                if _is_picture(name):
                    yield (inside / name).as_posix(), (Path(folder) / name).stat().st_size
    elif path.suffix == ".tar":
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                if member.isfile() and _is_picture(member.name):
                    yield member.name, member.size
    else:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                if _is_picture(entry.filename):
                    yield entry.filename, entry.CRC


def _is_picture(name: str) -> bool:
    own = name.rpartition("/")[2]
    return own.lower().endswith(SUFFIXES) and not own.startswith("._") and "__MACOSX" not in name


def decode(content: bytes, size: int, square: float = 1.0) -> np.ndarray:
    """Decode a picture, cut a square out of its middle and shrink it.

    Args:
        content: a JPEG or PNG file; gray pictures become colored ones with three equal channels.
        size: side of the result in pixels.
        square: side of the square, as a share of the shorter side.

    Returns:
        uint8 (3, size, size).

    Raises:
        OSError, ValueError: not a whole picture.
    """
    from PIL import Image

    with Image.open(io.BytesIO(content)) as image:
        image.draft("RGB", (4 * size, 4 * size))  # large JPEGs are decoded at a fraction of their size
        width, height = image.size
        side = round(min(width, height) * square)
        left, top = (width - side) // 2, (height - side) // 2
        image = image.convert("RGB").crop((left, top, left + side, top + side))
        if side != size:
            image = image.resize((size, size), Image.Resampling.BICUBIC)
        return np.asarray(image).transpose(2, 0, 1)
