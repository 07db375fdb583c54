"""Explorers that move a code and decode it: pad, path, single dimensions, attributes, stages of training.

Every model may be a VAE or an Autoencoder, on any device. Codes are in standard deviations of the prior;
pictures are (C, H, W), floats in [0, 1].
"""

from collections.abc import Mapping, Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from vae_course.evaluation.paths import expected_norm, lerp, slerp
from vae_course.plots.images import (
    image_grid,
    interpolation_strip,
    mean_code,
    montage,
    pictures,
    traversal_grid,
)
from vae_course.plots.latent import draw_prior
from vae_course.plots.style import BLACK, BLUE, GREY, VERMILION, class_style, minus, styled
from vae_course.widgets.controls import Explorer, Scene, dropdown, place_picture, set_picture, slider

# Chapter 03's pad: move through a two-dimensional code and see what the decoder draws there.

STATIONS = ((-2.0, 1.5), (-1.2, 0.6), (-0.4, -0.2), (0.5, -0.8), (1.4, -0.4), (2.2, 0.8))


@styled
def pad_scene(model: nn.Module, codes: Tensor, labels: Tensor) -> Scene:
    """The plane with the present place, and what the decoder draws there: a scene of z1 and z2.

    The background are ``codes`` (n, 2) of data; glyphs show the class in ``labels`` (n,).
    """
    figure = Figure(figsize=(7.2, 3.9), layout="constrained")
    plane, right = figure.subplots(1, 2, width_ratios=[1.25, 1])
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
    axes.plot(*zip(*STATIONS, strict=True), color=BLACK, linewidth=1, linestyle="--")
    box = {"boxstyle": "circle,pad=0.2", "facecolor": "white", "edgecolor": VERMILION, "linewidth": 1.5}
    shown = zip(STATIONS, right.subplots(2, 3).flat, decoded(model, STATIONS), strict=True)
    for number, (place, cell, picture) in enumerate(shown, start=1):
        axes.text(*place, str(number), ha="center", va="center", fontsize=10, bbox=box)
        place_picture(cell, picture, str(number))
    return figure


def explore_latent_pad(model: nn.Module, data) -> Explorer:
    """Two sliders over the plane of a two-dimensional code, data as its background; the strip shows six
    places.
    """
    codes = mean_code(model, data.floats())
    controls = {f"z{i}": slider(f"z{'₁₂'[i - 1]}", -3.0, 3.0, 0.0, step=0.05) for i in (1, 2)}
    alt = (
        "Left: the plane of a two-dimensional code with the codes of data and six numbered places joined by "
        "a dashed line. Right: what the decoder draws at each of the six."
    )
    scene = pad_scene(model, codes, data.labels)
    return Explorer(scene, controls, lambda: draw_pad_strip(model, codes, data.labels), alt=alt, fast=True)


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


# Chapter 03's interpolation: two chosen examples, a slider between them, three kinds of path.

PATHS = {"lerp": lerp, "slerp": slerp}
KINDS = {"straight line (lerp)": "lerp", "great circle (slerp)": "slerp"}
KINDS |= {"cross-fade of the pictures": "cross-fade"}


def path_pictures(model: nn.Module, ends: Tensor, t: Tensor, kind: str) -> Tensor:
    """The pictures on a path between two ``ends`` (2, C, H, W), at ``t`` (steps,) from 0 to 1: (steps, C, H,
    W).

    Kinds are "lerp" and "slerp" (through the latent space) and "cross-fade". Every path starts and ends at
    the same two pictures, the decoded ends, so that kinds differ only between.
    """
    codes = mean_code(model, ends)
    if kind == "cross-fade":
        return lerp(*pictures(model, codes), t)
    return pictures(model, PATHS[kind](*codes, t))


@styled
def path_scene(model: nn.Module, examples: Mapping[str, Tensor]) -> Scene:
    """Both ends, the picture between them, and the norm of the code along the path.

    A scene of start and end (names of examples), kind (as in ``path_pictures``) and t, the place on the path.
    """
    figure = Figure(figsize=(10.0, 3.2), layout="constrained")
    *cells, norm = figure.subplots(1, 4, width_ratios=[1, 1, 1, 1.8])
    every = torch.stack(list(examples.values()))
    images = [place_picture(axes, every[0], "t = 0.50") for axes in cells]
    cells[0].title.set_text("from")
    cells[2].title.set_text("to")
    codes = dict(zip(examples, mean_code(model, every), strict=True))
    steps, typical = torch.linspace(0, 1, 51), expected_norm(model.latent_dim)
    (curve,) = norm.plot([], [], color=BLUE, linestyle="-")
    (here,) = norm.plot([], [], marker="o", markersize=8, color=VERMILION, linestyle="")
    none = norm.text(0.5, 0.5, "no code:\npixels are mixed", transform=norm.transAxes)
    none.set(ha="center", va="center", bbox={"facecolor": "white", "edgecolor": "none"})
    norm.axhline(typical, color=GREY, linestyle="--")
    norm.set(xlim=(-0.05, 1.05), xlabel="t", ylabel="norm of the code")
    norm.set_ylim(0, 1.15 * max(typical, *(code.norm().item() for code in codes.values())))
    norm.set_title("dashed: mean norm of the prior", fontsize=10)

    def update(start: str, end: str, kind: str, t: float) -> None:
        ends = torch.stack([examples[start], examples[end]])
        found = path_pictures(model, ends, torch.tensor([0.0, t, 1.0]), kind)
        for image, picture in zip(images, found, strict=True):
            set_picture(image, picture)
        cells[1].title.set_text(f"t = {t:.2f}")
        none.set_visible(kind == "cross-fade")
        for line, at in ((curve, steps), (here, torch.tensor([t]))):
            line.set_visible(kind != "cross-fade")
            if kind != "cross-fade":
                line.set_data(at.numpy(), PATHS[kind](codes[start], codes[end], at).norm(dim=-1).numpy())

    return Scene(figure, [*images, cells[1].title, curve, here, none], update)


def explore_interpolation(model: nn.Module, examples: Mapping[str, Tensor]) -> Explorer:
    """Menus for two of the named pictures and the kind of path, and a slider along it; a strip of the first
    two.
    """
    a, b, *_ = names = list(examples)
    controls = {
        "start": dropdown("from", names, a),
        "end": dropdown("to", names, b),
        "kind": dropdown("path", KINDS),
        "t": slider("t", 0.0, 1.0, 0.5, step=0.02),
    }
    alt = (
        f"Three rows of nine pictures from {a} to {b}: along the straight line and along the great circle of "
        "the code the strokes change their shape; in the cross-fade one picture shines through the other."
    )

    def strip() -> Figure:
        pair, t = torch.stack([examples[a], examples[b]]), torch.linspace(0, 1, 9)
        rows = torch.stack([path_pictures(model, pair, t, kind) for kind in KINDS.values()])
        return interpolation_strip(rows, row_labels=list(KINDS.values()))

    return Explorer(path_scene(model, examples), controls, strip, alt=alt, fast=True)


# Chapter 03's traversal: one slider for each of the dimensions that matter most for a picture's code.

LIMIT = 3.0


@styled
def traversal_scene(model: nn.Module, code: Tensor) -> Scene:
    """A code (latent,) with some dimensions moved: before, after, what changed, and the code itself.

    A scene of z1=..., z2=...: dimensions, counted from 1, with their new values.
    """
    figure = Figure(figsize=(10.0, 3.2), layout="constrained")
    left, middle, right, bars = figure.subplots(1, 4, width_ratios=[1, 1, 1, 1.8])
    before = pictures(model, code[None])[0]
    place_picture(left, before, "before")
    after = place_picture(middle, before, "after")
    change = place_picture(right, before, "change, 0 pixels' worth")
    change.set(cmap="PuOr", clim=(-1, 1))
    places = torch.arange(1, model.latent_dim + 1)
    bars.plot(places, code, linestyle="", marker="o", color=BLUE, label="before")
    (moved,) = bars.plot(places, code, linestyle="", marker="x", markersize=7, color=VERMILION, label="after")
    bars.axhline(0, color=GREY, linewidth=0.8, linestyle=":")
    bars.set(ylim=(-LIMIT - 1, LIMIT + 1), xlabel="latent dimension", ylabel="z (prior: 0 ± 1)")
    bars.legend(loc="lower right", ncols=2, fontsize=9)

    def update(**values: float) -> None:
        new = code.clone()
        for name, value in values.items():
            new[int(name[1:]) - 1] = value
        picture = pictures(model, new[None])[0]
        difference = (picture - before).mean(0)
        set_picture(after, picture)
        change.set_data(difference.numpy())
        right.title.set_text(f"change, {difference.abs().sum():.0f} pixels' worth")
        moved.set_ydata(new.numpy())

    return Scene(figure, [after, change, right.title, moved], update)


def explore_traversal(model: nn.Module, image: Tensor, dimensions: list[int]) -> Explorer:
    """A slider for each of some ``dimensions`` (from 0), starting at the picture's own code; the grid shows
    all.
    """
    code, controls = mean_code(model, image[None])[0], {}
    for dimension in dimensions:
        value = min(max(round(code[dimension].item(), 1), -LIMIT), LIMIT)
        controls[f"z{dimension + 1}"] = slider(f"z{dimension + 1}", -LIMIT, LIMIT, value, step=0.1)
    alt = (
        f"A grid with {len(dimensions)} rows, one for each latent dimension that has a slider, and seven "
        "columns: the same code decoded with that dimension at −3 to +3 and all others kept."
    )
    scene = traversal_scene(model, code)
    return Explorer(scene, controls, lambda: traversal_grid(model, code, dimensions), alt=alt, fast=True)


# Explorers whose picture is one row of pictures.


def row_scene(shown: Tensor, names: Sequence[str], update, cell: float) -> Scene:
    """Pictures in a row under names; `update(**settings)` gives new ones, and the middle name or None."""
    figure = image_grid(shown, 1, len(shown), column_titles=names, cell=cell)
    image, label = figure.axes[0].images[0], figure.axes[0].texts[len(shown) // 2]

    def redraw(**settings) -> None:
        found, name = update(**settings)
        image.set_data(montage(found, 1, len(found)))
        label.set_text(name or label.get_text())

    return Scene(figure, [image, label], redraw)


# Chapter 09's sliders: a face, and how much of each attribute vector is added to its code.

STRENGTHS = (-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5)


def edited(
    model: nn.Module, picture: Tensor, vectors: Mapping[str, Tensor], amounts: Mapping[str, float]
) -> Tensor:
    """The decoded picture after adding amounts of attribute vectors (latent,) to its code."""
    code = mean_code(model, picture[None])
    for name, amount in amounts.items():
        code = code + amount * vectors[name].to(code)
    return pictures(model, code)[0]


def explore_attributes(
    model: nn.Module, examples: Mapping[str, Tensor], vectors: Mapping[str, Tensor], *, alt: str
) -> Explorer:
    """A menu of pictures and a slider for each attribute; the strip shows the first picture.

    ``examples``: name to picture (C, H, W), in [0, 1]; ``vectors``: attribute to its vector (latent,);
    ``alt``: a sentence on the strip, which has a row for each attribute, taken away and added.
    """
    names = {f"amount_{number}": name for number, name in enumerate(vectors)}
    controls = {"face": dropdown("face", list(examples))}
    controls |= {key: slider(name, STRENGTHS[0], STRENGTHS[-1], 0.0, step=0.1) for key, name in names.items()}
    first = next(iter(examples.values()))

    def update(face: str, **amounts: float):
        picture, changed = examples[face], {names[key]: amount for key, amount in amounts.items()}
        shown = [picture, edited(model, picture, vectors, {}), edited(model, picture, vectors, changed)]
        return torch.stack(shown), None

    def strip() -> Figure:
        rows = [torch.stack([edited(model, first, vectors, {n: a}) for a in STRENGTHS]) for n in vectors]
        labels = [f"{a:+g}" for a in STRENGTHS]
        return interpolation_strip(torch.stack(rows), labels, row_labels=list(vectors))

    scene = row_scene(torch.stack([first] * 3), ["picture", "decoded", "changed"], update, cell=1.8)
    return Explorer(scene, controls, strip, alt=alt, fast=True)


# Chapter 11's explorer: one path between two pictures, walked by differently trained VAEs.


def explore_stages(models: Mapping[str, nn.Module], pairs: Mapping[str, Tensor], seen: str = "") -> Explorer:
    """Choose how the model was trained, two pictures, and a place between them; the strip below shows all.

    ``models``: name to VAE; ``pairs``: name to two pictures (2, C, H, W), in [0, 1], of which the strip shows
    the first; ``seen``: sentences on what it shows, the end of its alternative text.
    """
    first = next(iter(pairs.values()))
    controls = {
        "stage": dropdown("trained by", list(models)),
        "pair": dropdown("from and to", list(pairs)),
        "t": slider("place on the path", 0.0, 1.0, 0.5, step=0.05),
    }

    def update(stage: str, pair: str, t: float):
        found = path_pictures(models[stage], pairs[pair], torch.tensor([0.0, t, 1.0]), "lerp")
        return torch.stack([pairs[pair][0], *found, pairs[pair][1]]), f"t = {t:.2f}"

    def strip() -> Figure:
        t = torch.linspace(0, 1, 7)
        rows = torch.stack([path_pictures(model, first, t, "lerp") for model in models.values()])
        return interpolation_strip(rows, row_labels=list(models))

    names = ["picture", "t = 0", "t = 0.50", "t = 1", "picture"]
    scene = row_scene(first[[0, 0, 0, 1, 1]], names, update, cell=1.4)
    alt = (
        f"A strip with {len(models)} rows, one for each way of training, and 7 columns: decoded "
        f"codes on the straight line between the codes of two pictures, {next(iter(pairs))}. {seen}"
    )
    return Explorer(scene, controls, strip, alt=alt.strip(), fast=True)
