"""Give submitted assignments back the cell marks that nbgrader needs: run it between collect and autograde.

Colab and some editors drop the marks by which nbgrader knows the graded cells, and it then gives 0 without a
word. Every graded cell of the released notebook is looked for in each submission. What was restored is
printed, the notebook as it was handed in is kept beside it (.handed-in), and one that cannot be matched is
refused (exit code 2).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tools.classroom.collect import collect_submissions
from tools.classroom.restore import RestoreError
from vae_course.cli import Parser, UsageError, add, finish

PROGRAM = "python -m tools.collect_command"


def run(words: Sequence[str] | None) -> None:
    example = f"example: {PROGRAM} --assignment A1 --course-folder class"
    own = Parser(prog=PROGRAM, description=__doc__, epilog=example)
    add(own, "--assignment", "its short name, as nbgrader's folders have it", required=True, metavar="A1")
    add(own, "--course-folder", "nbgrader's course folder", Path, Path("."), metavar="FOLDER")
    options = own.read(words)
    refused = 0
    try:
        for row in collect_submissions(options.course_folder, options.assignment):
            refused += row.refused is not None
            lines = [f"refused: {row.refused}"] if row.refused else row.mended or ["nothing to restore"]
            print(f"{row.student}, {row.notebook}:")
            print("\n".join(f"  {line}" for line in lines))
    except RestoreError as error:
        raise UsageError(str(error)) from None
    if refused:
        raise UsageError(f"{refused} notebook{'s' * (refused > 1)} refused; the others can be graded.")


def main(words: Sequence[str] | None = None) -> int:
    """Mend what was collected; returns the exit code of :func:`vae_course.cli.finish`."""
    return finish(PROGRAM, partial(run, words))


if __name__ == "__main__":
    raise SystemExit(main())
