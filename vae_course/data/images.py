"""Images in memory: what a data set is, its parts, and what can be done with its pictures."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
import torch
from torch import Tensor

from vae_course.files import Told
from vae_course.randomness import seeded_numpy


class DataError(Told):
    """Data that cannot be loaded: one sentence saying what is wrong, what was expected and what to do."""


FEWEST = 50  # pictures that can be cut into three parts


class Examples:
    """What all data in memory can do: tensors with one row per example, read as minibatches by index.

    A subclass is a frozen dataclass and names in ``main`` the field that a model reads; fields with the
    metadata "shared" are not rows.
    """

    main: str

    def __len__(self) -> int:
        return len(getattr(self, self.main))

    def __repr__(self) -> str:
        size = "x".join(map(str, self.shape))
        return f"{type(self).__name__}({self.name}, {self.split}: {len(self):,} examples {size})"

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one example, (C, H, W) for images."""
        return tuple(getattr(self, self.main).shape[1:])

    def batch(self, index: Tensor | slice, generator: torch.Generator | None = None) -> Tensor:
        """Read a minibatch (n, …) at `index`, int64 (n,) on any device, mask or slice; nothing is drawn."""
        rows = getattr(self, self.main)
        return rows[index.to(rows.device) if isinstance(index, Tensor) else index]

    def floats(self, generator: torch.Generator | None = None) -> Tensor:
        """All examples as one minibatch; of uint8 images that takes four times their memory."""
        return self.batch(slice(None), generator)

    def subset(self, n: int, seed: int = 0) -> Self:
        """Draw `n` examples without replacement, in random order, keeping the class proportions (within one).

        Equal `n` and `seed` give the same examples on every machine. DataError: `n` is out of range.
        """
        if not 1 <= n <= len(self):
            found = f"subset asks for {n:,} images, but {self.name} {self.split} has {len(self):,}"
            raise DataError(f"{found}: give at most {len(self):,}, or None for all.")
        rng = seeded_numpy(seed)
        labels = getattr(self, "labels", None)
        if labels is None:
            index = rng.permutation(len(self))[:n]
        else:
            index = stratified_index(labels.cpu().numpy(), n, rng)
        return self.select(torch.from_numpy(index))

    def select(self, index: Tensor) -> Self:
        """The examples at `index` (int64 (n,), or a mask of N booleans), with all that belongs to them."""
        return self._each(lambda rows: rows[index.to(rows.device)])

    def to(self, device: torch.device | str) -> Self:
        """The same data with its tensors on `device`."""
        return self._each(lambda rows: rows.to(device))

    def _each(self, change) -> Self:
        """The same data with every tensor that has one row per example changed by a function."""
        rows = {f.name: getattr(self, f.name) for f in fields(self) if not f.metadata.get("shared")}
        return replace(self, **{name: change(t) for name, t in rows.items() if isinstance(t, Tensor)})


def stratified_index(labels: np.ndarray, n: int, rng: np.random.RandomState) -> np.ndarray:
    """`n` of the examples in random order, classes in proportion (largest remainder): int64 (n,)."""
    classes, counts = np.unique(labels, return_counts=True)
    taken, remainder = np.divmod(n * counts, len(labels))
    short = n - taken.sum()
    taken[np.argsort(-remainder, kind="stable")[:short]] += 1
    parts = [rng.permutation(np.flatnonzero(labels == c))[:k] for c, k in zip(classes, taken, strict=True)]
    return rng.permutation(np.concatenate(parts))


LUMA = (0.299, 0.587, 0.114)  # weights of red, green and blue in a gray value (ITU-R BT.601)
JITTER = 0.1


def augment(images: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Mirror pictures and let their colors jitter, drawn for every picture on its own and anew at each call.

    Half are mirrored. All values are multiplied by a number from 1 − ``JITTER`` to 1 + ``JITTER``, and so are
    the distances from the picture's mean gray and, in color, from each pixel's own gray. uint8 (n, C, H, W) →
    the same: the 256 values mean what they mean without it. ``generator``: torch's global one when None.
    """
    device = images.device if generator is None else generator.device
    draws = torch.rand(4, len(images), 1, 1, 1, generator=generator, device=device).to(images.device)
    bright, contrast, saturation = 1 + JITTER * (2 * draws[1:] - 1)
    gray = x = torch.where(draws[0] < 0.5, images.flip(-1), images).float() * bright
    if x.shape[1] == 3:
        gray = torch.einsum("nchw,c->nhw", x, x.new_tensor(LUMA))[:, None]
        x = gray + saturation * (x - gray)
    middle = gray.mean((1, 2, 3), keepdim=True)
    return (middle + contrast * (x - middle)).round_().clamp_(0, 255).to(torch.uint8)


@dataclass(frozen=True, eq=False, repr=False)
class ImageData(Examples):
    """Images, labels and their names, held in memory as bytes and read as float minibatches.

    With "dynamic" binarization each read draws every pixel from Bernoulli(value / 255) (Burda, Grosse &
    Salakhutdinov 2016, section 5), so two reads of one image differ.
    """

    name: str  # the data set, e.g. "mnist"
    split: str  # "train", "validation", "test", "train+validation", or "all" before it is cut into parts
    images: Tensor  # uint8 (N, C, H, W), 0 to 255; C is 1 or 3
    labels: Tensor | None  # int64 (N,), an index into `class_names`
    class_names: tuple[str, ...]
    binarize: str | None = None  # or "dynamic"
    attributes: Tensor | None = None  # uint8 (N, A), 0 or 1: what each picture shows, a column for each name
    attribute_names: tuple[str, ...] = ()
    augmentation: bool = False  # whether every read changes the images at random; see `augmented`

    main = "images"

    def __post_init__(self) -> None:
        images, labels, n = self.images, self.labels, len(self.images)
        if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] not in (1, 3):
            raise DataError(
                f"images are {images.dtype} of shape {tuple(images.shape)}, but uint8 of shape (N, C, H, W) "
                "with 1 or 3 channels is expected: as_image_data(x) of vae_course.data converts arrays, "
                "tensors and floats in [0, 1]."
            )
        if labels is not None and (labels.dtype != torch.int64 or labels.shape != (n,)):
            found = f"labels are {labels.dtype} of shape {tuple(labels.shape)}, but int64 of shape ({n},)"
            raise DataError(f"{found} is expected: one class index per image, or None.")
        if self.binarize not in (None, "dynamic"):
            raise DataError(f'binarize is {self.binarize!r}, but an ImageData takes None or "dynamic".')

    def __repr__(self) -> str:
        size = "x".join(map(str, self.shape))
        classes = "no labels" if self.labels is None else f"{len(self.class_names)} classes"
        reading = ", dynamic binarization" if self.binarize else ""
        reading += ", augmented" if self.augmentation else ""
        return f"ImageData({self.name}, {self.split}: {len(self):,} images {size}, {classes}{reading})"

    def batch(self, index: Tensor | slice, generator: torch.Generator | None = None) -> Tensor:
        """Read float32 (n, C, H, W) in [0, 1] where the images are; ``generator`` binarizes and augments."""
        if isinstance(index, Tensor) and index.dtype == torch.int64 and index.ndim == 1:
            # Twenty times as fast as images[index], which copies single bytes on a CPU.
            images = self.images.index_select(0, index.to(self.images.device))
        else:
            images = self.images[index]
        if self.augmentation:
            images = augment(images, generator)
        if self.binarize == "dynamic":
            return draw_binary(images, generator).float()
        return images.float().div_(255)

    def augmented(self) -> ImageData:
        """The same images, changed at every read as `augment` does it: training never sees one twice."""
        return replace(self, augmentation=True)

    def attribute(self, name: str) -> Tensor:
        """The column of one attribute, uint8 (N,); a DataError where there is no attribute of that name."""
        if self.attributes is None or name not in self.attribute_names:
            known = ", ".join(self.attribute_names) or "none"
            raise DataError(f"{self.name} has no attribute {name!r}; there are: {known}.")
        return self.attributes[:, self.attribute_names.index(name)]

    def parts(self) -> tuple[ImageData, ImageData, ImageData]:
        """Training, validation and test part: 8, 1 and 1 of 10, in a fixed order. DataError: under 50."""
        n = len(self)
        if n < FEWEST:
            raise DataError(f"{self.name} holds {n} pictures; at least {FEWEST} are needed for three parts.")
        order, out = np.random.RandomState(0).permutation(n), round(0.2 * n)
        rows = {"train": order[out:], "validation": order[out // 2 : out], "test": order[: out // 2]}
        chosen = {split: self.select(torch.from_numpy(np.sort(index))) for split, index in rows.items()}
        return tuple(replace(part, split=split) for split, part in chosen.items())


def draw_binary(images: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Draw each pixel from Bernoulli(value / 255): bool, same shape as the uint8 `images`.

    A uniform integer from 0 to 254 lies below `value` in exactly `value` of 255 cases: no float copy is made.
    """
    device = images.device if generator is None else generator.device
    threshold = torch.randint(0, 255, images.shape, generator=generator, dtype=torch.uint8, device=device)
    return threshold.to(images.device) < images
