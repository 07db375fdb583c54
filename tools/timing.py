"""How long a chapter takes: to read, estimated from its text; to run, measured."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

WORDS_PER_MINUTE = 180
CODE_LINES_PER_MINUTE = 15
SAME_WITHIN = 0.25


def reading_minutes(cells: Iterable) -> int:
    """Minutes to read notebook ``cells`` with attention, to the nearest five and at least five."""
    minutes = 0.0
    for cell in cells:
        if cell.cell_type == "markdown":
            minutes += len(cell.source.split()) / WORDS_PER_MINUTE
        elif cell.cell_type == "code":
            minutes += sum(bool(line.strip()) for line in cell.source.splitlines()) / CODE_LINES_PER_MINUTE
    return max(5, 5 * round(minutes / 5))


def rough(seconds: float) -> str:
    """``seconds`` as a reader wants them: to 5 s, above a minute to 10 s, above two minutes in minutes."""
    if seconds <= 60:
        return f"{max(5, 5 * round(seconds / 5))} s"
    if seconds <= 120:
        return f"{10 * round(seconds / 10)} s"
    return f"{round(seconds / 60)} min"


@dataclass(frozen=True)
class RunTimes:
    """Measured seconds of the quick and the full run of one chapter; None where not measured yet."""

    quick: float | None = None
    full: float | None = None

    @classmethod
    def read(cls, results: Path) -> "RunTimes":
        """From a results file of ``assets/results``; empty when there is none."""
        if not results.is_file():
            return cls()
        record = json.loads(results.read_text(encoding="utf-8"))
        return cls(record.get("quick_seconds"), record.get("seconds"))

    def sentence(self) -> str:
        measured = [
            f"{kind} {rough(seconds)}"
            for kind, seconds in (("quick", self.quick), ("full", self.full))
            if seconds is not None
        ]
        return f"Running on two CPU cores: {', '.join(measured)}." if measured else ""


def settled(old: float | None, new: float | None) -> float | None:
    """The recorded value ``old`` when the new measurement agrees with it within a quarter, else ``new``.

    Clocks differ a little from run to run; a re-run that changes nothing should not change committed files.
    """
    if old is None or new is None:
        return new if old is None else old
    return old if abs(new - old) <= SAME_WITHIN * old else new
