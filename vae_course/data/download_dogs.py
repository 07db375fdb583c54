"""Fetching the original archive of Stanford Dogs."""

from __future__ import annotations

import sys
from pathlib import Path

from vae_course.data.errors import OFFLINE_PICTURES
from vae_course.data.resumable import fetch_resumable

HOME = "http://vision.stanford.edu/aditya86/ImageNetDogs/"
URL = HOME + "images.tar"
SHA256 = "a443fc2f9a851aa1a7b8e4fa4af94b8459fce2c9f5a2f4dd4669cf9673a4ec58"
TERMS = (
    "Stanford Dogs consists of pictures from ImageNet, for non-commercial research and teaching only; cite "
    f"Khosla et al. (2011), {HOME}"
)


def download_dogs(folder: Path) -> None:
    """Put images.tar (794 MB) into `folder`.

    Raises:
        DataError: the file cannot be had; the sentence names the remedy.
    """
    remedy = (
        f"try again later, or download images.tar with a browser from {HOME} (or Kaggle's "
        f'"stanford-dogs-dataset" as a .zip) and put it into {folder}; {OFFLINE_PICTURES}'
    )
    print(TERMS, file=sys.stderr, flush=True)
    fetch_resumable(URL, folder / "images.tar", SHA256, name="Stanford Dogs", remedy=remedy)
