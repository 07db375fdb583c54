"""The course's look: colors that everybody can tell apart, and never color alone.

The palette is the one of Okabe and Ito (2008, "Color Universal Design"), which stays distinct under the
common forms of color blindness. Every color comes with a line style and a marker of its own, so that a
grey print says the same thing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import matplotlib
from cycler import cycler

P = ParamSpec("P")
R = TypeVar("R")

BLUE = "#0072B2"
VERMILION = "#D55E00"
GREEN = "#009E73"
PURPLE = "#CC79A7"
ORANGE = "#E69F00"
SKY = "#56B4E9"
BLACK = "#000000"
YELLOW = "#F0E442"
GREY = "#6E6E6E"  # 4.9 : 1 on white, so still readable as text

# Yellow is last: on white paper it is too light for thin lines and small text.
COLORS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK, GREY)
# Ten classes need ten colors. No ten are distinct to every eye, so classes differ by glyph or marker as well.
CLASS_COLORS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK, GREY, "#8C7A1A", "#882255")
LINE_STYLES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)), (0, (8, 2)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">")

TRAIN = {"color": BLUE, "linestyle": "-", "marker": "o"}
HELD_OUT = {"color": VERMILION, "linestyle": "--", "marker": "s"}

RC = {
    "figure.dpi": 100,
    "savefig.dpi": 150,
    "figure.facecolor": "white",
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.labelsize": 11,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "legend.fontsize": 10,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "lines.markersize": 4.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.7,
    "axes.prop_cycle": cycler(color=COLORS) + cycler(linestyle=LINE_STYLES),
    "image.cmap": "gray",
}


class _Applied:
    """The style in force; leaving a ``with`` block puts back what was there before."""

    def __init__(self) -> None:
        self._before = {name: matplotlib.rcParams[name] for name in RC}
        matplotlib.rcParams.update(RC)

    def __enter__(self) -> _Applied:
        return self

    def __exit__(self, *error: object) -> None:
        matplotlib.rcParams.update(self._before)


def use() -> _Applied:
    """Apply the course's style to every figure made from now on, or, as ``with style.use():``, to one block.

    The plot functions of this package apply it themselves; call this for figures of your own.
    """
    return _Applied()


def styled(function: Callable[P, R]) -> Callable[P, R]:
    """Decorator: run a plot function under the course's style and leave the reader's settings untouched."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        with use():
            return function(*args, **kwargs)

    return wrapped


def class_style(index: int) -> dict[str, str]:
    """Color and marker of class ``index`` (0, 1, ...); all pairs differ up to 100 classes."""
    color = CLASS_COLORS[index % 10]
    return {"color": color, "marker": MARKERS[(index + index // 10) % 10]}
