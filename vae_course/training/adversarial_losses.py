"""The terms of a GAN's game: losses of both players, the gradient penalty, instance noise."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

# Each loss: (discriminator's on real scores and fake scores, generator's on fake scores). Scores are
# (batch, ...): the batch is averaged and further axes, networks that are trained side by side, are summed.
LOSSES: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    # Goodfellow et al. 2014, section 3: the generator maximizes log D instead of minimizing log(1 − D).
    "non_saturating": (
        lambda real, fake: mean_over_batch(F.softplus(-real) + F.softplus(fake)),
        lambda fake: mean_over_batch(F.softplus(-fake)),
    ),
    # Lim & Ye 2017; Miyato et al. 2018, equations 16 and 17.
    "hinge": (
        lambda real, fake: mean_over_batch(F.relu(1 - real) + F.relu(1 + fake)),
        lambda fake: mean_over_batch(-fake),
    ),
}


def mean_over_batch(values: Tensor) -> Tensor:
    """(batch, ...) → scalar: mean over the first axis, sum over the others."""
    return values.mean(0).sum()


def gradient_penalty(scores: Tensor, x: Tensor) -> Tensor:
    """R1: mean over the batch of ‖∇ₓ D(x)‖², differentiable (Mescheder et al. 2018, equation 9).

    Args:
        scores: D(x), (batch, ...), computed from ``x`` with ``x.requires_grad_()`` set before.
        x: real data, (batch, ...).
    """
    (slope,) = torch.autograd.grad(scores.sum(), x, create_graph=True)
    return mean_over_batch(slope.square())


def add_noise(x: Tensor, std: float, generator: torch.Generator | None = None) -> Tensor:
    """x + std · ε with ε ~ N(0, I): instance noise, on real and generated alike (Sønderby et al. 2017)."""
    if std == 0:
        return x
    return x + std * torch.randn(x.shape, generator=generator, device=x.device)
