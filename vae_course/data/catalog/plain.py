"""The sets of the catalog in plain Python: where their files are, how they are fetched, and what is in them.

Everything here works without tensorflow_datasets; the builders hand these examples on.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vae_course.data.errors import OFFLINE_PICTURES, DataError
from vae_course.data.picture_files import decode
from vae_course.data.splits import PARTS, part_of

Example = dict[str, object]


@dataclass(frozen=True)
class PlainSet:
    """One set: `examples(root, download)` yields the number of the part (0, 1, 2), a key and the example."""

    name: str
    citation: str
    homepage: str
    examples: Callable[[Path, bool], Iterator[tuple[int, str, Example]]]


def spoken_digit(root: Path, download: bool) -> Iterator[tuple[int, str, Example]]:
    """ "audio" int16 (samples,) at 8 kHz, "label" 0 to 9, "speaker". Takes 0-4: test; 5-9: validation."""
    from vae_course.data.spoken_digits import find_recordings, read_recordings

    for digit, speaker, take, samples in read_recordings(find_recordings(root / "audio", download), 8000):
        part = 0 if take >= 10 else 1 if take >= 5 else 2
        yield part, f"{digit}_{speaker}_{take}", {"audio": samples, "label": digit, "speaker": speaker}


def ag_news(root: Path, download: bool) -> Iterator[tuple[int, str, Example]]:
    """ "title", "description", "label" 0 to 3; the title decides the part."""
    from vae_course.data.text.files import find_news

    content = find_news(root / "text", download).read_text(encoding="utf-8")
    rows = list(csv.reader(io.StringIO(content)))
    for number, (row, part) in enumerate(zip(rows, part_of([row[1] for row in rows]), strict=True)):
        example = {"title": row[1], "description": row[2], "label": int(row[0]) - 1}
        yield int(part), f"{number:06d}", example


def stanford_dogs(root: Path, download: bool) -> Iterator[tuple[int, str, Example]]:
    """ "image" uint8 (64, 64, 3), "breed"; parts as those of `load("stanford_dogs")`."""
    from vae_course.data.stanford_dogs import SIZE, find_or_fetch_dogs

    files, breeds = find_or_fetch_dogs(root, download)
    parts = part_of([name.rpartition("/")[2] for name in breeds])
    for (name, content), part in zip(files.read(breeds), parts, strict=True):
        yield int(part), name, {"image": decode(content, SIZE).transpose(1, 2, 0), "breed": breeds[name]}


FACTORS = ("shape", "scale", "orientation", "x_position", "y_position")
DSPRITES_FILE = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"
DSPRITES_URL = f"https://github.com/google-deepmind/dsprites-dataset/raw/master/{DSPRITES_FILE}"
DSPRITES_MD5 = "7da33b31b13a06f4b04a70402ce90c2e"


def dsprites(root: Path, download: bool) -> Iterator[tuple[int, str, Example]]:
    """ "image" uint8 (64, 64, 1), 0 or 255, and the class of five factors; the number decides the part."""
    path = root / "dsprites" / DSPRITES_FILE
    way_out = f"put {DSPRITES_FILE} (27 MB) into {path.parent} yourself; {OFFLINE_PICTURES}"
    if not path.is_file():
        if not download:
            raise DataError(
                f"dSprites is not in {path.parent} and download=False forbids fetching it: {way_out}."
            )
        from vae_course.data.resumable import fetch_resumable

        fetch_resumable(
            DSPRITES_URL, path, DSPRITES_MD5, "md5", name="dSprites", remedy=f"try again later, or {way_out}"
        )
    try:
        with np.load(path) as archive:  # its "metadata" would need unpickling, so it is left alone
            images, classes = archive["imgs"], archive["latents_classes"]
        if images.ndim != 3 or classes.shape != (len(images), len(FACTORS) + 1):
            raise ValueError
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise DataError(
            f"{path} is damaged: it is not the file of dSprites; delete it and {way_out}."
        ) from error
    keys = [f"{number:06d}" for number in range(len(images))]
    for image, row, key, part in zip(images, classes, keys, part_of(keys), strict=True):
        factors = {name: int(value) for name, value in zip(FACTORS, row[1:], strict=True)}  # 0 is the color
        yield int(part), key, {"image": image[..., None] * np.uint8(255), **factors}


CATALOG = {
    plain.name: plain
    for plain in (
        PlainSet(
            "course_spoken_digit",
            "Z. Jackson and others, Free Spoken Digit Dataset, CC BY-SA 4.0",
            "https://github.com/Jakobovski/free-spoken-digit-dataset",
            spoken_digit,
        ),
        PlainSet(
            "course_ag_news",
            "Zhang, Zhao & LeCun (2015), from AG's corpus of news articles; non-commercial use",
            "https://github.com/mhjabreel/CharCnn_Keras",
            ag_news,
        ),
        PlainSet(
            "course_stanford_dogs",
            "Khosla, Jayadevaprakash, Yao & Fei-Fei (2011); non-commercial research and teaching",
            "http://vision.stanford.edu/aditya86/ImageNetDogs/",
            stanford_dogs,
        ),
        PlainSet(
            "course_dsprites",
            "Matthey, Higgins, Hassabis & Lerchner, dSprites (2017), Apache License 2.0",
            "https://github.com/google-deepmind/dsprites-dataset",
            dsprites,
        ),
    )
}


def plain_examples(name: str, split: str, root: Path, download: bool) -> list[Example]:
    """One split of a set, read without tensorflow_datasets and held in memory."""
    wanted = {PARTS.index(part) for part in split.split("+")}
    return [example for part, _, example in CATALOG[name].examples(root, download) if part in wanted]
