"""The course's look: colors that everybody can tell apart, and never color alone.

The palette is the one of Okabe and Ito (2008, "Color Universal Design"). Every color comes with a line style
and a marker of its own, so that a grey print says the same thing.
"""

import io
from collections.abc import Callable, Iterable
from itertools import cycle
from pathlib import Path

import matplotlib
from cycler import cycler
from matplotlib.figure import Figure

from vae_course.files import write_atomically

BLUE = "#0072B2"
VERMILION = "#D55E00"
GREEN = "#009E73"
PURPLE = "#CC79A7"
ORANGE = "#E69F00"
SKY = "#56B4E9"
BLACK = "#000000"
GREY = "#6E6E6E"  # 4.9 : 1 on white, so still readable as text

# Without yellow, which on white paper is too light for thin lines and small text.
COLORS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK, GREY)
# Ten classes need ten colors. No ten are distinct to every eye, so classes differ by glyph or marker as well.
CLASS_COLORS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK, GREY, "#8C7A1A", "#882255")
LINE_STYLES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)), (0, (8, 2)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">")

# The same thing has the same color in every chapter.
DATA, PRIOR, VAE, VAE_GAN = GREY, GREY, BLUE, GREEN
SUBJECTS = {"data": DATA, "real": DATA, "VAE": VAE, "autoencoder": PURPLE, "GAN": ORANGE, "VAE-GAN": VAE_GAN}
SUBJECTS["random numbers"] = PRIOR

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


def use():
    """The course's style for one block: ``with style.use():``. The plot functions apply it themselves."""
    return matplotlib.rc_context(RC)


def styled(function: Callable) -> Callable:
    """Decorator: run a plot function under the course's style and leave the reader's settings untouched."""
    return use()(function)


def subplots(*rows_and_columns: int, figsize: tuple[float, float], **how):
    """``plt.subplots`` without pyplot: a figure, in inches, that lays itself out, and its axes."""
    figure = Figure(figsize=figsize, layout="constrained")
    return figure, figure.subplots(*rows_and_columns, **how)


def looks(names: Iterable[str]) -> list[dict]:
    """Color, dash and marker for each line or row, by its name: its own (``SUBJECTS``), or in turn."""
    own = [SUBJECTS.get(name) for name in names]
    free = cycle([color for color in COLORS if color not in own])
    return [
        {"color": color or next(free), "linestyle": LINE_STYLES[i % 8], "marker": MARKERS[i % 10]}
        for i, color in enumerate(own)
    ]


def class_style(index: int) -> dict[str, str]:
    """Color and marker of class ``index`` (0, 1, ...); all pairs differ up to 100 classes."""
    color = CLASS_COLORS[index % 10]
    return {"color": color, "marker": MARKERS[(index + index // 10) % 10]}


def minus(text: str) -> str:
    """Text with typographic minus signs, as on the axes."""
    return text.replace("-", "\N{MINUS SIGN}")


def write_figure(figure: Figure, path: str | Path, dpi: int = 300) -> Path:
    """Write a figure, whole or not at all: .svg and .pdf hold outlines, .png has ``dpi`` dots per inch."""
    path, buffer = Path(path), io.BytesIO()
    kind = path.suffix.lower().removeprefix(".")
    if kind not in ("png", "svg", "pdf"):
        raise ValueError(f"{path.name} does not end in .png, .svg or .pdf; give a name such as poster.svg.")
    figure.savefig(buffer, format=kind, dpi=dpi, facecolor=figure.get_facecolor())
    write_atomically(path, buffer.getvalue())
    return path
