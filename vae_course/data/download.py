"""Downloads: checked, resumable, complete or not there."""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import socket
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vae_course.data.images import OFFLINE_ALTERNATIVE, DataError

# -------- Downloading one file so that it is whole, checked and in place, or not there at all.

TIMEOUT = 30.0  # seconds without a byte before a server counts as gone
NETWORK_ERRORS = (OSError, http.client.HTTPException)  # URLError and timeouts are OSErrors
_CHUNK = 1 << 18


def fetch(
    url: str, target: Path, checksum: str | None, algorithm: str = "sha256", *, remedy: str | None = None
) -> None:
    """Download `url` to `target`, which appears only when complete and of the given checksum.

    Progress is printed to standard error, a line per tenth. `algorithm` is what the publisher took ("sha256",
    "sha1", "md5"); with None for `checksum` the caller must look at what came.
    `remedy` says what the reader can do in place of waiting, if it is not to put the file beside `target`.

    Raises:
        DataError: no network, a refusal, a connection cut midway, another checksum, or an unwritable folder.
    """
    remedy = remedy or f"put the file in {target.parent} yourself; {OFFLINE_ALTERNATIVE}"
    way_out = f"try again later, or {remedy}."
    with temporary_folder(target.parent) as folder:
        part = folder / target.name
        try:
            digest = _stream(url, part, algorithm)
        except NETWORK_ERRORS as error:
            raise DataError(f"cannot download {url}: {reason(error)}; {way_out}") from None
        if checksum is not None and digest != checksum:
            kind = algorithm.upper().replace("SHA", "SHA-")
            raise DataError(
                f"the download of {url} has the wrong checksum and was thrown away: {kind} {digest} where "
                f"{checksum} was expected; {way_out}"
            )
        os.replace(part, target)


def _stream(url: str, part: Path, algorithm: str) -> str:
    """Write the answer of `url` to `part` and return its digest; a short answer raises IncompleteRead."""
    digest = hashlib.new(algorithm, usedforsecurity=False)
    request = urllib.request.Request(url, headers={"User-Agent": "vae_course"})
    with urllib.request.urlopen(request, timeout=TIMEOUT) as response, part.open("wb") as stream:
        total, done, shown = int(response.headers.get("Content-Length") or 0), 0, 0
        print(f"{part.name}: downloading {total / 1e6:.1f} MB", file=sys.stderr, flush=True)
        while chunk := response.read(_CHUNK):
            stream.write(chunk)
            digest.update(chunk)
            done += len(chunk)
            if total and done * 10 // total > shown:
                shown = done * 10 // total
                print(f"{part.name}: {10 * shown:3d} % of {total / 1e6:.1f} MB", file=sys.stderr, flush=True)
    if done < total:  # reading in chunks, http.client takes an early end for the end
        raise http.client.IncompleteRead(b"", total - done)
    return digest.hexdigest()


@contextmanager
def temporary_folder(parent: Path) -> Iterator[Path]:
    """A folder inside `parent`, hence on the same disk, that is gone afterwards, come what may.

    Parents made on the way are removed again if nothing was put into them.
    """
    made = [folder for folder in (parent, *parent.parents) if not folder.exists()]
    try:
        parent.mkdir(parents=True, exist_ok=True)
        holder = tempfile.TemporaryDirectory(prefix=".download-", dir=parent)
    except OSError as error:
        raise DataError(
            f"cannot write in {parent} ({error.strerror}): give a folder that can be written with root= or "
            f"the environment variable VAE_COURSE_DATA; {OFFLINE_ALTERNATIVE}."
        ) from None
    try:
        with holder as name:
            yield Path(name)
    finally:
        with suppress(OSError):  # the first that is not empty ends it
            for folder in made:
                folder.rmdir()


@contextmanager
def default_timeout(seconds: float) -> Iterator[None]:
    """Give sockets that set no timeout of their own one, for as long as the block runs."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def reason(error: Exception) -> str:
    """Why a download failed, as half a sentence for somebody who does not know urllib."""
    if isinstance(error, urllib.error.HTTPError):
        return f"the server refused with {error.code} {error.reason}"
    if isinstance(error, TimeoutError) or isinstance(getattr(error, "reason", None), TimeoutError):
        return f"the server sent nothing for {TIMEOUT:g} seconds"
    if isinstance(error, urllib.error.URLError):
        return f"no connection to the server ({getattr(error.reason, 'strerror', None) or error.reason})"
    if isinstance(error, http.client.IncompleteRead):
        missing = f", {error.expected:,} bytes short" if error.expected else ""
        return f"the connection was cut before the end{missing}"
    if isinstance(error, ConnectionError | http.client.HTTPException):
        return f"the connection was cut ({getattr(error, 'strerror', None) or error})"
    return str(error)


# -------- Downloading a large file in as many attempts as it takes: what has arrived is kept and continued.

_PART = 1 << 20
QUOTA_CODES = (403, 429)


class PageInstead(Exception):
    """The server sent a page for people to read where a file was asked for, as Google Drive does."""


def fetch_resumable(
    url: str, target: Path, checksum: str, algorithm: str = "sha256", *, name: str, remedy: str
) -> None:
    """Download `url` to `target`, which appears only when complete and of the given checksum.

    Until then the bytes lie in `<target>.part`; the next call asks the server for the rest alone. Progress
    is printed to standard error, a line per tenth.

    Args:
        url: address of the file.
        target: where it goes.
        checksum, algorithm: digest of the whole file, "sha256" or "md5".
        name: what to call it in messages ("CelebA").
        remedy: what the reader can do about a refusal, half a sentence.

    Raises:
        DataError: no network, a refusal, a connection cut midway, another checksum, or a full disk.
    """
    part = target.with_name(target.name + ".part")
    again = "call load again to go on from there"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part.open("ab").close()
    except OSError as error:
        raise DataError(
            f"cannot write in {target.parent} ({error.strerror}): give a folder that can be written with "
            f"root= or the environment variable VAE_COURSE_DATA; or {remedy}."
        ) from None
    try:
        _continue(url, part)
    except PageInstead as error:
        raise DataError(f"cannot download {name}: {error}; {remedy}.") from None
    except urllib.error.HTTPError as error:
        quota = ", perhaps because of too many downloads" if error.code in QUOTA_CODES else ""
        raise DataError(f"cannot download {name} from {url}: {reason(error)}{quota}; {remedy}.") from None
    except NETWORK_ERRORS as error:
        done = part.stat().st_size
        kept = f"; the first {done / 1e6:.1f} MB are kept, {again}" if done else ""
        raise DataError(f"cannot download {name} from {url}: {reason(error)}{kept}; or {remedy}.") from None
    finally:
        if part.stat().st_size == 0:
            part.unlink()
    with part.open("rb") as stream:
        digest = hashlib.file_digest(
            stream, lambda: hashlib.new(algorithm, usedforsecurity=False)
        ).hexdigest()
    if digest != checksum:
        part.unlink()
        raise DataError(
            f"the download of {name} from {url} has the wrong checksum and was thrown away: "
            f"{algorithm.upper().replace('SHA', 'SHA-')} {digest} where {checksum} was expected; {remedy}."
        )
    os.replace(part, target)


def _continue(url: str, part: Path) -> None:
    """Append to `part` what it lacks; start anew where the server does not continue files."""
    done = part.stat().st_size
    headers = {"User-Agent": "vae_course"} | ({"Range": f"bytes={done}-"} if done else {})
    try:
        response = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        if error.headers.get("Content-Range", "") == f"bytes */{done}":
            return  # it was complete already
        os.truncate(part, 0)  # longer than the file: not a part of it
        return _continue(url, part)
    with response:
        if response.headers.get_content_type() == "text/html":
            text = response.read(100_000).decode("utf-8", "replace")
            ticket = re.search(r'name="uuid" value="([\w-]+)"', text)
            if (
                ticket and "uuid=" not in url
            ):  # Google Drive asks whether one means it: too large to be scanned
                return _continue(f"{url}&uuid={ticket[1]}", part)
            limit = (
                "too many downloads today" if "uota" in text or "Too many users" in text else "not the file"
            )
            raise PageInstead(f"{url} answered with a web page instead of the file ({limit})")
        if response.status != http.client.PARTIAL_CONTENT:
            done = 0
        total = done + int(response.headers.get("Content-Length") or 0)
        _append(response, part, done, total)


def _append(response: http.client.HTTPResponse, part: Path, done: int, total: int) -> None:
    name, shown = part.name.removesuffix(".part"), done * 10 // max(total, 1)
    start = f"going on after {done / 1e6:.1f} of" if done else "downloading"
    print(f"{name}: {start} {total / 1e6:.1f} MB", file=sys.stderr, flush=True)
    os.truncate(part, done)
    with part.open("ab") as stream:
        while chunk := response.read1(_PART):  # not read: it would hold back what came before a cut
            stream.write(chunk)
            done += len(chunk)
            if total and done * 10 // total > shown:
                shown = done * 10 // total
                print(f"{name}: {10 * shown:3d} % of {total / 1e6:.1f} MB", file=sys.stderr, flush=True)
    if done < total:  # reading in chunks, http.client takes an early end for the end
        raise http.client.IncompleteRead(b"", total - done)
