"""A data set in memory: images as one uint8 tensor, read as float minibatches by index.

Everything the course trains on fits in memory (MNIST: 47 MB) or lies in one memory-mapped file, so a
minibatch is one indexing operation and there are no worker processes.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import torch

from vae_course.data.augmentation import Augmentation
from vae_course.data.errors import DataError


@dataclass(frozen=True, eq=False, repr=False)
class ImageData:
    """Images, labels and their names, held in memory.

    Attributes:
        name: the data set, e.g. "mnist".
        split: "train", "validation", "test" or "train+validation".
        images: uint8 (N, C, H, W), 0 to 255.
        labels: int64 (N,), an index into `class_names`, or None where the source has none.
        class_names: one name per label value.
        binarize: None, or "dynamic": then each read draws every pixel from Bernoulli(value / 255)
            (Burda, Grosse & Salakhutdinov 2016, section 5), so two reads of one image differ.
        attributes: uint8 (N, A), 0 or 1: what each picture shows, one column per name; None without any.
        attribute_names: one name per column, e.g. "Smiling".
        augmentation: random changes that every read makes anew, or None; see `augmented`.

    Raises:
        DataError: a tensor has the wrong type or shape.
    """

    name: str
    split: str
    images: torch.Tensor
    labels: torch.Tensor | None
    class_names: tuple[str, ...]
    binarize: str | None = None
    attributes: torch.Tensor | None = None
    attribute_names: tuple[str, ...] = ()
    augmentation: Augmentation | None = None

    def __post_init__(self) -> None:
        images, labels = self.images, self.labels
        for name, value in (("images", images), ("labels", labels), ("attributes", self.attributes)):
            if value is not None and not isinstance(value, torch.Tensor):
                raise DataError(
                    f"{name} are of type {type(value).__name__}, but a torch tensor is expected: "
                    "convert them with torch.as_tensor(x)."
                )
        if images.dtype != torch.uint8 or images.ndim != 4:
            raise DataError(
                f"images are {_describe(images)}, but uint8 of shape (N, C, H, W) is expected: "
                f"convert them with {_conversion(images)}."
            )
        if labels is not None and (labels.dtype != torch.int64 or labels.shape != images.shape[:1]):
            raise DataError(
                f"labels are {_describe(labels)}, but int64 of shape ({len(images)},) is expected: "
                "one class index per image, or None."
            )
        if self.binarize not in (None, "dynamic"):
            raise DataError(f'binarize is {self.binarize!r}, but an ImageData takes None or "dynamic".')
        wanted = (len(images), len(self.attribute_names))
        attributes = self.attributes
        if attributes is not None and (attributes.dtype != torch.uint8 or attributes.shape != wanted):
            raise DataError(
                f"attributes are {_describe(attributes)}, but uint8 of shape {wanted} is expected: a row of "
                "0 and 1 for each image, a column for each name."
            )

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        size = "x".join(str(side) for side in self.shape)
        classes = "no labels" if self.labels is None else f"{len(self.class_names)} classes"
        reading = ", dynamic binarization" if self.binarize else ""
        reading += ", augmented" if self.augmentation else ""
        return f"ImageData({self.name}, {self.split}: {len(self):,} images {size}, {classes}{reading})"

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of one image: (channels, height, width)."""
        return tuple(self.images.shape[1:])

    def batch(self, index: torch.Tensor | slice, generator: torch.Generator | None = None) -> torch.Tensor:
        """Read a minibatch.

        Args:
            index: int64 (n,) on any device, or a slice.
            generator: source of the draws of dynamic binarization; torch's global one when None.

        Returns:
            float32 (n, C, H, W) in [0, 1], on the device of the images; 0 and 1 only when dynamic.
        """
        if isinstance(index, torch.Tensor) and index.dtype == torch.int64 and index.ndim == 1:
            # Twenty times as fast as images[index], which copies single bytes on a CPU.
            images = self.images.index_select(0, index.to(self.images.device))
        else:
            images = self.images[index]
        if self.augmentation is not None:
            images = self.augmentation(images, generator)
        if self.binarize == "dynamic":
            return draw_binary(images, generator).float()
        return images.float().div_(255)

    def augmented(self, augmentation: Augmentation | None = None) -> ImageData:
        """The same images, changed at random at every read, so that training never sees one twice.

        Args:
            augmentation: what is changed; by default mirroring and a slight color jitter.
        """
        return replace(self, augmentation=augmentation or Augmentation())

    def floats(self, generator: torch.Generator | None = None) -> torch.Tensor:
        """All images as float32 (N, C, H, W) in [0, 1]; four times the memory of `images`."""
        return self.batch(slice(None), generator)

    def subset(self, n: int, seed: int = 0) -> ImageData:
        """Draw `n` images without replacement, in random order, keeping the class proportions.

        Each class gets its share of `n` rounded down or up, so counts are within one of proportional.
        The same `n` and `seed` give the same images on every machine; subsets of different sizes are
        not nested. Without labels the draw is plain.

        Raises:
            DataError: `n` is not an integer from 1 to the number of images.
        """
        check_subset_size(n, len(self), f"{self.name} {self.split}")
        rng = np.random.RandomState(seed)  # frozen by numpy's compatibility promise, unlike the newer ones
        if self.labels is None:
            index = rng.permutation(len(self))[:n]
        else:
            index = stratified_index(self.labels.cpu().numpy(), n, rng)
        return self.select(torch.from_numpy(index))

    def select(self, index: torch.Tensor) -> ImageData:
        """The images at `index` (int64 (n,), or a mask of N booleans), with all that belongs to them."""
        return self._each(lambda rows: rows[index.to(rows.device)])

    def to(self, device: torch.device | str) -> ImageData:
        """The same data with its tensors on `device`."""
        return self._each(lambda rows: rows.to(device))

    def attribute(self, name: str) -> torch.Tensor:
        """The column of one attribute, uint8 (N,).

        Raises:
            DataError: the data has no attribute of that name.
        """
        if self.attributes is None or name not in self.attribute_names:
            known = ", ".join(self.attribute_names) or "none"
            raise DataError(f"{self.name} has no attribute {name!r}; there are: {known}.")
        return self.attributes[:, self.attribute_names.index(name)]

    def _each(self, change) -> ImageData:
        """The same data with every tensor (one row per image) changed by a function."""
        tensors = {f.name: getattr(self, f.name) for f in fields(self)}
        changed = {name: change(t) for name, t in tensors.items() if isinstance(t, torch.Tensor)}
        return replace(self, **changed)


def draw_binary(images: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
    """Draw each pixel from Bernoulli(value / 255): bool, same shape as the uint8 `images`.

    A uniform integer from 0 to 254 lies below `value` in exactly `value` of 255 cases, so the probability
    is exact and no float copy of the images is made.
    """
    device = images.device if generator is None else generator.device
    threshold = torch.randint(0, 255, images.shape, generator=generator, dtype=torch.uint8, device=device)
    return threshold.to(images.device) < images


def check_subset_size(n: int, available: int | None, where: str) -> None:
    """Raise DataError unless `n` is an integer from 1 to `available` (when that is known already)."""
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)):
        raise DataError(f"subset is {n!r}, but a whole number of images is expected, or None for all.")
    if n < 1:
        raise DataError(
            f"subset is {n}, but at least 1 image is needed: give a larger number, or None for all."
        )
    if available is not None and n > available:
        raise DataError(
            f"subset asks for {n:,} images, but {where} has {available:,}: "
            f"give at most {available:,}, or None for all."
        )


def stratified_index(labels: np.ndarray, n: int, rng: np.random.RandomState) -> np.ndarray:
    """Choose `n` of the examples so that class counts are within one of proportional.

    Shares are rounded by largest remainder. Returns int64 (n,) in random order.
    """
    classes, counts = np.unique(labels, return_counts=True)
    taken, remainder = np.divmod(n * counts, len(labels))
    short = n - taken.sum()
    taken[np.argsort(-remainder, kind="stable")[:short]] += 1
    parts = [rng.permutation(np.flatnonzero(labels == c))[:k] for c, k in zip(classes, taken, strict=True)]
    return rng.permutation(np.concatenate(parts))


def _conversion(images: torch.Tensor) -> str:
    """What makes images of the wrong type or shape into bytes (N, C, H, W)."""
    if images.ndim == 3 and images.dtype == torch.uint8:
        return "x[:, None], which adds the one channel of gray pictures"
    if images.dtype == torch.uint8:
        return "x.reshape(-1, C, H, W)"
    bytes_already = not images.is_floating_point() or (images.numel() > 0 and images.max() > 1)
    return "x.round().to(torch.uint8)" if bytes_already else "(255 * x).round().to(torch.uint8)"


def _describe(tensor: torch.Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} of shape {tuple(tensor.shape)}"
