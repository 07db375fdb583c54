"""Chapter 02's explorer: spoil a digit and watch its code, its reconstruction and its -ELBO."""

import math

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor
from torch.nn import functional as F

from vae_course.elbo import GaussianPosterior, elbo_terms
from vae_course.models.vae import VAE
from vae_course.plots.images import encoded, looking_at, mean_code, pictures
from vae_course.plots.style import BLUE, PRIOR, VERMILION, styled
from vae_course.randomness import seeded
from vae_course.widgets.controls import Explorer, Scene, place_picture, set_picture, slider

# Noise, shift and blank of each column of the strip.
EXAMPLES = ((0.0, 0, 0.0), (0.3, 0, 0.0), (0.0, 2, 0.0), (0.0, 6, 0.0), (0.0, 0, 0.5))


def corrupt(image: Tensor, noise: float = 0.0, shift: int = 0, blank: float = 0.0, seed: int = 0) -> Tensor:
    """A spoiled copy of a picture (C, H, W) in [0, 1]: shifted to the right by so many pixels, then the part
    ``blank`` from its right edge set to 0, then noisy (standard deviation), cut off at 0 and 1.
    """
    if image.ndim != 3 or not 0 <= blank <= 1:
        found = f"the picture has shape {tuple(image.shape)}, blank is {blank}"
        raise ValueError(f"{found}; expected (C, H, W) and a share from 0 to 1.")
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
    """The spoiled picture, its reconstruction, and both codes, with -ELBO in nats before and after: a scene
    of noise, shift and blank, see `corrupt`.
    """
    figure = Figure(figsize=(10.5, 3.4), layout="constrained")
    original, seen, returned, right = figure.subplots(1, 4, width_ratios=[1, 1, 1, 1.7])
    nats = rf"$-$ELBO = {negative_elbo(model, image):.1f} nats"
    place_picture(original, image, "Original", nats)
    before = place_picture(seen, image, "What the encoder sees", nats)
    after = place_picture(returned, reconstructed(model, image), "Reconstruction")
    clean = encoded(model, image[None])
    place = torch.arange(1, clean.mean.shape[1] + 1).double()
    _bars(right, place - 0.18, clean, {"color": BLUE, "marker": "o", "label": "original, mean ± σ"})
    look = {"color": VERMILION, "marker": "s", "label": "spoiled, mean ± σ"}
    dots, lines = _bars(right, place + 0.18, clean, look)
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
        low, high = (now.mean - now.std)[0].tolist(), (now.mean + now.std)[0].tolist()
        dots.set_ydata(now.mean[0].numpy())
        x = (place + 0.18).tolist()
        lines.set_segments([[(x, a), (x, b)] for x, a, b in zip(x, low, high, strict=True)])
        return make_room(clean, now)

    make_room(clean)
    return Scene(figure, [seen, after, lines, dots], update)


def _bars(axes: Axes, place: Tensor, code: GaussianPosterior, look: dict[str, str]):
    """Mean and one standard deviation in each latent dimension: the dots, and the lines through them."""
    dots, _, (lines,) = axes.errorbar(place, code.mean[0], yerr=code.std[0], linestyle="", **look)
    return dots, lines


@styled
def draw_corruption_strip(model: VAE, image: Tensor) -> Figure:
    """The ``EXAMPLES`` side by side: what the encoder sees, what comes back, -ELBO in nats."""
    figure = Figure(figsize=(1.75 * len(EXAMPLES), 4.2), layout="constrained")
    rows = figure.subplots(2, len(EXAMPLES))
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
        "shift": slider("shift to the right", -8, 8, 0, unit="pixels"),
        "blank": slider("blanked part", 0.0, 1.0, 0.0, step=0.05),
    }
    measured = "; ".join(f"{_named(*s)}: {negative_elbo(model, corrupt(image, *s)):.0f}" for s in EXAMPLES)
    alt = "One digit spoiled in several ways, with the reconstruction of each below it, "
    alt += f"and the negative ELBO in nats ({measured})."
    scene = digit_scene(model, image)
    return Explorer(scene, controls, lambda: draw_corruption_strip(model, image), alt=alt, fast=True)


def _named(noise: float, shift: int, blank: float) -> str:
    parts = [f"noise {noise:g}"] * bool(noise)
    parts += [f"{abs(shift)} px {'right' if shift > 0 else 'left'}"] * bool(shift)
    parts += ["half blank" if blank == 0.5 else f"{blank:.0%} blank"] * bool(blank)
    return ", ".join(parts) or "as it is"
