"""Chapter 07's explorer: retouch pictures by hand and see which measure of realism believes it."""

from collections.abc import Callable, Mapping

import torch
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn import functional as F

from vae_course.evaluation.samples import frechet_distance, power_spectrum, precision_recall, sharpness
from vae_course.models.classifier import Classifier
from vae_course.plots.images import draw_grid, montage
from vae_course.plots.style import DATA, VERMILION, styled
from vae_course.randomness import seeded
from vae_course.teaching.display import format_number
from vae_course.widgets.controls import Explorer, Scene, dropdown, slider

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


def against(real: Tensor, judge: Classifier) -> Callable[[Tensor], str]:
    """The measures of pictures against these data, in one line of text; what the data give is taken once."""
    theirs, edges = judge.features(real), sharpness(real).mean()

    def verdict(images: Tensor) -> str:
        ours = judge.features(images)
        precision, recall = precision_recall(theirs, ours)
        return (
            f"Fréchet distance {format_number(round(frechet_distance(ours, theirs), 1))}, "
            f"precision {precision:.2f}, recall {recall:.2f}, "
            f"sharpness {format_number(round((sharpness(images).mean() / edges).item(), 2))} of data"
        )

    return verdict


@styled
def judge_scene(sources: Mapping[str, Tensor], real: Tensor, judge: Classifier) -> Scene:
    """Retouched pictures, their measures, and their power spectrum: a scene of source, detail and noise."""
    verdict = against(real, judge)
    figure = Figure(figsize=(9.4, 3.1), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1.35, 1])
    image = draw_grid(left, real[: 2 * SHOWN], 2, SHOWN)
    right.plot(*power_spectrum(real), color=DATA, linestyle="--", label="data")
    (line,) = right.plot(*power_spectrum(real), color=VERMILION, linestyle="-", label="these pictures")
    right.set(yscale="log", ylim=(1e-5, 30), xlabel="frequency (cycles per pixel)")
    right.set_ylabel("power (squared pixel value)")
    right.legend()
    title = figure.suptitle(verdict(real), fontsize=11)

    def update(source: str, detail: float, noise: float) -> None:
        shown = retouch(sources[source], detail, noise)
        image.set_data(montage(shown[: 2 * SHOWN], 2, SHOWN))
        line.set_ydata(power_spectrum(shown).power.numpy())
        title.set_text(verdict(shown))

    return Scene(figure, [image, line, title], update)


@styled
def draw_strip(images: Tensor, real: Tensor, judge: Classifier) -> Figure:
    """The same pictures at five settings, with the measures of each above it."""
    verdict = against(real, judge)
    figure = Figure(figsize=(9.4, 1.05 * len(STRIP)), layout="constrained")
    for axes, (what, detail, noise) in zip(figure.subplots(len(STRIP), 1), STRIP, strict=True):
        shown = retouch(images, detail, noise)
        draw_grid(axes, shown[: 2 * SHOWN], 1, 2 * SHOWN)
        axes.set_title(f"{what}: {verdict(shown)}", fontsize=10, loc="left")
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
    alt = (
        f"Five rows of the same pictures ({names[0]}): blurred, as they are, sharpened, sharpened more, and "
        "with noise; each row has its Fréchet distance, precision, recall and sharpness above it."
    )
    scene = judge_scene(sources, real, judge)
    return Explorer(scene, controls, lambda: draw_strip(sources[names[0]], real, judge), alt=alt, fast=True)
