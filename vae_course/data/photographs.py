"""Photographs: CelebA and Stanford Dogs, from their files to arrays."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import re
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from vae_course.data.download import fetch_resumable
from vae_course.data.images import OFFLINE_PICTURES, DataError, ImageData, part_of, rows_of

# -------- Pictures as files: listing and reading them from a folder, a .zip or a .tar, and cutting them
# square.

SUFFIXES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class PictureFiles:
    """The pictures below one folder or inside one archive.

    Attributes:
        path: the folder, the .zip or the (uncompressed) .tar.
        names: names of the pictures, with / between folders, sorted.
        fingerprint: changes when a picture is added, removed or changes its size.
    """

    path: Path
    names: tuple[str, ...]
    fingerprint: str

    def read(self, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """The content of the named pictures, in that order, as pairs of name and bytes."""
        if self.path.is_dir():
            for name in names:
                yield name, (self.path / name).read_bytes()
        elif self.path.suffix == ".tar":
            with tarfile.open(self.path, "r:") as archive:
                members = {member.name: member for member in archive.getmembers()}
                for name in names:
                    yield name, archive.extractfile(members[name]).read()
        else:
            with zipfile.ZipFile(self.path) as archive:
                for name in names:
                    yield name, archive.read(name)


def list_pictures(path: Path) -> PictureFiles:
    """All pictures (.jpg, .jpeg, .png) below a folder, or in a .zip or .tar.

    Raises:
        DataError: the archive cannot be opened.
    """
    try:
        sizes = dict(_sizes(path))
    except (OSError, zipfile.BadZipFile, tarfile.TarError) as error:
        raise DataError(
            f"{path} cannot be opened ({error}): it is damaged or still being copied; delete it and fetch it "
            "anew."
        ) from None
    names = tuple(sorted(sizes))
    content = "\n".join(f"{name} {sizes[name]}" for name in names)
    return PictureFiles(path, names, hashlib.sha256(content.encode()).hexdigest())


def _sizes(path: Path) -> Iterator[tuple[str, int]]:
    """Pairs of a picture's name and its size in bytes (in a .zip its checksum, which says more)."""
    if path.is_dir():
        for folder, _, files in os.walk(path):
            inside = Path(folder).relative_to(path)
            for name in files:
                if _is_picture(name):
                    yield (inside / name).as_posix(), (Path(folder) / name).stat().st_size
    elif path.suffix == ".tar":
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                if member.isfile() and _is_picture(member.name):
                    yield member.name, member.size
    else:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                if _is_picture(entry.filename):
                    yield entry.filename, entry.CRC


def _is_picture(name: str) -> bool:
    own = name.rpartition("/")[2]
    return own.lower().endswith(SUFFIXES) and not own.startswith("._") and "__MACOSX" not in name


def decode(content: bytes, size: int, square: float = 1.0) -> np.ndarray:
    """Decode a picture, cut a square out of its middle and shrink it.

    Args:
        content: a JPEG or PNG file; gray pictures become colored ones with three equal channels.
        size: side of the result in pixels.
        square: side of the square, as a share of the shorter side.

    Returns:
        uint8 (3, size, size).

    Raises:
        OSError, ValueError: not a whole picture.
    """
    from PIL import Image

    with Image.open(io.BytesIO(content)) as image:
        image.draft("RGB", (4 * size, 4 * size))  # large JPEGs are decoded at a fraction of their size
        width, height = image.size
        side = round(min(width, height) * square)
        left, top = (width - side) // 2, (height - side) // 2
        image = image.convert("RGB").crop((left, top, left + side, top + side))
        if side != size:
            image = image.resize((size, size), Image.Resampling.BICUBIC)
        return np.asarray(image).transpose(2, 0, 1)


# -------- Decode pictures once: a memory-mapped file of uint8 that later epochs and later sessions read.


def cache_folder(root: Path) -> Path:
    """Where decoded pictures go.

    The environment variable VAE_COURSE_CACHE; else `<root>/cache`; else, when the data folder may not be
    written, `vae_course` in the user's folder for caches.
    """
    chosen = os.environ.get("VAE_COURSE_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    if not root.exists() or (os.access(root, os.W_OK) and root.stat().st_mode & 0o222):
        return root / "cache"
    own = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or Path.home() / ".cache"
    return Path(own) / "vae_course"


def decoded(
    files: PictureFiles, names: Sequence[str], path: Path, *, size: int = 64, square: float = 1.0
) -> torch.Tensor:
    """The named pictures as one tensor, memory-mapped from `path`, which is made at the first call.

    The file appears only when it is complete. What is written into the tensor stays in this process.

    Args:
        files: where the pictures are.
        names: which of them, in the order wanted.
        path: .npy file, uint8 (N, 3, size, size).
        size, square: see `picture_files.decode`.

    Returns:
        uint8 (N, 3, size, size); a row is read from the disk when it is used.

    Raises:
        DataError: a picture is damaged, or there is no room for the file.
    """
    shape = (len(names), 3, size, size)
    found = _open(path, shape)
    if found is None:
        try:
            _write(files, names, path, shape, square)
        except OSError as error:
            needed = np.prod(shape, dtype=np.int64) / 1e6
            raise DataError(
                f"cannot write the decoded pictures to {path} ({error.strerror or error}): {needed:,.0f} MB "
                "are needed; make room, or name another folder in the environment variable VAE_COURSE_CACHE."
            ) from None
        found = _open(path, shape)
    return torch.from_numpy(found)


def _open(path: Path, shape: tuple[int, ...]) -> np.ndarray | None:
    """The file as an array that shares memory with it, or None if it is missing or not what it should be."""
    try:
        array = np.load(path, mmap_mode="c")
    except (OSError, ValueError):
        return None
    return array if array.shape == shape and array.dtype == np.uint8 else None


def _write(
    files: PictureFiles, names: Sequence[str], path: Path, shape: tuple[int, ...], square: float
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=".part")
    os.close(handle)
    try:
        array = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=shape)
        shown = 0
        for row, (name, content) in enumerate(files.read(names)):
            try:
                array[row] = decode(content, shape[-1], square)
            except (OSError, ValueError, SyntaxError) as error:
                raise DataError(
                    f"{name} in {files.path} is not a whole picture ({error}): delete it or fetch it anew."
                ) from None
            if (row + 1) * 10 // len(names) > shown:
                shown = (row + 1) * 10 // len(names)
                done = f"{10 * shown:3d} % of {len(names):,} pictures decoded"
                print(f"{path.stem}: {done}", file=sys.stderr, flush=True)
        array.flush()
        del array  # Windows renames only what nobody holds open
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


# -------- CelebA's tables, as text with spaces (the original) or with commas (Kaggle, one's own).

FILE_COLUMNS = ("filename", "image_id")


@dataclass(frozen=True, eq=False)
class AttributeTable:
    """What is known about each picture.

    Attributes:
        path: the file it was read from.
        pictures: file names of N pictures.
        names: names of the A attributes.
        values: uint8 (N, A), 0 or 1.
        identities: who is on each picture, or None where the table does not say.
    """

    path: Path
    pictures: tuple[str, ...]
    names: tuple[str, ...]
    values: np.ndarray
    identities: tuple[str, ...] | None

    def rows(self, index: np.ndarray) -> AttributeTable:
        """The rows at `index`, int64 (n,)."""
        people = self.identities
        return replace(
            self,
            pictures=tuple(self.pictures[i] for i in index),
            values=self.values[index],
            identities=None if people is None else tuple(people[i] for i in index),
        )


def read_attributes(path: Path) -> AttributeTable:
    """A table with one line per picture: file name, perhaps "identity", then attributes as 1 and 0 or −1.

    Raises:
        DataError: the file is something else.
    """
    lines = list(_lines(path))
    if lines and len(lines[0]) == 1:  # the original begins with the number of pictures
        lines = lines[1:]
    header, rows = (lines[0], lines[1:]) if lines else ([], [])
    if header and header[0] not in FILE_COLUMNS:  # the original names no first column
        header = [FILE_COLUMNS[0], *header]
    try:
        columns = [i for i, name in enumerate(header) if name not in (*FILE_COLUMNS, "identity")]
        values = np.array([[int(row[i]) > 0 for i in columns] for row in rows], np.uint8)
        if values.ndim != 2 or not values.shape[1] or any(len(row) != len(header) for row in rows):
            raise ValueError
    except (ValueError, IndexError):
        raise DataError(
            f"{path} is not a table of attributes: expected a line of names, then for each picture its file "
            "name and 1 or 0 (or -1) for each attribute."
        ) from None
    who = header.index("identity") if "identity" in header else None
    return AttributeTable(
        path,
        tuple(row[0] for row in rows),
        tuple(header[i] for i in columns),
        values,
        None if who is None else tuple(row[who] for row in rows),
    )


def read_pairs(path: Path) -> dict[str, int]:
    """A table of file names and one whole number each (an identity, or a part 0, 1, 2)."""
    try:
        return {row[0]: int(row[1]) for row in _lines(path) if row[0] not in FILE_COLUMNS}
    except (ValueError, IndexError):
        raise DataError(f"{path} is damaged: expected a file name and a whole number on each line.") from None


def _lines(path: Path) -> Iterator[list[str]]:
    """The fields of each line that is not empty."""
    with path.open(encoding="utf-8", errors="replace", newline="") as stream:
        if path.suffix == ".csv":
            yield from (row for row in csv.reader(stream) if row)
        else:
            yield from (line.split() for line in stream if line.strip())


# -------- Fetching CelebA from Google Drive, where its authors keep it.

ADDRESS = "https://drive.usercontent.google.com/download?export=download&confirm=t&id={id}"
HOME = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
LISTS = ("list_attr_celeba.txt", "identity_CelebA.txt", "list_eval_partition.txt")
NEEDED = (*LISTS, "img_align_celeba.zip")  # the large one last: a refusal of the lists comes at once
TERMS = (
    "CelebA is for non-commercial research and teaching only, and no part of it may be passed on or "
    f"published: by going on you accept its terms, {HOME}"
)


def download_celeba(folder: Path) -> None:
    """Put the aligned pictures (1.4 GB) and three lists into `folder`, in torchvision's layout.

    torchvision supplies the addresses and checksums.

    Raises:
        DataError: torchvision cannot be imported, or a file cannot be had; the sentence names the remedy.
    """
    try:
        from torchvision.datasets import CelebA
    except (ImportError, RuntimeError) as error:  # RuntimeError: torch and torchvision do not fit together
        raise DataError(
            f"the addresses of CelebA's files come from torchvision, which cannot be imported ({error}): pip "
            f"install torchvision, or put {', '.join(NEEDED)} into {folder}; {OFFLINE_PICTURES}."
        ) from error
    known = {name: (address, md5) for address, md5, name in CelebA.file_list}
    remedy = (
        f"Google lets a file be fetched only so often a day: try again tomorrow, or download {NEEDED[-1]} "
        f"and the three lists ({', '.join(LISTS)}) with a browser from {HOME} and put them into {folder}; "
        f"{OFFLINE_PICTURES}"
    )
    print(TERMS, file=sys.stderr, flush=True)
    for name in NEEDED:
        if not (folder / name).is_file():
            address, md5 = known[name]
            url = ADDRESS.format(id=address)
            fetch_resumable(url, folder / name, md5, "md5", name=f"CelebA's {name}", remedy=remedy)


# -------- CelebA: faces with 40 attributes, from the files of the original, of Kaggle, or of one's own
# subset.
#
# Liu, Luo, Wang & Tang, "Deep learning face attributes in the wild" (ICCV 2015).

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


# -------- Fetching the original archive of Stanford Dogs.

DOGS_HOME = "http://vision.stanford.edu/aditya86/ImageNetDogs/"
URL = DOGS_HOME + "images.tar"
SHA256 = "a443fc2f9a851aa1a7b8e4fa4af94b8459fce2c9f5a2f4dd4669cf9673a4ec58"
DOGS_TERMS = (
    "Stanford Dogs consists of pictures from ImageNet, for non-commercial research and teaching only; cite "
    f"Khosla et al. (2011), {DOGS_HOME}"
)


def download_dogs(folder: Path) -> None:
    """Put images.tar (794 MB) into `folder`.

    Raises:
        DataError: the file cannot be had; the sentence names the remedy.
    """
    remedy = (
        f"try again later, or download images.tar with a browser from {DOGS_HOME} (or Kaggle's "
        f'"stanford-dogs-dataset" as a .zip) and put it into {folder}; {OFFLINE_PICTURES}'
    )
    print(DOGS_TERMS, file=sys.stderr, flush=True)
    fetch_resumable(URL, folder / "images.tar", SHA256, name="Stanford Dogs", remedy=remedy)


# -------- Stanford Dogs: photographs of 120 breeds, from the original archive, Kaggle's copies or one's own
# folder.
#
# Khosla, Jayadevaprakash, Yao & Fei-Fei, "Novel dataset for fine-grained image categorization" (2011).

UNKNOWN = "unknown"
FOLDERS = ("stanford_dogs", "dogs")  # below the data folder
DOGS_EXPECTED = "the original images.tar, or a folder Images with a folder of pictures for each breed,"
DOGS_COLUMNS = ("filename", "id")


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
                f"Stanford Dogs is not in {folder} and download=False forbids fetching it: put {DOGS_EXPECTED} "
                f"there, or allow the download; {OFFLINE_PICTURES}."
            )

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
    name = next((column for column in DOGS_COLUMNS if column in columns), None)
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
