"""Explorers of a code: chapter 02 spoils a digit, 03 moves through the plane, 09 designs an alphabet, 10 goes
from one example to another.

Codes are in standard deviations of the prior; pictures are (C, H, W), floats in [0, 1].
"""

import functools
import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import ipywidgets as widgets
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor, nn
from torch.nn import functional as F

from vae_course.elbo import GaussianPosterior, elbo_terms
from vae_course.evaluation.paths import lerp
from vae_course.models.vae import VAE
from vae_course.plots import write_figure
from vae_course.plots.images import encoded, image_grid, looking_at, mean_code, montage, pictures
from vae_course.plots.latent import draw_prior
from vae_course.plots.letters import STEP, TOP, ink_preserving_cut, set_letters
from vae_course.plots.style import BLACK, BLUE, PRIOR, VERMILION, class_style, minus, styled, subplots
from vae_course.randomness import seeded
from vae_course.widgets.controls import Explorer, Scene, dropdown, place_picture, set_picture, slider

# Noise, shift and blank of each column of the strip.
EXAMPLES = ((0.0, 0, 0.0), (0.3, 0, 0.0), (0.0, 2, 0.0), (0.0, 6, 0.0), (0.0, 0, 0.5))


def corrupt(image: Tensor, noise: float = 0.0, shift: int = 0, blank: float = 0.0, seed: int = 0) -> Tensor:
    """A spoiled copy of a picture (C, H, W) in [0, 1]: shifted to the right by so many pixels, then the part
    ``blank`` from its right edge set to 0, then noisy (standard deviation), cut off at 0 and 1.
    """
    width = image.shape[-1]
    left, right = max(shift, 0), max(-shift, 0)  # columns that are empty, and those that are lost
    spoiled = F.pad(image, (left, right))[..., right : right + width]
    spoiled[..., round(width * (1 - blank)) :] = 0
    return (spoiled + noise * torch.randn(image.shape, generator=seeded(seed))).clamp(0, 1)


def negative_elbo(model: VAE, image: Tensor) -> float:
    """-ELBO of one picture (C, H, W) in nats, from 32 draws of z with a fixed seed."""
    with looking_at(model) as device:
        terms = elbo_terms(model, image[None].to(device), generator=seeded(0, device), n_samples=32)
    return terms.negative_elbo.item()


def reconstructed(model: VAE, image: Tensor) -> Tensor:
    """What the decoder makes of the mean code of one picture: (C, H, W), in [0, 1]."""
    return pictures(model, mean_code(model, image[None]))[0]


@styled
def digit_scene(model: VAE, image: Tensor) -> Scene:
    """The spoiled picture, its reconstruction, both codes, −ELBO before and after: a scene, see `corrupt`."""
    figure = Figure(figsize=(10.5, 3.4), layout="constrained")
    original, seen, returned, right = figure.subplots(1, 4, width_ratios=[1, 1, 1, 1.7])
    nats = rf"$-$ELBO = {negative_elbo(model, image):.1f} nats"
    place_picture(original, image, "Original", nats)
    before = place_picture(seen, image, "What the encoder sees", nats)
    after = place_picture(returned, reconstructed(model, image), "Reconstruction")
    clean = encoded(model, image[None])
    place = torch.arange(1, clean.mean.shape[1] + 1).double()
    look = {"color": BLUE, "marker": "o", "label": "original, mean ± σ"}
    right.errorbar(place - 0.18, clean.mean[0], clean.std[0], linestyle="", **look)
    look = {"color": VERMILION, "marker": "s", "label": "spoiled, mean ± σ"}
    dots, _, (lines,) = right.errorbar(place + 0.18, clean.mean[0], clean.std[0], linestyle="", **look)
    right.axhline(0, color=PRIOR, linewidth=0.8, linestyle=":")
    right.xaxis.set_major_locator(MaxNLocator(integer=True))
    right.set(xlabel="latent dimension", ylabel="z (prior: 0 ± 1)")
    right.set_title("Code q(z|x)", fontsize=11)
    right.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2)

    def make_room(*codes: GaussianPosterior) -> bool:
        """An axis to ±3, ±6, ±12 …, as far as the codes reach; True where it has changed."""
        most = max(1.1 * float((code.mean.abs() + code.std).max()) for code in codes)
        reach, old = 3.0 * 2 ** max(0, math.ceil(math.log2(most / 3))), right.get_ylim()[1]
        right.set_ylim(-reach, reach)
        return reach != old

    def update(noise: float, shift: int, blank: float) -> bool:
        spoiled = corrupt(image, noise, shift, blank)
        set_picture(before, spoiled)
        set_picture(after, reconstructed(model, spoiled))
        seen.set_xlabel(rf"$-$ELBO = {negative_elbo(model, spoiled):.1f} nats")
        now = encoded(model, spoiled[None])
        dots.set_ydata(now.mean[0].numpy())
        ends = torch.stack([now.mean - now.std, now.mean + now.std], -1)[0]  # (latent, 2)
        lines.set_segments(torch.stack([(place + 0.18)[:, None].expand_as(ends), ends], -1).numpy())
        return make_room(clean, now)

    make_room(clean)
    return Scene(figure, [seen, after, lines, dots], update)


@styled
def draw_corruption_strip(model: VAE, image: Tensor) -> Figure:
    """The ``EXAMPLES`` side by side: what the encoder sees, what comes back, -ELBO in nats."""
    figure, rows = subplots(2, len(EXAMPLES), figsize=(1.75 * len(EXAMPLES), 4.2))
    for (above, below), setting in zip(rows.T, EXAMPLES, strict=True):
        spoiled = corrupt(image, *setting)
        place_picture(above, spoiled, _named(*setting))
        place_picture(below, reconstructed(model, spoiled), "", f"{negative_elbo(model, spoiled):.1f} nats")
    rows[0, 0].set_ylabel("encoder sees")
    rows[1, 0].set_ylabel("reconstruction")
    figure.supxlabel(r"$-$ELBO of the picture in the upper row", fontsize=11)
    return figure


def explore_corrupted_digit(model: VAE, image: Tensor) -> Explorer:
    """Sliders for noise, shift and blanking of one picture; the strip below shows five settings."""
    controls = {
        "noise": slider("noise, standard deviation", 0.0, 1.0, 0.0, step=0.05),
        "shift": slider("shift to the right (pixels)", -8, 8, 0),
        "blank": slider("blanked part", 0.0, 1.0, 0.0, step=0.05),
    }
    nats = {_named(*s): negative_elbo(model, corrupt(image, *s)) for s in EXAMPLES}
    measured = "; ".join(f"{name}: {value:.0f}" for name, value in nats.items())
    title = f"−ELBO as it is: {nats['as it is']:.0f} nats; half blank: {nats['half blank']:.0f}; "
    title += f"with noise: {nats['noise 0.3']:,.0f}"
    alt = "One digit spoiled in several ways, with the reconstruction of each below it, "
    alt += f"and the negative ELBO in nats ({measured})."
    strip = partial(draw_corruption_strip, model, image)
    return Explorer(digit_scene(model, image), controls, strip, alt=alt, title=title, fast=True)


def _named(noise: float, shift: int, blank: float) -> str:
    parts = [f"noise {noise:g}"] * bool(noise)
    parts += [f"{abs(shift)} px {'right' if shift > 0 else 'left'}"] * bool(shift)
    parts += ["half blank" if blank == 0.5 else f"{blank:.0%} blank"] * bool(blank)
    return ", ".join(parts) or "as it is"


# Chapter 03: the pad of a two-dimensional code.

STATIONS = ((-2.0, 1.5), (-1.2, 0.6), (-0.4, -0.2), (0.5, -0.8), (1.4, -0.4), (2.2, 0.8))


@styled
def pad_scene(model: nn.Module, codes: Tensor, labels: Tensor) -> Scene:
    """The plane with the present place, and what the decoder draws there: a scene of z1 and z2.

    The background are ``codes`` (n, 2) of data; glyphs show the class in ``labels`` (n,).
    """
    figure, (plane, right) = subplots(1, 2, figsize=(7.2, 3.9), width_ratios=[1.25, 1])
    _draw_plane(plane, codes, labels)
    (cross,) = plane.plot([0], [0], "X", markersize=13, color=VERMILION, markeredgecolor="white")
    title = plane.set_title("$z$ = (0.00, 0.00)", fontsize=11)
    picture = place_picture(right, decoded(model, [(0, 0)])[0], "decoder's mean")

    def update(z1: float, z2: float) -> None:
        cross.set_data([z1], [z2])
        title.set_text(minus(f"$z$ = ({z1:.2f}, {z2:.2f})"))
        set_picture(picture, decoded(model, [(z1, z2)])[0])

    return Scene(figure, [cross, title, picture], update)


@styled
def draw_pad_strip(model: nn.Module, codes: Tensor, labels: Tensor) -> Figure:
    """Six numbered places of the plane, and the picture of each: the still twin of the pad."""
    figure = Figure(figsize=(9.0, 3.9), layout="constrained")
    plane, right = figure.subfigures(1, 2, width_ratios=[1.05, 1.2])
    axes = plane.subplots()
    _draw_plane(axes, codes, labels)
    axes.plot(*zip(*STATIONS, strict=True), color=BLACK, linewidth=1.2)
    box = {"boxstyle": "circle,pad=0.2", "facecolor": "white", "edgecolor": VERMILION, "linewidth": 1.5}
    shown = zip(STATIONS, right.subplots(2, 3).flat, decoded(model, STATIONS), strict=True)
    for number, (place, cell, picture) in enumerate(shown, start=1):
        axes.text(*place, str(number), ha="center", va="center", fontsize=10, bbox=box)
        place_picture(cell, picture, str(number))
    return figure


def explore_latent_pad(model: nn.Module, data) -> Explorer:
    """Two sliders over the plane of a two-dimensional code, data as its background; below, six places."""
    codes = mean_code(model, data.floats())
    controls = {f"z{i}": slider(f"z{'₁₂'[i - 1]}", -3.0, 3.0, 0.0, step=0.05) for i in (1, 2)}
    alt = "Left: the plane of a two-dimensional code with the codes of data and six numbered places joined "
    alt += "by a line. Right: what the decoder draws at each of the six."
    given, title = (model, codes, data.labels), "What the decoder draws at six places of the plane"
    strip = partial(draw_pad_strip, *given)
    return Explorer(pad_scene(*given), controls, strip, alt=alt, title=title, fast=True)


def decoded(model: nn.Module, places: Sequence[tuple[float, float]]) -> Tensor:
    """What the decoder draws at places of the plane: (n, C, H, W), float in [0, 1]."""
    if model.latent_dim != 2:
        raise ValueError(f"The pad is a plane; this model's code has {model.latent_dim} dimensions, not 2.")
    return pictures(model, torch.tensor(places, dtype=torch.float32))


def _draw_plane(axes: Axes, codes: Tensor, labels: Tensor) -> None:
    draw_prior(axes, linewidth=1)
    for index in labels.unique().tolist():
        look = class_style(index) | {"marker": f"${index}$"}
        axes.scatter(*codes[labels == index].T.numpy(), s=22, alpha=0.6, linewidths=0, **look)
    axes.set(xlim=(-3.2, 3.2), ylim=(-3.2, 3.2), aspect="equal")
    axes.set(xlabel="$z_1$ (dashed: 95% of the prior)", ylabel="$z_2$")


# Chapter 10: one slider between two examples, whatever kind of data they are.


@dataclass(frozen=True)
class Domain:
    """One kind of data: its model, which has ``encode``; two examples as one batch; and how a code is drawn.

    ``draw`` (model, code (1, latent), axes) draws what the decoder makes of the code.
    """

    model: nn.Module
    ends: Tensor
    draw: Callable[[nn.Module, Tensor, Axes], None]

    def code(self, t: float) -> Tensor:
        """The code at place t on the straight line between the posterior means of the ends, (1, latent)."""
        return lerp(*mean_code(self.model, self.ends), torch.tensor([t]))

    def place(self, axes: Axes, t: float, title: str, size: int = 11) -> None:
        """Draw what the decoder makes of the place t."""
        self.draw(self.model, self.code(t), axes)
        axes.set_title(title, fontsize=size)


@styled
def place_scene(domain: Domain) -> Scene:
    """What the decoder makes of both ends and of the place t between them: a scene of t."""
    figure, (left, middle, right) = subplots(1, 3, figsize=(8.5, 2.6))
    domain.place(left, 0.0, "from (t = 0)")
    domain.place(right, 1.0, "to (t = 1)")
    moving = [middle.title]

    @styled
    def update(t: float) -> None:
        while len(moving) > 1:
            moving.pop().remove()
        before = middle.get_children()
        domain.place(middle, t, f"t = {t:.2f}")
        moving.extend(artist for artist in middle.get_children() if artist not in before)

    update(0.5)
    return Scene(figure, moving, update)


@styled
def draw_all(domains: Mapping[str, Domain]) -> Figure:
    """The still twin: a row for each kind of data, five places from one end to the other."""
    figure, grid = subplots(len(domains), 5, figsize=(8.5, 1.45 * len(domains) + 0.3), squeeze=False)
    for row, (kind, domain) in zip(grid, domains.items(), strict=True):
        for axes, t in zip(row, (0.0, 0.25, 0.5, 0.75, 1.0), strict=True):
            domain.place(axes, t, f"t = {t:.2f}" if t else f"{kind}, t = 0", 9)
    return figure


def explore_domains(domains: Mapping[str, Domain], alt: str, title: str | None = None) -> Explorer:
    """A menu for the kind of data and a slider between two examples of it; the strip shows all (``alt``)."""
    controls = {"kind": dropdown("data", list(domains)), "t": slider("t", 0.0, 1.0, 0.5, step=0.05)}
    scene = functools.cache(lambda kind: place_scene(domains[kind]))
    still = {"static": partial(draw_all, domains), "alt": alt, "title": title}
    return Explorer(lambda kind, t: scene(kind)(t=t), controls, fast=True, **still)


def draw_picture(model: nn.Module, code: Tensor, axes: Axes) -> None:
    """A picture (C, H, W) of one or three channels."""
    place_picture(axes, pictures(model, code)[0], "")


def draw_sound(data) -> Callable[[nn.Module, Tensor, Axes], None]:
    """A drawer of spectrograms for models of this SoundData."""

    def draw(model: nn.Module, code: Tensor, axes: Axes) -> None:
        look = {"cmap": "magma", "vmin": data.settings.floor, "vmax": 0}
        with looking_at(model) as device:
            level = data.decibels(model.likelihood.mean(model.decode(code.to(device))).cpu())[0].numpy()
        axes.imshow(level, origin="lower", aspect="auto", **look)
        axes.set(xticks=[], yticks=[])
        axes.grid(False)

    return draw


def draw_text(tokenizer) -> Callable[[nn.Module, Tensor, Axes], None]:
    """A drawer of greedy texts for models of this tokenizer."""

    def draw(model: nn.Module, code: Tensor, axes: Axes) -> None:
        with looking_at(model) as device:
            text = tokenizer.decode(model.write(code.to(device)).cpu())[0]
        axes.text(0.5, 0.5, textwrap.fill(text, 16), ha="center", va="center", fontsize=9)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(True)
        axes.grid(False)

    return draw


# Chapter 09: design an alphabet with sliders over a few directions of its style, and keep it.

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
    ink = {name: [designed(model, center, ways, {name: a}).mean().item() for a in (-2, 2)] for name in ways}
    most = max(ink, key=lambda name: abs(ink[name][0] - ink[name][1]))
    first, last = ink[most]
    title = f"{most.capitalize()} changes the ink most: {first:.0%} to {last:.0%} of the pixels"
    explorer = Explorer(scene, controls, still, alt=alt, title=title, fast=True, below=below)

    def save(button: widgets.Button) -> None:
        kind = button.description.rsplit(" ", 1)[1].lower()
        path = Path(folder) / f"alphabet.{kind}"
        alphabet = shown(**explorer.values)
        write_figure(set_letters([("", alphabet[:13]), ("", alphabet[13:])]), path)
        saved.value = f"written: {path.name}, {path.stat().st_size / 1000:,.0f} kB"

    for button in buttons:
        button.on_click(save)
    return explorer
