"""The best model without a code: every feature by itself, with its training mean and spread."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vae_course.evaluation.bounds import Estimate


def gaussian_without_code(train, held_out) -> Estimate:
    """−log p of held-out features under one Gaussian for each feature, fitted to the training part, nats.

    What a GaussianVAE reaches when its code is switched off: every feature has its training mean, and σ is
    shared where the model shares it (``data.sigma_shape``: over time in a spectrogram), so that features
    which hardly ever vary, such as padding, bring no boundless density.

    Args:
        train, held_out: FeatureData of the same shape.
    """
    mean = train.values.double().mean(0)
    shared = [
        axis
        for axis, (kept, size) in enumerate(zip(train.sigma_shape, train.shape, strict=True))
        if kept < size
    ]
    variance = (train.values.double() - mean).square().mean(0)
    if shared:
        variance = variance.mean(shared, keepdim=True)
    return Estimate.of(
        _gaussian(held_out.values.double(), mean, variance.clamp_min(1e-6).expand(train.shape))
    )


def gaussian_with_covariance(train, held_out, shrinkage: float = 0.0) -> Estimate:
    """−log p of held-out features under one Gaussian with full covariance, fitted to the training part, nats.

    Only for few features. An exact likelihood, not a bound: a strong opponent on small tables.

    Args:
        train, held_out: FeatureData of the same shape.
        shrinkage: share, in [0, 1), of the covariance's diagonal mixed into it.
    """
    rows, asked = train.values.double().flatten(1), held_out.values.double().flatten(1)
    covariance = rows.T.cov()
    covariance = (1 - shrinkage) * covariance + shrinkage * covariance.diag().diag()
    covariance += 1e-9 * torch.eye(len(covariance), dtype=torch.float64)
    normal = torch.distributions.MultivariateNormal(rows.mean(0), covariance)
    return Estimate.of(-normal.log_prob(asked))


def _gaussian(x: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    terms = 0.5 * ((x - mean).square() / variance + variance.log() + math.log(2 * math.pi))
    return terms.flatten(1).sum(1)
