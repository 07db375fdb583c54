"""`load`: one call for every data set of the course."""

import difflib
import os
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vae_course.data.images import DataError, Examples, ImageData

# Where each is read: a function of name, split, root and download. Only the module that is needed is loaded.
HOMES = {
    "digits": "mnist.load_digits",
    "letters": "letters.load_letters",
    "mnist": "mnist.load_mnist",
    "fashion_mnist": "mnist.load_mnist",
    "binarized_mnist": "mnist.load_binarized_mnist",
    "faces_synthetic": "faces.load_faces",
    "cifar10": "photographs.load_cifar10",
    "celeba": "photographs.load_celeba",
    "stanford_dogs": "photographs.load_stanford_dogs",
    "names": "text.load_text",
    "sentences": "text.load_text",
    "invented_names": "text.load_text",
    "invented_sentences": "text.load_text",
    "spoken_digits": "sound.load_spoken_digits",
    "spoken_digits_synthetic": "sound.load_formant_digits",
    "biopsies": "tables.load_biopsies",
}
DATASETS = tuple(HOMES)
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
) -> Examples:
    """Load one split of a data set into memory.

    | name | train / validation / test | where from |
    | --- | --- | --- |
    | "digits" | 1,197 / 300 / 300 | inside scikit-learn: no files, no network |
    | "letters" | 361 / 40 / 56 faces of 26 | capitals of typefaces, 32x32, inside the package |
    | "mnist", "fashion_mnist" | 50,000 / 10,000 / 10,000 | `<root>/MNIST/raw`, else torchvision's mirrors |
    | "binarized_mnist" | 50,000 / 10,000 / 10,000 | `<root>/binarized_mnist`, else Larochelle's site |
    | "faces_synthetic" | 8,000 / 1,000 / 1,000 | drawn by us, 64x64 in color, with attributes and factors |
    | "cifar10" | 45,000 / 5,000 / 10,000 | `<root>/cifar10`, else Toronto; 32x32 in color |
    | "celeba" | 162,770 / 19,867 / 19,962 | `<root>/celeba`, else Google Drive; 64x64, with attributes |
    | "stanford_dogs" | 80 / 10 / 10 % of 20,580 | `<root>/stanford_dogs`, else Stanford; 64x64, breeds |
    | "names", "sentences" | 80 / 10 / 10 % of the texts | `<root>/text`, else their publishers |
    | "invented_names", "invented_sentences" | likewise of 4,000 and 6,000 | drawn by us: no files |
    | "spoken_digits" | 2,000 / 250 / 250 clips | `<root>/audio`, else the publisher's site |
    | "spoken_digits_synthetic" | 760 / 120 / 120 clips | formant tones made by us: no files |
    | "biopsies" | 341 / 114 / 114 rows | inside scikit-learn: no files, no network |
    | "tfds:NAME" | its own, else tenths | any image set of tensorflow-datasets, see `vae_course.data.tfds` |

    Validation is the last 10,000 of MNIST's 60,000 training images; "train+validation" is all of them.

    Args:
        name: one of `DATASETS`, or "tfds:" and a name of tensorflow-datasets.
        split: "train", "validation", "test" or "train+validation".
        subset: number of images to draw, with class proportions kept; None for all.
        seed: of the subset and of `binarize="fixed"`.
        root, download: the data folder (when None see `data_root`), and whether it may be filled.
        binarize: None; "dynamic", each read draws Bernoulli(x / 255); "fixed", drawn once with `seed`
            (0 and 255 in the stored images), before the subset is taken.

    Gives ImageData with uint8 images (N, 1, 28, 28), letters (N, 1, 32, 32), CIFAR-10 (N, 3, 32, 32), faces
    and dogs (N, 3, 64, 64); TextData, SoundData or TableData. DataError, in one sentence: a wrong argument,
    or the data cannot be had.
    """
    home = "tfds.load_tfds" if str(name).startswith("tfds:") else HOMES.get(str(name))
    if home is None:
        check_choice("data set", name, DATASETS)
    check_choice("split", split, SPLITS)
    check_choice("binarize", binarize, BINARIZATIONS)
    module, _, function = home.partition(".")
    loader = getattr(import_module(f"vae_course.data.{module}"), function)
    data = loader(name, split, data_root(root), download)
    if binarize is not None and not isinstance(data, ImageData):
        raise DataError(f"binarize is {binarize!r}, but {name} are no pictures of ink: leave it out.")
    return finish(data, subset, seed, binarize)


def finish(data: Examples, subset: int | None, seed: int, binarize: str | None) -> Examples:
    """Binarize the images and draw the subset, as `load` was asked to."""
    if binarize == "fixed":
        data = replace(data, images=binarize_once(data.images, seed))
    elif binarize == "dynamic":
        data = replace(data, binarize="dynamic")
    return data if subset is None else data.subset(subset, seed)


def data_root(root: str | os.PathLike | None = None) -> Path:
    """The data folder, absolute: `root`, else the environment variable VAE_COURSE_DATA, else a folder `data`:
    of the checkout in which we are, else right here if there is one, else of the checkout of this package.
    """
    root = root or os.environ.get("VAE_COURSE_DATA")
    if root:
        return Path(root).expanduser().absolute()
    here = Path.cwd()
    package = Path(__file__).parents[1]
    for folder in (here, *here.parents):
        if (folder / package.name / "data" / Path(__file__).name).is_file():
            return folder / "data"
    checkout = package.parent / "data"
    return here / "data" if (here / "data").is_dir() or not checkout.is_dir() else checkout


def binarize_once(images: Tensor, seed: int) -> Tensor:
    """Every pixel drawn from Bernoulli(value / 255), in the order of the images: uint8, 0 or 255."""
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
    hint = '; "tfds:NAME" opens a set of tensorflow-datasets.' if choices is DATASETS else "."
    hint = f'; did you mean "{near[0]}"?' if near else hint
    raise DataError(f"unknown {what} {value!r}: expected one of {listed}{hint}")
