"""``python -m benchmarks``: what the course's code costs, part by part.

    python -m benchmarks                      all parts, about 12 minutes
    python -m benchmarks throughput growth    some of them

Each part prints one table. Its numbers are written to assets/results/bench.json as soon as it is done, with
the machine they were taken on, so an interrupted run keeps what it has.
"""

import argparse
import json
import sys
import time
from importlib import import_module
from pathlib import Path

from benchmarks.pages import write_report
from tools.machine import machine, sentence
from tools.project import CourseError, Project
from vae_course.files import write_atomically

# Each part is a module of this folder with main(); a dictionary that it returns is recorded.
PARTS = {
    "sliders": "from a move of a slider to the new picture",
    "speed": "time to a level, the usual recipe against fit",
    "throughput": "pictures per second of fit against a bare loop",
    "arithmetic": "one matrix product in each arithmetic of training",
    "busy": "fit, evaluate and a quick chapter on a quiet machine and beside another job",
    "memory": "peak memory of a run against the sum of its parts",
    "growth": "epoch time against examples, latent size, batch and picture size",
    "imports": "seconds of the imports in a fresh process",
    "bound": "the importance-weighted bound with K = 5,000 on all test digits",
}


def bench(project: Project, parts: list[str]) -> int:
    """Run parts one after another and record what they return.

    Args:
        parts: names from ``PARTS``; all of them when empty.

    Returns:
        0, or 1 when a part failed; the others are run all the same.

    Raises:
        CourseError: there is no part of that name.
    """
    from vae_course.data.images import DataError

    for name in parts:
        if name not in PARTS:
            raise CourseError(f"there is no benchmark {name!r}; choose from {', '.join(PARTS)}.")
    print(sentence(machine()), flush=True)
    failed = 0
    for name in parts or PARTS:
        print(f"\n{name}: {PARTS[name]}", flush=True)
        start = time.perf_counter()
        try:
            found = import_module(f"benchmarks.{name}").main()
        except (CourseError, DataError) as error:
            print(f"not measured: {error}")
            failed = 1
            continue
        seconds = time.perf_counter() - start
        print(f"({seconds:.0f} s)", flush=True)
        if found is not None:
            record(project.results / "bench.json", name, found, seconds)
    renew_page(project.results)
    return failed


def renew_page(folder: Path) -> None:
    """Write speed.md anew from speed.json and bench.json in ``folder``; nothing without the first."""
    runs = folder / "speed.json"
    if runs.is_file():
        write_report(json.loads(runs.read_text(encoding="utf-8")), folder / "speed.md")


def record(path: Path, name: str, found: dict, seconds: float) -> None:
    """Put one part into the results file; the other parts stay as they are.

    Args:
        path: of the file; made when it is not there.
        name: of the part.
        found: what it measured, as JSON can hold it.
        seconds: that measuring took.
    """
    content = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    content[name] = {"machine": machine(), "seconds": round(seconds, 1), **found}
    write_atomically(path, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="part", help=f"of {', '.join(PARTS)}; default: all")
    try:
        return bench(Project.here(), parser.parse_args(arguments).parts)
    except CourseError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
