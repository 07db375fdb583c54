"""Turn the published package list of Colab's image into constraints that can be installed elsewhere.

    python filter_freeze.py pip-freeze.txt > constraints.txt
    python filter_freeze.py --python os-info.txt

The list is of one particular machine: it names wheels by address, and NVIDIA packages that contradict what
the public builds of torch ask for. torch, torchvision and torchaudio keep their version; what cannot be
installed from an index is left out. With ``--python``, print the Python version that the image runs.
"""

import re
import sys
from collections.abc import Iterable

KEPT_FROM_ADDRESS = ("torch", "torchvision", "torchaudio")
LEFT_OUT = re.compile(r"nvidia|cuda|cupy|triton|pytorch-triton|vae-course", re.IGNORECASE)


def filtered(lines: Iterable[str]) -> list[str]:
    """Constraints, one per line, from the lines of ``pip freeze``."""
    constraints = []
    for line in map(str.strip, lines):
        name = re.split(r"[ =@<>!~\[]", line, maxsplit=1)[0]
        if not line or line.startswith(("#", "-")) or LEFT_OUT.match(name):
            continue
        if "@" in line:
            wheel = re.search(rf"/{re.escape(name)}-(\d[^-+%/]*)", line, re.IGNORECASE)
            if name.lower() in KEPT_FROM_ADDRESS and wheel:
                constraints.append(f"{name}=={wheel.group(1)}")
        elif "==" in line:
            constraints.append(re.sub(r"\+[\w.]+$", "", line))
    return constraints


def python_version(text: str) -> str:
    """The Python version in the text of os-info, for example 3.13. Raises ValueError when there is none."""
    found = re.search(r"Python\s+(\d+\.\d+)", text)
    if not found:
        raise ValueError("os-info names no Python version; see how googlecolab/backend-info writes it now.")
    return found.group(1)


def main(arguments: list[str]) -> None:
    *option, path = arguments
    with open(path, encoding="utf-8") as stream:
        print(python_version(stream.read()) if option == ["--python"] else "\n".join(filtered(stream)))


if __name__ == "__main__":
    main(sys.argv[1:])
