"""Grade one answer: run it beside the reference and beside every classic mistake. Shows nothing."""

from __future__ import annotations

import copy
import random
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vae_course.exercises.compare import Raised, contract_problem, difference, same, to_tensor
from vae_course.exercises.exercise import (
    CONTRACT,
    CORRECT,
    ERROR,
    NOT_ANSWERED,
    WRONG,
    Exercise,
    Verdict,
)

PACKAGE = str(Path(__file__).resolve().parents[1])


class ContractBroken(Exception):
    """Raised by an exercise's `observe` when the answer breaks its contract; the text is for the reader."""


class _Stop(Exception):
    """Ends the grading early with a verdict."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.message)
        self.verdict = verdict


def grade(exercise: Exercise, answer: Any) -> Verdict:
    """Judge an answer; the reader's random numbers stay as they were.

    Args:
        exercise: the exercise.
        answer: a function, or the number, code or dict that a value exercise asks for.
    """
    if answer is None or answer is Ellipsis:
        return _not_answered()
    if exercise.reference is None:
        return _grade_value(exercise, answer)
    if not callable(answer):
        return Verdict(
            CONTRACT, f"Expected the function {exercise.answer_name} itself; got a {type(answer).__name__}."
        )
    try:
        with own_randomness(exercise.seed), torch.enable_grad():
            if exercise.grade is not None:
                return exercise.grade(_guarded(answer)) or Verdict(CORRECT, "Correct.")
            return _grade_function(exercise, answer)
    except _Stop as stop:
        return stop.verdict
    except ContractBroken as broken:
        return Verdict(CONTRACT, str(broken))


def outcomes(exercise: Exercise, function: Callable) -> list[Any]:
    """What a function does on every case of the exercise, each case with its own fixed randomness."""
    observe = exercise.observe or (lambda call, *arguments: call(*arguments))
    results = []
    for number, arguments in enumerate(exercise.cases(exercise.seed)):
        with own_randomness(exercise.seed + number):
            try:
                results.append(observe(function, *copy.deepcopy(arguments)))
            except (_Stop, ContractBroken):
                raise
            except Exception as error:
                results.append(Raised(error))
    return results


@contextmanager
def own_randomness(seed: int) -> Iterator[None]:
    """Seed torch (CPU), numpy and random, and put all three back afterwards."""
    python_state, numpy_state = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        # Not torch.manual_seed: that one would also reseed every accelerator, for good.
        torch.default_generator.manual_seed(seed)
        np.random.seed(seed)
        random.seed(seed)
        try:
            yield
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)


def _grade_function(exercise: Exercise, answer: Callable) -> Verdict:
    got = outcomes(exercise, _unanswered_stops(answer))
    expected = outcomes(exercise, exercise.reference)
    if same(got, expected, exercise.tolerance):
        return Verdict(CORRECT, "Correct.")
    for mistake in exercise.mistakes:
        for broken in mistake.variants:
            if same(got, outcomes(exercise, broken), exercise.tolerance):
                return exercise.named(mistake.name)
    for result in got:
        if isinstance(result, Raised):
            return _error(result.error)
    for result, wanted in zip(got, expected, strict=True):
        problem = contract_problem(result, wanted, exercise.low, exercise.high)
        if problem:
            return Verdict(CONTRACT, _capital(problem))
    for number, (result, wanted) in enumerate(zip(got, expected, strict=True), start=1):
        apart = difference(result, wanted, exercise.tolerance)
        if apart:
            return Verdict(WRONG, f"Not yet: on test case {number} {apart}")
    raise AssertionError("outcomes differ, yet no case does")


def _grade_value(exercise: Exercise, answer: Any) -> Verdict:
    wanted = _parts(exercise.value)
    if isinstance(exercise.value, Mapping) and not isinstance(answer, Mapping):
        names = ", ".join(repr(name) for name in wanted)
        return Verdict(CONTRACT, f"Expected a dict with {names}; got a {type(answer).__name__}.")
    given = _parts(answer)
    missing = [name for name in wanted if given.get(name) is None or given[name] is Ellipsis]
    if len(missing) == len(wanted):
        return _not_answered()
    if missing:
        return Verdict(NOT_ANSWERED, f"Not answered yet: {missing[0]!r} is still open.")
    for name, right in wanted.items():
        label = f"{name!r}: e" if name else "E"
        if isinstance(right, str):
            allowed = (exercise.codes or {}).get(name, {right: ""})
            if str(given[name]).strip().lower() not in {code.lower() for code in allowed}:
                return Verdict(CONTRACT, f"{label}xpected one of {', '.join(allowed)}; got {given[name]!r}.")
        elif to_tensor(given[name]) is None or to_tensor(given[name]).numel() != 1:
            return Verdict(CONTRACT, f"{label}xpected a number; got {given[name]!r}.")
    wrong = [name for name in wanted if not _same_value(given[name], wanted[name], exercise.tolerance)]
    if not wrong:
        return Verdict(CORRECT, "Correct.")
    for mistake in exercise.mistakes:
        signs = _parts(mistake.value)
        if all(_same_value(given[name], sign, exercise.tolerance) for name, sign in signs.items()):
            return exercise.named(mistake.name)
    if len(wanted) == 1:
        return Verdict(WRONG, f"Not yet: {given[wrong[0]]!r} is not it.")
    right_so_far = len(wanted) - len(wrong)
    return Verdict(
        WRONG, f"Not yet: {right_so_far} of {len(wanted)} parts are right. Look again at {wrong[0]!r}."
    )


def _parts(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {"": value}


def _same_value(given: Any, wanted: Any, tolerance: float) -> bool:
    if isinstance(wanted, str):
        return str(given).strip().lower() == wanted.lower()
    return not isinstance(given, str) and same(given, wanted, tolerance)


def _unanswered_stops(answer: Callable) -> Callable:
    """The answer, except that returning nothing (or raising NotImplementedError itself) ends the grading."""

    def call(*arguments: Any, **named: Any) -> Any:
        try:
            result = answer(*arguments, **named)
        except NotImplementedError as error:
            # Raised by something that the answer calls, it is a mistake like any other and must be shown.
            last = error.__traceback__
            while last.tb_next:
                last = last.tb_next
            if last.tb_frame.f_code is not getattr(answer, "__code__", None):
                raise
            raise _Stop(_not_answered()) from None
        if result is None or result is Ellipsis:
            raise _Stop(_not_answered("it returns nothing; a forgotten return looks the same"))
        return result

    return call


def _guarded(answer: Callable) -> Callable:
    """As above, and any exception ends the grading with a sentence."""
    call = _unanswered_stops(answer)

    def guarded(*arguments: Any, **named: Any) -> Any:
        try:
            return call(*arguments, **named)
        except _Stop:
            raise
        except Exception as error:
            raise _Stop(_error(error)) from None

    return guarded


def _not_answered(why: str = "") -> Verdict:
    return Verdict(NOT_ANSWERED, f"Not answered yet{': ' + why if why else ''}.")


def _error(error: Exception) -> Verdict:
    """One sentence with the exception's type, its message and the reader's own line."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if "site-packages" not in f.filename and not f.filename.startswith(PACKAGE)]
    where = f" (line {own[-1].lineno}: {own[-1].line})" if own and own[-1].line else ""
    text = " ".join(str(error).split()) or "no message"
    return Verdict(ERROR, f"Your code stops with {type(error).__name__}: {text}{where}.")


def _capital(sentence: str) -> str:
    return sentence[0].upper() + sentence[1:]
