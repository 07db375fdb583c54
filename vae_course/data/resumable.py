"""Downloading a large file in as many attempts as it takes: what has arrived is kept and continued."""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import sys
import urllib.error
import urllib.request
from pathlib import Path

from vae_course.data import fetch
from vae_course.data.errors import DataError

_CHUNK = 1 << 20
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
        raise DataError(
            f"cannot download {name} from {url}: {fetch.reason(error)}{quota}; {remedy}."
        ) from None
    except fetch.NETWORK_ERRORS as error:
        done = part.stat().st_size
        kept = f"; the first {done / 1e6:.1f} MB are kept, {again}" if done else ""
        raise DataError(
            f"cannot download {name} from {url}: {fetch.reason(error)}{kept}; or {remedy}."
        ) from None
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
        response = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=fetch.TIMEOUT)
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
        while chunk := response.read1(_CHUNK):  # not read: it would hold back what came before a cut
            stream.write(chunk)
            done += len(chunk)
            if total and done * 10 // total > shown:
                shown = done * 10 // total
                print(f"{name}: {10 * shown:3d} % of {total / 1e6:.1f} MB", file=sys.stderr, flush=True)
    if done < total:  # reading in chunks, http.client takes an early end for the end
        raise http.client.IncompleteRead(b"", total - done)
