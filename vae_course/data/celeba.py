"""CelebA: faces with 40 attributes, from the files of the original, of Kaggle, or of one's own subset.

Liu, Luo, Wang & Tang, "Deep learning face attributes in the wild" (ICCV 2015).
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch

from vae_course.data.attribute_table import AttributeTable, read_attributes, read_pairs
from vae_course.data.dataset import ImageData
from vae_course.data.errors import OFFLINE_PICTURES, DataError
from vae_course.data.picture_cache import cache_folder, decoded
from vae_course.data.picture_files import list_pictures
from vae_course.data.splits import part_of, rows_of

SIZE = 64
SQUARE = 148 / 178  # the usual center crop, as a share of the aligned picture's width
PICTURES = "img_align_celeba"
TABLES = ("list_attr_celeba.txt", "list_attr_celeba.csv", "attributes.csv")
IDENTITIES = ("identity_CelebA.txt", "identity_CelebA.csv")
PARTITIONS = ("list_eval_partition.txt", "list_eval_partition.csv")
EXPECTED = (
    f"{PICTURES}.zip (or the folder {PICTURES}), list_attr_celeba.txt, identity_CelebA.txt and "
    "list_eval_partition.txt"
)


def load_celeba(split: str, root: Path, download: bool) -> ImageData:
    """One split of CelebA from `<root>/celeba`, at 64×64.

    The official parts where pictures of all three are there; else people are divided by identity, a tenth
    of them to validation and to test. Either way nobody is in two parts.

    Returns:
        Images uint8 (n, 3, 64, 64), memory-mapped, without labels, with attributes.

    Raises:
        DataError: files are missing and may not or cannot be downloaded, or do not belong together.
    """
    folder = root / "celeba"
    if find_pictures(folder) is None or _find(folder, TABLES) is None:
        if not download:
            raise DataError(
                f"CelebA is not in {folder} and download=False forbids fetching it: put {EXPECTED} there, or "
                f"allow the download; {OFFLINE_PICTURES}."
            )
        from vae_course.data.download_celeba import download_celeba

        download_celeba(folder)
    files = list_pictures(find_pictures(folder))
    table = read_attributes(_find(folder, TABLES))
    places = {name.rpartition("/")[2]: name for name in files.names}
    found = np.array([name in places for name in table.pictures], bool)
    if not found.any():
        raise DataError(
            f"no picture in {files.path} is named in {table.path}, so the two do not belong together: put "
            f"{EXPECTED} into {folder}; {OFFLINE_PICTURES}."
        )
    table = table.rows(np.flatnonzero(found))
    parts = divide(folder, table)
    order = np.argsort(parts, kind="stable")
    names = [places[table.pictures[row]] for row in order]
    key = hashlib.sha256("\n".join([files.fingerprint, *names]).encode()).hexdigest()[:12]
    path = cache_folder(root) / f"celeba_{SIZE}_{key}.npy"
    images = decoded(files, names, path, size=SIZE, square=SQUARE)
    part = rows_of(split, parts)
    if part.start == part.stop:
        raise DataError(f"the {split} part of {folder} is empty: {len(names):,} pictures are too few.")
    attributes = torch.from_numpy(table.values[order[part]])
    return ImageData("celeba", split, images[part], None, (), None, attributes, table.names)


def find_pictures(folder: Path) -> Path | None:
    """The folder of pictures, else a .zip whose name starts like it or like "celeba", else None."""
    if (folder / PICTURES).is_dir():
        return folder / PICTURES
    archives = sorted(folder.glob("*.zip")) if folder.is_dir() else []
    return next((path for path in archives if path.name.lower().startswith((PICTURES, "celeba"))), None)


def divide(folder: Path, table: AttributeTable) -> np.ndarray:
    """The part of each row, 0 training, 1 validation, 2 test: int8 (n,). Nobody is in two parts.

    Raises:
        DataError: neither an official part nor an identity is known for every picture.
    """
    path = _find(folder, PARTITIONS)
    if path is not None:
        official = read_pairs(path)
        parts = np.array([official.get(name, -1) for name in table.pictures], np.int8)
        if set(parts.tolist()) == {0, 1, 2}:
            return parts
    path = _find(folder, IDENTITIES)
    people = table.identities
    if people is None and path is not None:
        identity = read_pairs(path)
        people = tuple(str(identity.get(name, "")) for name in table.pictures)
    if people is None or "" in people:
        raise DataError(
            f"{folder} does not say who is on each picture, and without that one person could be in the "
            f"training and in the test part: put {IDENTITIES[0]} there, or all pictures and {PARTITIONS[0]}."
        )
    return part_of(people)


def _find(folder: Path, names: tuple[str, ...]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None)
