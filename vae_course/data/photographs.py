"""Photographs: CelebA and Stanford Dogs at 64x64, decoded once."""

from __future__ import annotations

import csv
import os
import re
import sys
import tempfile
import zlib
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vae_course.data.download import obtain, of_torchvision, way_out
from vae_course.data.images import DataError, ImageData
from vae_course.data.own_images import PictureFiles

SIZE = 64
STAND_IN = "faces_synthetic"
SPLITS = ("train", "validation", "test")


def part_of(names: Sequence[str]) -> np.ndarray:
    """The part of each name: 0 training, 1 validation (a tenth), 2 test (a tenth); int8 (n,).

    A name's checksum decides, so a name stays in its part when others come or go, and equal names (all
    pictures of one person) fall into the same part.
    """
    tenth = np.array([zlib.crc32(name.encode()) % 10 for name in names], np.int64)
    return np.where(tenth == 0, 2, np.where(tenth == 1, 1, 0)).astype(np.int8)


def rows_of(split: str, parts: np.ndarray, where: Path) -> slice:
    """Where a split lies once rows are sorted by part: "train+validation" is one stretch, too."""
    counts = np.bincount(parts, minlength=3)
    ends = np.cumsum(counts)
    first, last = (SPLITS.index(name) for name in (split.split("+")[0], split.split("+")[-1]))
    if not counts[first : last + 1].any():
        raise DataError(f"the {split} part of {where} is empty: {len(parts):,} pictures are too few.")
    return slice(int(ends[first] - counts[first]), int(ends[last]))


def decoded(name: str, files: PictureFiles, names: Sequence[str], root: Path, share: float = 1.0) -> Tensor:
    """The named pictures, memory-mapped from a file that is made at the first call.

    It lies in the folder that the environment variable VAE_COURSE_CACHE names; else in `<root>/cache`; else,
    where `root` may not be written, in the user's folder for caches. Its name is made of the names and sizes
    of the pictures, and it appears only when it is complete. What is written into the tensor stays in memory.

    Args:
        name: the data set.
        files, names: the pictures, and which of them in which order.
        root: the data folder.
        share: side of the square in the middle, as a share of the shorter side.

    Returns:
        uint8 (N, 3, 64, 64); a row is read from the disk when it is used.

    Raises:
        DataError: a picture is damaged, or there is no room for the file.
    """
    folder = Path(os.environ.get("VAE_COURSE_CACHE") or root / "cache").expanduser()
    if root.exists() and not (os.access(root, os.W_OK) and root.stat().st_mode & 0o222):
        own = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or Path.home() / ".cache"
        folder = Path(os.environ.get("VAE_COURSE_CACHE") or Path(own) / "vae_course").expanduser()
    content = "\n".join([*(f"{key} {size}" for key, size in files.sizes.items()), *names])
    path = folder / f"{name}_{SIZE}_{sha256(content.encode()).hexdigest()[:12]}.npy"
    shape = (len(names), 3, SIZE, SIZE)
    for attempt in range(2):
        try:
            array = np.load(path, mmap_mode="c")
            if array.shape == shape and array.dtype == np.uint8:
                return torch.from_numpy(array)
        except (OSError, ValueError):
            pass  # missing, or damaged
        if not attempt:
            _write(path, files, names, shape, share)
    raise DataError(f"{path} cannot be read back; delete it, or name another folder in VAE_COURSE_CACHE.")


def _write(path: Path, files: PictureFiles, names: Sequence[str], shape: tuple, share: float) -> None:
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=".part")
        os.close(handle)
        array = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=shape)
        for row, pixels in enumerate(files.decode(names, SIZE, share=share)):
            array[row] = pixels
            tenths = (row + 1) * 10 // len(names)
            if tenths > row * 10 // len(names):
                done = f"{path.stem}: {10 * tenths:3d} % of {len(names):,} pictures decoded"
                print(done, file=sys.stderr, flush=True)
        array.flush()
        del array  # Windows renames only what nobody holds open
        os.replace(temporary, path)
    except OSError as error:
        raise DataError(
            f"cannot write the decoded pictures to {path} ({error.strerror or error}): "
            f"{np.prod(shape, dtype=np.int64) / 1e6:,.0f} MB are needed; make room, or name another folder "
            "in the environment variable VAE_COURSE_CACHE."
        ) from None
    finally:
        if temporary:
            Path(temporary).unlink(missing_ok=True)


def read_table(path: Path) -> tuple[list[str], dict[str, list[str]]]:
    """A table of pictures: the names of its columns, and for each file name the fields after it.

    With commas (.csv: Kaggle's, one's own) or with spaces (the original CelebA's, which begin with the number
    of pictures and name no first column, or no column at all).

    Raises:
        DataError: rows differ in length.
    """
    with path.open(encoding="utf-8", errors="replace", newline="") as stream:
        lines = list(csv.reader(stream) if path.suffix == ".csv" else map(str.split, stream))
    lines = [line for line in lines if line]
    if lines and len(lines[0]) == 1:
        lines = lines[1:]
    columns = lines.pop(0) if lines and "." not in lines[0][0] else []
    if columns and columns[0] in ("filename", "image_id", "id"):
        columns = columns[1:]
    rows = {line[0]: line[1:] for line in lines}
    if not rows or any(len(row) != len(columns or lines[0][1:]) for row in rows.values()):
        raise DataError(
            f"{path} is not a table of pictures: expected a line of names, then for each picture its file "
            "name and as many fields."
        )
    return columns, rows


# CelebA: faces with 40 attributes, from the files of the original, of Kaggle, or of one's own subset.
# Liu, Luo, Wang & Tang, "Deep learning face attributes in the wild" (ICCV 2015).

SQUARE = 148 / 178  # the usual center crop, as a share of the aligned picture's width
ADDRESS = "https://drive.usercontent.google.com/download?export=download&confirm=t&id={id}"
CELEBA_HOME = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
PICTURES = "img_align_celeba"
LISTS = ("list_attr_celeba.txt", "identity_CelebA.txt", "list_eval_partition.txt")
NEEDED = (*LISTS, f"{PICTURES}.zip")  # the large one last: a refusal of the lists comes at once
CELEBA_TERMS = (
    "CelebA is for non-commercial research and teaching only, and no part of it may be passed on or "
    f"published: by going on you accept its terms, {CELEBA_HOME}"
)


def load_celeba(name: str, split: str, root: Path, download: bool) -> ImageData:
    """One split of CelebA from `<root>/celeba`, at 64x64.

    The official parts where pictures of all three are there; else people are divided by identity, a tenth
    of them to validation and to test. Either way nobody is in two parts.

    Returns:
        Images uint8 (n, 3, 64, 64), memory-mapped, without labels, with attributes.

    Raises:
        DataError: files are missing and may not or cannot be downloaded, or do not belong together.
    """
    folder = root / "celeba"
    if _celeba_pictures(folder) is None or _table(folder, "attr") is None:
        _fetch_celeba(folder, download)
    files, path = PictureFiles(_celeba_pictures(folder)), _table(folder, "attr")
    columns, rows = read_table(path)
    places = {key.rpartition("/")[2]: key for key in files.sizes}
    pictures = [key for key in rows if key in places]
    if not pictures:
        raise DataError(
            f"no picture in {files.path} is named in {path}, so the two do not belong together: put "
            f"{', '.join(NEEDED)} into {folder}; {way_out(STAND_IN)}."
        )
    shown = [i for i, column in enumerate(columns) if column != "identity"]
    try:
        values = np.array([[int(rows[key][i]) > 0 for i in shown] for key in pictures], np.uint8)
    except ValueError:
        raise DataError(f"{path} is damaged: expected 1 and 0 (or -1) for each attribute.") from None
    who = columns.index("identity") if "identity" in columns else None
    parts = _divided(folder, pictures, None if who is None else {key: rows[key][who] for key in pictures})
    order = np.argsort(parts, kind="stable")
    images = decoded("celeba", files, [places[pictures[row]] for row in order], root, SQUARE)
    part = rows_of(split, parts, folder)
    attributes = torch.from_numpy(values[order[part]])
    return ImageData(name, split, images[part], None, (), None, attributes, tuple(columns[i] for i in shown))


def _celeba_pictures(folder: Path) -> Path | None:
    """The folder of pictures, else a .zip whose name starts like it or like "celeba", else None."""
    archives = sorted(
        path for path in folder.glob("*.zip") if path.name.lower().startswith((PICTURES, "celeba"))
    )
    return folder / PICTURES if (folder / PICTURES).is_dir() else next(iter(archives), None)


def _table(folder: Path, word: str) -> Path | None:
    """The table whose name has that word in it, as text or .csv, or None."""
    found = sorted(path for path in folder.glob(f"*{word}*") if path.suffix in (".txt", ".csv"))
    return found[-1] if found else None


def _divided(folder: Path, pictures: Sequence[str], people: dict[str, str] | None) -> np.ndarray:
    """The part of each picture, 0 training, 1 validation, 2 test: int8 (n,). Nobody is in two parts.

    Raises:
        DataError: neither an official part nor an identity is known for every picture.
    """
    official, identities = _table(folder, "eval_partition"), _table(folder, "identity")
    if official is not None:
        rows = read_table(official)[1]
        parts = [rows.get(key, [""])[0] for key in pictures]
        if set(parts) == {"0", "1", "2"}:
            return np.array(parts, np.int8)
    if people is None and identities is not None:
        people = {key: row[0] for key, row in read_table(identities)[1].items()}
    if people is None or not all(people.get(key) for key in pictures):
        raise DataError(
            f"{folder} does not say who is on each picture, and without that one person could be in the "
            f"training and in the test part: put {LISTS[1]} there, or all pictures and {LISTS[2]}."
        )
    return part_of([people[key] for key in pictures])


def _fetch_celeba(folder: Path, download: bool) -> None:
    """Put the aligned pictures (1.4 GB) and three lists into `folder`, where its authors keep them."""
    remedy = (
        f"download {NEEDED[-1]} and the three lists ({', '.join(LISTS)}) with a browser from {CELEBA_HOME} "
        f"and put them into {folder} (Google lets a file be fetched only so often a day)"
    )
    if download:
        print(CELEBA_TERMS, file=sys.stderr, flush=True)
    known = {key: (address, md5) for address, md5, key in of_torchvision("CelebA").file_list}
    for key in NEEDED:
        address, md5 = known[key]
        url = ADDRESS.format(id=address)
        obtain(folder / key, url, md5, "CelebA", download=download, stand_in=STAND_IN, remedy=remedy)


# Stanford Dogs: photographs of 120 breeds, from the original archive, Kaggle's copies or one's own folder.
# Khosla, Jayadevaprakash, Yao & Fei-Fei, "Novel dataset for fine-grained image categorization" (2011).

UNKNOWN = "unknown"
FOLDERS = ("stanford_dogs", "dogs")  # below the data folder
DOGS_HOME = "http://vision.stanford.edu/aditya86/ImageNetDogs/"
URL = DOGS_HOME + "images.tar"
SHA256 = "a443fc2f9a851aa1a7b8e4fa4af94b8459fce2c9f5a2f4dd4669cf9673a4ec58"
DOGS_TERMS = (
    "Stanford Dogs consists of pictures from ImageNet, for non-commercial research and teaching only; cite "
    f"Khosla et al. (2011), {DOGS_HOME}"
)


def load_stanford_dogs(name: str, split: str, root: Path, download: bool) -> ImageData:
    """One split of Stanford Dogs from `<root>/stanford_dogs` (or `<root>/dogs`): center squares at 64x64.

    A picture's file name decides its part: 80 % training, 10 % validation, 10 % test. (The official
    division, 100 training pictures of each breed, is made for classifiers and has no validation part.)

    Returns:
        Images uint8 (n, 3, 64, 64), memory-mapped; the classes are breeds. Pictures without a breed are the
        last class, "unknown".

    Raises:
        DataError: files are missing and may not or cannot be downloaded, or are damaged.
    """
    found = _find_dogs(root)
    if found is None:
        folder = root / FOLDERS[0]
        remedy = (
            f'download images.tar with a browser from {DOGS_HOME} (or Kaggle\'s "stanford-dogs-dataset" as a '
            f".zip, or a folder Images with a folder of pictures for each breed) and put it into {folder}"
        )
        if download:
            print(DOGS_TERMS, file=sys.stderr, flush=True)
        more = {"download": download, "stand_in": STAND_IN, "remedy": remedy}
        obtain(folder / "images.tar", URL, SHA256, "Stanford Dogs", **more)
        found = _find_dogs(root)
    files, breeds = found
    parts = part_of([key.rpartition("/")[2] for key in breeds])
    names = [list(breeds)[row] for row in np.argsort(parts, kind="stable")]
    images = decoded("stanford_dogs", files, names, root)
    class_names = sorted(set(breeds.values()), key=lambda breed: (breed == UNKNOWN, breed))
    labels = torch.tensor([class_names.index(breeds[key]) for key in names])
    part = rows_of(split, parts, files.path)
    return ImageData(name, split, images[part], labels[part], tuple(class_names))


def _find_dogs(root: Path) -> tuple[PictureFiles, dict[str, str]] | None:
    """The pictures, and the breed of each by its name in `PictureFiles`; None where there are none.

    A table (columns "filename" or "id", and "breed") beside a .zip or folder of its name, or beside a folder
    or .zip `train` (Kaggle), says the breeds; in an archive or folder without a table the folders do.
    """
    for folder in (root / name for name in FOLDERS):
        for table in [*sorted(folder.glob("stanford_dogs*.csv")), *folder.glob("labels.csv")]:
            beside = [table.with_suffix(".zip"), table.with_suffix("")]
            for path in (path for path in (*beside, folder / "train", folder / "train.zip") if path.exists()):
                files = PictureFiles(path)
                return files, _breeds(table, files)
        for path in [folder / "images.tar", folder / "Images", *sorted(folder.glob("*.zip"))]:
            if path.exists():  # "Images/n02085936-Maltese_dog/x.jpg" → "maltese_dog"
                files = PictureFiles(path)
                folders = {key: f"{path.name}/{key}".split("/")[-2] for key in files.sizes}
                return files, {key: re.sub(r"^n\d+-", "", own).lower() for key, own in folders.items()}
    return None


def _breeds(table: Path, files: PictureFiles) -> dict[str, str]:
    """The breed of every picture that the table names, by the picture's name in `files`.

    Raises:
        DataError: the table has no column "breed", or names none of the pictures.
    """
    columns, rows = read_table(table)
    if "breed" not in columns:
        raise DataError(f'{table} has the columns {columns}; expected "filename" (or "id") and "breed".')
    known = {_stem(key): row[columns.index("breed")] or UNKNOWN for key, row in rows.items()}
    found = {key: known[_stem(key)] for key in files.sizes if _stem(key) in known}
    if not found:
        raise DataError(f"{table} names none of the pictures in {files.path}: put two that belong together.")
    return found


def _stem(name: str) -> str:
    return re.sub(r"\.\w+$", "", name.rpartition("/")[2])
