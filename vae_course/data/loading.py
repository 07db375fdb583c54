"""`load`: one call for every data set of the course."""

from __future__ import annotations

import difflib
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from vae_course.data.images import DataError, ImageData, check_subset_size
from vae_course.data.mnist import DIGIT_NAMES, FASHION_MNIST, MNIST, load_digits_split, load_mnist_like
from vae_course.data.tables import FeatureData
from vae_course.data.text import TEXT_DATASETS, TextData, load_text

COLOR_DATASETS = ("faces_synthetic", "celeba", "stanford_dogs")
IMAGE_DATASETS = ("digits", "mnist", "fashion_mnist", "binarized_mnist", *COLOR_DATASETS)
FEATURE_DATASETS = ("spoken_digits", "spoken_digits_synthetic", "biopsies")
DATASETS = (*IMAGE_DATASETS, *TEXT_DATASETS, *FEATURE_DATASETS)
SPLITS = ("train", "validation", "test", "train+validation")
BINARIZATIONS = (None, "dynamic", "fixed")


def load(
    name: str,
    split: str = "train",
    *,
    subset: int | None = None,
    seed: int = 0,
    root: str | os.PathLike | None = None,
    download: bool = True,
    binarize: str | None = None,
) -> ImageData | TextData | FeatureData:
    """Load one split of a data set into memory.

    | name | train / validation / test | where from |
    | --- | --- | --- |
    | "digits" | 1,197 / 300 / 300 | inside scikit-learn: no files, no network |
    | "mnist", "fashion_mnist" | 50,000 / 10,000 / 10,000 | `<root>/MNIST/raw`, else torchvision's mirrors |
    | "binarized_mnist" | 50,000 / 10,000 / 10,000 | `<root>/binarized_mnist`, else Larochelle's site |
    | "faces_synthetic" | 8,000 / 1,000 / 1,000 | drawn by us, 64x64 in color, with attributes and factors |
    | "celeba" | 162,770 / 19,867 / 19,962 | `<root>/celeba`, else Google Drive; 64x64, with attributes |
    | "stanford_dogs" | 80 / 10 / 10 % of 20,580 | `<root>/stanford_dogs`, else Stanford; 64x64, breeds |
    | "names", "sentences", "news" | 80 / 10 / 10 % of the texts | `<root>/text`, else their publishers |
    | "invented_names", "invented_sentences" | likewise of 4,000 and 6,000 | drawn by us: no files |
    | "spoken_digits" | 2,000 / 250 / 250 clips | `<root>/audio`, else the publisher's site |
    | "spoken_digits_synthetic" | 760 / 120 / 120 clips | formant tones made by us: no files |
    | "biopsies" | 341 / 114 / 114 rows | inside scikit-learn: no files, no network |

    Validation is the last 10,000 of MNIST's 60,000 training images; "train+validation" is all of them.

    Args:
        name: one of `DATASETS`.
        split: "train", "validation", "test" or "train+validation".
        subset: number of images to draw, with class proportions kept; None for all.
        seed: of the subset and of `binarize="fixed"`.
        root: the data folder; when None the environment variable VAE_COURSE_DATA, else `./data`.
        download: whether missing files may be downloaded into `root`.
        binarize: None; "dynamic", each read draws Bernoulli(x / 255); "fixed", drawn once with `seed`
            (0 and 255 in the stored images), before the subset is taken.

    Returns:
        ImageData with uint8 images (N, 1, 28, 28), or (N, 3, 64, 64) for faces; TextData for texts;
        SoundData for spoken digits and TableData for biopsies, both FeatureData.

    Raises:
        DataError: an argument is not one of the above, or the data cannot be had; one sentence.
    """
    check_choice("data set", name, DATASETS)
    check_choice("split", split, SPLITS)
    check_choice("binarize", binarize, BINARIZATIONS)
    if subset is not None:
        check_subset_size(subset, None, name)  # a senseless value should not cost a download first
    folder = data_root(root)
    if name in TEXT_DATASETS:
        if binarize is not None:
            raise DataError(f"binarize is {binarize!r}, but {name} are texts: leave it out.")
        data = load_text(name, split, folder, download)
        return data if subset is None else data.subset(subset, seed)
    if name in FEATURE_DATASETS:
        if binarize is not None:
            raise DataError(f"binarize is {binarize!r}, but {name} are no pictures of ink: leave it out.")
        data = load_features(name, split, folder, download)
        return data if subset is None else data.subset(subset, seed)
    if name in COLOR_DATASETS:
        return finish(load_colors(name, split, folder, download), subset, seed, binarize)
    class_names = DIGIT_NAMES
    if name == "digits":
        images, labels = load_digits_split(split)
    elif name == "binarized_mnist":
        from vae_course.data.mnist import load_binarized_mnist

        images, labels = load_binarized_mnist(split, folder, download)
    else:
        spec = {"mnist": MNIST, "fashion_mnist": FASHION_MNIST}[name]
        class_names = spec.class_names
        images, labels = load_mnist_like(spec, split, folder, download)
    return finish(ImageData(name, split, images, labels, class_names), subset, seed, binarize)


def load_colors(name: str, split: str, root: Path, download: bool) -> ImageData:
    """One split of a data set of 64x64 color pictures."""
    if name == "celeba":
        from vae_course.data.photographs import load_celeba

        return load_celeba(split, root, download)
    if name == "stanford_dogs":
        from vae_course.data.photographs import load_stanford_dogs

        return load_stanford_dogs(split, root, download)
    from vae_course.data.faces import load_faces

    return load_faces(split)


def load_features(name: str, split: str, root: Path, download: bool) -> FeatureData:
    """One split of a data set of real numbers: sounds or table rows."""
    if name == "spoken_digits":
        from vae_course.data.sound import load_spoken_digits

        return load_spoken_digits(split, root, download)
    if name == "spoken_digits_synthetic":
        from vae_course.data.sound import load_formant_digits

        return load_formant_digits(split)
    from vae_course.data.tables import load_biopsies

    return load_biopsies(split)


def finish(data: ImageData, subset: int | None, seed: int, binarize: str | None) -> ImageData:
    """Binarize the images and draw the subset, as `load` was asked to."""
    if binarize == "fixed":
        data = replace(data, images=binarize_once(data.images, seed))
    elif binarize == "dynamic":
        data = replace(data, binarize="dynamic")
    return data if subset is None else data.subset(subset, seed)


def data_root(root: str | os.PathLike | None = None) -> Path:
    """The data folder: `root`, else the environment variable VAE_COURSE_DATA, else `./data`."""
    return Path(root or os.environ.get("VAE_COURSE_DATA") or "data").expanduser()


def binarize_once(images: torch.Tensor, seed: int) -> torch.Tensor:
    """Draw every pixel of uint8 `images` from Bernoulli(value / 255) with `seed`: uint8, 0 or 255.

    The draws follow the order of the images: "train" and "train+validation" agree where they overlap.
    """
    rng = np.random.RandomState(seed)
    drawn = np.empty(images.shape, np.uint8)
    for row, image in enumerate(images.numpy()):
        drawn[row] = rng.randint(0, 255, image.shape, dtype=np.uint8) < image
    return torch.from_numpy(drawn * np.uint8(255))


def check_choice(what: str, value: object, choices: tuple) -> None:
    """Raise DataError, with the nearest choice, unless `value` is among `choices`."""
    if value in choices:
        return
    names, given = [c for c in choices if c], str(value).lower()
    near = [c for c in names if given and c.startswith(given)]
    near = near or difflib.get_close_matches(given, names, n=1, cutoff=0.6)
    listed = ", ".join("None" if c is None else f'"{c}"' for c in choices)
    if near:
        hint = f'; did you mean "{near[0]}"?'
    else:
        hint = '; "digits" needs no download.' if choices is DATASETS else "."
    raise DataError(f"unknown {what} {value!r}: expected one of {listed}{hint}")
