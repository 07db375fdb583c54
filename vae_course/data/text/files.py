"""The files that text comes from: reading them, and fetching the ones that are missing."""

from __future__ import annotations

import csv
import io
import os
import zipfile
from pathlib import Path

from vae_course.data.errors import DataError
from vae_course.data.fetch import fetch, temporary_folder
from vae_course.files import write_atomically

NAMES_URL = "https://raw.githubusercontent.com/karpathy/makemore/master/names.txt"
NAMES_LEAST = 30_000  # names that the file must hold at least; its publisher gives no checksum
SENTENCES_URL = "http://d2l-data.s3-accelerate.amazonaws.com/fra-eng.zip"
SENTENCES_SHA1 = "94646ad1522d915e7b0f9296181140edcf86a4f5"
NEWS_URL = "https://raw.githubusercontent.com/mhjabreel/CharCnn_Keras/master/data/ag_news_csv/test.csv"
NEWS_MD5 = "d52ea96a97a2d943681189a97654912d"

NEWS_CLASSES = ("World", "Sports", "Business", "Sci/Tech")
OFFLINE = 'load("invented_names") and load("invented_sentences") need no files and no network'


def read_names(folder: Path, download: bool) -> list[str]:
    """Given names in lower-case letters, each once, in the order of the file (roughly by popularity)."""
    path = _present(folder / "names.txt", download, _fetch_names)
    return list(dict.fromkeys(_lines(path)))


def read_sentences(folder: Path, download: bool) -> list[str]:
    """English sentences of Tatoeba, each once, in the order of the file (shortest first)."""
    path = _present(folder / "tatoeba_en.tsv", download, _fetch_sentences)
    return list(dict.fromkeys(line.partition("\t")[0] for line in _lines(path)))


def read_news(folder: Path, download: bool) -> tuple[list[str], list[int]]:
    """Headlines of AG News, each once, and the number of each one's class."""
    path = find_news(folder, download)
    found: dict[str, int] = {}
    for row in csv.reader(io.StringIO("\n".join(_lines(path)))):
        if len(row) != 3 or row[0] not in ("1", "2", "3", "4"):
            raise DataError(
                f"{path} is not AG News: a row is {str(row)[:60]}, but class (1 to 4), headline and "
                f"description are expected; delete the file and call load again."
            )
        found.setdefault(row[1].replace("\\", " ").strip(), int(row[0]) - 1)
    return list(found), list(found.values())


def find_news(folder: Path, download: bool) -> Path:
    """AG News as one .csv: class 1 to 4, headline, description; fetched where missing and allowed."""
    return _present(folder / "ag_news.csv", download, _fetch_news)


def _present(path: Path, download: bool, get) -> Path:
    if path.is_file():
        return path
    if not download:
        raise DataError(
            f"{path.name} is not in {path.parent} and download=False forbids fetching it: put it there, or "
            f"allow the download; {OFFLINE}."
        )
    try:
        get(path)
    except DataError as error:
        text = str(error)
        raise DataError(text if OFFLINE in text else f"{text.rstrip('.')} ({OFFLINE}).") from None
    return path


def _remedy(path: Path, what: str) -> str:
    return f"save {what} as {path} yourself; {OFFLINE}"


def _lines(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as text ({error}); delete it and call load again.") from None
    lines = [line.strip() for line in lines if line.strip()]
    if not lines:
        raise DataError(f"{path} is empty; delete it and call load again.")
    return lines


def _fetch_names(path: Path) -> None:
    with temporary_folder(path.parent) as folder:
        part = folder / path.name
        fetch(NAMES_URL, part, None, remedy=_remedy(path, "the list of names"))
        names = part.read_bytes().split()
        good = sum(name.isalpha() and name.islower() for name in names)
        if good < NAMES_LEAST or good < len(names):
            raise DataError(
                f"what {NAMES_URL} sent is not the list of names ({good:,} of {len(names):,} lines are "
                f"names, {NAMES_LEAST:,} or more are expected) and was thrown away; try again later."
            )
        os.replace(part, path)


def _fetch_sentences(path: Path) -> None:
    """The English side of the pairs, without the translations."""
    with temporary_folder(path.parent) as folder:
        part = folder / "fra-eng.zip"
        fetch(SENTENCES_URL, part, SENTENCES_SHA1, "sha1", remedy=_remedy(path, "sentences, one a line,"))
        with zipfile.ZipFile(part) as archive:
            content = archive.read("fra-eng/fra.txt").decode("utf-8")
        sentences = dict.fromkeys(line.partition("\t")[0] for line in content.splitlines())
        write_atomically(path, "\n".join([*sentences, ""]).encode())


def _fetch_news(path: Path) -> None:
    fetch(NEWS_URL, path, NEWS_MD5, "md5", remedy=_remedy(path, "AG News's test.csv"))
