"""``collect``: make submitted notebooks gradable again, before nbgrader's autograde."""

from __future__ import annotations

import argparse
from pathlib import Path

from vae_course.cli.options import UsageError, add
from vae_course.cli.shared import PROGRAM, Reparse

SUMMARY = "give submitted assignments back the cell marks that nbgrader needs"


def describe(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Run this between nbgrader's collect and autograde. Colab and some editors drop the marks by\n"
        "which nbgrader knows the graded cells, and it then gives 0 without a word. Every graded cell of\n"
        "the released notebook is looked for in each submission. What was restored is printed, the\n"
        "notebook as it was handed in is kept beside it (.handed-in), and one that cannot be matched is\n"
        "refused (exit code 2)."
    )
    parser.epilog = f"example:\n  {PROGRAM} collect --assignment A1 --course-folder class"
    add(parser, "--assignment", "its short name, as nbgrader's folders have it", required=True, metavar="A1")
    add(parser, "--course-folder", "nbgrader's course folder", Path, Path("."), metavar="FOLDER")


def run(arguments: argparse.Namespace, reparse: Reparse) -> None:
    from tools.classroom.collect import collect_submissions
    from tools.classroom.restore import RestoreError

    refused = 0
    try:
        for row in collect_submissions(arguments.course_folder, arguments.assignment):
            refused += row.refused is not None
            lines = [f"refused: {row.refused}"] if row.refused else row.mended or ["nothing to restore"]
            print(f"{row.student}, {row.notebook}:")
            print("\n".join(f"  {line}" for line in lines))
    except RestoreError as error:
        raise UsageError(str(error)) from None
    if refused:
        raise UsageError(f"{refused} notebook{'s' * (refused > 1)} refused; the others can be graded.")
