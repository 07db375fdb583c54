"""What the wrong values of an answer have in common, in one sentence: the same trials for every exercise."""

import inspect
import math
from collections.abc import Callable, Iterator
from functools import partial
from itertools import combinations, permutations
from typing import Any

import torch
from torch import Tensor

from vae_course.teaching.exercise import Exercise
from vae_course.teaching.grading import leaves, outcomes, same, to_tensor
from vae_course.teaching.properties import TooSlow

LOG_2, LOG_2_PI = math.log(2), math.log(2 * math.pi)
KNOWN = {1 / LOG_2: "1 / log 2", LOG_2: "log 2", 1 / math.log(10): "1 / log 10", LOG_2_PI: "log 2π"}
KNOWN |= {LOG_2_PI / 2: "½ log 2π", 1 / LOG_2 - 1: "log2 is not log", LOG_2**2: "(log 2)²"}
VALUES = {"the exponential": torch.exp, "the logarithm": torch.log, "the square": torch.square}
VALUES |= {"the square root": torch.sqrt, "the inverse": torch.reciprocal, "the absolute value": torch.abs}
VALUES |= {"one minus the value": lambda v: 1 - v, "the transpose": torch.t, "the diagonal": torch.diag}
VALUES |= {"the sum over all": torch.sum, "the mean over all": torch.mean}
for k in range(4):
    VALUES |= {f"the {f} over axis {k}": lambda v, f=f, k=k: getattr(v, f)(k) for f in ("sum", "mean")}
    VALUES |= {f"the mirror image along axis {k}": lambda v, k=k: v.flip(k)}
    VALUES |= {f"the shift by {n} along axis {k}": lambda v, n=n, k=k: v.roll(n, k) for n in (1, -1)}
    VALUES |= {f"all but the first along axis {k}": lambda v, k=k: v.narrow(k, 1, v.shape[k] - 1)}
    VALUES |= {f"all but the last along axis {k}": lambda v, k=k: v.narrow(k, 0, v.shape[k] - 1)}
ARGUMENTS = {"0": torch.zeros_like, "1": torch.ones_like, "−{}": torch.neg, "½ {}": lambda v: v / 2}
ARGUMENTS |= {"2 {}": lambda v: 2 * v, "{}²": torch.square, "√{}": torch.sqrt, "1 / {}": torch.reciprocal}
ARGUMENTS |= {
    "exp({})": torch.exp,
    "log({})": torch.log,
    "{} + 1": lambda v: v + 1,
    "{} − 1": lambda v: v - 1,
}
ARGUMENTS |= {"|{}|": torch.abs, "round({})": torch.round, "sigmoid({})": torch.sigmoid}
ARGUMENTS |= {
    "{} · log 2": lambda v: v * LOG_2,
    "{} / log 2": lambda v: v / LOG_2,
    "not {}": torch.Tensor.logical_not,
}
ARGUMENTS |= {"{} · len({})": lambda v: v * len(v), "{} transposed": lambda v: v.transpose(0, 1)}
ARGUMENTS |= {"softmax({})": lambda v: v.softmax(-1), "1 − {}": lambda v: 1 - v}
WHERE = {"is 0": lambda v: v == 0, "is not 0": lambda v: v != 0, "is 1": lambda v: v == 1}
WHERE |= {"is negative": lambda v: v < 0, "is positive": lambda v: v > 0}


def sentence(exercise: Exercise, answer: Callable, got: list) -> str:
    """What the trials find, after a space, or nothing; ``got`` is what the answer did on the cases."""
    try:
        found = _found(exercise, answer, got)
    except (Exception, TooSlow):  # a result that no trial thought of
        found = ""
    return f" {found}" if found else ""


def numbers(exercise: Exercise, case: tuple) -> str:
    """The numbers and words of a test case, in brackets."""
    named = zip(inspect.signature(exercise.reference).parameters, case, strict=False)
    short = [f"{n}={v!r}" for n, v in named if isinstance(v, int | float | str | list | dict)]
    short = [one for one in short if len(one) < 80]
    return f" ({', '.join(short)})" if short and exercise.observe is None else ""


def _found(exercise: Exercise, answer: Callable, got: list) -> str:
    """The first trial that succeeds; those that tell most come first."""

    def close(a: Any, b: Any) -> bool:
        return a is not None and b is not None and same(a, b, exercise.tolerance)

    def run(function: Callable, cases: list[dict]) -> list:
        return outcomes(exercise, function, [tuple(case.values()) for case in cases])

    def split(answers: list, expected: list) -> list[dict[str, tuple]]:
        found = [leaves(a, e) for a, e in zip(answers, expected, strict=True)]
        return [{n: (to_tensor(a).double(), to_tensor(e).double()) for n, a, e in case} for case in found]

    wanted = inspect.signature(exercise.reference).parameters
    names = list(inspect.signature(exercise.observe).parameters)[1:] if exercise.observe else list(wanted)
    cases, more = (
        [
            dict(zip(names, case, strict=False))
            for seed in seeds
            for case in exercise.cases(exercise.seed + seed)
        ]
        for seeds in ((0,), (101, 202))
    )
    expected = run(exercise.reference, cases)
    parts = split(got, expected)
    first, label = next(
        (i, n) for i, part in enumerate(parts) for n, pair in part.items() if not close(*pair)
    )
    pairs = [part[label] for part in parts]
    for one, other in permutations(parts[0], 2):
        if one == label and all(close(part[one][0], part[other][1]) for part in parts):
            return f"What you return as {one} is expected as {other}."
    formed = all(a.shape == e.shape for a, e in pairs)
    if found := (formed and _law(pairs, cases)) or _relation(pairs, cases, close, formed):
        return found
    tried = [name for name in wanted if name in cases[0]] if set(wanted) <= set(names) else []
    whole = all((e == e.round()).all() for _, e in pairs)
    for change in () if whole and len(parts[0]) == 1 else _changes(cases, tried):
        words, changed = change(cases)
        probe = run(exercise.reference, changed[first : first + 1])
        if close(probe, got[first : first + 1]) and close(run(exercise.reference, changed), got):
            if close(run(exercise.reference, change(more)[1]), run(answer, more)):
                return f"It is what comes out with {words}."
    steady = []
    for name in tried:
        still, kept = True, formed
        for move in (_scaled, _mirrored):
            moved = [case | {name: _tried(move, case[name])} for case in cases]
            theirs, ours = run(answer, moved), run(exercise.reference, moved)
            still &= close(theirs, got) and (move is _mirrored or not close(ours, expected))
            now = (_tried(split, theirs, ours) if kept else None) or [{}] * len(parts)
            kept = kept and all(
                label in part and close(part[label][0] - part[label][1], a - e)
                for part, (a, e) in zip(now, pairs, strict=True)
            )
        if still:
            return f"Your result does not depend on {name}."
        steady += [name] * kept
    others = [name for name in tried if name not in steady]
    if formed and (found := _places(pairs, cases)):
        return found
    if steady and others:
        return f"The error stays the same when {' or '.join(steady)} changes: look at {' and '.join(others)}."
    fine = [name for name in parts[0] if all(name in part and close(*part[name]) for part in parts)]
    if 0 < len(fine) < 4:
        return f"What is right: {' and '.join(fine)}."
    wrong = [name for name in parts[0] if name not in fine]
    return f"What is wrong: {' and '.join(wrong)}." if fine and len(wrong) < 4 else ""


def _tried(function: Callable, *given: Any) -> Any:
    try:
        return function(*given)
    except Exception:
        return None


def _applied(function: Callable, value: Any) -> Any:
    """To a tensor, a number or a list of numbers, which it stays."""
    if isinstance(value, Tensor) and (value.dtype == torch.bool) == (function is torch.Tensor.logical_not):
        return function(value)
    if isinstance(value, bool) or not isinstance(value, int | float | list):
        raise TypeError
    result = function(torch.tensor(value, dtype=torch.float64)).tolist()
    return int(result) if isinstance(value, int) and result == int(result) else result


def _scaled(value: Any) -> Any:
    if isinstance(value, Tensor) and not value.is_floating_point():
        return ~value if value.dtype == torch.bool else value.flip(-1)
    return value + 1 if isinstance(value, int) else _applied(lambda v: 1.25 * v, value)


def _mirrored(value: Any) -> Any:
    return value.flip(0) if isinstance(value, Tensor) and value.dim() else 2 * value


def _changes(cases: list[dict], names: list[str]) -> Iterator[Callable]:
    """Functions that give words, and cases with other arguments."""

    def exchange(a: str, b: str, cases: list[dict]) -> tuple[str, list[dict]]:
        return f"{a} and {b} exchanged", [case | {a: case[b], b: case[a]} for case in cases]

    def change(name: str, words: str, function: Callable, cases: list[dict]) -> tuple[str, list[dict]]:
        changed = [case | {name: _applied(function, case[name])} for case in cases]
        return f"{words.format(name, name)} in place of {name}", changed

    for a, b in combinations(names, 2):
        if all(type(case[a]) is type(case[b]) for case in cases):
            yield partial(exchange, a, b)
    for name in names:
        for words, function in ARGUMENTS.items():
            if all(_tried(_applied, function, case[name]) is not None for case in cases):
                yield partial(change, name, words, function)


def _relation(pairs: list[tuple[Tensor, Tensor]], cases: list[dict], close: Callable, formed: bool) -> str:
    """Between all values and the expected ones, or between their shapes."""
    for words, function in VALUES.items() if sum(a.numel() for a, _ in pairs) > 2 else ():
        if all(close(a, _tried(function, e)) for a, e in pairs):
            return f"Yours is {words} of what is expected."
        if all(close(_tried(function, a), e) for a, e in pairs):
            return f"Of yours, {words} would be right."
    for name, value in cases[0].items() if not formed else ():
        if isinstance(value, Tensor) and len(set(value.shape)) == value.dim():
            own, right = ([value.shape.index(n) for n in x.shape if n in value.shape] for x in pairs[0])
            if (len(own), len(right)) == tuple(x.dim() for x in pairs[0]) and own != right:
                return f"Yours has the size of {_axes(own)} of {name}; it should have that of {_axes(right)}."
        if isinstance(value, Tensor) and value.dim() > 1 and pairs[0][0].numel() == value[0].numel():
            return f"Your result has as many values as {name}[0]."
    return ""


def _axes(numbers: list[int]) -> str:
    words = " and ".join(map(str, numbers))
    return f"axes {words}" if len(numbers) > 1 else f"axis {words}" if numbers else "no axis"


def _law(pairs: list[tuple[Tensor, Tensor]], cases: list[dict]) -> str:
    """A factor or a difference that all values of a case share, and how it goes with sizes or numbers."""
    count = sum(e.numel() for _, e in pairs)
    factors = [(a * e).sum() / (e * e).sum() for a, e in pairs]
    shifts = [(a - e).mean() for a, e in pairs]
    for kind, numbers in (("{} times the expected one", factors), ("off by {}", shifts)):
        guesses = [e * n if kind[0] == "{" else e + n for (_, e), n in zip(pairs, numbers, strict=True)]
        left = [(a - g).abs() - 1e-3 * (a - e).abs() for (a, e), g in zip(pairs, guesses, strict=True)]
        if any((rest > 1e-5).any() for rest in left):
            continue
        for words, size in (
            ("", lambda n: 1),
            ("{}", float),
            ("1 / {}", lambda n: 1 / n),
            ("the log of {}", math.log),
        ):
            for options in zip(*map(_sizes, cases), strict=False):
                by = [_tried(size, n) for _, n in options]
                if None in by or 0 in by or (words and len(set(by)) < 2) or count < 2:
                    continue
                scale = torch.stack(numbers) / torch.tensor(by)
                least = scale.abs().max() if words or kind[0] != "{" else (scale - 1).abs().max()
                if (scale - scale[0]).abs().max() < 1e-3 * least:
                    number = scale.mean().item()
                    known = next((f" ({k})" for n, k in KNOWN.items() if abs(abs(number) - n) < 1e-3), "")
                    shown = f"{number:.4g}" if kind[0] == "{" else f"{number:+.4g}"
                    what = f"{shown}{known} × {words.format(options[0][0])}" if words else f"{shown}{known}"
                    if kind[0] != "{" and not words:
                        what = f"the same {what}"
                    return f"Every value is {kind.format(what.removeprefix('1 × '))}."
    rows = [
        torch.nn.functional.cosine_similarity(a, e, dim=-1)
        for a, e in pairs
        if a.dim() > 1 and a.shape[-1] > 2
    ]
    if rows and all((row > 1 - 1e-6).all() for row in rows):
        return "Every row has the right direction, but not the right length."
    return ""


def _sizes(case: dict) -> Iterator[tuple[str, float]]:
    for name, value in case.items():
        if isinstance(value, Tensor) and value.dim():
            yield from ((f"the size of axis {k} of {name}", n) for k, n in enumerate(value.shape))
            yield f"the number of entries of {name}[i]", value[0].numel()
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield name, value
    yield "", 1


def _places(pairs: list[tuple[Tensor, Tensor]], cases: list[dict]) -> str:
    """What is true of the wrong values and of no right one."""
    wrong = [~((a - e).abs() <= 1e-4 * (1 + e.abs())) for a, e in pairs]
    bad, count = sum(int(w.sum()) for w in wrong), sum(w.numel() for w in wrong)
    if bad == count:
        return ""
    off = [bool(w.any()) for w in wrong]
    for name in cases[0]:
        values = [case[name] for case in cases]
        if all(isinstance(value, int | float | str) for value in values):
            sides = [{v for v, one in zip(values, off, strict=True) if one is way} for way in (True, False)]
            for words, there, way in zip(("wrong", "right"), sides, (True, False), strict=True):
                whole = isinstance(values[0], float) and there <= {0.0, 1.0}
                telling = whole or isinstance(values[0], str) or off.count(way) > 1
                if len(there) == 1 and sides[0].isdisjoint(sides[1]) and telling:
                    return f"It is {words} only where {name} is {there.pop()!r}."
    for axis in range(wrong[0].dim()):
        flat = [w.movedim(axis, 0).reshape(len(w.movedim(axis, 0)), -1) for w in wrong if w.shape[axis] > 2]
        ends = {"the first": slice(1), "all between": slice(1, -1), "the last": slice(-1, None)}
        right = [words for words, place in ends.items() if not any(bool(f[place].any()) for f in flat)]
        if flat and 0 < len(right) < 3 and bad > 2:
            return f"What is right along axis {axis}: {' and '.join(right)}."
    for name in cases[0]:
        for words, holds in WHERE.items():
            there = [_spread(holds, case[name], w) for case, w in zip(cases, wrong, strict=True)]
            if any(t is None or (w & ~t).any() for t, w in zip(there, wrong, strict=True)):
                continue
            inside, mixed = sum(int(t.sum()) for t in there), any(t.any() and not t.all() for t in there)
            if mixed and (inside == bad or (bad > 2 and inside <= min(0.7 * count, 2 * bad))):
                return f"It is wrong only where {name} {words}."
    return f"{count - bad} of {count} values are right." if count > 6 else ""


def _spread(holds: Callable, value: Any, wrong: Tensor) -> Tensor | None:
    """A condition on an argument, for each value of the result: anywhere in what belongs to it."""
    there = _tried(holds, value)
    if not isinstance(there, Tensor):
        return None
    while there.dim() > wrong.dim():
        there = there.any(-1)
    there = there.reshape(there.shape + (1,) * (wrong.dim() - there.dim()))
    return _tried(there.expand, wrong.shape)
