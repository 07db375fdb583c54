"""Mend all submissions of an assignment in nbgrader's course folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tools.classroom.restore import RestoreError, restore
from vae_course.files import write_atomically

KEPT = ".handed-in"  # ending of the copy as the student handed it in


@dataclass(frozen=True)
class Collected:
    """What happened to one notebook: sentences for what was mended, or the one why it was refused."""

    student: str
    notebook: str
    mended: list[str] = field(default_factory=list)
    refused: str | None = None


def collect_submissions(course: Path, assignment: str) -> Iterator[Collected]:
    """Restore ``course``/submitted/*/``assignment``/*.ipynb from ``course``/release/``assignment``.

    A notebook that is refused stays as it was handed in.

    Raises:
        RestoreError: nothing was released or submitted under that name.
    """
    import nbformat

    released = {
        path.name: nbformat.read(path, as_version=4)
        for path in sorted((course / "release" / assignment).glob("*.ipynb"))
    }
    if not released:
        raise RestoreError(
            f"there is no released notebook in {course / 'release' / assignment}; "
            f"run nbgrader generate_assignment {assignment} there first."
        )
    homes = sorted(path for path in course.glob(f"submitted/*/{assignment}") if path.is_dir())
    if not homes:
        raise RestoreError(
            f"there is no submission in {course / 'submitted'}/*/{assignment}; "
            f"run nbgrader collect {assignment} first."
        )
    for home in homes:
        student = home.parent.name
        for name, original in released.items():
            yield _collect_one(home / name, student, original)


def _collect_one(path: Path, student: str, released) -> Collected:
    import nbformat

    if not path.exists():
        others = ", ".join(sorted(other.name for other in path.parent.glob("*.ipynb"))) or "none"
        return Collected(
            student,
            path.name,
            refused=f"the notebook is missing (there: {others}); rename the right one to {path.name}.",
        )
    try:
        notebook, mended = restore(nbformat.read(path, as_version=4), released)
    except RestoreError as error:
        return Collected(student, path.name, refused=str(error))
    except Exception as error:
        # nbformat raises many kinds for a file that is no notebook; all mean the same to a lecturer.
        reason = " ".join(str(error).split())[:120]
        return Collected(student, path.name, refused=f"not a readable notebook ({reason}); ask for it again.")
    if mended:
        kept = path.with_name(path.name + KEPT)
        if not kept.exists():
            write_atomically(kept, path.read_bytes())
        write_atomically(path, (nbformat.writes(notebook, version=nbformat.NO_CONVERT) + "\n").encode())
    return Collected(student, path.name, mended)
