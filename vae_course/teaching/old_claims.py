"""Claims: what a chapter states as a result, checked against the numbers of this very run."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vae_course.files import write_atomically
from vae_course.teaching.tables import format_number, publish_table

RESULTS_VARIABLE = "VAE_COURSE_RESULTS"


class ClaimFailed(AssertionError):
    """At least one claim of the chapter does not hold for the numbers of this run."""


@dataclass(frozen=True)
class Claim:
    """One statement, the number measured for it, and whether the bound holds.

    Attributes:
        text: the statement, with unit.
        value: the measured number.
        low, high: ends of its interval, or None when the number is exact.
        bound: the bound as a reader sees it, for example "< 0.001".
        holds: whether the bound holds.
        miss: by how much it is missed; 0 when it holds, NaN when the value is not finite.
    """

    text: str
    value: float
    low: float | None
    high: float | None
    bound: str
    holds: bool
    miss: float

    def sentence(self) -> str:
        """The claim as one line that can be read aloud."""
        verdict = "holds" if self.holds else f"DOES NOT HOLD, {self.missed()}"
        return f"{self.text}: measured {self.measured()}, must be {self.bound}: {verdict}."

    def failure(self) -> str:
        """Which bound is missed and by how much, for the error message."""
        return f"{self.text!r}: measured {self.measured()}, claimed {self.bound}, {self.missed()}"

    def measured(self) -> str:
        """The value with its interval."""
        interval = "" if self.low is None else f" (interval {_interval(self)})"
        return f"{format_number(self.value)}{interval}"

    def missed(self) -> str:
        """By how much the bound is missed."""
        if math.isnan(self.miss):
            return "and a number that is not finite never holds"
        if self.miss == 0:
            return "exactly on the bound, which is excluded"
        return f"missed by {format_number(self.miss)}"


class Claims:
    """Collect a chapter's claims, show them in one table, and stop the run if one does not hold.

    >>> claims = Claims("02_Encoder_and_Decoder_in_VAEs", parameters={"EPOCHS": 5})
    >>> claims.add("Largest difference between the two ELBOs, nats", 3e-6, below=1e-5)
    >>> claims.report()   # table, then ClaimFailed if one failed

    Args:
        name: the chapter's file name without extension; also the name of the results file.
        parameters: the values of the parameters cell, JSON-able.
    """

    def __init__(self, name: str, parameters: Mapping[str, Any] | None = None) -> None:
        if not name or Path(name).name != name:
            raise ValueError(f"Claims needs a plain name such as '02_Encoder_and_Decoder'; got {name!r}.")
        try:
            json.dumps(dict(parameters or {}), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ValueError(f"Claims: parameters must be plain numbers, text and lists ({error}).") from None
        self.name = name
        self.parameters = dict(parameters or {})
        self._claims: dict[str, Claim] = {}
        self._started = time.perf_counter()

    @property
    def claims(self) -> list[Claim]:
        """The claims so far, in the order they were first added."""
        return list(self._claims.values())

    def add(
        self,
        text: str,
        value: Any,
        *,
        below: float | None = None,
        above: float | None = None,
        between: tuple[float, float] | None = None,
        near: tuple[float, float] | None = None,
        low: float | None = None,
        high: float | None = None,
        whole_interval: bool = False,
    ) -> None:
        """Record one claim. It is judged at once, but only `report` stops the run.

        Exactly one bound: `below` (strictly), `above` (strictly), `between` (low end, high end; both
        included) or `near` (target, tolerance; |value - target| <= tolerance).

        **What is compared:** the value itself. Its interval (`low`, `high`) is shown and saved, but does
        not decide, unless `whole_interval=True`: then both ends of the interval must satisfy the bound too.
        NaN and infinity never hold.

        Adding a claim with the same text replaces the earlier one, so that a cell can be run again.

        Raises:
            ValueError: no bound or several, half an interval, or an interval that misses its value.
        """
        value, low, high = float(value), _optional_float(low), _optional_float(high)
        bounds = {"below": below, "above": above, "between": between, "near": near}
        given = [name for name, bound in bounds.items() if bound is not None]
        if len(given) != 1:
            raise ValueError(
                f"Claim {text!r}: give exactly one of below, above, between, near; got {given or 'none'}."
            )
        if (low is None) != (high is None):
            raise ValueError(f"Claim {text!r}: an interval needs both low and high; got only one.")
        if low is not None and (low > value or value > high):
            raise ValueError(f"Claim {text!r}: the value {value} is not inside its interval [{low}, {high}].")
        if whole_interval and low is None:
            raise ValueError(f"Claim {text!r}: whole_interval=True needs low and high.")
        lowest, highest, strict, bound = _bound(below, above, between, near)
        compared = [value, low, high] if whole_interval else [value]
        misses = [_miss(number, lowest, highest, strict) for number in compared]
        holds = all(miss == 0 for miss, _ in misses) and not any(touches for _, touches in misses)
        miss = math.nan if any(math.isnan(m) for m, _ in misses) else max(m for m, _ in misses)
        bound += " (whole interval)" if whole_interval else ""
        self._claims[text] = Claim(text, value, low, high, bound, holds, miss)

    def report(self) -> None:
        """Show all claims in one table, save them if asked to, and stop the run if one does not hold.

        When the environment variable VAE_COURSE_RESULTS names a folder, the claims are written to
        <folder>/<name>.json (also when a claim fails), with the seconds since this object was made.

        Raises:
            ClaimFailed: names each claim that does not hold and by how much it misses.
            ValueError: there are no claims to report.
        """
        if not self._claims:
            raise ValueError(f"{self.name} has no claims to report: call claims.add(...) first.")
        folder = os.environ.get(RESULTS_VARIABLE)
        if folder:
            self.save(Path(folder) / f"{self.name}.json")
        cells = [
            [c.text, format_number(c.value), _interval(c), c.bound, "yes" if c.holds else "NO"]
            for c in self.claims
        ]
        columns = ["Claim", "Measured", "Interval", "Must be", "Holds"]
        lines = [claim.sentence() for claim in self.claims]
        publish_table(columns, cells, caption="Claims of this run", lines=lines)
        failed = [claim for claim in self.claims if not claim.holds]
        if failed:
            raise ClaimFailed(
                f"{len(failed)} of {len(self.claims)} claims do not hold. "
                + "; ".join(claim.failure() for claim in failed)
                + "."
            )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write parameters, seconds and claims as JSON, complete or not at all."""
        keys = ("text", "value", "low", "high", "bound", "holds")
        record = {
            "parameters": self.parameters,
            "seconds": round(time.perf_counter() - self._started, 1),
            "claims": [{key: _json_number(getattr(c, key)) for key in keys} for c in self.claims],
        }
        text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        write_atomically(path, text.encode("utf-8"))


def _bound(
    below: float | None,
    above: float | None,
    between: tuple[float, float] | None,
    near: tuple[float, float] | None,
) -> tuple[float, float, bool, str]:
    """(lowest allowed, highest allowed, ends excluded, readable text)."""
    if below is not None:
        return -math.inf, float(below), True, f"< {format_number(below)}"
    if above is not None:
        return float(above), math.inf, True, f"> {format_number(above)}"
    if between is not None:
        start, end = between
        return float(start), float(end), False, f"between {format_number(start)} and {format_number(end)}"
    target, tolerance = near
    text = f"within {format_number(tolerance)} of {format_number(target)}"
    return float(target) - float(tolerance), float(target) + float(tolerance), False, text


def _miss(number: float, lowest: float, highest: float, strict: bool) -> tuple[float, bool]:
    """(distance outside the allowed range, whether it sits exactly on an excluded end)."""
    if not math.isfinite(number):
        return math.nan, False
    return max(lowest - number, number - highest, 0.0), strict and number in (lowest, highest)


def _interval(claim: Claim) -> str:
    return "" if claim.low is None else f"{format_number(claim.low)} to {format_number(claim.high)}"


def _optional_float(value: Any) -> float | None:
    return None if value is None else float(value)


def _json_number(value: Any) -> Any:
    """JSON has no NaN and no infinity: they are saved as null."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
