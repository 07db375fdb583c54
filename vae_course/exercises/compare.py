"""Compare what an answer returns with what was expected, forgiving about form and strict about values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


class Raised:
    """Stands for the outcome of a call that raised an exception."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def like(self, other: Any) -> bool:
        """Whether the other outcome is the same kind of exception with the same words in its message."""
        return isinstance(other, Raised) and self._words() == other._words()

    def _words(self) -> tuple[type, str]:
        return type(self.error), re.sub(r"[\d\W]+", " ", str(self.error))[:60]


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


def same(answer: Any, expected: Any, tolerance: float) -> bool:
    """Whether two outcomes agree: values within tolerance, shapes equal, form and dtype as they like.

    A number, an array and a tensor of one element are the same thing; NaN equals NaN (a mistake that
    yields NaN must recognize itself). Dicts agree when all expected entries do.
    """
    if isinstance(answer, Raised):
        return answer.like(expected)
    if isinstance(expected, Mapping):
        return isinstance(answer, Mapping) and all(
            key in answer and same(answer[key], value, tolerance) for key, value in expected.items()
        )
    if isinstance(expected, (tuple, list)):
        return (
            isinstance(answer, (tuple, list))
            and len(answer) == len(expected)
            and all(same(a, e, tolerance) for a, e in zip(answer, expected, strict=True))
        )
    left, right = to_tensor(answer), to_tensor(expected)
    if left is None or right is None or not _same_shape(left, right):
        return False
    left, right = left.double().reshape(right.shape), right.double()
    return torch.allclose(left, right, rtol=tolerance, atol=tolerance, equal_nan=True)


def contract_problem(
    answer: Any, expected: Any, low: float | None = None, high: float | None = None, label: str = "the result"
) -> str | None:
    """The first broken promise about type, entries, shape, dtype, finiteness or range, or None."""
    if isinstance(expected, Mapping):
        if not isinstance(answer, Mapping):
            return f"{label} must be a dict with {_names(expected)}; got {_kind(answer)}."
        missing = [key for key in expected if key not in answer]
        if missing:
            return f"{label} must have the entries {_names(expected)}; {missing[0]!r} is missing."
        problems = (contract_problem(answer[k], e, low, high, f"{label}[{k!r}]") for k, e in expected.items())
        return next((problem for problem in problems if problem), None)
    if isinstance(expected, (tuple, list)):
        if not isinstance(answer, (tuple, list)) or len(answer) != len(expected):
            return f"{label} must be {len(expected)} things, in order; got {_kind(answer)}."
        pairs = enumerate(zip(answer, expected, strict=True))
        problems = (contract_problem(a, e, low, high, f"{label}[{i}]") for i, (a, e) in pairs)
        return next((problem for problem in problems if problem), None)
    value, expected = to_tensor(answer), to_tensor(expected)
    if value is None:
        return f"{label} must be a tensor of shape {tuple(expected.shape)}; got {_kind(answer)}."
    if not _same_shape(value, expected):
        return f"{label} must have shape {tuple(expected.shape)}; got {tuple(value.shape)}."
    if expected.is_floating_point() and not value.is_floating_point():
        if value.dtype == torch.bool or value.is_complex() or not torch.equal(expected, expected.round()):
            return f"{label} must hold real floating-point numbers; got {value.dtype}."
    finite = torch.isfinite(value)
    if not finite.all() and torch.isfinite(expected).all():
        return (
            f"{label} must be finite; {int((~finite).sum())} of {value.numel()} values are NaN or infinite."
        )
    slack = 1e-6
    if low is not None and (value < low - slack).any():
        return f"{label} must be at least {low:g}; the smallest value is {value.min().item():.4g}."
    if high is not None and (value > high + slack).any():
        return f"{label} must be at most {high:g}; the largest value is {value.max().item():.4g}."
    return None


def difference(answer: Any, expected: Any, tolerance: float, label: str = "") -> str | None:
    """One sentence on how far two outcomes of equal form are apart; None when they agree."""
    if same(answer, expected, tolerance):
        return None
    if isinstance(expected, Mapping):
        pairs = [(f"{label}[{key!r}]", answer[key], value) for key, value in expected.items()]
    elif isinstance(expected, (tuple, list)):
        pairs = [(f"{label}[{i}]", a, e) for i, (a, e) in enumerate(zip(answer, expected, strict=True))]
    else:
        return _tensor_difference(to_tensor(answer).double(), to_tensor(expected).double(), tolerance, label)
    sentences = (difference(a, e, tolerance, name) for name, a, e in pairs)
    return next(sentence for sentence in sentences if sentence)


def _tensor_difference(answer: Tensor, expected: Tensor, tolerance: float, label: str) -> str:
    answer = answer.reshape(expected.shape)
    apart = (answer - expected).abs()
    index = tuple((apart > tolerance * (1 + expected.abs())).nonzero()[0].tolist())
    where = f"{label}{list(index) if index else ''}"
    first = f", first at {where}" if where else ""
    sentence = (
        f"it differs from the expected values by up to {apart.max().item():.4g}{first}: "
        f"got {answer[index].item():.5g}, expected {expected[index].item():.5g}."
    )
    if expected.numel() > 1:
        ratios, shifts = answer / expected, answer - expected
        if (ratios - ratios.flatten()[0]).abs().max() < 1e-3 * ratios.abs().max():
            return f"{sentence} Every value is {ratios.mean().item():.4g} times the expected one."
        if (shifts - shifts.flatten()[0]).abs().max() < 1e-3 * shifts.abs().max():
            return f"{sentence} Every value is off by the same {shifts.mean().item():+.4g}."
    return sentence


def _same_shape(left: Tensor, right: Tensor) -> bool:
    return left.shape == right.shape or (left.numel() == 1 and right.numel() == 1)


def _names(entries: Mapping) -> str:
    return ", ".join(repr(key) for key in entries)


def _kind(value: Any) -> str:
    name = type(value).__name__
    size = f" of {len(value)}" if isinstance(value, (tuple, list, dict)) else ""
    return f"a {name}{size}"
