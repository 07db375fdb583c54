"""Explorers of paths: interpolation, traversal, stages."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from vae_course.evaluation.paths import expected_norm, lerp, slerp
from vae_course.plots.images import (
    image_grid,
    interpolation_strip,
    looking_at,
    mean_code,
    pictures,
    traversal_grid,
)
from vae_course.plots.style import BLUE, GREY, VERMILION, styled
from vae_course.widgets.controls import Explorer, dropdown, explorer, slider

# -------- Chapter 03's interpolation: two chosen examples, a slider between them, three kinds of path.

KINDS = {
    "straight line (lerp)": "lerp",
    "great circle (slerp)": "slerp",
    "cross-fade of the pictures": "cross-fade",
}
PATHS = {"lerp": lerp, "slerp": slerp}


def path_pictures(model: nn.Module, ends: Tensor, t: Tensor, kind: str) -> Tensor:
    """The pictures on a path between two: (steps, C, H, W), float in [0, 1].

    Every path starts and ends at the same two pictures, the decoded ends, so that kinds differ only between.

    Args:
        model: a VAE or an Autoencoder.
        ends: (2, C, H, W), float in [0, 1].
        t: (steps,), from 0 to 1.
        kind: "lerp" or "slerp" (through the latent space) or "cross-fade" (of the decoded ends).

    Raises:
        ValueError: another kind.
    """
    if kind not in KINDS.values():
        raise ValueError(f"There is no path {kind!r}; there are {', '.join(KINDS.values())}.")
    with looking_at(model) as device:
        codes = mean_code(model, ends.to(device))
        if kind == "cross-fade":
            return lerp(*pictures(model, codes), t)
        return pictures(model, PATHS[kind](codes[0], codes[1], t))


@styled
def draw_interpolation(model: nn.Module, ends: Tensor, t: float, kind: str) -> Figure:
    """Both ends, the picture between them, and the norm of the code along the path.

    Args:
        model, ends, kind: as in ``path_pictures``.
        t: the place on the path, 0 to 1.
    """
    steps = torch.linspace(0, 1, 51)
    between = path_pictures(model, ends, torch.tensor([0.0, t, 1.0]), kind)
    figure = Figure(figsize=(10.0, 3.2), layout="constrained")
    first, middle, last, norm = figure.subplots(1, 4, width_ratios=[1, 1, 1, 1.8])
    _draw_picture(first, between[0], "from")
    _draw_picture(middle, between[1], f"t = {t:.2f}")
    _draw_picture(last, between[2], "to")
    with looking_at(model) as device:
        a, b = mean_code(model, ends.to(device)).cpu()
    if kind == "cross-fade":
        norm.text(0.5, 0.5, "no code:\npixels are mixed", ha="center", va="center", transform=norm.transAxes)
        norm.set_xticks([])
        norm.set_yticks([])
    else:
        norm.plot(steps.numpy(), PATHS[kind](a, b, steps).norm(dim=-1).numpy(), color=BLUE, linestyle="-")
        here = PATHS[kind](a, b, torch.tensor([t])).norm().item()
        norm.plot([t], [here], marker="o", markersize=8, color=VERMILION, linestyle="")
        typical = expected_norm(model.latent_dim)
        norm.axhline(typical, color=GREY, linestyle="--")
        norm.set_ylim(0, 1.15 * max(typical, a.norm().item(), b.norm().item()))
        norm.set_xlabel("t")
        norm.set_ylabel("norm of the code")
        norm.set_title("dashed: mean norm of the prior", fontsize=10)
    return figure


def draw_interpolation_strip(model: nn.Module, ends: Tensor, steps: int = 9) -> Figure:
    """All three paths between the same two pictures, a row each; see ``path_pictures``."""
    t = torch.linspace(0, 1, steps)
    rows = torch.stack([path_pictures(model, ends, t, kind) for kind in KINDS.values()])
    return interpolation_strip(rows, row_labels=list(KINDS.values()))


def explore_interpolation(model: nn.Module, examples: Mapping[str, Tensor]) -> Explorer:
    """Menus for two examples and the kind of path, and a slider along it; the strip shows the first pair.

    Args:
        model: a VAE or an Autoencoder, on the CPU.
        examples: name to picture (C, H, W), float in [0, 1]; at least two.

    Raises:
        ValueError: fewer than two examples.
    """
    if len(examples) < 2:
        raise ValueError(f"An interpolation needs at least two examples; got {len(examples)}.")
    names = list(examples)
    controls = {
        "start": dropdown("from", names, names[0]),
        "end": dropdown("to", names, names[1]),
        "kind": dropdown("path", KINDS),
        "t": slider("t", 0.0, 1.0, 0.5, step=0.02),
    }

    def draw(start: str, end: str, kind: str, t: float) -> Figure:
        return draw_interpolation(model, torch.stack([examples[start], examples[end]]), t, kind)

    alt = (
        f"Three rows of nine pictures from {names[0]} to {names[1]}: along the straight line and along the "
        "great circle of the code the strokes change their shape; in the cross-fade one picture shines "
        "through the other."
    )
    strip = torch.stack([examples[names[0]], examples[names[1]]])
    return explorer(draw, controls, lambda: draw_interpolation_strip(model, strip), alt=alt, fast=True)


def _draw_picture(axes: Axes, picture: Tensor, title: str) -> None:
    axes.imshow(picture.permute(1, 2, 0).squeeze(-1).clamp(0, 1).numpy(), cmap="gray", vmin=0, vmax=1)
    axes.set_title(title, fontsize=11)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(False)


# -------- Chapter 03's traversal: one slider for each of the dimensions that matter most for a picture's
# code.

LIMIT = 3.0


@styled
def draw_traversal(model: nn.Module, code: Tensor, moves: dict[int, float]) -> Figure:
    """A code with some dimensions moved: before, after, what changed, and the code itself.

    Args:
        model: a VAE or an Autoencoder, on the CPU.
        code: (latent,), the code of a picture.
        moves: dimension (from 0) to its new value, in standard deviations of the prior.

    Raises:
        ValueError: the model has no such dimension.
    """
    unknown = [dimension for dimension in moves if not 0 <= dimension < model.latent_dim]
    if unknown:
        raise ValueError(f"The dimensions are 0 to {model.latent_dim - 1}; there is no {unknown[0]}.")
    moved = code.detach().clone()
    for dimension, value in moves.items():
        moved[dimension] = value
    with looking_at(model) as device:
        before, after = pictures(model, torch.stack([code.detach(), moved]).to(device))
    figure = Figure(figsize=(10.0, 3.2), layout="constrained")
    left, middle, right, bars = figure.subplots(1, 4, width_ratios=[1, 1, 1, 1.8])
    _draw_steps(left, before, "before")
    _draw_steps(middle, after, "after")
    change = (after - before).mean(0)
    right.imshow(change.numpy(), cmap="PuOr", vmin=-1, vmax=1)
    right.set_title(f"change, {change.abs().sum():.0f} pixels' worth", fontsize=11)
    _bare(right)
    places = torch.arange(1, model.latent_dim + 1).numpy()
    bars.plot(places, code.detach().numpy(), linestyle="", marker="o", color=BLUE, label="before")
    bars.plot(places, moved.numpy(), linestyle="", marker="x", markersize=7, color=VERMILION, label="after")
    bars.axhline(0, color=GREY, linewidth=0.8, linestyle=":")
    bars.set_ylim(-LIMIT - 1, LIMIT + 1)
    bars.set_xlabel("latent dimension")
    bars.set_ylabel("z (prior: 0 ± 1)")
    bars.legend(loc="lower right", ncols=2, fontsize=9)
    return figure


def explore_traversal(model: nn.Module, image: Tensor, dimensions: list[int]) -> Explorer:
    """A slider for each of some dimensions, starting at the picture's own code; the grid below shows all.

    Args:
        model: a VAE or an Autoencoder, on the CPU.
        image: (C, H, W), float in [0, 1].
        dimensions: which ones (from 0), at most eight.

    Raises:
        ValueError: no dimensions, or more than fit on the screen.
    """
    if not 1 <= len(dimensions) <= 8:
        raise ValueError(f"Give one to eight dimensions; got {len(dimensions)}.")
    with looking_at(model):
        code = mean_code(model, image[None])[0]
    controls = {}
    for dimension in dimensions:
        value = min(max(round(code[dimension].item(), 1), -LIMIT), LIMIT)
        controls[f"z{dimension + 1}"] = slider(f"z{dimension + 1}", -LIMIT, LIMIT, value, step=0.1)

    def draw(**values: float) -> Figure:
        return draw_traversal(model, code, {int(name[1:]) - 1: value for name, value in values.items()})

    alt = (
        f"A grid with {len(dimensions)} rows, one for each latent dimension that has a slider, and seven "
        "columns: the same code decoded with that dimension at −3 to +3 and all others kept."
    )
    return explorer(draw, controls, lambda: traversal_grid(model, code, dimensions), alt=alt, fast=True)


def _draw_steps(axes: Axes, picture: Tensor, title: str) -> None:
    axes.imshow(picture.permute(1, 2, 0).squeeze(-1).numpy(), cmap="gray", vmin=0, vmax=1)
    axes.set_title(title, fontsize=11)
    _bare(axes)


def _bare(axes: Axes) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(False)


# -------- Chapter 11's explorer: one path between two pictures, walked by differently trained VAEs.

STRIP = torch.linspace(0, 1, 7)


def walk(model: nn.Module, pair: Tensor, t: Tensor) -> Tensor:
    """Decoded codes on the straight line between the mean codes of two pictures.

    Args:
        model: a VAE or an Autoencoder, on the CPU.
        pair: (2, C, H, W), in [0, 1].
        t: (steps,), 0 is the first picture, 1 the second.

    Returns:
        (steps, C, H, W), in [0, 1].
    """
    with looking_at(model):
        start, end = mean_code(model, pair)
        return pictures(model, lerp(start, end, t)).clamp(0, 1)


def draw_step(model: nn.Module, pair: Tensor, t: float) -> Figure:
    """The first picture and its reconstruction, the picture at t, the second reconstruction and picture."""
    found = walk(model, pair, torch.tensor([0.0, t, 1.0]))
    shown = torch.stack([pair[0], *found, pair[1]])
    names = ["picture", "t = 0", f"t = {t:.2f}", "t = 1", "picture"]
    return image_grid(shown, 1, 5, column_titles=names, cell=1.4)


def explore_stages(models: Mapping[str, nn.Module], pairs: Mapping[str, Tensor], seen: str = "") -> Explorer:
    """Choose how the model was trained, two pictures, and a place between them; the strip below shows all.

    Args:
        models: name → VAE, on the CPU.
        pairs: name → two pictures (2, C, H, W), in [0, 1]; the strip shows the first pair.
        seen: sentences on what the strip shows, the end of its alternative text.

    Raises:
        ValueError: no models or no pairs.
    """
    if not models or not pairs:
        raise ValueError("explore_stages needs at least one model and one pair of pictures.")
    controls = {
        "stage": dropdown("trained by", {name: name for name in models}),
        "pair": dropdown("from and to", {name: name for name in pairs}),
        "t": slider("place on the path", 0.0, 1.0, 0.5, step=0.05),
    }

    def draw(stage: str, pair: str, t: float) -> Figure:
        return draw_step(models[stage], pairs[pair], t)

    def strip() -> Figure:
        pair = next(iter(pairs.values()))
        rows = torch.stack([walk(model, pair, STRIP) for model in models.values()])
        return interpolation_strip(rows, row_labels=list(models))

    alt = (
        f"A strip with {len(models)} rows, one for each way of training, and {len(STRIP)} columns: decoded "
        f"codes on the straight line between the codes of two pictures, {next(iter(pairs))}. {seen}"
    )
    return explorer(draw, controls, strip, alt=alt.strip(), fast=True)
