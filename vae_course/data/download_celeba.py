"""Fetching CelebA from Google Drive, where its authors keep it."""

from __future__ import annotations

import sys
from pathlib import Path

from vae_course.data.errors import OFFLINE_PICTURES, DataError
from vae_course.data.resumable import fetch_resumable

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
