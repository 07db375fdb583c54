"""Photographs: CelebA and Stanford Dogs at 64x64, decoded once, and CIFAR-10."""

import csv
import os
import re
import sys
import zlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vae_course.data.download import obtain, way_out
from vae_course.data.images import DataError, ImageData
from vae_course.data.own_images import decoded, picture_files

SIZE = 64
STAND_IN = "faces_synthetic"
SPLITS = ("train", "validation", "test")


def part_of(names: Iterable[str]) -> np.ndarray:
    """The part of each name by its checksum: 0 training, 1 validation (a tenth), 2 test (a tenth); int8 (n,).

    A name stays in its part when others come or go, and equal names (of one person) fall into the same part.
    """
    tenth = np.array([zlib.crc32(name.encode()) % 10 for name in names], np.int64)
    return np.where(tenth == 0, 2, np.where(tenth == 1, 1, 0)).astype(np.int8)


def read_split(
    name: str, split: str, path: Path, names: Sequence[str], parts: np.ndarray, root: Path, share: float = 1.0
) -> tuple[Tensor, np.ndarray]:
    """The pictures of one split, memory-mapped from a file in which all are kept, sorted by part.

    It is made at the first call, complete or not at all, in the folder that VAE_COURSE_CACHE names; else in
    `<root>/cache`; else, where `root` may not be written, in `~/.cache/vae_course`; named after the names and
    sizes of the pictures. ``names`` are pictures in ``path``, ``parts`` tell of each: 0 training, 1
    validation, 2 test; ``share`` is the side of the square in the middle, as a share of the shorter side.

    Gives uint8 (n, 3, 64, 64), of which a row is read when it is used, and the places of these pictures in
    `names`. DataError: the split is empty, a picture is damaged, or there is no room for the file.
    """
    order, files = np.argsort(parts, kind="stable"), picture_files(path)
    kept = np.isin(parts[order], [SPLITS.index(part) for part in split.split("+")])  # one stretch of rows
    if not kept.any():
        raise DataError(f"the {split} part of {path} is empty: {len(parts):,} pictures are too few.")
    names, rows = [names[row] for row in order], slice(int(kept.argmax()), int(kept.argmax() + kept.sum()))
    locked = root.exists() and not (os.access(root, os.W_OK) and root.stat().st_mode & 0o222)
    folder = os.environ.get("VAE_COURSE_CACHE") or ("~/.cache/vae_course" if locked else root / "cache")
    content = "\n".join([*(f"{key} {size}" for key, (size, _) in files.items()), *names])
    file = Path(folder).expanduser() / f"{name}_{SIZE}_{sha256(content.encode()).hexdigest()[:12]}.npy"
    shape = (len(names), 3, SIZE, SIZE)
    for _ in range(2):
        with suppress(OSError, ValueError):  # missing, or damaged
            array = np.load(file, mmap_mode="c")
            if array.shape == shape and array.dtype == np.uint8:
                break
        _write(file, decoded(path, files, names, SIZE, share=share), shape)
    return torch.from_numpy(array[rows]), order[rows]


def _write(file: Path, pictures: Iterable[np.ndarray], shape: tuple[int, ...]) -> None:
    """Write pictures into a new file as they come, one in memory at a time."""
    part = file.with_name(f".{file.stem}.{os.getpid()}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        array = np.lib.format.open_memmap(part, mode="w+", dtype=np.uint8, shape=shape)
        print(f"{file.stem}: decoding {shape[0]:,} pictures, once", file=sys.stderr, flush=True)
        for row, pixels in enumerate(pictures):
            array[row] = pixels
        array.flush()
        del array  # Windows renames only what nobody holds open
        os.replace(part, file)
    except OSError as error:
        raise DataError(
            f"cannot write the decoded pictures to {file} ({error.strerror or error}): "
            f"{np.prod(shape, dtype=np.int64) / 1e6:,.0f} MB are needed; make room, or name another folder "
            "in the environment variable VAE_COURSE_CACHE."
        ) from None
    finally:
        with suppress(OSError):
            part.unlink()


def _find(folder: Path, *patterns: str) -> Path | None:
    """The first file or folder in `folder` that fits the first of the patterns that any fits, or None."""
    return next((path for pattern in patterns for path in sorted(folder.glob(pattern))), None)


def read_table(path: Path) -> dict[str, dict[str, str]]:
    """A table of pictures: of each, by file name, what its columns hold.

    With commas and a line of names (.csv), or with spaces: CelebA's, which begin with a count and name no
    first column, or, of a list of one column, have no such line.
    """
    with path.open(encoding="utf-8", newline="") as stream:
        lines = [line for line in (csv.reader(stream) if path.suffix == ".csv" else map(str.split, stream))]
    if path.suffix == ".csv":
        columns = lines.pop(0)[1:]
    else:
        columns = lines[1] if len(lines[0]) == 1 else ["value"]
        lines = lines[2:] if len(lines[0]) == 1 else lines
    if not lines or any(len(line) != len(columns) + 1 for line in lines):
        found = f"{path} is not a table of pictures: expected a line of names, then for each picture its file"
        raise DataError(f"{found} name and as many fields.")
    return {line[0]: dict(zip(columns, line[1:], strict=True)) for line in lines}


# CelebA: faces with 40 attributes, from the files of the original or of one's own subset.
# Liu, Luo, Wang & Tang, "Deep learning face attributes in the wild" (ICCV 2015).

SQUARE = 148 / 178  # the usual center crop, as a share of the aligned picture's width
ADDRESS = "https://drive.usercontent.google.com/download?export=download&confirm=t&id={id}"
CELEBA_HOME = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
PICTURES = ("img_align_celeba", "img_align_celeba*.zip", "[cC]eleb[aA]*.zip")
TABLES = ("list_attr_celeba.txt", "attributes.csv")
LISTS = (TABLES[0], "identity_CelebA.txt", "list_eval_partition.txt")
NEEDED = (*LISTS, f"{PICTURES[0]}.zip")  # the large one last: a refusal of the lists comes at once
CELEBA_TERMS = (
    "CelebA is for non-commercial research and teaching only, and no part of it may be passed on or "
    f"published: by going on you accept its terms, {CELEBA_HOME}"
)


def load_celeba(name: str, split: str, root: Path, download: bool) -> ImageData:
    """One split of CelebA from `<root>/celeba`, uint8 (n, 3, 64, 64), memory-mapped, with attributes.

    The official parts where pictures of all three are there; else people are divided by identity, a tenth of
    them to validation and to test. Either way nobody is in two parts.
    """
    folder = root / "celeba"
    if _find(folder, *PICTURES) is None or _find(folder, *TABLES) is None:
        _fetch_celeba(folder, download)
    path, table = _find(folder, *PICTURES), _find(folder, *TABLES)
    rows, places = read_table(table), {key.rpartition("/")[2]: key for key in picture_files(path)}
    pictures = [key for key in rows if key in places]
    if not pictures:
        found = f"no picture in {path} is named in {table}, so the two do not belong together: put"
        raise DataError(f"{found} {', '.join(NEEDED)} into {folder}; {way_out(STAND_IN)}.")
    shown = tuple(column for column in rows[pictures[0]] if column != "identity")
    try:
        values = np.array([[int(rows[key][column]) > 0 for column in shown] for key in pictures], np.uint8)
    except ValueError:
        raise DataError(f"{table} is damaged: expected 1 and 0 (or -1) for each attribute.") from None
    people = [rows[key].get("identity") for key in pictures]
    names, parts = [places[key] for key in pictures], _divided(folder, pictures, people)
    images, chosen = read_split(name, split, path, names, parts, root, SQUARE)
    return ImageData(name, split, images, None, (), None, torch.from_numpy(values[chosen]), shown)


def _divided(folder: Path, pictures: Sequence[str], people: Sequence[str | None]) -> np.ndarray:
    """The part of each picture, 0 training, 1 validation, 2 test: int8 (n,). Nobody is in two parts."""

    def column(name: str) -> list[str | None]:
        rows = read_table(folder / name) if (folder / name).is_file() else {}
        return [rows[key]["value"] if key in rows else None for key in pictures]

    parts = column(LISTS[2])
    if set(parts) == {"0", "1", "2"}:
        return np.array(parts, np.int8)
    people = people if all(people) else column(LISTS[1])
    if not all(people):
        raise DataError(
            f"{folder} does not say who is on each picture, and without that one person could be in the "
            f"training and in the test part: put {LISTS[1]} there, or all pictures and {LISTS[2]}."
        )
    return part_of(people)


def _fetch_celeba(folder: Path, download: bool) -> None:
    """Put the aligned pictures (1.4 GB) and three lists into `folder`, from where its authors keep them."""
    remedy = (
        f"download {NEEDED[-1]} and the three lists ({', '.join(LISTS)}) with a browser from {CELEBA_HOME} "
        f"and put them into {folder} (Google lets a file be fetched only so often a day)"
    )
    if download:
        print(CELEBA_TERMS, file=sys.stderr, flush=True)
    from torchvision.datasets import CelebA  # for the addresses and checksums alone

    known = {key: (ADDRESS.format(id=number), md5) for number, md5, key in CelebA.file_list}
    more = {"download": download, "stand_in": STAND_IN, "remedy": remedy}
    for key in NEEDED:
        obtain(folder / key, *known[key], "CelebA", **more)


# Stanford Dogs: photographs of 120 breeds, from the original archive or one's own folder.
# Khosla, Jayadevaprakash, Yao & Fei-Fei, "Novel dataset for fine-grained image categorization" (2011).

UNKNOWN = "unknown"
DOGS_HOME = "http://vision.stanford.edu/aditya86/ImageNetDogs/"
URL = DOGS_HOME + "images.tar"
SHA256 = "a443fc2f9a851aa1a7b8e4fa4af94b8459fce2c9f5a2f4dd4669cf9673a4ec58"
DOGS_TERMS = (
    "Stanford Dogs consists of pictures from ImageNet, for non-commercial research and teaching only; cite "
    f"Khosla et al. (2011), {DOGS_HOME}"
)


def load_stanford_dogs(name: str, split: str, root: Path, download: bool) -> ImageData:
    """One split of Stanford Dogs from `<root>/stanford_dogs` (or `<root>/dogs`): uint8 (n, 3, 64, 64), center
    squares, memory-mapped; the classes are breeds, the last one "unknown".

    A picture's file name decides its part: 80 % training, 10 % validation, 10 % test. (The official division
    is made for classifiers and has no validation part.)
    """
    if (found := find_dogs(root)) is None:
        folder = root / "stanford_dogs"
        remedy = (
            f"download images.tar with a browser from {DOGS_HOME} (or make a folder Images with a folder of "
            f"pictures for each breed) and put it into {folder}"
        )
        if download:
            print(DOGS_TERMS, file=sys.stderr, flush=True)
        more = {"download": download, "stand_in": STAND_IN, "remedy": remedy}
        obtain(folder / "images.tar", URL, SHA256, "Stanford Dogs", **more)
        found = find_dogs(root)
    path, breeds = found
    parts = part_of(key.rpartition("/")[2] for key in breeds)
    images, chosen = read_split(name, split, path, list(breeds), parts, root)
    class_names = sorted(set(breeds.values()), key=lambda breed: (breed == UNKNOWN, breed))
    numbers = np.array([class_names.index(breed) for breed in breeds.values()])
    return ImageData(name, split, images, torch.from_numpy(numbers[chosen]), tuple(class_names))


def find_dogs(root: Path) -> tuple[Path, dict[str, str]] | None:
    """The folder or archive of pictures, and the breed of each by its name in there; None without any.

    A table (columns "filename" and "breed") beside a .zip of its name says the breeds; in an archive or
    folder without a table the folders do: "Images/n02085936-Maltese_dog/x.jpg" is a "maltese_dog".
    """
    for folder in (root / "stanford_dogs", root / "dogs"):
        if table := _find(folder, "stanford_dogs*.csv"):
            path, rows = table.with_suffix(".zip"), read_table(table)
            files = [key for key in picture_files(path) if key in rows]
            if not files or "breed" not in rows[files[0]]:
                raise DataError(f"{table} tells no breeds of the pictures in {path}: put two that fit.")
            return path, {key: rows[key]["breed"] or UNKNOWN for key in files}
        if path := _find(folder, "images.tar", "Images", "*.zip"):
            folders = {key: f"{path.name}/{key}".split("/")[-2] for key in picture_files(path)}
            return path, {key: re.sub(r"^n\d+-", "", own).lower() for key, own in folders.items()}
    return None


# CIFAR-10: ten classes of small photographs. Krizhevsky, "Learning multiple layers of features" (2009).


def load_cifar10(name: str, split: str, root: Path, download: bool) -> ImageData:
    """One split of CIFAR-10, uint8 (n, 3, 32, 32), from `<root>/cifar10`: of a .zip (train/CLASS/x.jpg and
    test/CLASS/x.jpg), else of the original (170 MB). Validation is every tenth training picture.
    """
    folder, training = root / "cifar10", split != "test"
    path = _find(folder, "*.zip")
    if path is not None:
        files = picture_files(path)
        names = [key for key in files if key.split("/")[-3] == ("train" if training else "test")]
        class_names = sorted({key.split("/")[-2] for key in names})
        images = np.stack(list(decoded(path, files, names, None)))
        labels = np.array([class_names.index(key.split("/")[-2]) for key in names])
    else:
        from torchvision.datasets import CIFAR10

        archive = folder / CIFAR10.filename
        obtain(archive, CIFAR10.url, CIFAR10.tgz_md5, "CIFAR-10", download=download, stand_in=STAND_IN)
        whole = CIFAR10(folder, train=training, download=True)  # unpacks what is there
        images, labels, class_names = whole.data.transpose(0, 3, 1, 2), np.array(whole.targets), whole.classes
    held_out = np.arange(len(images)) % 10 == 9
    kept = {"train": ~held_out, "validation": held_out}.get(split, slice(None))
    pixels = torch.from_numpy(np.ascontiguousarray(images[kept]))
    return ImageData(name, split, pixels, torch.from_numpy(labels[kept]), tuple(class_names))
