"""Chapter 03's interpolation: two chosen examples, a slider between them, three kinds of path."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from vae_course.evaluation.paths import expected_norm, lerp, slerp
from vae_course.plotting.codes import looking_at, mean_code, pictures
from vae_course.plotting.interpolation import interpolation_strip
from vae_course.plotting.style import BLUE, GREY, VERMILION, styled
from vae_course.widgets.controls import dropdown, slider
from vae_course.widgets.explorer import Explorer, explorer

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
