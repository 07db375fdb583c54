"""What was measured over seeds: one value for each, the mean, and how far it can be trusted."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from vae_course.randomness import seed_everything


def as_number(value: Any) -> float:
    """A Python float of a number, or of a tensor of one element, also one with a gradient."""
    return float(value.item() if hasattr(value, "item") else value)


class Runs:
    """One number for each seed, with its mean and 95 % interval. ``a - b`` and ``a / b`` pair by seed.

    >>> usual, ours = Runs([107.2, 106.5, 107.4]), Runs([99.4, 99.9, 99.8])
    >>> print(usual - ours)
    7.3 (5.7 to 8.9)

    The interval is Student's: mean ± t · s / √n (Student 1908, "The probable error of a mean"). A quantity
    with borders, say a share (``least=0, most=1``), gets it on the scale of log((x − least) / (most − x)), a
    distance (``least=0``) on that of log(x − least), with the standard error carried over by the slope there;
    so it never leaves what is possible. Equal values give an interval without width, NaN and infinity NaN.
    ``seeds`` are 0, 1, 2, … when left out.
    """

    __array_ufunc__ = None  # so that numpy's numbers leave `number * runs` to this class

    def __init__(
        self,
        values: Iterable[Any],
        *,
        seeds: Sequence[int] | None = None,
        least: float = -math.inf,
        most: float = math.inf,
    ) -> None:
        self.values = tuple(map(as_number, values))
        self.seeds = tuple(range(len(self.values)) if seeds is None else seeds)
        self.least, self.most = float(least), float(most)
        if not self.values:
            raise ValueError("Runs needs at least one value, one for each seed; got none.")
        if len(self.seeds) != len(self.values) or len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"Runs needs one seed for each of {len(self.values)} values; got {self.seeds}.")
        if not self.least < self.most or any(v < self.least or v > self.most for v in self.values):
            found = f"Runs: the values {list(self.values)} do not lie between {least:g} and {most:g};"
            raise ValueError(f"{found} check them, or the borders least and most.")

    def within(self, least: float = -math.inf, most: float = math.inf) -> Runs:
        """The same values as a quantity with borders."""
        return Runs(self.values, seeds=self.seeds, least=least, most=most)

    n = property(lambda self: len(self.values), doc="How many seeds.")

    @property
    def mean(self) -> float:
        return math.fsum(self.values) / self.n if all(map(math.isfinite, self.values)) else math.nan

    low = property(lambda self: self.interval()[0], doc="Lower end of the 95 % interval of the mean.")
    high = property(lambda self: self.interval()[1], doc="Upper end of the 95 % interval of the mean.")

    def interval(self) -> tuple[float, float]:
        """Both ends of the interval of the mean; NaN for a single run, which says nothing of its spread."""
        if self.n == 1 or math.isnan(self.mean):
            return math.nan, math.nan
        if min(self.values) == max(self.values):
            return self.mean, self.mean
        from scipy.stats import t

        mean = self.mean
        variance = math.fsum((value - mean) ** 2 for value in self.values) / (self.n - 1)
        half = float(t.ppf(0.975, df=self.n - 1)) * math.sqrt(variance / self.n)
        below, above = mean - self.least, self.most - mean
        if math.isinf(below) and math.isinf(above):
            return mean - half, mean + half
        if math.isinf(above):  # d log(x − least) = dx / (x − least)
            return self.least + below * _exp(-half / below), self.least + below * _exp(half / below)
        if math.isinf(below):
            return self.most - above * _exp(half / above), self.most - above * _exp(-half / above)
        width, odds = self.most - self.least, below / above
        half *= width / (below * above)  # d log(odds) = width · dx / (below · above)
        low, high = odds * _exp(-half), odds * _exp(half)
        return self.least + width * low / (1 + low), self.most - width / (1 + high)

    def __repr__(self) -> str:
        return f"Runs({list(self.values)})"

    def __str__(self) -> str:
        return measured_text(self.mean, self.low, self.high)

    def __format__(self, spec: str) -> str:
        """``f"{runs:+.1f}"`` writes all three numbers that way; without a format as ``str`` does."""
        if not spec:
            return str(self)
        mean, (low, high) = self.mean, self.interval()
        return format(mean, spec) + ("" if self.n == 1 else f" ({low:{spec}} to {high:{spec}})")

    def __neg__(self) -> Runs:
        return self * -1

    def __add__(self, other: Any) -> Runs:
        return self._paired(other, operator.add)

    def __sub__(self, other: Any) -> Runs:
        return self._paired(other, operator.sub)

    def __mul__(self, other: Any) -> Runs:
        return self._paired(other, operator.mul)

    def __truediv__(self, other: Any) -> Runs:
        return self._paired(other, operator.truediv)

    __radd__, __rmul__ = __add__, __mul__

    def __rsub__(self, other: Any) -> Runs:
        return self._paired(other, lambda ours, theirs: theirs - ours)

    def __rtruediv__(self, other: Any) -> Runs:
        return self._paired(other, _divided_by)

    def _paired(self, other: Any, operation: Callable[[float, float], float]) -> Runs:
        """The operation on the values of equal seeds, and on the borders of both."""
        if isinstance(other, Runs):
            if other.seeds != self.seeds:
                found = f"Runs are paired by seed, but these have the seeds {list(self.seeds)} and"
                raise ValueError(f"{found} {list(other.seeds)}; give both the same seeds.")
            values, theirs = other.values, (other.least, other.most)
        else:
            try:
                number = float(other)
            except (TypeError, ValueError):
                return NotImplemented
            values, theirs = (number,) * self.n, (number,)
        try:
            results = [operation(a, b) for a, b in zip(self.values, values, strict=True)]
        except ZeroDivisionError:
            raise ValueError("Runs: a ratio needs a denominator that is never 0.") from None
        least, most = _borders(operation, (self.least, self.most), theirs)
        return Runs(results, seeds=self.seeds, least=least, most=most)


def _divided_by(ours: float, theirs: float) -> float:
    return theirs / ours


def _borders(
    operation: Callable[[float, float], float], ours: tuple[float, float], theirs: tuple[float, ...]
) -> tuple[float, float]:
    """What the result cannot leave: its extremes at the borders, or of two measured factors only the sign."""
    multiple = len(theirs) == 1 and operation in (operator.mul, operator.truediv)
    if operation in (operator.mul, operator.truediv, _divided_by) and not multiple:
        return (0.0, math.inf) if min(*ours, *theirs) >= 0 else (-math.inf, math.inf)
    corners = [operation(a, b) for a in ours for b in theirs]
    if any(map(math.isnan, corners)) or min(corners) == max(corners):  # inf − inf; times 0
        return -math.inf, math.inf
    return min(corners), max(corners)


def _exp(power: float) -> float:
    return math.exp(power) if power < 700 else math.inf


def over_seeds(n: int, measure: Callable[[int], Any]) -> Any:
    """``measure(0)``, …, ``measure(n − 1)`` as ``Runs``, or a dict of ``Runs`` of a dict of numbers.

    Before each call torch, numpy and Python are seeded with that number (`seed_everything`); hand it on:
    ``fit(..., seed=seed)``.
    """
    results = []
    for seed in range(n):
        seed_everything(seed)
        results.append(measure(seed))
    if results and isinstance(results[0], dict):
        return {key: Runs(result[key] for result in results) for key in results[0]}
    return Runs(results)


def measured_text(
    value: float, low: float | None = None, high: float | None = None, unit: str = "", *, exact: bool = False
) -> str:
    """A number as a sentence wants it: ``7.3 nats (6.6 to 8.0)``.

    With an interval, decimals stop at the second significant digit of its width. Without one: two significant
    digits, three from 100 on, four of an ``exact`` number; "%" writes the share 0.43 as "43 %".
    """
    scale = 100 if unit == "%" else 1
    value, unit = value * scale, f" {unit}" if unit else ""
    if low is None or high is None or not math.isfinite(high - low):
        return _rounded(value, _decimals(value, exact)) + unit
    low, high = low * scale, high * scale
    if high == low:
        return _rounded(value, _decimals(value, exact)) + unit
    decimals = 1 - math.floor(math.log10(high - low))
    value, low, high = (_rounded(number, decimals) for number in (value, low, high))
    return f"{value}{unit} ({low} to {high})"


def _decimals(value: float, exact: bool) -> int:
    """Decimals of a number without an interval; negative ones round to tens, hundreds, …"""
    if not math.isfinite(value) or float(value).is_integer():
        return 0
    digits = 4 if exact else 3 if abs(value) >= 100 else 2
    return digits - 1 - math.floor(math.log10(abs(value)))


def _rounded(number: float, decimals: int) -> str:
    if not math.isfinite(number):
        return "not a number" if math.isnan(number) else "infinity" if number > 0 else "-infinity"
    if number == 0:
        decimals = min(decimals, 0) if decimals > 3 else decimals
    else:
        power = math.floor(math.log10(abs(number)))
        decimals = min(decimals, 5 - power)  # six digits are enough for any sentence
        if power < -3 and decimals + power >= 0:  # not 3e-4 where 0.000 is what is known
            digits, power = f"{number:.{max(power + decimals, 0)}e}".split("e")
            return f"{digits}e{int(power)}"
    return f"{round(number, decimals) + 0.0:,.{max(decimals, 0)}f}"  # + 0.0: never "-0"


class Interval(NamedTuple):
    """A number with an interval that does not come from seeds; shown, and taken by a claim, as `Runs` are."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return measured_text(*self)

    def __format__(self, spec: str) -> str:
        return f"{self.value:{spec}} ({self.low:{spec}} to {self.high:{spec}})" if spec else str(self)
