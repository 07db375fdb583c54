"""Chapter 09's breeder: pick the pictures you like, get more like them; with a figure that stands still."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import ipywidgets as widgets
import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor, nn

from vae_course.plots.images import GAP, draw_grid, montage, pictures
from vae_course.plots.style import VERMILION, styled
from vae_course.randomness import seeded
from vae_course.teaching.display import check_alt, publish_widget, show
from vae_course.widgets.controls import picture_html, png, slider

CELL = 84  # pixels on the screen


def more_like(parents: Tensor, n: int, spread: float, generator: torch.Generator | None = None) -> Tensor:
    """``n`` new codes (n, latent) around picked ones (m, latent): √(1 − s²)·z + s·ε with z picked and ε ~
    N(0, I).

    If the picked codes follow N(0, I), so do the new ones, for every spread s: the variances (1 − s²) and s²
    add up to 1. So the children never drift off to where the decoder has seen nothing, as those of z + s·ε
    would. (The proposal of preconditioned Crank–Nicolson: Cotter et al. 2013, section 4.2.)

    Children are dealt to their parents in turn; ``spread`` is s, from 0 (copies) to 1 (as if nothing had been
    picked); ``generator`` is on the device of the parents.
    """
    if len(parents) == 0 or not 0 <= spread <= 1:
        found = f"{len(parents)} were picked, spread is {spread}"
        raise ValueError(f"{found}; pick at least one, and a spread in [0, 1].")
    chosen = parents[torch.arange(n, device=parents.device) % len(parents)]
    noise = torch.randn(chosen.shape, generator=generator, device=parents.device, dtype=parents.dtype)
    return (1 - spread**2) ** 0.5 * chosen + spread * noise


@dataclass
class Breeding:
    """The rounds so far, ``n`` pictures each: codes (n, latent) shown, and positions picked. Plain data, no
    widget.
    """

    model: nn.Module
    n: int = 12
    seed: int = 0
    codes: list[Tensor] = field(default_factory=list)
    picked: list[list[int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.generator = seeded(self.seed)
        self.codes.append(self._fresh(self.n))

    def _fresh(self, n: int) -> Tensor:
        return torch.randn(n, self.model.latent_dim, generator=self.generator)

    @property
    def images(self) -> Tensor:
        """The present round's pictures, (n, C, H, W) in [0, 1]."""
        return pictures(self.model, self.codes[-1])

    def pick(self, positions: Sequence[int], spread: float) -> None:
        """Finish the round: keep what was picked (none: a fresh start of all), fill up with new codes around
        it.
        """
        positions = sorted(set(positions))
        kept, missing = self.codes[-1][positions], self.n - len(positions)
        new = more_like(kept, missing, spread, self.generator) if positions else self._fresh(missing)
        self.picked.append(positions)
        self.codes.append(torch.cat([kept, new]))


def breed(
    model: nn.Module,
    choose: Callable[[Tensor], Sequence[int]],
    *,
    rounds: int,
    spread: float,
    n: int = 12,
    seed: int = 0,
) -> Breeding:
    """Play some rounds with a function in place of a person: from pictures (n, C, H, W) to positions."""
    game = Breeding(model, n, seed)
    for _ in range(rounds):
        game.pick(choose(game.images), spread)
    return game


@styled
def draw_rounds(game: Breeding) -> Figure:
    """Every round in a row; what was picked has a thick frame and a tick."""
    shown = torch.cat([pictures(game.model, codes) for codes in game.codes])
    rows, (height, width), gap = len(game.codes), shown.shape[-2:], 3 * GAP
    down, right, inch = height + gap, width + gap, min(0.7, 8.0 / game.n) / width
    size = ((game.n * right - gap) * inch + 0.8, (rows * down - gap) * inch + 0.1)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    draw_grid(axes, shown, rows, game.n, (gap, gap), names=[f"round {row + 1}" for row in range(rows)])
    look = {"fill": False, "edgecolor": VERMILION, "linewidth": 2.5, "clip_on": False}
    for row, positions in enumerate(game.picked):
        for column in positions:
            x, y = column * right - 2, row * down - 2
            axes.add_patch(Rectangle((x, y), width + 3, height + 3, **look))
            axes.text(x + width, y + 2, "✓", ha="right", va="top", color=VERMILION, fontsize=9)
    return figure


class MoreLikeThis:
    """Pictures with a button each to pick it, a slider for how close the next ones stay, and two buttons.

    ``game`` is the Breeding behind it, ``boxes`` are the toggle buttons, and ``box`` is everything.
    """

    def __init__(self, model: nn.Module, n: int = 12, seed: int = 0) -> None:
        self._start = (model, n, seed)
        self.pictures = [widgets.HTML() for _ in range(n)]
        layout = {"width": f"{CELL}px"}
        self.boxes = [widgets.ToggleButton(description=f"pick {i + 1}", layout=layout) for i in range(n)]
        self.spread = slider("spread of the next ones", 0.0, 1.0, 0.4, step=0.05)
        self.more = widgets.Button(description="More like these")
        self.again = widgets.Button(description="Start over")
        self.more.on_click(lambda _button: self.next_round())
        self.again.on_click(lambda _button: self.start_over())
        cells = [widgets.VBox(pair) for pair in zip(self.pictures, self.boxes, strict=True)]
        rows = [widgets.HBox(cells[start : start + 6]) for start in range(0, n, 6)]
        self.box = widgets.VBox([*rows, self.spread, widgets.HBox([self.more, self.again])])
        self.start_over()

    @property
    def chosen(self) -> list[int]:
        return [i for i, box in enumerate(self.boxes) if box.value]

    @property
    def codes(self) -> Tensor:
        """The codes that are ticked, or all that are shown if none is: (m, latent), for poster and morph."""
        return self.game.codes[-1][self.chosen] if self.chosen else self.game.codes[-1]

    def next_round(self) -> None:
        self.game.pick(self.chosen, self.spread.value)
        self.redraw()

    def start_over(self) -> None:
        self.game = Breeding(*self._start)
        self.redraw()

    def redraw(self) -> None:
        look = f"width: {CELL}px; height: {CELL}px; image-rendering: pixelated"
        for i, (picture, image) in enumerate(zip(self.pictures, self.game.images, strict=True)):
            pixels = (255 * montage(image[None], 1, 1)).round().astype(np.uint8)
            alt = f"Round {len(self.game.codes)}, picture {i + 1}."
            picture.value = picture_html(png(pixels), alt, look)
        for box in self.boxes:
            box.value = False

    def _ipython_display_(self) -> None:
        """Nothing: ``explore_more_like_this`` has already displayed the box."""


def explore_more_like_this(model: nn.Module, twin: Breeding, *, alt: str) -> MoreLikeThis:
    """Show the game, and under it the rounds of a finished one (:func:`breed`), which ``alt`` describes."""
    check_alt(alt)
    shell = MoreLikeThis(model)
    publish_widget(
        shell.box,
        f"Interactive: {len(shell.boxes)} pictures with a button each to pick it, a slider for the spread, "
        'and buttons "More like these" and "Start over". Run the notebook to play; below is a finished game.',
    )
    show(draw_rounds(twin), alt)
    return shell
