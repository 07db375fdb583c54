"""Chapter 02's explorer: spoil a digit and watch its code, its reconstruction and its -ELBO."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from vae_course.elbo import GaussianPosterior, elbo_terms
from vae_course.models.vae import VAE
from vae_course.plots.style import BLUE, GREY, VERMILION, styled
from vae_course.randomness import seeded
from vae_course.widgets.controls import Explorer, explorer, slider

DRAWS = 32
CLEAN = {"color": BLUE, "marker": "o"}
SPOILED = {"color": VERMILION, "marker": "s"}
EXAMPLES = ((0.0, 0, 0.0), (0.3, 0, 0.0), (0.0, 2, 0.0), (0.0, 6, 0.0), (0.0, 0, 0.5))


def corrupt(image: Tensor, noise: float = 0.0, shift: int = 0, blank: float = 0.0, seed: int = 0) -> Tensor:
    """A spoiled copy of a picture: shifted, then partly blanked, then noisy.

    Args:
        image: (C, H, W), float in [0, 1].
        noise: standard deviation of Gaussian noise added to every pixel; the result is cut off at 0 and 1.
        shift: pixels to the right (negative: to the left); what moves in is 0.
        blank: part of the picture, from its right edge, that is set to 0; 0 to 1.
        seed: of the noise, so that the same setting gives the same picture.

    Returns:
        (C, H, W), float in [0, 1].

    Raises:
        ValueError: a shape other than (C, H, W), or blank outside [0, 1].
    """
    if image.ndim != 3:
        raise ValueError(f"corrupt needs one picture of shape (C, H, W); got {tuple(image.shape)}.")
    if not 0 <= blank <= 1:
        raise ValueError(f"blank is the part of the picture that is wiped, 0 to 1; got {blank}.")
    width = image.shape[-1]
    spoiled = torch.zeros_like(image)
    kept = max(width - abs(shift), 0)
    if shift >= 0:
        spoiled[..., width - kept :] = image[..., :kept]
    else:
        spoiled[..., :kept] = image[..., width - kept :]
    spoiled[..., round(width * (1 - blank)) :] = 0
    generator = seeded(seed)
    return (spoiled + noise * torch.randn(image.shape, generator=generator)).clamp(0, 1)


@torch.no_grad()
def negative_elbo(model: VAE, image: Tensor) -> float:
    """-ELBO of one picture (C, H, W) in nats, from 32 draws of z with a fixed seed."""
    generator = seeded(0)
    return elbo_terms(model, image[None], generator=generator, n_samples=DRAWS).negative_elbo.item()


@styled
def draw_corrupted_digit(model: VAE, image: Tensor, noise: float, shift: int, blank: float) -> Figure:
    """The spoiled picture, its reconstruction, and both codes, with -ELBO in nats before and after.

    Args:
        model: a trained VAE.
        image: (C, H, W), float in [0, 1], on the CPU like the model.
        noise, shift, blank: see `corrupt`.
    """
    spoiled = corrupt(image, noise, shift, blank)
    figure = Figure(figsize=(10.5, 3.4), layout="constrained")
    original, seen, returned, code = figure.subplots(1, 4, width_ratios=[1, 1, 1, 1.7])
    _picture(original, image, "Original", rf"$-$ELBO = {negative_elbo(model, image):.1f} nats")
    _picture(seen, spoiled, "What the encoder sees", rf"$-$ELBO = {negative_elbo(model, spoiled):.1f} nats")
    _picture(returned, model.reconstruct(spoiled[None])[0], "Reconstruction", "")
    _draw_codes(code, _posterior(model, image), _posterior(model, spoiled))
    return figure


@styled
def draw_corruption_strip(
    model: VAE, image: Tensor, settings: Sequence[tuple[float, int, float]] = EXAMPLES
) -> Figure:
    """Several ways to spoil one picture side by side: what the encoder sees, what comes back, -ELBO in nats.

    Args:
        model: a trained VAE.
        image: (C, H, W), float in [0, 1].
        settings: (noise, shift, blank) of each column, see `corrupt`.

    Raises:
        ValueError: no settings.
    """
    if not settings:
        raise ValueError("The strip needs at least one (noise, shift, blank) setting; got none.")
    figure = Figure(figsize=(max(1.75 * len(settings), 3), 4.2), layout="constrained")
    rows = figure.subplots(2, len(settings), squeeze=False)
    for column, setting in enumerate(settings):
        spoiled = corrupt(image, *setting)
        _picture(rows[0, column], spoiled, _named(*setting), "")
        _picture(rows[1, column], model.reconstruct(spoiled[None])[0], "", "")
        rows[1, column].set_xlabel(f"{negative_elbo(model, spoiled):.1f} nats")
    rows[0, 0].set_ylabel("encoder sees")
    rows[1, 0].set_ylabel("reconstruction")
    figure.supxlabel(r"$-$ELBO of the picture in the upper row", fontsize=11)
    return figure


def explore_corrupted_digit(model: VAE, image: Tensor) -> Explorer:
    """Sliders for noise, shift and blanking of one picture; the strip below shows five settings."""
    controls = {
        "noise": slider("noise, standard deviation", 0.0, 1.0, 0.0, step=0.05),
        "shift": slider("shift to the right", -8, 8, 0, unit="pixels"),
        "blank": slider("blanked part", 0.0, 1.0, 0.0, step=0.05),
    }
    measured = "; ".join(f"{_named(*s)}: {negative_elbo(model, corrupt(image, *s)):.0f}" for s in EXAMPLES)
    alt = (
        "One digit spoiled in several ways, with the reconstruction of each below it, "
        f"and the negative ELBO in nats ({measured})."
    )

    def draw(noise: float, shift: int, blank: float) -> Figure:
        return draw_corrupted_digit(model, image, noise, shift, blank)

    return explorer(draw, controls, lambda: draw_corruption_strip(model, image), alt=alt)


@torch.no_grad()
def _posterior(model: VAE, image: Tensor) -> GaussianPosterior:
    return model.encode(image[None])


def _named(noise: float, shift: int, blank: float) -> str:
    parts = []
    if noise:
        parts.append(f"noise {noise:g}")
    if shift:
        parts.append(f"{abs(shift)} px {'right' if shift > 0 else 'left'}")
    if blank:
        parts.append("half blank" if blank == 0.5 else f"{blank:.0%} blank")
    return ", ".join(parts) or "as it is"


def _picture(axes: Axes, image: Tensor, title: str, below: str) -> None:
    pixels = image.detach().permute(1, 2, 0).clamp(0, 1).numpy()
    axes.imshow(pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels, cmap="gray", vmin=0, vmax=1)
    axes.set_title(title, fontsize=11)
    axes.set_xlabel(below)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(False)


def _draw_codes(axes: Axes, clean: GaussianPosterior, spoiled: GaussianPosterior) -> None:
    """Two latent dimensions: ellipses in the plane. More: mean and one standard deviation of each."""
    if clean.mean.shape[-1] == 2:
        _draw_ellipses(axes, clean, spoiled)
    else:
        _draw_bars(axes, clean, spoiled)
    axes.set_title("Code q(z|x)", fontsize=11)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2)


def _draw_ellipses(axes: Axes, clean: GaussianPosterior, spoiled: GaussianPosterior) -> None:
    for radius in (1, 2):
        axes.add_patch(Ellipse((0, 0), 2 * radius, 2 * radius, fill=False, edgecolor=GREY, linestyle=":"))
    reach = 2.5
    for posterior, style, line, name in (
        (clean, CLEAN, "-", "original, 2σ"),
        (spoiled, SPOILED, "--", "spoiled, 2σ"),
    ):
        mean, std = posterior.mean[0].tolist(), posterior.std[0].tolist()
        axes.add_patch(
            Ellipse(mean, 4 * std[0], 4 * std[1], fill=False, edgecolor=style["color"], linestyle=line, lw=2)
        )
        axes.plot(*mean, **style, linestyle=line, label=name)
        reach = max(reach, *(1.1 * (abs(m) + 2 * s) for m, s in zip(mean, std, strict=True)))
    axes.set_xlim(-reach, reach)
    axes.set_ylim(-reach, reach)
    axes.set_aspect("equal")
    axes.set_xlabel("$z_1$ (dotted: prior, 1σ and 2σ)")
    axes.set_ylabel("$z_2$")


def _draw_bars(axes: Axes, clean: GaussianPosterior, spoiled: GaussianPosterior) -> None:
    positions = torch.arange(1, clean.mean.shape[-1] + 1).numpy()
    for posterior, style, offset, name in (
        (clean, CLEAN, -0.18, "original, mean ± σ"),
        (spoiled, SPOILED, 0.18, "spoiled, mean ± σ"),
    ):
        mean, std = posterior.mean[0].numpy(), posterior.std[0].numpy()
        axes.errorbar(positions + offset, mean, yerr=std, linestyle="", **style, label=name)
    reach = max(3.0, *(1.1 * float((p.mean.abs() + p.std).max()) for p in (clean, spoiled)))
    axes.set_ylim(-reach, reach)
    axes.axhline(0, color=GREY, linewidth=0.8, linestyle=":")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("latent dimension")
    axes.set_ylabel("z (prior: 0 ± 1)")
