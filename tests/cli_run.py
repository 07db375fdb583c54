"""Helpers of the command line's tests: a run small enough for a second, and what a command said."""

from pathlib import Path
from typing import NamedTuple

from vae_course.__main__ import main

# Small enough for a second, large enough to have every part: two latent dimensions give the manifold as well.
SMALL = [
    "--dataset",
    "digits",
    "--subset",
    "200",
    "--hidden-dims",
    "32",
    "--latent-dim",
    "2",
    "--device",
    "cpu",
]


class Said(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


def train_small(folder: Path, *more: str) -> int:
    """Train the small model into ``folder``; returns the exit code."""
    return main(["train", *SMALL, "--output", str(folder), *more])
