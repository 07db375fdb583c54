"""Downloading one file so that it is whole, checked and in place, or not there at all."""

from __future__ import annotations

import hashlib
import http.client
import os
import socket
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vae_course.data.errors import OFFLINE_ALTERNATIVE, DataError

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
