"""Grade one answer: beside the reference and beside every classic mistake. Shows nothing.

Outcomes are compared forgivingly about form and strictly about values.
"""

import copy
import random
import re
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vae_course.teaching import properties
from vae_course.teaching.exercise import CONTRACT, CORRECT, ERROR, NOT_ANSWERED, WRONG, Exercise, Verdict


class Raised:
    """Stands for the outcome of a call that raised an exception."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
        self.words = type(error), re.sub(r"[\d\W]+", " ", properties.told(error))[:60]

    def like(self, other: Any) -> bool:
        """Whether the other outcome is the same kind of exception with the same words in its message."""
        return isinstance(other, Raised) and self.words == other.words


def to_tensor(value: Any) -> Tensor | None:
    """A tensor, array, number or list of numbers as a detached CPU tensor; None for anything else."""
    if isinstance(value, Tensor):
        return value.detach().cpu()
    if isinstance(value, (list, tuple)) and any(isinstance(item, Tensor) for item in value):
        parts = [to_tensor(item) for item in value]
        if any(part is None or part.shape != parts[0].shape for part in parts):
            return None
        return torch.stack([part.double() for part in parts])
    try:
        return torch.as_tensor(value).detach().cpu()
    except (TypeError, ValueError, RuntimeError):
        return None


class ContractBroken(Exception):
    """An answer breaks its contract, also raised by an exercise's `observe`; the text is for the reader."""


def leaves(answer: Any, expected: Any, label: str = "") -> list[tuple[str, Any, Any]]:
    """Label, answer and expectation of every entry of nested dicts, tuples and lists; ContractBroken where
    they are nested in another way (a dict may have more entries than expected).
    """
    if isinstance(expected, Mapping):
        names, keys = ", ".join(map(repr, expected)), list(expected)
        if not isinstance(answer, Mapping):
            raise ContractBroken(f"{label} must be a dict with {names}; got {_kind(answer)}.")
        if missing := [key for key in keys if key not in answer]:
            raise ContractBroken(f"{label} must have the entries {names}; {missing[0]!r} is missing.")
    elif isinstance(expected, (tuple, list)):
        if not isinstance(answer, (tuple, list)) or len(answer) != len(expected):
            raise ContractBroken(f"{label} must be {len(expected)} things, in order; got {_kind(answer)}.")
        keys = range(len(expected))
    else:
        return [(label, answer, expected)]
    return [leaf for key in keys for leaf in leaves(answer[key], expected[key], f"{label}[{key!r}]")]


def same(answer: Any, expected: Any, tolerance: float) -> bool:
    """Whether two outcomes agree: values within tolerance, shapes equal, form and dtype as they like; NaN
    equals NaN (a mistake that yields NaN must recognize itself), and a number a tensor of one element.
    """
    try:
        return all(_same_leaf(a, e, tolerance) for _, a, e in leaves(answer, expected))
    except ContractBroken:
        return False


def _same_leaf(answer: Any, expected: Any, tolerance: float) -> bool:
    if isinstance(answer, Raised):
        return answer.like(expected)
    left, right = to_tensor(answer), to_tensor(expected)
    if left is None or right is None or not _same_shape(left, right):
        return False
    left, right = left.double().reshape(right.shape), right.double()
    return torch.allclose(left, right, rtol=tolerance, atol=tolerance, equal_nan=True)


def contract_problem(
    answer: Any, expected: Any, low: float | None = None, high: float | None = None, label: str = "the result"
) -> str | None:
    """The first broken promise about type, entries, shape, dtype, finiteness or range, or None."""
    try:
        problems = (_leaf_problem(name, a, e, low, high) for name, a, e in leaves(answer, expected, label))
        return next(filter(None, problems), None)
    except ContractBroken as broken:
        return str(broken)


def _leaf_problem(
    label: str, answer: Any, expected: Any, low: float | None, high: float | None
) -> str | None:
    value, expected = to_tensor(answer), to_tensor(expected)
    if value is None:
        return f"{label} must be a tensor of shape {tuple(expected.shape)}; got {_kind(answer)}."
    if not _same_shape(value, expected):
        return f"{label} must have shape {tuple(expected.shape)}; got {tuple(value.shape)}."
    if expected.is_floating_point() and not value.is_floating_point():
        if value.dtype == torch.bool or value.is_complex() or not torch.equal(expected, expected.round()):
            return f"{label} must hold real floating-point numbers; got {value.dtype}."
    bad = int((~torch.isfinite(value)).sum())
    if bad and torch.isfinite(expected).all():
        return f"{label} must be finite; {bad} of {value.numel()} values are NaN or infinite."
    slack = 1e-6
    if low is not None and (value < low - slack).any():
        return f"{label} must be at least {low:g}; the smallest value is {value.min().item():.4g}."
    if high is not None and (value > high + slack).any():
        return f"{label} must be at most {high:g}; the largest value is {value.max().item():.4g}."
    return None


def difference(answer: Any, expected: Any, tolerance: float) -> str | None:
    """One sentence on how far two outcomes of equal form are apart; None when they agree."""
    apart = ((name, a, e) for name, a, e in leaves(answer, expected) if not _same_leaf(a, e, tolerance))
    if (found := next(apart, None)) is None:
        return None
    label, answer, expected = found[0], to_tensor(found[1]).double(), to_tensor(found[2]).double()
    answer = answer.reshape(expected.shape)
    gap = (answer - expected).abs()
    index = tuple((gap > tolerance * (1 + expected.abs())).nonzero()[0].tolist())
    where = f"{label}{list(index) if index else ''}"
    first = f", first at {where}" if where else ""
    sentence = f"it differs from the expected values by up to {gap.max().item():.4g}{first}: "
    rows = [x[index[:-1]] for x in (answer, expected)] if index else []
    if index and len(rows[0]) < 13 and all(torch.equal(row, row.round()) for row in rows):
        got, wanted = (row.int().tolist() for row in rows)
        return f"{sentence}got {got}, expected {wanted}."
    sentence += f"got {answer[index].item():.5g}, expected {expected[index].item():.5g}."
    return sentence


def _same_shape(left: Tensor, right: Tensor) -> bool:
    return left.shape == right.shape or (left.numel() == 1 and right.numel() == 1)


def _kind(value: Any) -> str:
    size = f" of {len(value)}" if isinstance(value, (tuple, list, dict)) else ""
    return f"a {type(value).__name__}{size}"


# What says more of wrong values: content, which `vae_course.exercises` hands over.
DIAGNOSIS = SimpleNamespace(sentence=lambda *_: "", numbers=lambda *_: "")

PACKAGE = str(Path(__file__).resolve().parents[1])


class _Stop(Exception):
    """Ends the grading early with a verdict."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.message)
        self.verdict = verdict


def grade(exercise: Exercise, answer: Any) -> Verdict:
    """Judge a function, or the number, code or dict of a value exercise; the reader's random numbers stay."""
    if answer is None or answer is Ellipsis:
        return _not_answered()
    if exercise.value is not None:
        return _grade_value(exercise, answer)
    if not exercise.asks_for_function:
        return exercise.grade(answer)
    if not callable(answer):
        expected = f"Expected the function {exercise.answer_name} itself"
        return Verdict(CONTRACT, f"{expected}; got a {type(answer).__name__}.")
    watch = properties.Watch()
    watched = watch.over(answer)
    try:
        with properties.limited(), own_randomness(exercise.seed), torch.enable_grad():
            if exercise.grade is not None:
                verdict = exercise.grade(_stopping(watched, at_errors=True)) or Verdict(CORRECT, "Correct.")
            else:
                verdict = _grade_function(exercise, watched)
                if verdict.correct:
                    watch.found += properties.further(exercise, watched, outcomes, same)
                    verdict = Verdict(CORRECT, properties.praise(exercise, answer, outcomes, watch))
    except _Stop as stop:
        return stop.verdict
    except ContractBroken as broken:
        return Verdict(CONTRACT, str(broken))
    except (properties.TooSlow, SystemExit, KeyboardInterrupt, GeneratorExit) as error:
        return _error(error)
    except Exception as error:  # a result that no checker thought of
        why = properties.told(error)
        return Verdict(CONTRACT, f"The result cannot be judged ({why}); is it what the contract says?")
    if verdict.correct and watch.found:
        return Verdict(WRONG, f"Not yet: {watch.found[0]}.")
    return verdict


def outcomes(exercise: Exercise, function: Callable, cases: list[tuple] | None = None) -> list[Any]:
    """What a function does on cases (those of the exercise), each case with its own fixed randomness."""
    observe = exercise.observe or (lambda call, *arguments: call(*arguments))
    results = []
    for number, arguments in enumerate(exercise.cases(exercise.seed) if cases is None else cases):
        with own_randomness(exercise.seed + number):
            try:
                results.append(observe(function, *copy.deepcopy(arguments)))
            except (_Stop, ContractBroken):
                raise
            except (Exception, SystemExit) as error:
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


def _same_where_wrong(answer: Any, broken: Any, expected: Any, tolerance: float) -> bool:
    """Whether each of several parts is right or wrong in the same way, and at least half of those are."""
    try:
        given = [(a, e) for _, a, e in leaves(answer, expected)]
        wrong = [b for _, _, b in leaves(answer, broken)]
    except ContractBroken:
        return False
    if not len(given) == len(wrong) > len(answer):
        return False
    right, alike = (
        [_same_leaf(*pair, tolerance) for pair in given],
        [_same_leaf(a, b, tolerance) for (a, _), b in zip(given, wrong, strict=True)],
    )
    made = sum(not _same_leaf(e, b, tolerance) for (_, e), b in zip(given, wrong, strict=True))
    return all(r or a for r, a in zip(right, alike, strict=True)) and 2 * right.count(False) >= made


def _grade_function(exercise: Exercise, answer: Callable) -> Verdict:
    got = outcomes(exercise, _stopping(answer))
    expected = outcomes(exercise, exercise.reference)
    if same(got, expected, exercise.tolerance):
        return Verdict(CORRECT, "Correct.")
    behaviors = []
    for mistake in exercise.mistakes:
        for broken in mistake.variants:
            behaviors.append((mistake.name, outcomes(exercise, broken)))
            if same(got, behaviors[-1][1], exercise.tolerance):
                return exercise.named(mistake.name)
    for name, behavior in behaviors:
        if _same_where_wrong(got, behavior, expected, exercise.tolerance):
            return exercise.named(name)
    for result in got:
        if isinstance(result, Raised):
            return _error(result.error)
    why = DIAGNOSIS.sentence(exercise, answer, got)
    for result, wanted in zip(got, expected, strict=True):
        problem = contract_problem(result, wanted, exercise.low, exercise.high)
        if problem:
            return Verdict(CONTRACT, f"{problem[0].upper()}{problem[1:]}{why}")
    cases = exercise.cases(exercise.seed)
    for number, (result, wanted) in enumerate(zip(got, expected, strict=True), start=1):
        apart = difference(result, wanted, exercise.tolerance)
        if apart:
            where = f"on test case {number}{DIAGNOSIS.numbers(exercise, cases[number - 1])}"
            return Verdict(WRONG, f"Not yet: {where} {apart}{why}")
    raise AssertionError("outcomes differ, yet no case does")


def _grade_value(exercise: Exercise, answer: Any) -> Verdict:
    wanted = _parts(exercise.value)
    if isinstance(exercise.value, Mapping) and not isinstance(answer, Mapping):
        names = ", ".join(map(repr, wanted))
        return Verdict(CONTRACT, f"Expected a dict with {names}; got a {type(answer).__name__}.")
    given = _parts(answer)
    missing = [name for name in wanted if given.get(name) is None or given[name] is Ellipsis]
    if missing:
        return _not_answered("" if len(missing) == len(wanted) else f"{missing[0]!r} is still open")
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
    right = f"{len(wanted) - len(wrong)} of {len(wanted)} parts are right"
    return Verdict(WRONG, f"Not yet: {right}. Look again at {wrong[0]!r}.")


def _parts(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {"": value}


def _same_value(given: Any, wanted: Any, tolerance: float) -> bool:
    if isinstance(wanted, str):
        return str(given).strip().lower() == wanted.lower()
    return not isinstance(given, str) and same(given, wanted, tolerance)


def _stopping(answer: Callable, *, at_errors: bool = False) -> Callable:
    """The answer, except that returning nothing ends the grading, and with ``at_errors`` every exception."""

    def call(*arguments: Any, **named: Any) -> Any:
        try:
            result = answer(*arguments, **named)
        except Exception as error:
            last = error.__traceback__
            while last.tb_next:
                last = last.tb_next
            # What the answer calls may raise it, too: a mistake. Another process says who did, and where.
            code = getattr(getattr(answer, "__wrapped__", answer), "__code__", None)
            own = getattr(error, "own", last.tb_frame.f_code is code)
            if own and isinstance(error, NotImplementedError):
                raise _Stop(_not_answered()) from None
            if at_errors:
                raise _Stop(_error(error)) from None
            raise
        if result is None or result is Ellipsis:
            raise _Stop(_not_answered("it returns nothing; a forgotten return looks the same"))
        return result

    return call


def _not_answered(why: str = "") -> Verdict:
    return Verdict(NOT_ANSWERED, f"Not answered yet{': ' + why if why else ''}.")


def _error(error: BaseException) -> Verdict:
    """One sentence with the exception's type, its message and the reader's own line."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if "site-packages" not in f.filename and not f.filename.startswith(PACKAGE)]
    where = getattr(error, "where", f"line {own[-1].lineno}: {own[-1].line}" if own and own[-1].line else "")
    place = f" ({where})" if where else ""
    return Verdict(ERROR, f"Your code stops with {type(error).__name__}: {properties.told(error)}{place}.")
