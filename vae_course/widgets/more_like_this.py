""""""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import ipywidgets as widgets
import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor, nn

from vae_course.plots.images import GAP, bare, check_images, looking_at, montage, pictures
from vae_course.plots.style import VERMILION, styled
from vae_course.randomness import seeded
from vae_course.teaching.display import check_alt, publish_widget, show
from vae_course.widgets.controls import slider

# -------- More like this: new codes around the ones that somebody picked, still spread as the prior is.


def more_like(parents: Tensor, n: int, spread: float, generator: torch.Generator | None = None) -> Tensor:
    """Codes near picked ones: √(1 − s²)·z + s·ε with z one of the picked and ε ~ N(0, I).

    If the picked codes follow N(0, I), so do the new ones, for every spread s: the variances (1 − s²) and s²
    add up to 1. So the children never drift off to where the decoder has seen nothing, as those of z + s·ε
    would. (The proposal of preconditioned Crank–Nicolson: Cotter et al. 2013, section 4.2.)

    Args:
        parents: (m, latent), m ≥ 1; children are dealt to them in turn.
        n: number of children.
        spread: s, from 0 (copies) to 1 (as if nothing had been picked).
        generator: source of randomness.

    Returns:
        (n, latent).

    Raises:
        ValueError: nobody was picked, or a spread outside [0, 1].
    """
    if parents.ndim != 2 or len(parents) == 0:
        raise ValueError(f"parents have shape {tuple(parents.shape)}; pick at least one: (m, latent).")
    if not 0 <= spread <= 1:
        raise ValueError(f"spread is {spread}; it must lie in [0, 1].")
    chosen = parents[torch.arange(n, device=parents.device) % len(parents)]
    noise = torch.randn(chosen.shape, generator=generator, device=parents.device, dtype=parents.dtype)
    return (1 - spread**2) ** 0.5 * chosen + spread * noise


# -------- Chapter 09's breeder: pick the pictures you like, get more like them; with a figure that stands
# still.

CELL = 84  # pixels on the screen


@dataclass
class Breeding:
    """The rounds so far: what was shown, and what was picked. Plain data, without any widget.

    Attributes:
        model: a VAE, on the CPU.
        n: pictures in a round.
        seed: of every draw.
        codes: the codes of each round, (n, latent).
        picked: the positions picked in each finished round.
    """

    model: nn.Module
    n: int = 12
    seed: int = 0
    codes: list[Tensor] = field(default_factory=list)
    picked: list[list[int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.generator = seeded(self.seed)
        if not self.codes:
            self.codes.append(torch.randn(self.n, self.model.latent_dim, generator=self.generator))

    @property
    def images(self) -> Tensor:
        """The present round's pictures, (n, C, H, W) in [0, 1]."""
        return self.pictures_of(len(self.codes) - 1)

    def pictures_of(self, number: int) -> Tensor:
        """The pictures of a round, counted from 0."""
        with looking_at(self.model):
            return pictures(self.model, self.codes[number])

    def pick(self, positions: Sequence[int], spread: float) -> None:
        """Finish the round: keep the picked ones, fill up with new codes around them.

        Args:
            positions: of the pictures that are liked, from 0; none at all means a fresh start of all.
            spread: 0 (copies) to 1 (as if nothing had been picked).

        Raises:
            ValueError: a position that is not there.
        """
        positions = sorted(set(positions))
        if positions and not (0 <= positions[0] and positions[-1] < self.n):
            raise ValueError(f"pictures are numbered 0 to {self.n - 1}; got {positions}.")
        kept = self.codes[-1][positions]
        missing = self.n - len(kept)
        if len(kept):
            new = more_like(kept, missing, spread, self.generator)
        else:
            new = torch.randn(missing, self.model.latent_dim, generator=self.generator)
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
    """Run the game with a function that picks in place of a person.

    Args:
        choose: from pictures (n, C, H, W) to the positions that it likes.
        rounds: how often it picks.
    """
    game = Breeding(model, n, seed)
    for _ in range(rounds):
        game.pick(choose(game.images), spread)
    return game


@styled
def draw_rounds(game: Breeding) -> Figure:
    """Every round in a row; what was picked has a thick frame and a tick."""
    rounds = [check_images(game.pictures_of(number)) for number in range(len(game.codes))]
    _, height, width, _ = rounds[0].shape
    canvas = montage(np.concatenate(rounds), len(rounds), game.n, (3 * GAP, 3 * GAP))
    inch = min(0.7, 8.0 / game.n) / width
    figure = Figure(
        figsize=(canvas.shape[1] * inch + 0.8, canvas.shape[0] * inch + 0.1), layout="constrained"
    )
    axes = figure.subplots()
    axes.imshow(canvas)
    bare(axes)
    axes.set_xticks([])
    down, right = height + 3 * GAP, width + 3 * GAP
    axes.set_yticks(
        [row * down + height / 2 for row in range(len(rounds))],
        [f"round {row + 1}" for row in range(len(rounds))],
    )
    for row, positions in enumerate(game.picked):
        for column in positions:
            corner = (column * right - 2, row * down - 2)
            axes.add_patch(
                Rectangle(
                    corner,
                    width + 3,
                    height + 3,
                    fill=False,
                    edgecolor=VERMILION,
                    linewidth=2.5,
                    clip_on=False,
                )
            )
            axes.text(
                corner[0] + width, corner[1] + 2, "✓", ha="right", va="top", color=VERMILION, fontsize=9
            )
    return figure


class MoreLikeThis:
    """Pictures with tick boxes, a slider for how close the next ones stay, and two buttons.

    Attributes:
        game: the Breeding behind it.
        boxes: one toggle button for each picture.
        box: everything, ready to display.
    """

    def __init__(self, model: nn.Module, n: int = 12, seed: int = 0) -> None:
        self._start = (model, n, seed)
        self.game = Breeding(*self._start)
        self.pictures = [widgets.HTML() for _ in range(n)]
        self.boxes = [
            widgets.ToggleButton(description=f"pick {i + 1}", layout=widgets.Layout(width=f"{CELL}px"))
            for i in range(n)
        ]
        self.spread = slider("spread of the next ones", 0.0, 1.0, 0.4, step=0.05)
        self.more = widgets.Button(description="More like these")
        self.again = widgets.Button(description="Start over")
        self.more.on_click(lambda _button: self.next_round())
        self.again.on_click(lambda _button: self.start_over())
        columns = min(n, 6)
        cells = [widgets.VBox([picture, box]) for picture, box in zip(self.pictures, self.boxes, strict=True)]
        rows = [widgets.HBox(cells[start : start + columns]) for start in range(0, n, columns)]
        self.box = widgets.VBox([*rows, self.spread, widgets.HBox([self.more, self.again])])
        self.redraw()

    @property
    def chosen(self) -> list[int]:
        """Positions that are ticked now."""
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
        number = len(self.game.codes)
        for i, (picture, image) in enumerate(zip(self.pictures, self.game.images, strict=True)):
            picture.value = _picture_html(image, f"Round {number}, picture {i + 1}.")
        for box in self.boxes:
            box.value = False

    def _ipython_display_(self) -> None:
        """Nothing: ``explore_more_like_this`` has already displayed the box."""


def explore_more_like_this(
    model: nn.Module, twin: Breeding, *, alt: str, n: int = 12, seed: int = 0
) -> MoreLikeThis:
    """Show the game, and under it the rounds of a game that was played already.

    Args:
        model: a VAE, on the CPU.
        twin: a finished game for the figure that stands still; see :func:`breed`.
        alt: one sentence of alternative text for that figure.
        n, seed: of the live game.
    """
    check_alt(alt)
    shell = MoreLikeThis(model, n, seed)
    publish_widget(
        shell.box,
        f"Interactive: {n} pictures with a button each to pick it, a slider for the spread, and buttons "
        '"More like these" and "Start over". Run the notebook to play; below is a finished game.',
    )
    show(draw_rounds(twin), alt)
    return shell


def _picture_html(image: Tensor, alt: str) -> str:
    from PIL import Image

    pixels = (255 * check_images(image[None])[0]).round().astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    source = base64.b64encode(buffer.getvalue()).decode("ascii")
    return (
        f'<img alt="{alt}" width="{CELL}" height="{CELL}" style="image-rendering: pixelated" '
        f'src="data:image/png;base64,{source}">'
    )
