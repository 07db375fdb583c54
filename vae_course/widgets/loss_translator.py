"""Chapter 05's explorer: somebody's loss weights in, effective β out."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from vae_course.evaluation.loss_translator import (
    FAMOUS,
    REDUCTIONS,
    LossWeights,
    effective_beta,
    implied_scale,
)
from vae_course.plots.style import BLUE, GREY, VERMILION, styled
from vae_course.teaching.tables import format_number
from vae_course.widgets.controls import Explorer, dropdown, explorer, slider

ERRORS = {"squared error (MSE)": "mse", "cross-entropy (BCE)": "bce", "absolute error (L1)": "l1"}
SIZES = {
    "28 × 28 gray (784)": 784,
    "32 × 32 gray (1,024)": 1024,
    "32 × 32 color (3,072)": 3072,
    "64 × 64 color (12,288)": 12288,
}
RANGES = {"0 to 1": 1.0, "−1 to 1": 2.0, "0 to 255": 255.0}
LATENT_DIM, BATCH_SIZE = 20, 128


def translation(loss: LossWeights) -> str:
    """What a loss means, in one or two sentences, with its effective β."""
    beta, scale = effective_beta(loss), implied_scale(loss)
    text = f"effective β = {format_number(beta)}"
    if scale is None:
        return f"{text}."
    what = "a Gaussian with σ" if loss.error == "mse" else "a Laplace with b"
    return f"{text}; the same as the ELBO (β = 1) of {what} = {format_number(scale)}, black to white being 1."


@styled
def draw_translation(loss: LossWeights, famous: Sequence[LossWeights] = FAMOUS) -> Figure:
    """The loss on the axis of effective β, between the famous ones."""
    figure = Figure(figsize=(8.4, 3.6), layout="constrained")
    axes = figure.subplots()
    rows = [*famous, loss]
    for place, row in enumerate(rows):
        own = row is loss
        look = {"color": VERMILION, "marker": "D"} if own else {"color": BLUE, "marker": "o"}
        axes.plot([1, effective_beta(row)], [place, place], color=GREY, linewidth=1)
        axes.plot(effective_beta(row), place, linestyle="", markersize=8, **look)
        axes.annotate(
            format_number(effective_beta(row)),
            (effective_beta(row), place),
            xytext=(0, 7),
            textcoords="offset points",
            ha="center",
            fontsize=9,
        )
    axes.axvline(1, color=GREY, linestyle="--", linewidth=1)
    axes.set_xscale("log")
    axes.margins(x=0.15, y=0.15)
    axes.set_yticks(range(len(rows)), [row.name or "your loss" for row in rows], fontsize=9)
    axes.set_xlabel("effective β (1 is the ELBO of unit scale)")
    figure.suptitle(translation(loss).replace("; ", "\n"), fontsize=10)
    return figure


def draw_weights(
    error: str,
    reduction: str,
    log_error_weight: float,
    log_kl_weight: float,
    kl_reduction: str,
    features: int,
    pixel_range: float,
) -> Figure:
    """`draw_translation` of what the sliders say; weights are powers of ten, batch 128, code of size 20."""
    loss = LossWeights(
        error,
        features,
        10**log_error_weight,
        10**log_kl_weight,
        reduction,
        kl_reduction,
        latent_dim=LATENT_DIM,
        batch_size=BATCH_SIZE,
        pixel_range=1.0 if error == "bce" else pixel_range,
    )
    return draw_translation(loss)


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
    first = LossWeights("mse", 784, name="mean MSE + KL, 28 × 28: the first attempt of nearly everybody")
    betas = "; ".join(f"{row.name}: {effective_beta(row):.3g}" for row in (*FAMOUS, first))
    alt = f"Effective β of seven losses on a logarithmic axis, from 0.5 to several hundred. {betas}."
    return explorer(draw_weights, controls, lambda: draw_translation(first), alt=alt, fast=True)
