"""A Chromium or Chrome of this machine, and what it prints."""

import os
import shutil
import subprocess
from pathlib import Path

from tools.project import CourseError

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
INSTALL = (
    "install it (Debian: apt-get install chromium), or set CHROMIUM to the path of a Chromium or Chrome."
)
# No sandbox: containers often lack the privileges it needs, and the pages are our own.
SWITCHES = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PRINT = (
    "--allow-file-access-from-files",  # styles, pictures and MathJax lie in the site's folder
    "--no-pdf-header-footer",
    "--generate-pdf-document-outline",
    "--virtual-time-budget=600000",  # no wait: it prints when nothing is left to do, so when formulas are set
)
SECONDS = 600


def find_chromium() -> str | None:
    """Path of a Chromium or Chrome on this machine; CHROMIUM in the environment goes first."""
    return next(filter(None, map(shutil.which, filter(None, (os.environ.get("CHROMIUM"), *NAMES)))), None)


def print_page(program: str, page: str, target: Path) -> Path:
    """Let ``program`` print the HTML ``page`` to the PDF ``target``, beside which its files go.

    Raises CourseError where no PDF comes out.
    """
    source = target.with_suffix(".html")
    source.write_text(page, encoding="utf-8")
    profile = f"--user-data-dir={target.parent / 'profile'}"
    command = [program, *SWITCHES, *PRINT, profile, f"--print-to-pdf={target}", source.as_uri()]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise CourseError(f"Chromium had not printed {target.name} after {SECONDS} s.") from None
    if run.returncode or not target.is_file():
        raise CourseError(f"Chromium printed no {target.name}: {run.stderr.strip()[-500:]}")
    return target
