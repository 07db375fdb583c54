"""Files: from the network, whole or not there; and what folders and archives hold."""

import hashlib
import http.client
import os
import re
import sys
import tarfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Sequence
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
    urls: str | Sequence[str],
    digest: str | None,
    what: str,
    *,
    download: bool = True,
    stand_in: str = "digits",
    remedy: str = "",
) -> Path:
    """The file `target`, downloaded if it is missing; it appears only when complete and of the given digest.

    Until then the bytes lie in `<target>.part`, and the next call asks the server for the rest alone.
    ``urls`` are tried in turn; ``digest`` is MD5, SHA-1 or SHA-256 in hex (None where its publisher gives
    none); ``what`` it is in messages: "MNIST"; ``stand_in`` a data set that needs no files, and ``remedy``
    what the reader can put where, if it is not this file; half a sentence. DataError: it cannot be had.
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
        part.open("ab").close()
    except OSError as error:
        raise DataError(
            f"cannot write in {target.parent} ({error.strerror}): give a folder that can be written with "
            f"root= or the environment variable VAE_COURSE_DATA; {way_out(stand_in)}."
        ) from None
    failures = []
    for url in [urls] if isinstance(urls, str) else urls:
        try:
            _append(url, part)
            _check(part, digest)
            os.replace(part, target)
            return target
        except (OSError, http.client.HTTPException, ValueError) as error:
            failures.append(f"{url}: {_reason(error)}")
    kept = part.stat().st_size if part.is_file() else 0
    if not kept:
        part.unlink(missing_ok=True)
    again = f"load again to go on after the first {kept / 1e6:.1f} MB" if kept else "try again later"
    raise DataError(f"cannot download {what} from {' or '.join(failures)}; {again}, or {otherwise}")


def _append(url: str, part: Path) -> None:
    """Append to `part` what it lacks; start anew where the server does not continue files."""
    done = part.stat().st_size
    headers = {"User-Agent": "vae_course"} | ({"Range": f"bytes={done}-"} if done else {})
    try:
        response = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # nothing is left to send: the digest will tell whether this is the file
        raise
    with response, part.open("ab") as stream:
        if response.status != http.client.PARTIAL_CONTENT:
            done = 0
            stream.truncate(0)
        total = done + int(response.headers.get("Content-Length") or 0)
        shown = -1
        while True:
            if done * 10 // max(total, 1) > shown:
                shown = done * 10 // max(total, 1)
                name, percent = part.name.removesuffix(".part"), min(10 * shown, 100)
                print(f"{name}: {percent:3d} % of {total / 1e6:.1f} MB", file=sys.stderr, flush=True)
            chunk = response.read1(1 << 20)  # not read: it would hold back what came before a cut
            if not chunk:
                break
            stream.write(chunk)
            done += len(chunk)
    if done < total:  # reading in chunks, http.client takes an early end for the end
        raise http.client.IncompleteRead(b"", total - done)


def _check(part: Path, digest: str | None) -> None:
    """Throw the file away and raise ValueError if it is another one."""
    algorithm = ALGORITHMS[len(digest)] if digest else "md5"
    with part.open("rb") as stream:
        page = stream.read(100).lstrip().startswith(b"<")
        stream.seek(0)
        found = hashlib.file_digest(stream, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()
    if page if digest is None else found != digest:
        os.truncate(part, 0)
        if page:  # as Google Drive does
            raise ValueError("it sent a web page instead of the file, perhaps after too many downloads today")
        raise ValueError(f"wrong checksum, {found} where {digest} was expected: thrown away")


def _reason(error: Exception) -> str:
    """Why a download failed, for somebody who does not know urllib."""
    if isinstance(error, urllib.error.HTTPError):
        return f"the server refused with {error.code} {error.reason}"
    if isinstance(error, TimeoutError) or isinstance(getattr(error, "reason", None), TimeoutError):
        return f"the server sent nothing for {TIMEOUT:g} seconds"
    if isinstance(error, urllib.error.URLError):
        return f"no connection to the server ({getattr(error.reason, 'strerror', None) or error.reason})"
    if isinstance(error, ConnectionError | http.client.HTTPException):
        return "the connection was cut before the end"
    return str(error)


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
