"""How sure we are of a mean over a few seeds."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple


class MeanInterval(NamedTuple):
    """A mean with the ends of its confidence interval, in the unit of the values."""

    mean: float
    low: float
    high: float

    def within(self, least: float = -math.inf, most: float = math.inf) -> MeanInterval:
        """The part of the interval in which the quantity can lie, for example least=0 for a count.

        mean ± t · s / sqrt(n) knows no border. What is cut off is impossible, so the coverage stays; an end
        at the border is a sign that the values scatter widely, or are not normal.

        Raises:
            ValueError: the mean itself lies outside.
        """
        if not least <= self.mean <= most:
            raise ValueError(f"the mean {self.mean} lies outside {least} to {most}; check the bounds.")
        return MeanInterval(self.mean, max(self.low, least), min(self.high, most))


def mean_interval(values: Iterable[float], confidence: float = 0.95) -> MeanInterval:
    """Mean of a few independent results (one per seed) with its Student-t confidence interval.

    mean +- t * s / sqrt(n), where s is the sample standard deviation (divisor n - 1) and t the quantile
    of Student's distribution with n - 1 degrees of freedom (Student 1908, "The probable error of a mean").

    Args:
        values: at least two finite numbers.
        confidence: coverage, strictly between 0 and 1.

    Raises:
        ValueError: fewer than two values, a value that is not finite, or a confidence outside (0, 1).
    """
    numbers = [float(value) for value in values]
    if len(numbers) < 2:
        raise ValueError(f"An interval needs at least two values, one per seed; got {len(numbers)}.")
    if not all(math.isfinite(number) for number in numbers):
        raise ValueError(f"An interval needs finite values; got {numbers}.")
    if not 0 < confidence < 1:
        raise ValueError(f"The confidence must lie strictly between 0 and 1; got {confidence!r}.")
    from scipy.stats import t

    n = len(numbers)
    mean = math.fsum(numbers) / n
    variance = math.fsum((number - mean) ** 2 for number in numbers) / (n - 1)
    half = float(t.ppf((1 + confidence) / 2, df=n - 1)) * math.sqrt(variance / n)
    return MeanInterval(mean, mean - half, mean + half)
