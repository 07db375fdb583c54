"""Reading the catalog: prepared by tensorflow_datasets where it works, in plain Python where it does not."""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import torch

from vae_course.data.catalog.plain import CATALOG, Example, plain_examples
from vae_course.data.dataset import ImageData
from vae_course.data.errors import DataError
from vae_course.data.picture_cache import cache_folder

INSTALL = 'pip install "tensorflow-datasets>=4.9.9" "tensorflow-metadata>=1.17,<1.18" importlib_resources'


def open_examples(
    name: str, split: str = "train", *, root: str | os.PathLike = "data", download: bool = True
) -> Sequence[Example]:
    """The examples of one of the course's own sets, as dicts of numpy arrays, numbers and strings.

    They are prepared once, beside the decoded pictures of `load` (see `cache_folder`) and in the format
    array_record, and then read from there one by one. Where tensorflow_datasets or array_record is not to be
    had (array_record has no files for Windows), they are read into memory from the original files instead.

    Args:
        name: a key of `CATALOG`: "course_spoken_digit", "course_ag_news", "course_stanford_dogs" or
            "course_dsprites".
        split: "train", "validation", "test" or "train+validation".
        root: the data folder.
        download: whether missing files may be fetched into `root`.

    Raises:
        DataError: an unknown name, or files that cannot be had.
    """
    if name not in CATALOG:
        raise DataError(f"unknown set {name!r}: expected one of {', '.join(CATALOG)}.")
    root = Path(root).expanduser()
    try:
        tfds = import_tfds()
        require_array_record()
    except DataError:
        return [_plain(example) for example in plain_examples(name, split, root, download)]
    from vae_course.data.catalog.builders import BUILDERS, FORMAT

    folder = cache_folder(root).resolve() / "tensorflow_datasets"
    builder = BUILDERS[name](data_dir=str(folder), file_format=FORMAT)
    builder.root, builder.download = root, download
    if not builder.is_prepared():
        tfds.disable_progress_bar()
        try:
            builder.download_and_prepare(file_format=FORMAT)
        except BaseException:
            shutil.rmtree(builder.data_dir, ignore_errors=True)
            raise
    return _Source(builder.as_data_source(split=split))


def open_prepared(folder: str | os.PathLike, split: str = "train") -> Sequence[Example]:
    """The examples of a folder that tensorflow_datasets prepared, here or elsewhere; needs no TensorFlow.

    Args:
        folder: the folder of the version, e.g. `~/tensorflow_datasets/kmnist/3.0.1`.
        split: a split of that set, slices such as "train[:2000]" included.

    Raises:
        DataError: tensorflow_datasets is missing, or the folder holds something else.
    """
    tfds = import_tfds()
    require_array_record()
    folder = Path(folder).expanduser()
    try:
        builder = tfds.builder_from_directory(str(folder))
        return _Source(builder.as_data_source(split=split))
    except (OSError, ValueError, KeyError, NotImplementedError, ImportError, AttributeError) as error:
        raise DataError(
            f"{folder} cannot be read without TensorFlow ({str(error).splitlines()[0]}): expected a folder "
            "with dataset_info.json, prepared where there is TensorFlow by "
            'download_and_prepare(file_format="array_record").'
        ) from None


def image_data(source: Sequence[Example], name: str, split: str = "train", label: str = "label") -> ImageData:
    """Examples with an "image" as ImageData.

    Args:
        source: examples, each with "image" uint8 (H, W, C), all of one size.
        name, split: what to call the result.
        label: the entry that becomes the label where there is one, a whole number or a string.

    Raises:
        DataError: there are no images, or they differ in size.
    """
    examples = [source[i] for i in range(len(source))]
    shapes = {np.shape(example.get("image")) for example in examples}
    if len(shapes) != 1 or len(min(shapes)) != 3:
        found = ", ".join(map(str, sorted(shapes)[:3])) or "nothing"
        raise DataError(
            f"{name} has images of shape {found}; expected all of one shape (height, width, channels)."
        )
    images = torch.from_numpy(
        np.stack([example["image"] for example in examples]).transpose(0, 3, 1, 2).copy()
    )
    if label not in examples[0]:
        return ImageData(name, split, images, None, ())
    values = [example[label] for example in examples]
    names = sorted(set(values)) if isinstance(values[0], str) else range(int(max(values)) + 1)
    number = {value: i for i, value in enumerate(names)}
    labels = torch.tensor([number[value if isinstance(value, str) else int(value)] for value in values])
    return ImageData(name, split, images, labels, tuple(map(str, names)))


class _Source(Sequence):
    """A data source of tensorflow_datasets with strings instead of bytes."""

    def __init__(self, source: Sequence) -> None:
        self.source = source

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> Example:
        if not 0 <= index < len(self):
            raise IndexError(index)  # what ends a loop; array_record raises a ValueError
        return _plain(self.source[index])


def _plain(example: Example) -> Example:
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in example.items()}


def import_tfds() -> ModuleType:
    """tensorflow_datasets, imported now.

    Raises:
        DataError: it is missing, came up empty, or lacks a package it needs; says what to install.
    """
    try:
        tfds = importlib.import_module("tensorflow_datasets")
        importlib.import_module("importlib_resources")  # needed to prepare anything, and not declared there
    except ImportError as error:
        raise DataError(
            f"sets of tensorflow_datasets need a package that cannot be imported ({error}): {INSTALL}"
        ) from None
    if not hasattr(tfds, "builder_from_directory"):
        raise DataError(
            "tensorflow_datasets is installed but came up empty, because its tensorflow-metadata does not "
            f"fit the protobuf beside it; restart Python after {INSTALL}"
        )
    return tfds


def require_array_record() -> None:
    """Raise DataError where array_record cannot be imported, as on Windows."""
    try:
        importlib.import_module("array_record.python.array_record_module")
    except (ImportError, OSError) as error:
        raise DataError(
            f"array_record cannot be imported ({error}); there is none for Windows: open_examples reads the "
            "course's own sets without it."
        ) from None
