"""Explorers of measures: chapter 05 translates somebody's loss weights into an effective β, 07 retouches
pictures by hand and sees which measure of realism believes it.
"""

from collections.abc import Callable, Mapping
from functools import partial

import torch
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn import functional as F

from vae_course.evaluation import FAMOUS, LossWeights, effective_beta, implied_scale
from vae_course.evaluation.loss_translator import REDUCTIONS
from vae_course.evaluation.samples import frechet_distance, power_spectrum, precision_recall, sharpness
from vae_course.models.networks import Classifier
from vae_course.plots.images import draw_grid, montage
from vae_course.plots.style import BLUE, DATA, GREY, VERMILION, styled, subplots
from vae_course.randomness import seeded
from vae_course.teaching.display import format_number
from vae_course.widgets.controls import Explorer, Scene, dropdown, slider

ERRORS = {"squared error (MSE)": "mse", "cross-entropy (BCE)": "bce", "absolute error (L1)": "l1"}
SIZES = {"28 × 28 gray (784)": 784, "32 × 32 gray (1,024)": 1024, "32 × 32 color (3,072)": 3072}
SIZES |= {"64 × 64 color (12,288)": 12288}
RANGES = {"0 to 1": 1.0, "−1 to 1": 2.0, "0 to 255": 255.0}
FIRST = LossWeights("mse", 784, name="mean MSE + KL, 28 × 28, as first attempts often have it")
LOW, HIGH = 1e-2, 1e4  # β on the live axis; what lies farther out stands at its end, with its number


def translation(loss: LossWeights) -> str:
    """What a loss means, in one or two sentences, with its effective β."""
    beta, scale = effective_beta(loss), implied_scale(loss)
    text = f"effective β = {format_number(beta)}"
    if scale is None:
        return f"{text}."
    what = "a Gaussian with σ" if loss.error == "mse" else "a Laplace with b"
    return f"{text}; the same as the ELBO (β = 1) of {what} = {format_number(scale)}, black to white being 1."


@styled
def draw_translation(loss: LossWeights) -> tuple[Figure, list[Artist]]:
    """The loss on the axis of effective β, above the famous ones; and its line, point, number and title."""
    figure, axes = subplots(figsize=(8.4, 3.6))
    rows = [*FAMOUS, loss]
    text = {"textcoords": "offset points", "ha": "center", "fontsize": 9}
    for place, row in enumerate(rows):
        beta = effective_beta(row)
        look = {"color": VERMILION, "marker": "D"} if row is loss else {"color": BLUE, "marker": "o"}
        (line,) = axes.plot([1, beta], [place, place], color=GREY, linewidth=1)
        (point,) = axes.plot(beta, place, linestyle="", markersize=8, **look)
        number = axes.annotate(format_number(beta), (beta, place), (0, 7), **text)
    axes.axvline(1, color=GREY, linestyle="--", linewidth=1)
    axes.set_xscale("log")
    axes.margins(x=0.15, y=0.15)
    axes.set_yticks(range(len(rows)), [row.name or "your loss" for row in rows], fontsize=9)
    axes.set_xlabel("effective β (1 is the ELBO of unit scale)")
    title = figure.suptitle(translation(loss).replace("; ", "\n"), fontsize=10)
    return figure, [line, point, number, title]


def your_loss(
    error: str,
    reduction: str,
    log_error_weight: float,
    log_kl_weight: float,
    kl_reduction: str,
    features: int,
    pixel_range: float,
) -> LossWeights:
    """What the controls say; weights are powers of ten, batch 128, code of size 20."""
    weights = 10**log_error_weight, 10**log_kl_weight
    pixel_range = 1.0 if error == "bce" else pixel_range
    return LossWeights(error, features, *weights, reduction, kl_reduction, 20, 128, pixel_range)


def translation_scene() -> Scene:
    """A scene of the arguments of `your_loss`."""
    figure, (line, point, number, title) = draw_translation(LossWeights("mse", 784))
    figure.axes[0].set_xlim(LOW, HIGH)

    def update(**settings) -> None:
        loss = your_loss(**settings)
        beta = effective_beta(loss)
        shown = min(max(beta, 2 * LOW), HIGH / 2)
        line.set_xdata([1, shown])
        point.set_xdata([shown])
        number.xy = (shown, number.xy[1])
        arrows = "← " * (beta < LOW), " →" * (beta > HIGH)
        number.set_text(format_number(beta).join(arrows))
        title.set_text(translation(loss).replace("; ", "\n"))

    return Scene(figure, [line, point, number, title], update)


def explore_loss_translator() -> Explorer:
    """Menus and sliders for somebody's loss; the still figure shows the famous six and one more."""
    reductions = {f"{name} over the batch" if name == "sum" else name: name for name in REDUCTIONS}
    controls = {
        "error": dropdown("error", ERRORS, "mse"),
        "reduction": dropdown("its reduction", reductions, "mean"),
        "log_error_weight": slider("its weight, power of ten", -4.0, 4.0, 0.0, step=0.1),
        "log_kl_weight": slider("KL weight, power of ten", -5.0, 3.0, 0.0, step=0.1),
        "kl_reduction": dropdown("reduction of the KL", reductions, "batch mean"),
        "features": dropdown("picture", SIZES, 784),
        "pixel_range": dropdown("pixel values", RANGES, 1.0),
    }
    betas = {row.name: effective_beta(row) for row in (*FAMOUS, FIRST)}
    told = "; ".join(f"{name}: {beta:.3g}" for name, beta in betas.items())
    alt = f"Effective β of seven losses on a logarithmic axis, from 0.5 to several hundred. {told}."
    title = f"Seven losses weigh the KL term by {min(betas.values()):.2g} to {max(betas.values()):.3g}"
    scene, still = translation_scene(), lambda: draw_translation(FIRST)[0]
    return Explorer(scene, controls, still, alt=alt, title=title, fast=True)


# Chapter 07: which measure of realism believes a picture that was retouched?

SHOWN = 6  # in each of two rows; the still figure has one row of twice as many
JUDGED = 128  # so few answer while a slider is dragged
# Name, detail and noise of each row of the still figure.
STRIP = [("detail −1", -1, 0), ("as they are", 0, 0), ("detail +1", 1, 0), ("detail +2", 2, 0)]
STRIP += [("noise 0.1", 0, 0.1)]


def retouch(images: Tensor, detail: float = 0.0, noise: float = 0.0) -> Tensor:
    """Blur or sharpen pictures (n, C, H, W) in [0, 1], then add noise, and clip, knowing nothing of data.

    ``detail`` −1 replaces each pixel by the mean of its 3×3 neighbors, 0 keeps it, +d adds d times the
    difference (unsharp masking). ``noise`` is the standard deviation of independent Gaussian noise, ≥ 0.
    """
    smooth = F.avg_pool2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    grain = torch.randn(images.shape, generator=seeded(0)) if noise else 0.0
    return (images + detail * (images - smooth) + noise * grain).clamp(0, 1)


def against(real: Tensor, judge: Classifier) -> Callable[[Tensor], tuple[float, ...]]:
    """A function that gives Fréchet distance, precision, recall and sharpness of pictures against these data;
    what the data give is taken once."""
    theirs, edges = judge.features(real), sharpness(real).mean()

    def measured(images: Tensor) -> tuple[float, ...]:
        ours = judge.features(images)
        share = (sharpness(images).mean() / edges).item()
        return frechet_distance(ours, theirs), *precision_recall(theirs, ours), share

    return measured


def verdict(frechet: float, precision: float, recall: float, share: float) -> str:
    """What `against` measured, in one line of text."""
    return (
        f"Fréchet distance {format_number(round(frechet, 1))}, precision {precision:.2f}, "
        f"recall {recall:.2f}, sharpness {format_number(round(share, 2))} of data"
    )


@styled
def judge_scene(sources: Mapping[str, Tensor], real: Tensor, judge: Classifier) -> Scene:
    """Retouched pictures, their measures, and their power spectrum: a scene of source, detail and noise."""
    measured = against(real, judge)
    figure, (left, right) = subplots(1, 2, figsize=(9.4, 3.1), width_ratios=[1.35, 1])
    image = draw_grid(left, real[: 2 * SHOWN], 2, SHOWN)
    right.plot(*power_spectrum(real), color=DATA, linestyle="--", label="data")
    (line,) = right.plot(*power_spectrum(real), color=VERMILION, linestyle="-", label="these pictures")
    right.set(yscale="log", ylim=(1e-5, 30), xlabel="frequency (cycles per pixel)")
    right.set_ylabel("power (squared pixel value)")
    right.legend()
    title = figure.suptitle(verdict(*measured(real)), fontsize=11)

    def update(source: str, detail: float, noise: float) -> None:
        shown = retouch(sources[source], detail, noise)
        image.set_data(montage(shown[: 2 * SHOWN], 2, SHOWN))
        line.set_ydata(power_spectrum(shown).power.numpy())
        title.set_text(verdict(*measured(shown)))

    return Scene(figure, [image, line, title], update)


@styled
def draw_strip(images: Tensor, real: Tensor, judge: Classifier) -> Figure:
    """The same pictures at five settings, with the measures of each above it."""
    measured = against(real, judge)
    figure, rows = subplots(len(STRIP), 1, figsize=(9.4, 1.05 * len(STRIP)))
    for axes, (what, detail, noise) in zip(rows, STRIP, strict=True):
        shown = retouch(images, detail, noise)
        draw_grid(axes, shown[: 2 * SHOWN], 1, 2 * SHOWN)
        axes.set_title(f"{what}: {verdict(*measured(shown))}", fontsize=10, loc="left")
    return figure


def explore_the_judge(sources: Mapping[str, Tensor], real: Tensor, judge: Classifier) -> Explorer:
    """A menu of pictures, name to (n, C, H, W) in [0, 1], of which the first 128 are judged by the features
    of a classifier against ``real`` ones, and sliders for detail and noise; below, the first source.
    """
    names, real = list(sources), real[:JUDGED]
    sources = {name: pictures[:JUDGED] for name, pictures in sources.items()}
    controls = {
        "source": dropdown("pictures", names),
        "detail": slider("detail (−1 blurs, above 0 sharpens)", -1.0, 3.0, 0.0, step=0.25),
        "noise": slider("noise, standard deviation (pixel value)", 0.0, 0.3, 0.0, step=0.02),
    }
    alt = f"Five rows of the same pictures ({names[0]}): blurred, as they are, sharpened, sharpened more, "
    alt += "and with noise; each row has its Fréchet distance, precision, recall and sharpness above it."
    soft, sharp = (against(real, judge)(retouch(sources[names[0]], detail)) for detail in (-1, 2))
    title = f"From blurred to sharpened: Fréchet distance {soft[0]:.0f} to {sharp[0]:.0f}, "
    title += f"precision {soft[1]:.2f} to {sharp[1]:.2f}"
    scene, still = judge_scene(sources, real, judge), partial(draw_strip, sources[names[0]], real, judge)
    return Explorer(scene, controls, still, alt=alt, title=title, fast=True)
