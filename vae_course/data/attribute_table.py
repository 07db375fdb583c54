"""CelebA's tables, as text with spaces (the original) or with commas (Kaggle, one's own)."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from vae_course.data.errors import DataError

FILE_COLUMNS = ("filename", "image_id")


@dataclass(frozen=True, eq=False)
class AttributeTable:
    """What is known about each picture.

    Attributes:
        path: the file it was read from.
        pictures: file names of N pictures.
        names: names of the A attributes.
        values: uint8 (N, A), 0 or 1.
        identities: who is on each picture, or None where the table does not say.
    """

    path: Path
    pictures: tuple[str, ...]
    names: tuple[str, ...]
    values: np.ndarray
    identities: tuple[str, ...] | None

    def rows(self, index: np.ndarray) -> AttributeTable:
        """The rows at `index`, int64 (n,)."""
        people = self.identities
        return replace(
            self,
            pictures=tuple(self.pictures[i] for i in index),
            values=self.values[index],
            identities=None if people is None else tuple(people[i] for i in index),
        )


def read_attributes(path: Path) -> AttributeTable:
    """A table with one line per picture: file name, perhaps "identity", then attributes as 1 and 0 or −1.

    Raises:
        DataError: the file is something else.
    """
    lines = list(_lines(path))
    if lines and len(lines[0]) == 1:  # the original begins with the number of pictures
        lines = lines[1:]
    header, rows = (lines[0], lines[1:]) if lines else ([], [])
    if header and header[0] not in FILE_COLUMNS:  # the original names no first column
        header = [FILE_COLUMNS[0], *header]
    try:
        columns = [i for i, name in enumerate(header) if name not in (*FILE_COLUMNS, "identity")]
        values = np.array([[int(row[i]) > 0 for i in columns] for row in rows], np.uint8)
        if values.ndim != 2 or not values.shape[1] or any(len(row) != len(header) for row in rows):
            raise ValueError
    except (ValueError, IndexError):
        raise DataError(
            f"{path} is not a table of attributes: expected a line of names, then for each picture its file "
            "name and 1 or 0 (or -1) for each attribute."
        ) from None
    who = header.index("identity") if "identity" in header else None
    return AttributeTable(
        path,
        tuple(row[0] for row in rows),
        tuple(header[i] for i in columns),
        values,
        None if who is None else tuple(row[who] for row in rows),
    )


def read_pairs(path: Path) -> dict[str, int]:
    """A table of file names and one whole number each (an identity, or a part 0, 1, 2)."""
    try:
        return {row[0]: int(row[1]) for row in _lines(path) if row[0] not in FILE_COLUMNS}
    except (ValueError, IndexError):
        raise DataError(f"{path} is damaged: expected a file name and a whole number on each line.") from None


def _lines(path: Path) -> Iterator[list[str]]:
    """The fields of each line that is not empty."""
    with path.open(encoding="utf-8", errors="replace", newline="") as stream:
        if path.suffix == ".csv":
            yield from (row for row in csv.reader(stream) if row)
        else:
            yield from (line.split() for line in stream if line.strip())
