"""The terms of a GAN's game: losses of both players, and the gradient penalty; `recipes/gan.py` plays it.

Scores are (batch, ...): the batch is averaged, further axes, networks trained side by side, are summed.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """−log D(x) − log(1 − D(G(z))), from scores that are the logits of D (Goodfellow et al. 2014, eq. 1)."""
    return mean_over_batch(F.softplus(-real) + F.softplus(fake))


def generator_loss(fake: Tensor) -> Tensor:
    """The generator maximizes log D instead of minimizing log(1 − D) (Goodfellow et al. 2014, section 3)."""
    return mean_over_batch(F.softplus(-fake))


def mean_over_batch(values: Tensor) -> Tensor:
    """(batch, ...) → scalar: mean over the first axis, sum over the others."""
    return values.mean(0).sum()


@torch.no_grad()
def share_right(real_score: Tensor, fake_score: Tensor) -> Tensor:
    """Share of scores with the right sign, a scalar; 0.5 is a blind discriminator."""
    return ((real_score > 0).float().mean() + (fake_score < 0).float().mean()) / 2


def gradient_penalty(scores: Tensor, x: Tensor) -> Tensor:
    """R1: mean over the batch of ‖∇ₓ D(x)‖², differentiable (Mescheder et al. 2018, equation 9), of
    ``scores`` D(x), (batch, ...), from real data x (batch, ...) that ``requires_grad``.
    """
    (slope,) = torch.autograd.grad(scores.sum(), x, create_graph=True)
    return mean_over_batch(slope.square())
