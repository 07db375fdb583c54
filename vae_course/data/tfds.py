"""`load("tfds:NAME")`: any image set of tensorflow-datasets; a prepared one without TensorFlow."""

import os
from importlib import import_module
from pathlib import Path

import numpy as np
import torch

from vae_course.data.download import way_out
from vae_course.data.images import DataError, ImageData

INSTALL = 'pip install "tensorflow-datasets>=4.9.9" "tensorflow-metadata>=1.17,<1.18" importlib_resources'
FORMAT = "array_record"  # read by number, and without TensorFlow


def load_tfds(name: str, split: str, root: Path, download: bool) -> ImageData:
    """One split of a set of tensorflow-datasets ("tfds:kmnist", "tfds:emnist/letters:3.1.0"), in memory.

    A set that is prepared in the data folder, in its folder `tensorflow_datasets`, in ~/tensorflow_datasets
    or in the folder TFDS_DATA_DIR is read from there: without TensorFlow where its file_format is
    "array_record". Any other is prepared first where TensorFlow is installed, as on Colab. Validation and
    test are the set's own, else tenths of its training part. Gives images uint8 (N, C, H, W), and labels
    where the set has one class for each picture. DataError: it is not to be had, or sizes differ.
    """
    tfds = _import("tensorflow_datasets", f"{name} needs")
    builder = _builder(tfds, name, root, download)
    features, kinds = builder.info.features, tfds.features
    sizes = {key: part.num_examples for key, part in builder.info.splits.items()}
    image = next((key for key in features if type(features[key]) is kinds.Image), None)
    label = next((key for key in features if isinstance(features[key], kinds.ClassLabel)), None)
    if image is None or "train" not in sizes:
        found = f"it has {', '.join(features)} in the parts {', '.join(sizes)}"
        raise DataError(f"{name} is no set of pictures with a training part: {found}.")
    where = _part(split, sizes)
    try:
        source = builder.as_data_source(where)
        examples = (source[i] for i in range(len(source)))  # not iter(): it ends in a ValueError
    except (NotImplementedError, ImportError):  # prepared as tfrecord, which only TensorFlow reads
        form = builder.info.file_format.value
        _import("tensorflow", f"{name} is prepared in the format {form}, not {FORMAT}; reading it needs")
        examples = tfds.as_numpy(builder.as_dataset(split=where))
    rows = [(example[image], int(example[label]) if label else -1) for example in examples]
    shapes = sorted({picture.shape for picture, _ in rows})
    if len(shapes) != 1:
        found = f"{name} has pictures of {len(shapes):,} sizes, such as {shapes[0]} and {shapes[-1]}"
        raise DataError(f"{found}: choose another, or save them for load_pictures(folder, size).")
    images = torch.from_numpy(np.stack([picture for picture, _ in rows]).transpose(0, 3, 1, 2).copy())
    labels = torch.tensor([value for _, value in rows])
    if not label or labels.min() < 0:  # a test part may keep its labels secret
        return ImageData(name, split, images, None, ())
    return ImageData(name, split, images, labels, tuple(features[label].names))


def _part(split: str, sizes: dict[str, int]) -> str:
    """What tensorflow-datasets calls a split, given the sizes of the set's own."""
    tenth = max(sizes["train"] // 10, 1)
    end = sizes["train"] if "test" in sizes else sizes["train"] - tenth
    own = "validation" in sizes
    return {
        "train": f"train[:{end}]" if own else f"train[:{end - tenth}]",
        "validation": "validation" if own else f"train[{end - tenth}:{end}]",
        "train+validation": f"train[:{end}]" + "+validation" * own,
        "test": "test" if "test" in sizes else f"train[{end}:]",
    }[split]


def _import(module: str, sentence: str):
    """The module. Raises DataError, with that beginning and what to install, where it is missing or empty."""
    try:
        found = import_module(module)
    except ImportError as error:
        install = "pip install tensorflow" if module == "tensorflow" else INSTALL
        found = f"{sentence} {module}, which cannot be imported ({error})"
        raise DataError(f"{found}: {install}; {way_out()}.") from None
    if module == "tensorflow_datasets" and not hasattr(found, "builder"):
        found = "tensorflow_datasets is installed but came up empty, because its tensorflow-metadata does not"
        raise DataError(f"{found} fit the protobuf beside it; restart Python after {INSTALL}")
    return found


def _builder(tfds, name: str, root: Path, download: bool):
    """The set where it is prepared, else prepared now. Raises DataError."""
    own = name.removeprefix("tfds:")
    home = Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()
    folders = (root, root / "tensorflow_datasets", home)
    for folder in folders:
        try:
            return tfds.core.read_only_builder.builder_from_files(own, data_dir=str(folder))
        except (tfds.core.registered.DatasetNotFoundError, ValueError):
            continue
    missing = f"{name} is not prepared in {' or '.join(map(str, folders))}"
    if not download:
        raise DataError(f"{missing}, and download=False forbids fetching it: allow it; {way_out()}.")
    elsewhere = f'tfds.builder("{own}").download_and_prepare(file_format="{FORMAT}")'
    _import("tensorflow", f"{missing}; copy it there after {elsewhere} on Colab; preparing it here needs")
    try:
        builder = tfds.builder(own, data_dir=str(home), file_format=FORMAT)
        builder.download_and_prepare()
    except Exception as error:  # whatever a builder's own code and its server come up with
        reason = " ".join(str(error).split())[:300]
        raise DataError(f"tensorflow-datasets cannot prepare {own}: {reason}; {way_out()}.") from error
    return builder
