"""Options: how one is added, and readers of its value that say in one sentence what is wrong with it."""

from __future__ import annotations

import argparse
import difflib
import math
from collections.abc import Callable, Sequence
from typing import Any


class UsageError(Exception):
    """Something the caller can put right: one sentence; the command ends with exit code 2."""


def suggestion(word: str, known: Sequence[str]) -> str:
    """ "; did you mean ...?" for a misspelled word, or nothing when no known word is near."""
    near = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else ""


def whole(low: int) -> Callable[[str], int]:
    """A reader of whole numbers from ``low`` on."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if value < low:
            raise argparse.ArgumentTypeError(f"{text} is not a whole number of at least {low}.")
        return value

    return read


def number(low: float, high: float = math.inf, ends: str = "[]") -> Callable[[str], float]:
    """A reader of finite numbers from ``low`` to ``high``; "(" or ")" in ``ends`` leaves that end out."""
    wanted = f"above {low:g}" if ends[0] == "(" else f"at least {low:g}"
    if high < math.inf:
        wanted += f" and below {high:g}" if ends[1] == ")" else f" and at most {high:g}"

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        inside = low <= value <= high and math.isfinite(value)
        if not inside or (ends[0] == "(" and value == low) or (ends[1] == ")" and value == high):
            raise argparse.ArgumentTypeError(f"{text} is not a number {wanted}.")
        return value

    return read


def one_of(known: Sequence[str]) -> Callable[[str], str]:
    """A reader of one of several names; case and hyphens do not matter."""

    def read(text: str) -> str:
        name = text.lower().replace("-", "_")
        if name not in known:
            guess = suggestion(name, known) or "."
            raise argparse.ArgumentTypeError(f"{text} is not one of {', '.join(known)}{guess}")
        return name

    return read


def add(
    group: argparse._ActionsContainer,
    option: str,
    text: str,
    read: Callable[[str], Any] | Sequence[str] = str,
    default: Any = None,
    *,
    shown: str | None = None,
    **more: Any,
) -> None:
    """Add an option whose help ends in its default.

    ``read`` turns the text into a value; a tuple of names stands for one of them. ``shown`` is the default in
    words where the value says nothing.
    """
    if not callable(read):
        listed = "{" + ",".join(read) + "}"
        if len(listed) > 60:  # too long for the column of option names
            text, listed = f"{text}: {', '.join(read)}", "NAME"
        more["metavar"], read = listed, one_of(read)
    if not more.get("required"):
        shown = f"{default:g}" if shown is None and isinstance(default, float) else shown or default
        text = f"{text} (default: {shown})".strip()
    group.add_argument(option, type=read, default=default, help=text, **more)
