"""Stanford Dogs: photographs of 120 breeds, from the original archive, Kaggle's copies or one's own folder.

Khosla, Jayadevaprakash, Yao & Fei-Fei, "Novel dataset for fine-grained image categorization" (2011).
"""

from __future__ import annotations

import csv
import hashlib
import re
from pathlib import Path

import numpy as np
import torch

from vae_course.data.dataset import ImageData
from vae_course.data.errors import OFFLINE_PICTURES, DataError
from vae_course.data.picture_cache import cache_folder, decoded
from vae_course.data.picture_files import PictureFiles, list_pictures
from vae_course.data.splits import part_of, rows_of

SIZE = 64
UNKNOWN = "unknown"
FOLDERS = ("stanford_dogs", "dogs")  # below the data folder
EXPECTED = "the original images.tar, or a folder Images with a folder of pictures for each breed,"
FILE_COLUMNS = ("filename", "id")


def load_stanford_dogs(split: str, root: Path, download: bool) -> ImageData:
    """One split of Stanford Dogs from `<root>/stanford_dogs` (or `<root>/dogs`): center squares at 64×64.

    A picture's file name decides its part: 80 % training, 10 % validation, 10 % test. (The official
    division, 100 training pictures of each breed, is made for classifiers and has no validation part.)

    Returns:
        Images uint8 (n, 3, 64, 64), memory-mapped; the classes are breeds. Pictures without a breed are the
        last class, "unknown".

    Raises:
        DataError: files are missing and may not or cannot be downloaded, or are damaged.
    """
    files, breeds = find_or_fetch_dogs(root, download)
    parts = part_of([name.rpartition("/")[2] for name in breeds])
    order = np.argsort(parts, kind="stable")
    names = [list(breeds)[row] for row in order]
    key = hashlib.sha256("\n".join([files.fingerprint, *names]).encode()).hexdigest()[:12]
    path = cache_folder(root) / f"stanford_dogs_{SIZE}_{key}.npy"
    images = decoded(files, names, path, size=SIZE)
    known = sorted(set(breeds.values()) - {UNKNOWN})
    class_names = (*known, *({UNKNOWN} & set(breeds.values())))
    number = {breed: i for i, breed in enumerate(class_names)}
    labels = torch.tensor([number[breeds[name]] for name in names])
    part = rows_of(split, parts)
    if part.start == part.stop:
        raise DataError(f"the {split} part of {files.path} is empty: {len(names):,} pictures are too few.")
    return ImageData("stanford_dogs", split, images[part], labels[part], class_names)


def find_or_fetch_dogs(root: Path, download: bool) -> tuple[PictureFiles, dict[str, str]]:
    """As `find_dogs`, after fetching the original archive where nothing is there and it is allowed."""
    found = find_dogs(root)
    if found is None:
        folder = root / FOLDERS[0]
        if not download:
            raise DataError(
                f"Stanford Dogs is not in {folder} and download=False forbids fetching it: put {EXPECTED} "
                f"there, or allow the download; {OFFLINE_PICTURES}."
            )
        from vae_course.data.download_dogs import download_dogs

        download_dogs(folder)
        found = find_dogs(root)
    return found


def find_dogs(root: Path) -> tuple[PictureFiles, dict[str, str]] | None:
    """The pictures, and the breed of each by its name in `PictureFiles`; None where there are none.

    A table (columns "filename" or "id", and "breed") beside a .zip or folder of its name, or beside a folder
    `train` (Kaggle), says the breeds; in an archive or folder without a table the folders do.
    """
    for folder in (root / name for name in FOLDERS):
        for table in [*sorted(folder.glob("stanford_dogs*.csv")), folder / "labels.csv"]:
            pictures = [
                table.with_suffix(".zip"),
                table.with_suffix(""),
                folder / "train",
                folder / "train.zip",
            ]
            pictures = next((path for path in pictures if path.exists()), None)
            if table.is_file() and pictures is not None:
                files = list_pictures(pictures)
                return files, breeds_from_table(table, files)
        for pictures in [folder / "images.tar", folder / "Images", *sorted(folder.glob("*.zip"))]:
            if pictures.exists():
                files = list_pictures(pictures)
                breeds = {name: breed_of(name) for name in files.names if "/" in name}
                if breeds:
                    return files, breeds
    return None


def breed_of(name: str) -> str:
    """The breed from a picture's folder: "Images/n02085936-Maltese_dog/x.jpg" → "maltese_dog"."""
    return re.sub(r"^n\d+-", "", name.split("/")[-2]).lower()


def breeds_from_table(table: Path, files: PictureFiles) -> dict[str, str]:
    """The breed of every picture that the table names, by the picture's name in `files`.

    Raises:
        DataError: the table has other columns, or names none of the pictures.
    """
    with table.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    columns = list(rows[0]) if rows else []
    name = next((column for column in FILE_COLUMNS if column in columns), None)
    if name is None or "breed" not in columns:
        raise DataError(f'{table} has the columns {columns}; expected "filename" (or "id") and "breed".')
    breeds = {_stem(row[name]): (row["breed"] or UNKNOWN) for row in rows}
    found = {picture: breeds[_stem(picture)] for picture in files.names if _stem(picture) in breeds}
    if not found:
        raise DataError(
            f"{table} names none of the pictures in {files.path}; put the two that belong together."
        )
    return found


def _stem(name: str) -> str:
    return re.sub(r"\.\w+$", "", name.rpartition("/")[2])
