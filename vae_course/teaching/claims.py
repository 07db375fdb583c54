"""Claims: what a chapter states as a result, checked against the numbers of this very run.

Two kinds. An **exact** claim is an identity or mathematics: it holds on every machine, device, seed and
parameter, and one that fails stops the run. A **measured** claim says what this data and these models showed
in the committed full run; where it misses, the table says so and nothing stops.
"""

import html
import json
import math
import os
import re
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vae_course.evaluation.intervals import Interval, Runs, as_number, measured_text
from vae_course.files import write_atomically
from vae_course.randomness import base_seed
from vae_course.teaching.display import format_number, publish, table_html, watch_cells

RESULTS_VARIABLE = "VAE_COURSE_RESULTS"  # folder for the record of this run
RUN_VARIABLE = "VAE_COURSE_RUN"  # "full" or "quick"; set by the tool that executes chapters
REPLICATION_VARIABLE = "VAE_COURSE_REPLICATION"  # file with the replications; default: the checkout's own

# A measured claim that misses. Only the tool knows which parameters it set: a notebook cannot tell its own
# from those of the committed run without holding them twice. A reader's own run is neither.
MISSES = {"full": "NO", "quick": "not in this small run"}
MISSES_ELSEWHERE = "not in this run"


class ClaimFailed(AssertionError):
    """At least one exact claim of the chapter does not hold: something is broken."""


@dataclass(frozen=True)
class Claim:
    """One statement, the number measured for it, and whether the bound holds."""

    id: str  # short name, unique in the chapter; ``{{id}}`` in the text becomes the number
    text: str  # the statement as the table shows it
    value: float  # the number; the mean where there is one for each seed
    low: float | None  # ends of its interval, or None where there is none
    high: float | None
    unit: str  # "" for none, "%" for a share between 0 and 1
    bound: str  # as a reader sees it, for example "< 0.001"
    exact: bool  # whether it is an identity or mathematics
    holds: bool
    miss: float  # by how much it is missed; 0 when it holds, NaN when the value is not finite

    def failure(self) -> str:
        """Which bound is missed and by how much, for the error message."""
        missed = f"missed by {format_number(self.miss)}"
        if not self.miss > 0:
            touches = "exactly on the bound, which is excluded"
            missed = "and a number that is not finite never holds" if math.isnan(self.miss) else touches
        return f"{self.text!r}: measured {format_number(self.value)}, must be {self.bound}, {missed}"


class Claims:
    """Collect a chapter's claims, show them in one table, and stop the run if an exact one does not hold.

    >>> claims = Claims("02_Encoder_and_Decoder_in_VAEs")
    >>> claims.add("gain", usual - ours, above=2, unit="nats")                  # measured, over seeds
    >>> claims.add("same_terms", largest_difference, below=1e-5, exact=True)    # an identity
    >>> claims.note("seconds_per_epoch", 3.2, unit="s")                         # a number for a sentence
    >>> claims.report()

    ``name`` is the chapter's file name without extension; ``parameters`` those of its cell, JSON-able.
    """

    def __init__(self, name: str, parameters: Mapping[str, Any] | None = None) -> None:
        if not name or Path(name).name != name:
            raise ValueError(f"Claims needs a plain name such as '02_Encoder_and_Decoder'; got {name!r}.")
        self.name, self.parameters = name, dict(parameters or {})
        json.dumps(self.parameters, allow_nan=False)  # raises where they could not be saved
        self._claims: dict[str, Claim] = {}
        self._notes: dict[str, dict[str, Any]] = {}
        self._started = time.perf_counter()
        if RUN_VARIABLE not in os.environ:  # a reader's run
            watch_cells()

    claims = property(lambda self: list(self._claims.values()), doc="The claims so far, as first added.")

    def add(
        self,
        id: str,
        value: Any,
        *,
        below: float | None = None,
        above: float | None = None,
        between: tuple[float, float] | None = None,
        near: tuple[float, float] | None = None,
        unit: str = "",
        text: str | None = None,
        exact: bool = False,
        whole_interval: bool = False,
    ) -> None:
        """Record one claim. It is judged at once, but only `report` stops the run.

        Exactly one bound: `below` (strictly), `above` (strictly), `between` (low end, high end; both
        included) or `near` (target, tolerance; |value - target| <= tolerance).

        **What is compared:** a number itself; of `Runs` the mean. The interval is shown and saved, but does
        not decide, unless `whole_interval=True`: then both its ends must satisfy the bound too. An exact
        claim over `Runs` must hold in every one. NaN and infinity never hold. The same id replaces it.

        Args:
            id: small letters, digits and underscores.
            value: a number, `Runs`, or an `Interval`.
            unit: of value and bound, for example "nats" or "times"; "%" writes the share 0.43 as "43 %".
            text: the sentence of the table; the id in words when left out.
            exact: an identity or mathematics, which stops any run; otherwise something measured.
        """
        _check_id("Claim", id, self._notes, "a note")
        number, low, high, each = _numbers(value)
        if whole_interval and not isinstance(value, Runs | Interval):
            raise ValueError(f"Claim {id!r}: whole_interval=True needs Runs or an Interval.")
        bounds = {"below": below, "above": above, "between": between, "near": near}
        lowest, highest, strict, bound = _bound(id, unit, bounds)
        # One run alone says nothing about its spread, so its whole interval satisfies no bound.
        ends = [math.nan if end is None else end for end in (low, high)]
        compared = list(each) if exact else [number, *ends] if whole_interval else [number]
        misses = [max(lowest - n, n - highest, 0.0) if math.isfinite(n) else math.nan for n in compared]
        touches = strict and any(n in (lowest, highest) for n in compared)
        miss = math.nan if any(map(math.isnan, misses)) else max(misses)
        text = text or id.replace("_", " ").capitalize()
        bound += " (whole interval)" if whole_interval else ""
        holds = miss == 0 and not touches
        self._claims[id] = Claim(id, text, number, low, high, unit, bound, exact, holds, miss)

    def note(self, id: str, value: Any, *, unit: str = "") -> None:
        """Record a number that a sentence names as ``{{id}}`` and that no bound judges."""
        _check_id("Note", id, self._claims, "a claim")
        value, low, high, _ = _numbers(value)
        self._notes[id] = {"id": id, "value": value, "low": low, "high": high, "unit": unit}

    def report(self) -> None:
        """Show all claims in one table, folded; stop the run if an exact one does not hold.

        When the environment variable VAE_COURSE_RESULTS names a folder, claims and notes are first written to
        <folder>/<name>.json, with the seconds since this object was made.
        """
        if not self._claims:
            raise ValueError(f"{self.name} has no claims to report: call claims.add(...) first.")
        if folder := os.environ.get(RESULTS_VARIABLE):
            self.save(Path(folder) / f"{self.name}.json")
        table, text = claims_table(self.record(), replication_of(self.name))
        publish({"text/html": table, "text/plain": text}, {"vae_course": {"claims": self.name}})
        exact = [claim for claim in self.claims if claim.exact]
        if failed := [claim.failure() for claim in exact if not claim.holds]:
            found = f"{len(failed)} of {len(exact)} exact claims do not hold"
            raise ClaimFailed(f"{found}: {'; '.join(failed)}.")

    def record(self) -> dict[str, Any]:
        """What is saved: parameters, base seed, kind of run, seconds, claims and notes, JSON-able."""
        claims, notes = (
            [{key: _json_number(part) for key, part in entry.items() if key != "miss"} for entry in entries]
            for entries in (map(asdict, self.claims), self._notes.values())
        )
        return {
            "parameters": self.parameters,
            "base_seed": base_seed(),
            "run": os.environ.get(RUN_VARIABLE, ""),
            "seconds": round(time.perf_counter() - self._started, 1),
            "claims": claims,
            "notes": notes,
        }

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the record as JSON, complete or not at all."""
        text = json.dumps(self.record(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        write_atomically(path, text.encode("utf-8"))


def claims_table(record: Mapping[str, Any], replicated: Mapping[str, Any]) -> tuple[str, str]:
    """The table of a record, folded, as HTML, and its twin in plain text, one line a claim.

    ``replicated``: claim id → {"held": 5, "of": 5, "bound": "> 2", …}, from the file of replications.
    """
    cells, lines = [], []
    for number, claim in enumerate(record["claims"], start=1):
        measured, verdict = measured_claim(claim), verdict_of(claim, record.get("run", ""))
        again = "" if claim["exact"] else replicated_text(claim, replicated)
        cells.append([claim["text"], measured, claim["bound"], verdict, "exact" if claim["exact"] else again])
        said = "holds" if claim["holds"] else verdict
        line = f"{number}. {claim['text']}: measured {measured}, must be {claim['bound']}: {said}."
        lines.append(line + (f" Replicated {again}." if again else ""))
    held = sum(claim["holds"] for claim in record["claims"])
    summary = f"Claims of this run: {held} of {len(cells)} hold"
    columns = ["Claim", "Measured (95 % interval)", "Must be", "Holds", "Replicated"]
    table = table_html(columns, cells, "An exact claim holds in every run; a measured one in the full run.")
    folded = f"<details>\n<summary>{html.escape(summary)}</summary>\n{table}\n</details>"
    return folded, "\n".join([f"{summary}.", *lines])


def measured_claim(claim: Mapping[str, Any]) -> str:
    """The number of a saved claim or note, with unit and interval, as text."""
    value = math.nan if claim["value"] is None else claim["value"]
    unit, exact = claim.get("unit", ""), claim.get("exact", False)
    return measured_text(value, claim["low"], claim["high"], unit, exact=exact)


def verdict_of(claim: Mapping[str, Any], run: str) -> str:
    """Whether a saved claim holds, in the words of the table."""
    return "yes" if claim["holds"] else "NO" if claim["exact"] else MISSES.get(run, MISSES_ELSEWHERE)


def replicated_text(claim: Mapping[str, Any], replicated: Mapping[str, Any]) -> str:
    """ "5 of 5"; empty when this claim, with this bound, was not replicated."""
    again = replicated.get(claim["id"])
    return f"{again['held']} of {again['of']}" if again and again["bound"] == claim["bound"] else ""


def replication_of(name: str) -> dict[str, Any]:
    """What the replications say about the claims of chapter ``name``; empty when nothing is known here."""
    beside = Path(__file__).parents[2] / "assets" / "results" / "replication.json"
    path = Path(os.environ.get(REPLICATION_VARIABLE) or beside)
    if not path.is_file():
        return {}
    return json.loads(path.read_text(encoding="utf-8"))["chapters"].get(name, {})


def _check_id(kind: str, id: str, taken: Mapping[str, Any], by: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", id):
        raise ValueError(f"{kind} {id!r}: an id is made of small letters, digits and underscores.")
    if id in taken:
        raise ValueError(f"{kind} {id!r}: {by} has this id already; give another one.")


def _numbers(value: Any) -> tuple[float, float | None, float | None, tuple[float, ...]]:
    """(value, low, high, every single value) of a number, of Runs or of an Interval."""
    if isinstance(value, Runs):
        ends = (None, None) if value.n == 1 else value.interval()
        return value.mean, *ends, value.values
    if not isinstance(value, Interval):
        return as_number(value), None, None, (as_number(value),)
    number, low, high = map(as_number, value)
    if low > number or number > high:
        raise ValueError(f"the value {number} is not inside its interval [{low}, {high}].")
    return number, low, high, (number,)


def _bound(id: str, unit: str, bounds: Mapping[str, Any]) -> tuple[float, float, bool, str]:
    """(lowest allowed, highest allowed, ends excluded, readable text)."""
    given = [name for name, bound in bounds.items() if bound is not None]
    if len(given) != 1:
        names = ", ".join(bounds)
        raise ValueError(f"Claim {id!r}: give one bound, exactly one of {names}; got {given or 'none'}.")
    (kind,), bound = given, bounds[given[0]]
    numbers = bound if kind in ("between", "near") else (bound, 0)
    texts = [f"{format_number(100 * n)} %" if unit == "%" else format_number(n) for n in numbers]
    first, second = map(float, numbers)
    if kind == "below":
        return -math.inf, first, True, f"< {texts[0]}"
    if kind == "above":
        return first, math.inf, True, f"> {texts[0]}"
    if kind == "between":
        return first, second, False, f"between {texts[0]} and {texts[1]}"
    return first - second, first + second, False, f"within {texts[1]} of {texts[0]}"


def _json_number(value: Any) -> Any:
    """JSON has no NaN and no infinity: they are saved as null."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
