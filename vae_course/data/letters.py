"""Letters: the capitals A to Z of typefaces, 32×32, with their face, its category and its part.

They lie beside this file: letters.npz, and letters.csv, which names family, package, version, license and
copyright of every face, and says why others were left out. `recipes/letters_data.py` made both.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from string import ascii_uppercase as LETTERS

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from vae_course.data.images import DataError, ImageData

NPZ, CSV = (Path(__file__).with_name(f"letters.{ending}") for ending in ("npz", "csv"))


@dataclass(frozen=True, eq=False, repr=False)
class LetterData(ImageData):
    """Images of letters; the 26 of one face stand together, A to Z."""

    faces: Tensor | None = None  # int64 (N,), the face of each picture, an index into the next two
    families: tuple[str, ...] = ()  # names of all faces of the whole data set, e.g. "Zilla Slab"
    categories: tuple[str, ...] = ()  # "sans-serif", "serif", "display", "handwriting" or "monospace"

    def alphabets(self) -> Tensor:
        """The pictures face by face, float32 (faces, 26, 1, 32, 32) in [0, 1]; DataError: some miss."""
        self.check_whole()
        return self.floats().view(-1, 26, *self.shape)

    def check_whole(self) -> None:
        """Raise DataError unless the pictures are whole alphabets, face by face."""
        if len(self) % 26 or (self.labels.view(-1, 26).cpu() != torch.arange(26)).any():
            raise DataError(f"{self!r} holds no whole alphabets; take a whole split of load('letters').")


def load_letters(name: str, split: str, *_) -> LetterData:
    """One split: all 26 letters of its faces. No family is in two splits, nor near relatives of it."""
    images, families, part, categories = _all_letters()
    rows = np.flatnonzero(np.isin(part, split.split("+")))
    labels, faces = torch.arange(26).repeat(len(rows)), torch.from_numpy(rows).repeat_interleave(26)
    pictures = torch.from_numpy(images[rows]).view(-1, 1, *images.shape[2:])
    about = {"faces": faces, "families": families, "categories": categories}
    return LetterData(name, split, pictures, labels, tuple(LETTERS), **about)


@lru_cache(maxsize=1)
def _all_letters() -> tuple[np.ndarray, tuple[str, ...], np.ndarray, tuple[str, ...]]:
    """Images uint8 (faces, 26, 32, 32), family, split and category of each face."""
    with np.load(NPZ) as file:
        names, categories = (tuple(file[key].tolist()) for key in ("names", "category"))
        return file["images"], names, file["split"], categories


# By how much `warp` changes a face at most: width and height, slant, and place as a share of half the side.
WIDER, HIGHER, SLANT, SHIFT = 0.10, 0.08, 0.12, 0.05


def warp(pictures: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Stretch, slant and shift pictures (n, C, H, W) a little: all channels of one alike, each anew."""
    device = pictures.device if generator is None else generator.device
    draws = 2 * torch.rand(5, len(pictures), generator=generator, device=device).to(pictures.device) - 1
    affine = torch.zeros(len(pictures), 2, 3, device=pictures.device)
    affine[:, 0, 0], affine[:, 1, 1] = 1 + WIDER * draws[0], 1 + HIGHER * draws[1]
    affine[:, 0, 1] = SLANT * draws[2]
    affine[:, :, 2] = SHIFT * draws[3:].T
    grid = F.affine_grid(affine, list(pictures.shape), align_corners=False)
    return F.grid_sample(pictures, grid, align_corners=False).clamp(0, 1)
