"""Every draw of the course comes from one base seed and a name, so that a replication is one number.

Base seed 0 is the committed run; ``VAE_COURSE_SEED=3`` before Python starts, or ``with base_seeded(3):``,
makes every draw anew. What is *data* (a split, a drawn data set) does not move, nor how exercises are graded.
"""

from __future__ import annotations

import hashlib
import operator
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import torch

SEED_VARIABLE = "VAE_COURSE_SEED"


def base_seed() -> int:
    """The base seed of this process: ``VAE_COURSE_SEED``, a whole number from 0 on, or 0."""
    text = os.environ.get(SEED_VARIABLE, "").strip() or "0"
    if not text.isdecimal():
        wanted = "a whole number from 0 on (0: the committed run)"
        raise ValueError(f"{SEED_VARIABLE} is {text!r}; it must be {wanted}.")
    return int(text)


@contextmanager
def base_seeded(base: int) -> Iterator[None]:
    """Another base seed for what happens inside, in this process and in those that it starts there."""
    before = os.environ.get(SEED_VARIABLE)
    os.environ[SEED_VARIABLE] = str(base)
    try:
        base_seed()  # refuses what is no base seed
        yield
    finally:
        if before is None:
            del os.environ[SEED_VARIABLE]
        else:
            os.environ[SEED_VARIABLE] = before


def seed_of(name: int | str) -> int:
    """The seed that belongs to ``name`` under the base seed.

    Under base seed 0 a whole number is its own seed. Anything else, a text or another base seed, gives the
    first 32 bits of sha256 of ``"base/name"``: 32, because torch's CPU generator and numpy read no more.
    """
    base = base_seed()
    name = name if isinstance(name, str) else operator.index(name)
    if base == 0 and isinstance(name, int):
        return name
    return int.from_bytes(hashlib.sha256(f"{base}/{name!r}".encode()).digest()[:4], "big")


def seeded(name: int | str, device: str | torch.device = "cpu") -> torch.Generator:
    """A new torch generator for the draws called ``name``: ``torch.randn(5, generator=seeded("noise"))``."""
    import torch

    return torch.Generator(device).manual_seed(seed_of(name))


def seeded_numpy(name: int | str) -> np.random.RandomState:
    """The same for numpy. ``RandomState``: frozen by numpy's compatibility promise, unlike the newer ones."""
    import numpy as np

    return np.random.RandomState(seed_of(name) % 2**32)


def seed_everything(name: int | str = 0) -> None:
    """Seed the global generators of torch (weights are drawn from them), numpy and Python: a CPU run with the
    same seed, number of threads and package versions repeats bit for bit.
    """
    import numpy as np
    import torch

    seed = seed_of(name)
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)
