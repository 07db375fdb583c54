"""Files: from the network, whole or not there; and what folders and archives hold."""

import hashlib
import http.client
import os
import re
import sys
import tarfile
import urllib.request
import zipfile
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from vae_course.data.images import DataError

TIMEOUT = 30.0  # seconds without a byte before a server counts as gone
ALGORITHMS = {32: "md5", 40: "sha1", 64: "sha256"}  # by the length of a digest


def way_out(stand_in: str = "digits") -> str:
    """What works without a network, half a sentence; `stand_in` is the data set that `load` makes itself."""
    return f'load("{stand_in}") needs no files and no network; for a whole chapter set OFFLINE = True'


def obtain(
    target: Path,
    url: str,
    digest: str | None,
    what: str,
    *,
    download: bool,
    stand_in: str = "digits",
    remedy: str = "",
) -> Path:
    """The file `target`, downloaded if it is missing; it appears only when complete and of the given digest.

    ``digest`` is MD5, SHA-1 or SHA-256 in hex (None where its publisher gives none); ``what`` it is in
    messages: "MNIST"; ``stand_in`` a data set that needs no files, and ``remedy`` what the reader can put
    where, if it is not this file; half a sentence. DataError: it cannot be had.
    """
    target = target.absolute()
    if target.is_file():
        return target
    otherwise = f"{remedy or f'put {target.name} into {target.parent} yourself'}; {way_out(stand_in)}."
    if not download:
        found = f"{what} is not in {target.parent} ({target.name} is missing) and download=False forbids"
        raise DataError(f"{found} fetching it: allow the download, or {otherwise}")
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _fetch(url, part, digest)
        os.replace(part, target)
    except (OSError, http.client.HTTPException, ValueError) as error:
        found = f"cannot download {what} from {url} into {target.parent} ({error})"
        raise DataError(f"{found}; try again later, or {otherwise}") from None
    finally:
        with suppress(OSError):
            part.unlink()
    return target


def _fetch(url: str, part: Path, digest: str | None) -> None:
    """Write what the server sends into `part`; ValueError: it is not the file of that digest."""
    request = urllib.request.Request(url, headers={"User-Agent": "vae_course"})
    algorithm = hashlib.new(ALGORITHMS[len(digest)] if digest else "md5", usedforsecurity=False)
    done = shown = 0
    with urllib.request.urlopen(request, timeout=TIMEOUT) as response, part.open("wb") as stream:
        total = int(response.headers.get("Content-Length") or 0)
        while chunk := response.read(1 << 20):
            if done == 0 and chunk.lstrip().startswith(b"<"):  # as Google Drive does
                raise ValueError("it sent a web page instead, perhaps after too many downloads today")
            stream.write(chunk)
            algorithm.update(chunk)
            done += len(chunk)
            if done * 10 // max(total, 1) > shown:
                shown = done * 10 // max(total, 1)
                name = part.name.removesuffix(".part")
                print(f"{name}: {10 * shown:3d} % of {total / 1e6:.1f} MB", file=sys.stderr, flush=True)
    if done < total or (digest and algorithm.hexdigest() != digest):
        raise ValueError(f"what came, {done:,} bytes, is not the whole file: its checksum is another one")


def files_in(path: Path) -> dict[str, tuple[int, Callable[[], bytes]]]:
    """The files below a folder or in a .zip or .tar(.gz): by name, their size and a function that reads them.

    In a .zip the checksum stands for the size. Hidden files are left out. DataError: it cannot be opened.
    """
    try:
        if path.is_dir():
            below = [file for file in path.rglob("*") if file.is_file()]
            found = {f.relative_to(path).as_posix(): (f.stat().st_size, f.read_bytes) for f in below}
        elif path.suffix == ".zip":
            packed = zipfile.ZipFile(path)
            entries = [entry for entry in packed.infolist() if not entry.is_dir()]
            found = {entry.filename: (entry.CRC, partial(packed.read, entry)) for entry in entries}
        else:
            tar = tarfile.open(path)
            members = [member for member in tar if member.isfile()]
            found = {m.name: (m.size, lambda m=m: tar.extractfile(m).read()) for m in members}
    except (OSError, EOFError, zipfile.BadZipFile, tarfile.TarError) as error:
        reason = str(error).splitlines()[0].rstrip(":")
        raise DataError(
            f"{path} cannot be opened ({reason}): it is damaged or still being copied; delete it and fetch "
            "it anew."
        ) from None
    hidden = re.compile(r"(^|/)(\.[^/.]|__MACOSX)")
    return {name: file for name, file in found.items() if not hidden.search(name)}
