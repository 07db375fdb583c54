"""What an exercise is: a contract, a reference answer, and the mistakes people make."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

NOT_ANSWERED, CORRECT, MISTAKE = "not answered", "correct", "mistake"
CONTRACT, WRONG, ERROR = "contract", "wrong", "error"


@dataclass(frozen=True)
class Verdict:
    """What a check found.

    Attributes:
        status: "not answered", "correct", "mistake" (a classic one, named), "contract" (wrong type, shape,
            dtype, range, or not finite), "wrong" (none of these) or "error" (the answer raised).
        message: one or two sentences for the reader.
        mistake: name of the classic mistake, or None.
    """

    status: str
    message: str
    mistake: str | None = None

    @property
    def correct(self) -> bool:
        return self.status == CORRECT

    def _ipython_display_(self) -> None:
        """Nothing: `check` has already shown the message, and Out[...] would repeat it."""


@dataclass(frozen=True)
class Mistake:
    """A classic mistake, recognized because the answer behaves as it would.

    Attributes:
        name: short and unique within the exercise, for example "missing one half".
        hint: one line that helps without giving the solution away.
        broken: for functions: the reference with this mistake in it, or several ways of making it.
        value: for value exercises: the wrong number or code, or a dict with the parts that give it away.
    """

    name: str
    hint: str
    broken: Callable | tuple[Callable, ...] = ()
    value: Any = None

    @property
    def variants(self) -> tuple[Callable, ...]:
        """The broken functions, always as a tuple."""
        return self.broken if isinstance(self.broken, tuple) else (self.broken,)


@dataclass(frozen=True)
class Exercise:
    """One exercise; give it `reference` (the answer is a function) or `value` (numbers or choices).

    Attributes:
        id: "02.1" is the first exercise of chapter 02.
        title: a few words.
        contract: what is asked: signature, shapes, dtype, unit, range.
        stub: the unsolved cell, ready to copy; it must run and count as "not answered".
        hints: progressive, each one line.
        mistakes: classic ones, most specific first.
        reference: the solution, a function whose source is shown to the reader.
        cases: seed -> list of argument tuples on which answer and reference are compared.
        observe: (function, *arguments) -> outcome to compare; default: what the function returns.
        grade: for random answers, instead of `cases`: called with the guarded answer, returns the Verdict of
            the first thing that is wrong, or None when nothing is.
        low, high: range of the returned numbers, or None.
        value: the right number or code, or a dict of them by name.
        codes: for choices: by part of the answer ("" if there is only one), what each code stands for.
        explanation: shown with the solution of a value exercise.
        tolerance: absolute and relative, when numbers are compared.
        seed: the randomness of the check.
    """

    id: str
    title: str
    contract: str
    stub: str
    hints: tuple[str, ...]
    mistakes: tuple[Mistake, ...] = ()
    reference: Callable | None = None
    cases: Callable[[int], list[tuple]] | None = None
    observe: Callable | None = None
    grade: Callable[[Callable], Verdict | None] | None = None
    low: float | None = None
    high: float | None = None
    value: Any = None
    codes: Mapping[str, Mapping[str, str]] | None = None
    explanation: str = ""
    tolerance: float = 1e-4
    seed: int = 0

    def __post_init__(self) -> None:
        if (self.reference is None) == (self.value is None):
            raise ValueError(f"Exercise {self.id}: give either a reference function or a value.")
        if self.reference is not None and (self.cases is None) == (self.grade is None):
            raise ValueError(f"Exercise {self.id}: give a reference function either cases or grade.")
        if not self.hints:
            raise ValueError(f"Exercise {self.id}: give at least one hint.")

    @property
    def answer_name(self) -> str:
        """The name that the stub defines."""
        return re.search(r"^(?:def )?(\w+)(?:\(| =)", self.stub, re.MULTILINE).group(1)

    @property
    def cell(self) -> str:
        """The unsolved notebook cell: the stub and its check."""
        return f'{self.stub.strip()}\n\n\ncheck("{self.id}", {self.answer_name})'

    def named(self, mistake: str, detail: str = "") -> Verdict:
        """The verdict for one of this exercise's mistakes, by name."""
        found = next(m for m in self.mistakes if m.name == mistake)
        message = f"This looks like a classic: {found.name}. {detail + ' ' if detail else ''}{found.hint}"
        return Verdict(MISTAKE, message, found.name)
