"""What the VAE of typefaces learns from: pairs of letters of one face, a little warped."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from vae_course.data.images import Examples, ImageData
from vae_course.data.letters import LetterData, warp


@dataclass(frozen=True, eq=False, repr=False)
class LetterPairs(Examples):
    """Each letter with another of the same face, drawn anew at every read, which may be the letter itself.

    ``batch`` gives (x, letter, y, target): pictures (n, 1, 32, 32) in [0, 1] and which letters they are.

    Attributes:
        data: LetterData of whole alphabets.
        warped: whether every read changes both pictures alike, see :func:`warp`.
        written: what is read as y in place of the letters: ImageData with as many pictures, or None.
    """

    data: LetterData
    warped: bool = False
    written: ImageData | None = None

    main = "images"
    images = property(lambda self: self.data.images)
    name = property(lambda self: self.data.name)
    split = property(lambda self: self.data.split)

    def __post_init__(self) -> None:
        self.data.check_whole()

    def batch(self, index: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, ...]:
        """The pairs at ``index``, int64 (n,)."""
        index = index.to(self.images.device)
        device = index.device if generator is None else generator.device
        letter = self.data.labels[index]
        target = torch.randint(26, index.shape, generator=generator, device=device).to(index.device)
        x, y = self.data.batch(index), (self.written or self.data).batch(index - letter + target)
        if self.warped:
            x, y = warp(torch.cat([x, y], dim=1), generator).split(1, dim=1)
        return x, letter, y, target

    def _each(self, change) -> LetterPairs:
        written = self.written and self.written._each(change)
        return replace(self, data=self.data._each(change), written=written)
