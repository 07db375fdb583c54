"""The loss translator: the published table, and losses written out and differentiated."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from vae_course.evaluation.loss_translator import (
    FAMOUS,
    LossWeights,
    effective_beta,
    implied_scale,
)

BATCH, PIXELS, LATENT = 6, 10, 3


def test_the_famous_six():
    betas = [effective_beta(loss) for loss in FAMOUS]
    assert betas == pytest.approx([1, 1.536, 0.768, 2.048, 0.5, 6.144])


def written_out(loss: LossWeights, x, logits, mean, log_var) -> torch.Tensor:
    """The loss as the calls that its author would make."""
    x_hat = torch.sigmoid(logits)
    function = {"mse": F.mse_loss, "bce": F.binary_cross_entropy, "l1": F.l1_loss}[loss.error]
    if loss.error_reduction == "batch mean":
        error = function(x_hat, x, reduction="sum") / len(x)
    else:
        error = function(x_hat, x, reduction=loss.error_reduction)
    kl = -0.5 * (1 + log_var - mean**2 - log_var.exp())
    kl = {"sum": kl.sum(), "batch mean": kl.sum(1).mean(), "mean": kl.mean()}[loss.kl_reduction]
    return loss.error_weight * error + loss.kl_weight * kl


def ours(error: str, beta: float, x, logits, mean, log_var) -> torch.Tensor:
    """Nats per example: −log p(x|z) of unit scale, up to a constant, plus β·KL."""
    x_hat = torch.sigmoid(logits)
    nats = {
        "mse": 0.5 * (x - x_hat) ** 2,
        "l1": (x - x_hat).abs(),
        "bce": -(x * x_hat.log() + (1 - x) * (1 - x_hat).log()),
    }[error]
    kl = 0.5 * (mean**2 + log_var.exp() - 1 - log_var)
    return (nats.sum(1) + beta * kl.sum(1)).mean()


@settings(max_examples=60, deadline=None)
@given(
    error=st.sampled_from(["mse", "bce", "l1"]),
    reductions=st.tuples(*[st.sampled_from(["sum", "batch mean", "mean"])] * 2),
    weights=st.tuples(st.floats(0.01, 100), st.floats(0.01, 100)),
    seed=st.integers(0, 100),
)
def test_the_gradient_points_the_same_way_as_with_the_effective_beta(error, reductions, weights, seed):
    loss = LossWeights(error, PIXELS, *weights, *reductions, latent_dim=LATENT, batch_size=BATCH)
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(BATCH, PIXELS, generator=generator, dtype=torch.float64)
    parts = [
        torch.randn(BATCH, size, generator=generator, dtype=torch.float64, requires_grad=True)
        for size in (PIXELS, LATENT, LATENT)
    ]
    theirs = torch.autograd.grad(written_out(loss, x, *parts), parts)
    mine = torch.autograd.grad(ours(error, effective_beta(loss), x, *parts), parts)
    a, b = (torch.cat([g.flatten() for g in grads]) for grads in (theirs, mine))
    torch.testing.assert_close(a / a.norm(), b / b.norm())


@pytest.mark.parametrize("error", ["mse", "l1"])
def test_pixels_of_another_range_are_the_same_picture_with_larger_errors(error):
    x, x_hat = torch.rand(2, 50, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    function = {"mse": F.mse_loss, "l1": F.l1_loss}[error]
    growth = (function(2 * x - 1, 2 * x_hat - 1) / function(x, x_hat)).item()
    there = effective_beta(LossWeights(error, 50, pixel_range=2.0))
    assert effective_beta(LossWeights(error, 50)) / there == pytest.approx(growth)
    with pytest.raises(ValueError, match="1 for cross-entropy"):
        LossWeights("bce", 50, pixel_range=2.0)


def test_the_implied_scale_makes_the_loss_an_elbo():
    assert implied_scale(LossWeights("mse", 784, 1, 1 / 784)) == pytest.approx(0.5**0.5)
    assert implied_scale(LossWeights("l1", 784, 1, 1 / 784)) == pytest.approx(1)
    assert implied_scale(FAMOUS[0]) is None
    # (x − x̂)² / 2σ² + KL with σ² = β is ½ (x − x̂)² + β KL, divided by β.
    loss = LossWeights("mse", 12, 3, 0.2)
    sigma = implied_scale(loss)
    error, kl = 2.7, 1.9  # summed over the features
    assert 3 * error / 12 + 0.2 * kl == pytest.approx((3 / 12) * 2 * sigma**2 * (error / (2 * sigma**2) + kl))


@pytest.mark.parametrize(
    "arguments,sentence",
    [
        (("huber", 784), "choose one of mse, bce, l1"),
        (("mse", 784, 1, 1, "none"), "error_reduction is 'none'"),
        (("mse", 784, 1, 1, "mean", "mean"), "needs latent_dim"),
        (("mse", 784, 1, 1, "sum", "batch mean"), "β needs batch_size"),
    ],
)
def test_bad_weights_are_refused_in_a_sentence(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        LossWeights(*arguments)
