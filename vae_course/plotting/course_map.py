"""The eleven chapters by theme, and which of them each one builds on."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from vae_course.plotting.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, styled

# theme, color, chapters: number, title, the chapters it builds on
COLUMNS = (
    ("Foundations", BLUE, ((1, "What is a VAE?", ""), (2, "Encoder and decoder", "01"))),
    ("The two terms", GREEN, ((4, "The KL term", "02"), (5, "Reconstruction loss", "02"))),
    ("The code", PURPLE, ((3, "Interpolation", "02"), (8, "How large a code?", "04, 05"))),
    ("What goes wrong", ORANGE, ((6, "Mode collapse", "01, 04"), (7, "Limits of realism", "05, 06"))),
    (
        "What it is for",
        GREY,
        ((9, "Creative uses", "03"), (10, "Images, text, sound", "04, 05"), (11, "More realism", "07")),
    ),
)
WIDTH, HEIGHT = 1.8, 0.84


@styled
def course_map(here: int) -> Figure:
    """Boxes for the chapters in five themes; each names the chapters it builds on.

    Args:
        here: the chapter to mark with a thick black frame, 1 to 11.
    """
    figure = Figure(figsize=(8.5, 3.2))
    axes = figure.add_axes((0, 0, 1, 1))
    for column, (theme, color, chapters) in enumerate(COLUMNS):
        x = 1.0 + 2.0 * column
        axes.text(x, 3.75, theme, ha="center", fontsize=11, fontweight="bold")
        for row, (number, title, needs) in enumerate(chapters):
            y = 3.1 - 1.12 * row
            corner = (x - WIDTH / 2, y - HEIGHT / 2)
            box = FancyBboxPatch(
                corner,
                WIDTH,
                HEIGHT,
                boxstyle="round,pad=0,rounding_size=0.08",
                facecolor="white",
                edgecolor=BLACK if number == here else color,
                linewidth=3.5 if number == here else 1.8,
            )
            axes.add_patch(box)
            axes.text(x, y + 0.2, f"{number:02d}", ha="center", va="center", fontsize=10, fontweight="bold")
            axes.text(x, y - 0.02, title, ha="center", va="center", fontsize=9.5)
            below = "you are here" if number == here else f"builds on {needs}" if needs else ""
            axes.text(x, y - 0.26, below, ha="center", va="center", fontsize=8.5, color=GREY)
    axes.set_xlim(0, 10)
    axes.set_ylim(0.3, 4.05)
    axes.axis("off")
    return figure
