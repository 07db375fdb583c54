"""The eleven chapters and what leans on what."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from vae_course.plotting.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, styled

COLUMNS = (
    ("Foundations", BLUE, ((1, "What is a VAE?"), (2, "Encoder and\ndecoder"))),
    ("The two terms", GREEN, ((4, "The KL term"), (5, "Reconstruction\nloss"))),
    ("The code", PURPLE, ((3, "Latent space,\ninterpolation"), (8, "How large\na code?"))),
    ("What goes wrong", ORANGE, ((6, "Mode collapse"), (7, "Limits of\nrealism"))),
    ("What it is good for", GREY, ((9, "Creative uses"), (10, "Images, text,\nsound"), (11, "More realism"))),
)
ARROWS = ((1, 2), (2, 4), (2, 5), (2, 3), (4, 8), (5, 7), (3, 9), (6, 7), (7, 11), (8, 10))
WIDTH, HEIGHT = 1.62, 0.72


@styled
def course_map(here: int) -> Figure:
    """Boxes for the chapters in five themes, arrows from a chapter to one that leans on it.

    Args:
        here: the chapter to mark with a thick frame, 1 to 11.
    """
    figure = Figure(figsize=(8.5, 3.5))
    axes = figure.add_axes((0, 0, 1, 1))
    places = {}
    for column, (theme, color, chapters) in enumerate(COLUMNS):
        x = 1.0 + 2.0 * column
        axes.text(x, 3.75, theme, ha="center", fontsize=10.5, fontweight="bold")
        for row, (number, title) in enumerate(chapters):
            y = 3.05 - 1.2 * row
            places[number] = (x, y)
            frame = {
                "linewidth": 3.2 if number == here else 1.6,
                "edgecolor": BLACK if number == here else color,
            }
            box = FancyBboxPatch(
                (x - WIDTH / 2, y - HEIGHT / 2),
                WIDTH,
                HEIGHT,
                boxstyle="round,pad=0.04",
                facecolor="white",
                **frame,
            )
            axes.add_patch(box)
            axes.text(x, y, f"{number:02d}  {title}", ha="center", va="center", fontsize=9.5)
    for start, end in ARROWS:
        (x0, y0), (x1, y1) = places[start], places[end]
        same = x0 == x1
        tail = (x0, y0 - HEIGHT / 2 - 0.05) if same else (x0 + WIDTH / 2 + 0.05, y0)
        head = (x1, y1 + HEIGHT / 2 + 0.05) if same else (x1 - WIDTH / 2 - 0.05, y1)
        arrow = FancyArrowPatch(tail, head, arrowstyle="-|>", mutation_scale=11, color=GREY, linewidth=1.2)
        axes.add_patch(arrow)
    axes.set_xlim(0, 10)
    axes.set_ylim(0.1, 4.05)
    axes.axis("off")
    return figure
