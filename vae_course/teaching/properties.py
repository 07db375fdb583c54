"""What is asked of every function answer: it leaves all else alone (:class:`Watch`), and does not fit just
the visible cases (:func:`further`). Each finding is a sentence for the reader.
"""

from __future__ import annotations

import copy
import inspect
import io
import math
import random
import signal
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any

import numpy as np
import torch
from torch import Tensor

SECONDS, MOST_TEXT = 30, 2000  # of processor time for one grading, and characters that an answer may print
WHOLE = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
UNBOUNDED = ("mean", "log_var", "log_std", "log_sigma", "logits")  # names of what may be any number begin so


class TooSlow(BaseException):
    """No `except Exception` of an answer may hold it."""


@contextmanager
def limited(seconds: float = SECONDS) -> Iterator[None]:
    """Stop what runs too long (processor time, or four times that on the clock), and let little be printed.

    The stop needs a Unix system and the main thread, where notebooks run their cells.
    """

    def stop(*_: object) -> None:
        raise TooSlow(f"it was stopped after {seconds:g} seconds; is there a loop without an end?")

    timed = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    kinds = (("SIGPROF", "ITIMER_PROF", 1), ("SIGALRM", "ITIMER_REAL", 4)) if timed else ()
    clocks = [(getattr(signal, number), getattr(signal, clock), times) for number, clock, times in kinds]
    before = [signal.signal(number, stop) for number, _, _ in clocks]
    printed = Limited()
    try:
        for _, clock, times in clocks:
            signal.setitimer(clock, times * seconds, 1.0)
        with redirect_stdout(printed), redirect_stderr(printed):
            yield
    finally:
        for (number, clock, _), handler in zip(clocks, before, strict=True):
            signal.setitimer(clock, 0)
            signal.signal(number, handler)
        print(printed.getvalue(), end="")


class Limited(io.StringIO):
    """Keeps the first characters of what is written."""

    def write(self, text: str) -> int:
        room = MOST_TEXT - self.tell()
        if room > 0:
            super().write(text[:room] + (" … (more was printed)" if len(text) > room else ""))
        return len(text)


class Watch:
    """``found``: the sentences about what an answer did beside answering, in order of appearance."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def over(self, answer: Callable) -> Callable:
        """The answer, whose calls are looked at."""

        def call(*arguments: Any, **named: Any) -> Any:
            given = [*arguments, *named.values()]
            kept = [_copied(value) for value in given]
            kind, grad = torch.get_default_dtype(), torch.is_grad_enabled()
            seeded = [(value, value.get_state()) for value in given if isinstance(value, torch.Generator)]
            dice = _dice() if seeded else None
            try:
                return answer(*arguments, **named)
            finally:
                if not all(map(_unchanged, given, kept)):
                    self.found.append("it changes its arguments in place; work on a copy")
                if (torch.get_default_dtype(), torch.is_grad_enabled()) != (kind, grad):
                    self.found.append("it leaves torch with another default dtype or gradient mode")
                    torch.set_default_dtype(kind)
                    torch.set_grad_enabled(grad)
                if seeded and _dice() != dice:
                    self.found.append("it draws from, or seeds, global random numbers beside the generator")
                if any(torch.equal(one.get_state(), state) for one, state in seeded):
                    self.found.append("it leaves the generator where it was: the next call draws the same")

        # A stub raises NotImplementedError of its own, which is told by its code.
        call.__wrapped__ = answer
        return call


def _dice() -> tuple:
    _, key, place, *_ = np.random.get_state()
    return torch.random.get_rng_state().numpy().tobytes(), key.tobytes(), place, random.getstate()


def _copied(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach().clone()
    return copy.deepcopy(value) if isinstance(value, np.ndarray | list | dict | tuple) else None


def _unchanged(value: Any, kept: Any) -> bool:
    if isinstance(kept, Tensor):
        same = value.shape == kept.shape and value.dtype == kept.dtype
        return same and torch.equal(torch.nan_to_num(value.detach()), torch.nan_to_num(kept))
    if isinstance(kept, np.ndarray):
        return value.shape == kept.shape and np.array_equal(value, kept, equal_nan=value.dtype.kind == "f")
    if isinstance(kept, dict):
        same = isinstance(value, dict) and list(value) == list(kept)
        return same and all(map(_unchanged, value.values(), kept.values()))
    if isinstance(kept, list | tuple):
        return len(value) == len(kept) and all(map(_unchanged, value, kept))
    return kept is None or not isinstance(kept, bool | int | float | str) or value == kept


def further(exercise: Any, answer: Callable, outcomes: Callable, same: Callable) -> list[str]:
    """What is wrong with an answer that is right on the cases: a sentence, or nothing.

    ``outcomes(exercise, function, cases)`` runs a function on cases, ``same(a, b, tolerance)`` compares.
    """
    cases = exercise.cases(exercise.seed)
    arguments = inspect.signature(exercise.reference).parameters
    needed = sum(argument.default is argument.empty for argument in arguments.values())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        visible = outcomes(exercise, exercise.reference, cases)
        probes = {
            "other cases of the same kind": exercise.cases(exercise.seed + 101),
            "the default values of its arguments": [c[:needed] for c in cases if len(c) > needed],
            "larger values": [
                tuple(4 * v if _is_float(v) and name.startswith(UNBOUNDED) else v for name, v in zipped)
                for zipped in (zip(arguments, case, strict=False) for case in cases)
            ],
            "double precision": [_in_double(case) for case in cases],
            "a batch of one": [
                one
                for case, whole in zip(cases, visible, strict=True)
                if (one := _single(case))
                and _is_first_row(outcomes(exercise, exercise.reference, [one])[0], whole)
            ],
        }
        for name, probe in probes.items():
            wanted = outcomes(exercise, exercise.reference, probe)
            for result, right in zip(outcomes(exercise, answer, probe), wanted, strict=True):
                if not _is_finite(right):
                    continue
                whole = isinstance(right, Tensor) and right.dim() > 0 and right.dtype in WHOLE
                if whole and isinstance(result, Tensor) and result.is_floating_point():
                    return [f"the result must hold whole numbers, {right.dtype}; yours are {result.dtype}"]
                raised = getattr(result, "error", None)
                if same(result, right, exercise.tolerance) or (raised and name == "double precision"):
                    continue  # nobody promised double precision, but it must not give other values
                how = f"it stops with {type(raised).__name__}: {told(raised)}" if raised else None
                found = f"your function is right on the visible cases, but not on {name}"
                return [f"{found}: {how or 'other values come out'}"]
    problem = _gradient_problem(exercise, answer, cases) if exercise.gradients_to else None
    return [problem] if problem else []


def praise(exercise: Any, answer: Callable, outcomes: Callable, watch: Watch) -> str:
    """ "Correct.", and a note where tensors are made on the CPU wherever the arguments are, which no contract
    forbids: tried on torch's "meta" device, which every machine has.
    """
    if exercise.observe is not None or watch.found:
        return "Correct."
    there = [[x.to("meta") if isinstance(x, Tensor) else x for x in c] for c in exercise.cases(exercise.seed)]
    for right, own in zip(*(outcomes(exercise, f, there) for f in (exercise.reference, answer)), strict=True):
        if hasattr(own, "error") and not hasattr(right, "error") and "expected" in told(own.error).lower():
            return "Correct. (On a GPU it would stop: it makes a tensor on the CPU; give device=...)"
    return "Correct."


def _gradient_problem(exercise: Any, answer: Callable, cases: list[tuple]) -> str | None:
    """Whether the derivatives of the answer by ``gradients_to`` are the reference's."""
    places = {name: i for i, name in enumerate(inspect.signature(exercise.reference).parameters)}
    asked = {places[name]: name for name in exercise.gradients_to}
    for case in cases:
        wanted = _gradients(exercise.reference, case, asked)
        try:
            got = _gradients(answer, case, asked)
        except Exception as error:
            return f"the values are right, but the gradients stop with {type(error).__name__}: {told(error)}"
        if all(own is None for own in got) and any(right is not None and right.any() for right in wanted):
            return "the values are right, but no gradient comes out: nothing could be trained with it"
        for name, right, own in zip(asked.values(), wanted, got, strict=True):
            if right is None or not torch.isfinite(right).all() or (own is None and not right.any()):
                continue
            if own is None or (own.abs().max() == 0 and right.abs().max() > 0):
                return f"the values are right, but no gradient reaches {name}"
            if not torch.allclose(own, right, rtol=1e-2, atol=1e-3 * float(right.abs().max()) + 1e-6):
                return f"the values are right, but not the gradient of {name}"
    return None


def _gradients(function: Callable, case: tuple, places: Iterable[int]) -> list[Tensor | None]:
    """Of the sum of everything that comes out, by the arguments at some places; None where there is none."""
    given = copy.deepcopy(list(case))
    inputs = [given[place].requires_grad_() for place in places]
    result = function(*(value * 1 if _is_float(value) else value for value in given))
    result = list(result.values()) if isinstance(result, dict) else result
    parts = result if isinstance(result, list | tuple) else [result]
    sums = [part.sum() for part in parts if isinstance(part, Tensor) and part.requires_grad]
    if not sums:
        return [None] * len(inputs)
    return list(torch.autograd.grad(torch.stack(sums).sum(), inputs, allow_unused=True))


def _is_float(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()


def _in_double(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return type(value)(map(_in_double, value))
    if isinstance(value, dict):
        return {key: _in_double(item) for key, item in value.items()}
    return value.double() if _is_float(value) else value


def _single(case: tuple) -> tuple | None:
    """The first row of all tensors whose rows belong together; None where they do not seem to."""
    tensors = [value for value in case if isinstance(value, Tensor) and value.dim() > 1]
    if not tensors or len({len(value) for value in tensors}) > 1 or len(tensors[0]) < 2:
        return None
    n = len(tensors[0])
    return tuple(v[:1] if isinstance(v, Tensor) and v.dim() and len(v) == n else v for v in case)


def _is_first_row(single: Any, whole: Any) -> bool:
    """Whether the function treats rows one by one."""
    if not isinstance(single, Tensor) or not isinstance(whole, Tensor) or whole.dim() == 0 or len(whole) < 2:
        return False
    one, first = single.double(), whole[:1].double()
    return one.shape == first.shape and torch.allclose(one, first, rtol=1e-3, atol=1e-5)


def _is_finite(result: Any) -> bool:
    if isinstance(result, dict | list | tuple):
        return all(map(_is_finite, result.values() if isinstance(result, dict) else result))
    if isinstance(result, Tensor):
        return bool(torch.isfinite(result).all()) and result.numel() > 0
    return not hasattr(result, "error") and (not isinstance(result, float) or math.isfinite(result))


def told(error: BaseException) -> str:
    """An exception's message in one line of bearable length, even where it cannot say it itself."""
    try:
        text = " ".join(str(error)[:2000].split())
    except BaseException:
        text = ""
    return (text[:197] + "…" if len(text) > 198 else text) or "no message"
