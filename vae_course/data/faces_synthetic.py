"""Synthetic faces: an offline data set whose every picture is drawn from known, independent factors.

So an edit of a picture has a right answer: the face drawn with one factor changed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from vae_course.data.dataset import ImageData
from vae_course.data.draw_faces import FACTORS, draw_faces
from vae_course.data.errors import DataError

ATTRIBUTES = (
    "Smiling",
    "Eyeglasses",
    "Long_Hair",
    "Blond_Hair",
    "Dark_Skin",
    "Turned_Right",
    "Wide_Face",
    "Open_Eyes",
    "Yellow_Background",
)
SIZES = {"train": 8000, "validation": 1000, "test": 1000}
_SEEDS = {"train": 64, "validation": 65, "test": 66}


@dataclass(frozen=True, eq=False, repr=False)
class FaceData(ImageData):
    """Images with the factors that they were drawn from.

    Attributes:
        factors: float32 (N, 9), the columns of ``FACTORS``, in [0, 1]; glasses are 0 or 1. An attribute is 1
            where its factor is above one half.
    """

    factors: torch.Tensor | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        wanted = (len(self.images), len(FACTORS))
        if self.factors is None or self.factors.shape != wanted:
            found = None if self.factors is None else tuple(self.factors.shape)
            raise DataError(f"factors have the shape {found}, but {wanted} is expected: a row for each face.")

    def factor(self, name: str) -> torch.Tensor:
        """The column of one factor, float32 (N,).

        Raises:
            DataError: there is no factor of that name.
        """
        if name not in FACTORS:
            raise DataError(f"faces have no factor {name!r}; there are: {', '.join(FACTORS)}.")
        return self.factors[:, FACTORS.index(name)]


def draw_factors(n: int, seed: int = 0) -> torch.Tensor:
    """Factors of ``n`` faces, float32 (n, 9): independent and uniform on [0, 1], glasses in half of them."""
    rng = np.random.RandomState(seed)  # frozen by numpy's compatibility promise
    factors = torch.from_numpy(rng.random_sample((n, len(FACTORS))).astype(np.float32))
    glasses = FACTORS.index("glasses")
    factors[:, glasses] = (factors[:, glasses] > 0.5).float()
    return factors


def faces_from(factors: torch.Tensor, split: str = "train") -> FaceData:
    """The faces of given factors (n, 9) as a data set; see :func:`draw_faces` for what they mean."""
    return FaceData(
        "faces_synthetic",
        split,
        draw_faces(factors),
        labels=None,
        class_names=(),
        attributes=(factors > 0.5).to(torch.uint8),
        attribute_names=ATTRIBUTES,
        factors=factors,
    )


def load_faces(split: str) -> FaceData:
    """One split: train 8,000, validation 1,000, test 1,000 faces; "train+validation" holds 9,000.

    Drawn anew at each call, in a second or so: kept, the training faces would take 98 MB to the end.
    """
    factors = torch.cat([draw_factors(SIZES[part], _SEEDS[part]) for part in split.split("+")])
    return faces_from(factors, split)
