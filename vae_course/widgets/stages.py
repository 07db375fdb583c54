"""Chapter 11's explorer: one path between two pictures, walked by differently trained VAEs."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from vae_course.evaluation.paths import lerp
from vae_course.plotting.codes import looking_at, mean_code, pictures
from vae_course.plotting.images import image_grid
from vae_course.plotting.interpolation import interpolation_strip
from vae_course.widgets.controls import dropdown, slider
from vae_course.widgets.explorer import Explorer, explorer

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
