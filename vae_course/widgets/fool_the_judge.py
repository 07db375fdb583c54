"""Chapter 07's explorer: retouch pictures by hand and see which measure of realism believes it."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn import functional as F

from vae_course.evaluation.samples import power_spectrum, sample_quality
from vae_course.models.classifier import Classifier
from vae_course.plots.images import bare, check_images, montage
from vae_course.plots.style import BLACK, VERMILION, styled
from vae_course.randomness import seeded
from vae_course.teaching.tables import format_number
from vae_course.widgets.controls import Explorer, dropdown, explorer, slider

SHOWN = 8
STRIP = (-1.0, 0.0, 1.0, 2.0)  # settings of detail in the still figure
NOISE_OF_STRIP = 0.1


def retouch(images: Tensor, detail: float = 0.0, noise: float = 0.0, seed: int = 0) -> Tensor:
    """Blur or sharpen pictures, then add noise: no knowledge of any data goes in.

    Args:
        images: (n, C, H, W), floats in [0, 1].
        detail: −1 replaces each pixel by the mean of its 3×3 neighbors, 0 keeps it, +d adds d times the
            difference (unsharp masking).
        noise: standard deviation of independent Gaussian noise, in pixel values, ≥ 0.
        seed: of the noise.

    Returns:
        The same shape, clipped to [0, 1].
    """
    if images.dim() != 4 or detail < -1 or noise < 0:
        raise ValueError(
            f"images have shape {tuple(images.shape)}, detail is {detail}, noise {noise}; expected "
            f"(n, C, H, W), at least −1, at least 0."
        )
    smooth = F.avg_pool2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    generator = seeded(seed)
    grain = torch.randn(images.shape, generator=generator) if noise else 0.0
    return (images + detail * (images - smooth) + noise * grain).clamp(0, 1)


def verdict(images: Tensor, real: Tensor, judge: Classifier) -> str:
    """The measures of pictures against data in one line of text."""
    quality = sample_quality(images, real, judge)
    return (
        f"Fréchet distance {format_number(round(quality.frechet, 1))}, "
        f"precision {quality.precision:.2f}, recall {quality.recall:.2f}, "
        f"sharpness {format_number(round(quality.sharpness, 2))} of data"
    )


@styled
def draw_retouched(images: Tensor, real: Tensor, judge: Classifier, detail: float, noise: float) -> Figure:
    """Some retouched pictures, their measures, and their power spectrum beside that of data."""
    pictures = retouch(images, detail, noise)
    figure = Figure(figsize=(9.4, 3.1), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1.35, 1])
    left.imshow(montage(check_images(pictures[: 2 * SHOWN]), 2, SHOWN))
    left.set_xticks([])
    left.set_yticks([])
    bare(left)
    for name, shown, look in (
        ("data", real, {"color": BLACK, "linestyle": "--"}),
        ("these pictures", pictures, {"color": VERMILION, "linestyle": "-"}),
    ):
        frequency, power = power_spectrum(shown)
        right.plot(frequency.numpy(), power.numpy(), label=name, **look)
    right.set_yscale("log")
    right.set_ylim(1e-5, 30)
    right.set_xlabel("frequency (cycles per pixel)")
    right.set_ylabel("power (squared pixel value)")
    right.legend()
    figure.suptitle(verdict(pictures, real, judge), fontsize=11)
    return figure


@styled
def draw_strip(images: Tensor, real: Tensor, judge: Classifier) -> Figure:
    """The same pictures at five settings, with the measures of each under it."""
    settings = [(detail, 0.0) for detail in STRIP] + [(0.0, NOISE_OF_STRIP)]
    figure = Figure(figsize=(9.4, 0.86 * len(settings)), layout="constrained")
    for axes, (detail, noise) in zip(figure.subplots(len(settings), 1), settings, strict=True):
        pictures = retouch(images, detail, noise)
        axes.imshow(montage(check_images(pictures[: 2 * SHOWN]), 1, 2 * SHOWN))
        axes.set_xticks([])
        axes.set_yticks([])
        bare(axes)
        sharpened = f"detail {detail:+g}".replace("-", "−") if detail else "as they are"
        what = f"noise {noise:g}" if noise else sharpened
        axes.set_title(f"{what}: {verdict(pictures, real, judge)}", fontsize=10, loc="left")
    return figure


def explore_the_judge(sources: Mapping[str, Tensor], real: Tensor, judge: Classifier) -> Explorer:
    """A menu of pictures, a slider for detail and one for noise; the still figure shows the first source.

    Args:
        sources: name → pictures (n, C, H, W) in [0, 1]; about 500 of each answer at once.
        real: as many held-out pictures.
        judge: the classifier whose features are compared.
    """
    if not sources:
        raise ValueError("give at least one source of pictures, for example {'VAE': samples}.")
    names = list(sources)
    controls = {
        "source": dropdown("pictures", names, names[0]),
        "detail": slider("detail (−1 blurs, above 0 sharpens)", -1.0, 3.0, 0.0, step=0.25),
        "noise": slider("noise, standard deviation", 0.0, 0.3, 0.0, step=0.02, unit="pixel value"),
    }

    def draw(source: str, detail: float, noise: float) -> Figure:
        return draw_retouched(sources[source], real, judge, detail, noise)

    alt = (
        f"Five rows of the same pictures ({names[0]}): blurred, as they are, sharpened, sharpened more, and "
        "with noise; each row has its Fréchet distance, precision, recall and sharpness above it."
    )
    return explorer(draw, controls, lambda: draw_strip(sources[names[0]], real, judge), alt=alt)
