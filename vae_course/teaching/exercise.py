"""What an exercise is: a contract, a reference answer, and the mistakes people make."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

NOT_ANSWERED, CORRECT, MISTAKE = "not answered", "correct", "mistake"
CONTRACT, WRONG, ERROR = "contract", "wrong", "error"


@dataclass(frozen=True)
class Verdict:
    """What a check found; ``status`` is "not answered", "correct", "mistake" (a classic one), "contract" (of
    type, shape, dtype, range, finiteness), "wrong" (none of these) or "error" (the answer raised).
    """

    status: str
    message: str  # one or two sentences for the reader
    mistake: str | None = None  # name of the classic mistake

    correct = property(lambda self: self.status == CORRECT)

    def _ipython_display_(self) -> None:
        """Nothing: `check` has already shown the message, and Out[...] would repeat it."""


@dataclass(frozen=True)
class Mistake:
    """A classic mistake, recognized because the answer behaves as it would."""

    name: str  # short and unique within the exercise, for example "missing one half"
    hint: str  # one line that helps without giving the solution away
    broken: Callable | tuple[Callable, ...] = ()  # the reference with this mistake, or ways of making it
    value: Any = None  # of value exercises: the wrong number or code, or a dict of the parts that tell

    @property
    def variants(self) -> tuple[Callable, ...]:
        """The broken functions, always as a tuple."""
        return self.broken if isinstance(self.broken, tuple) else (self.broken,)


@dataclass(frozen=True)
class Exercise:
    """One exercise; give it `reference` (the answer is a function) or `value` (numbers or choices).

    `grade` is for random answers, instead of `cases`: called with the guarded answer, it returns the Verdict
    of the first thing that is wrong, or None. With `grade` alone the question is marked after handing in, and
    only its form is checked here.
    """

    id: str  # "02.1" is the first exercise of chapter 02
    title: str
    contract: str  # what is asked: signature, shapes, dtype, unit, range
    stub: str  # the unsolved cell, ready to copy; it must run and count as "not answered"
    hints: tuple[str, ...]  # progressive, each one line
    mistakes: tuple[Mistake, ...] = ()  # most specific first
    reference: Callable | None = None  # the solution, whose source is shown to the reader
    cases: Callable[[int], list[tuple]] | None = None  # seed -> argument tuples on which both are compared
    observe: Callable | None = None  # (function, *arguments) -> outcome to compare; default: what it returns
    grade: Callable[[Callable], Verdict | None] | None = None
    gradients_to: tuple[str, ...] = ()  # arguments that gradients must reach, as the contract says
    low: float | None = None  # range of the returned numbers
    high: float | None = None
    value: Any = None  # the right number or code, or a dict of them by name
    codes: Mapping[str, Mapping[str, str]] | None = None  # by part ("" if only one), what each stands for
    explanation: str = ""  # shown with the solution of a value exercise
    tolerance: float = 1e-4  # absolute and relative, when numbers are compared
    seed: int = 0  # the randomness of the check; a grader takes others, too

    asks_for_function = property(lambda self: self.stub.lstrip().startswith("def "))

    # Nothing that a student installs knows the answer.
    marked_later = property(lambda self: self.reference is None and self.value is None and bool(self.grade))

    @property
    def answer_name(self) -> str:
        """The name that the stub defines."""
        return re.search(r"^(?:def )?(\w+)(?:\(| =)", self.stub, re.MULTILINE).group(1)

    def named(self, mistake: str, detail: str = "") -> Verdict:
        """The verdict for one of this exercise's mistakes, by name."""
        found = next(m for m in self.mistakes if m.name == mistake)
        message = f"This looks like a classic: {found.name}. {detail + ' ' if detail else ''}{found.hint}"
        return Verdict(MISTAKE, message, found.name)
