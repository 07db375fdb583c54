"""Chapter 09's explorer: design an alphabet with sliders over a few directions of its style, and keep it."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import ipywidgets as widgets
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from vae_course.plots.images import image_grid, montage
from vae_course.plots.letters import STEP, TOP, ink_preserving_cut, set_letters
from vae_course.plots.style import write_figure
from vae_course.widgets.controls import Explorer, Scene, slider

REACH = 2.5  # how far the sliders go, in standard deviations
SAMPLE = (0, 17, 19)  # the letters of the still figure: A, R, T


def designed(model: nn.Module, center: Tensor, ways: Mapping[str, Tensor], amounts: Mapping[str, float]):
    """The alphabet (26, 1, 32, 32) of the style ``center`` (latent,) after steps along named directions."""
    steps = [amount * ways[name] for name, amount in amounts.items()]
    return model.alphabet(torch.stack([center, *steps]).sum(0)[None])[0]


def draw_directions(model: nn.Module, center: Tensor, ways: Mapping[str, Tensor]) -> Figure:
    """A row for each direction: three letters after two steps back, at the center, and two steps on."""
    gap, rows = torch.zeros(1, 1, 32, 32), []
    for name in ways:
        at = [designed(model, center, ways, {name: amount})[list(SAMPLE)] for amount in (-2.0, 0.0, 2.0)]
        rows.append((name, torch.cat([at[0], gap, at[1], gap, at[2]])))
    figure = set_letters(rows)
    for column, amount in enumerate(("−2", "0", "+2")):
        figure.axes[0].text((4 * column + 1.5) * STEP, TOP + 3, amount, ha="center", va="bottom", fontsize=10)
    return figure


def explore_alphabet(
    model: nn.Module, center: Tensor, ways: Mapping[str, Tensor], folder: str | Path, *, alt: str
) -> Explorer:
    """A slider for each direction (latent,), one standard deviation long, the alphabet that comes of it, and
    buttons that save it as PNG or SVG; ``alt``: a sentence on the still figure.
    """
    keys = {f"amount_{number}": name for number, name in enumerate(ways)}
    controls = {key: slider(name, -REACH, REACH, 0.0, step=0.1) for key, name in keys.items()}

    def shown(**amounts: float) -> Tensor:
        return designed(model, center, ways, {keys[key]: amount for key, amount in amounts.items()})

    def cut(alphabet: Tensor) -> Tensor:
        return 1 - ink_preserving_cut(alphabet, 2)[..., 6:58, 6:58]

    figure = image_grid(cut(shown(**dict.fromkeys(keys, 0.0))), 2, 13)
    image = figure.axes[0].images[0]

    def update(**amounts: float) -> None:
        image.set_data(montage(cut(shown(**amounts)), 2, 13))

    saved = widgets.HTML()
    buttons = [widgets.Button(description=f"Save as {kind.upper()}") for kind in ("png", "svg")]
    below = [widgets.HBox(buttons), saved]
    scene, still = Scene(figure, [image], update), partial(draw_directions, model, center, ways)
    explorer = Explorer(scene, controls, still, alt=alt, fast=True, below=below)

    def save(button: widgets.Button) -> None:
        kind = button.description.rsplit(" ", 1)[1].lower()
        path = Path(folder) / f"alphabet.{kind}"
        alphabet = shown(**explorer.values)
        write_figure(set_letters([("", alphabet[:13]), ("", alphabet[13:])]), path)
        saved.value = f"written: {path.name}, {path.stat().st_size / 1000:,.0f} kB"

    for button in buttons:
        button.on_click(save)
    return explorer
