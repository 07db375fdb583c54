"""Fetching MNIST and Fashion-MNIST with torchvision, without its habit of leaving half files behind."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import zlib
from pathlib import Path

from vae_course.data import fetch
from vae_course.data.errors import OFFLINE_ALTERNATIVE, DataError


def download_mnist_like(folder: str, root: Path, files: tuple[str, ...]) -> None:
    """Download the data set of torchvision's class `folder`; unpacked `files` go to `<root>/<folder>/raw`.

    torchvision supplies mirrors, checksums and the download itself. It works in a temporary folder, from
    which the files are moved only when all are there and checked.

    Raises:
        DataError: no mirror gave the files, the reason for each named; or the folder cannot be written.
    """
    kind = _torchvision_class(folder, root)
    target = root / folder / "raw"
    with fetch.temporary_folder(target) as temporary, fetch.default_timeout(fetch.TIMEOUT):
        failures = []
        for mirror in kind.mirrors:
            # One mirror at a time: torchvision itself gives up at the first connection that breaks midway.
            # The subclass keeps the name, because torchvision makes the folder's name of it.
            single = type(folder, (kind,), {"mirrors": [mirror]})
            try:
                single(root=temporary, train=True, download=True)
                break
            except (RuntimeError, EOFError, zlib.error, *fetch.NETWORK_ERRORS) as error:
                failures.append(f"{mirror} ({_reason(error, temporary / folder / 'raw', kind.resources)})")
        else:
            raise DataError(
                f"cannot download {folder} from {' or '.join(failures)}; try again later, or put its IDX "
                f"files in {target} yourself; {OFFLINE_ALTERNATIVE}."
            )
        for name in files:
            os.replace(temporary / folder / "raw" / name, target / name)


def _torchvision_class(folder: str, root: Path) -> type:
    try:
        import torchvision.datasets
    except (ImportError, RuntimeError) as error:  # RuntimeError: torch and torchvision do not fit together
        raise DataError(
            f"downloading {folder} needs torchvision, which cannot be imported ({error}): install it with "
            f"pip install torchvision, or put the IDX files in {root / folder / 'raw'}; "
            f"{OFFLINE_ALTERNATIVE}."
        ) from error
    return getattr(torchvision.datasets, folder)


def _reason(error: Exception, raw: Path, resources: list[tuple[str, str]]) -> str:
    """The half sentence for one mirror. torchvision keeps a cause only as text inside its RuntimeError."""
    if not isinstance(error, RuntimeError):
        return fetch.reason(error)
    text = " ".join(str(error).partition("got:")[2].split()) or str(error)
    if "corrupted" in text:
        damaged = (_damage(raw / name, md5) for name, md5 in resources if (raw / name).exists())
        return next((found for found in damaged if found), text)
    if text.startswith("HTTP Error "):
        return "the server refused with " + text.removeprefix("HTTP Error ").replace(":", "", 1)
    if "timed out" in text:
        return f"the server sent nothing for {fetch.TIMEOUT:g} seconds"
    if text.startswith("<urlopen error "):
        return (
            "no connection to the server (" + re.sub(r"^<urlopen error (\[\w+ -?\d+\] )?|>$", "", text) + ")"
        )
    return text


def _damage(path: Path, md5: str) -> str | None:
    """What is wrong with a downloaded .gz file: cut, or another checksum; None when it is as expected."""
    content = path.read_bytes()
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found == md5:
        return None
    try:
        gzip.decompress(content)
    except EOFError:
        return f"the connection was cut after {len(content):,} bytes of {path.name}"
    except (OSError, zlib.error):
        pass  # not gzip at all, an error page for instance: the checksum says enough
    return f"{path.name} has the wrong checksum, MD5 {found} where {md5} was expected"
