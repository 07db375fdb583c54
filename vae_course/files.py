"""Words and files that leave the program: a line on any terminal, and files that are complete or absent."""

import os
import sys
import tempfile
from pathlib import Path


class Told(RuntimeError):
    """An error whose message, one sentence, is all that there is to say: no traceback is needed."""


def write_atomically(path: str | Path, content: bytes) -> None:
    """Write ``content`` to a temporary file beside ``path``, then rename it into place; folders are made."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        # mkstemp makes private files; give the result the rights an ordinary open() would have given.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def say(*words: object) -> None:
    """Print a line. Letters that the terminal, or the file behind it, cannot hold become "?"."""
    text = " ".join(map(str, words))
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        # A minus sign is one of them wherever the encoding is older than Unicode; a hyphen says the same.
        text = text.replace("\u2212", "-").encode(encoding, "replace").decode(encoding)
    print(text, flush=True)
