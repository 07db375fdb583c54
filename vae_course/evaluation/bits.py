"""From nats per example to bits per dimension, for probabilities and for densities."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vae_course.elbo import elbo_terms
from vae_course.evaluation.bounds import Estimate, batches, evaluating, noise_like


def bits_per_dimension(
    negative_log: float | Tensor,
    dimensions: int,
    log_volume: float | Tensor = 0.0,
    log_cell: float = 0.0,
) -> float | Tensor:
    """Bits that one dimension of an example costs.

    A *probability* of stored values (text, discretized pixels) needs only the first two arguments. A
    *density* of scaled features has no bits of its own: it depends on the unit. Two steps make it the
    probability of one cell of a grid: −log P ≈ −log p(scaled) − log |d scaled / d raw| − log(volume of a raw
    cell). The first correction is the change of variables; the second is right for cells in which the density
    hardly changes.

    Args:
        negative_log: −log p or an upper bound such as −ELBO, nats per example.
        dimensions: numbers (pixels × channels, frequencies × frames, columns, characters) of an example.
        log_volume: log |d scaled / d raw|, nats; `FeatureData.log_volume`.
        log_cell: log of the volume of one raw cell, nats; `FeatureData.log_cell`.
    """
    if dimensions < 1:
        raise ValueError(f"dimensions is {dimensions}; an example has at least 1.")
    return (negative_log - log_volume - log_cell) / (dimensions * math.log(2))


@torch.no_grad()
def feature_bits(model, data, *, seed: int = 0, batch_size: int = 500) -> Estimate:
    """−ELBO of a FeatureData in bits per dimension of its recorded (or agreed) grid, mean over examples.

    Args:
        model: a VAE for the data's scaled values.
        data: FeatureData.
    """
    generator = noise_like(model, seed)
    with evaluating(model):
        parts = [
            elbo_terms(model, x, generator).negative_elbo for x in batches(model, data, batch_size, generator)
        ]
    nats = torch.cat(parts).cpu().double()
    return Estimate.of(bits_per_dimension(nats, math.prod(data.shape), data.log_volume, data.log_cell))
