"""Small data sets for tests, made in memory."""

from dataclasses import dataclass

import torch

from vae_course.data.images import ImageData


def tiny_images(
    n: int = 96, shape: tuple[int, int, int] = (1, 8, 8), seed: int = 0, binarize: str | None = None
) -> ImageData:
    """Gray pictures of four classes (which half is bright), so that there is something to learn."""
    channels, height, width = shape
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 4, (n,), generator=generator)
    bright = torch.zeros(4, 1, height, width)
    bright[0, :, : height // 2], bright[1, :, height // 2 :] = 1, 1
    bright[2, :, :, : width // 2], bright[3, :, :, width // 2 :] = 1, 1
    noise = torch.rand(n, channels, height, width, generator=generator)
    images = (255 * (0.7 * bright[labels] + 0.3 * noise)).to(torch.uint8)
    return ImageData("tiny", "train", images, labels, ("top", "bottom", "left", "right"), binarize)


@dataclass
class Rows:
    """Float rows with the reading methods of ImageData: for models of vectors, and for damaged data."""

    rows: torch.Tensor

    def __len__(self) -> int:
        return len(self.rows)

    def to(self, device) -> "Rows":
        return Rows(self.rows.to(device))

    def batch(self, index, generator=None) -> torch.Tensor:
        return self.rows[index]


class InterruptedAt:
    """A data set whose ``batch`` fails on its n-th call, as when somebody presses stop."""

    def __init__(self, data, call: int):
        self.data, self.left = data, call

    def __len__(self) -> int:
        return len(self.data)

    def to(self, device) -> "InterruptedAt":
        self.data = self.data.to(device)
        return self

    def batch(self, index, generator=None) -> torch.Tensor:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return self.data.batch(index, generator)
