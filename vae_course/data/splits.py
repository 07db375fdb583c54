"""Cutting a set into training, validation and test part by names, the same way wherever it is read."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

PARTS = ("train", "validation", "test")


def part_of(names: Sequence[str]) -> np.ndarray:
    """The part of each name: 0 training, 1 validation (a tenth), 2 test (a tenth); int8 (n,).

    A name's checksum decides, so a name stays in its part when others come or go, and equal names (all
    pictures of one person) fall into the same part.
    """
    tenth = np.array([zlib.crc32(name.encode()) % 10 for name in names], np.int64)
    return np.where(tenth == 0, 2, np.where(tenth == 1, 1, 0)).astype(np.int8)


def rows_of(split: str, parts: np.ndarray) -> slice:
    """Where a split lies once rows are sorted by part: "train+validation" is one stretch, too."""
    counts = np.bincount(parts, minlength=3)
    ends = np.cumsum(counts)
    starts = ends - counts
    first, last = (PARTS.index(split.split("+")[0]), PARTS.index(split.split("+")[-1]))
    return slice(int(starts[first]), int(ends[last]))
