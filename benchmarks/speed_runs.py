"""Start the programs of the speed comparison one after another, and read what they print."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock

from tools.project import CourseError
from vae_course.files import write_atomically


def run(program: str, job: dict, threads: int | None = None) -> dict:
    """What a program printed, and ``process_seconds``: from its start to the end of its training.

    Args:
        program: module name.
        job: its settings.
        threads: of torch; None leaves torch's default.

    Raises:
        CourseError: the program failed; its own words are in the message.
    """
    environment = os.environ | ({"OMP_NUM_THREADS": str(threads)} if threads else {})
    # Compiled modules are kept between processes, as on a reader's machine.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", program, json.dumps(job)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    first = process.stdout.readline()
    seconds = time.perf_counter() - start
    rest, errors = process.communicate()
    if process.returncode:
        raise CourseError(f"{program} failed with {json.dumps(job)}:\n{errors[-2000:]}")
    return {"process_seconds": seconds, **json.loads(first), **json.loads(rest)}


class Results:
    """A JSON file of finished runs: what is in it is not run again.

    Args:
        path: the file; made when the first result is kept.
        renew: names of parts whose results are forgotten first.
    """

    def __init__(self, path: Path, renew: Sequence[str] = ()):
        self.path, self.lock = path, Lock()
        self.content = json.loads(path.read_text()) if path.is_file() else {}
        for part in renew:
            self.content.pop(part, None)

    def get(self, part: str, key: str, make: Callable[[], dict]) -> dict:
        """The result ``key`` of a part: from the file, or made by ``make()`` and written at once."""
        found = self.content.setdefault(part, {}).get(key)
        if found is None:
            found = make()
            with self.lock:
                self.content[part][key] = found
                self.save()
        return found

    def save(self) -> None:
        write_atomically(self.path, (json.dumps(self.content, indent=1, ensure_ascii=False) + "\n").encode())
