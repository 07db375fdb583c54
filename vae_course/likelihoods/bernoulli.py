"""Bernoulli pixels: the likelihood of binary pictures, and the "BCE" of gray ones."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vae_course.likelihoods.features import sum_features
from vae_course.likelihoods.unit_interval import check_unit_interval


class Bernoulli(nn.Module):
    """Independent Bernoulli for each feature; ``params`` are logits.

    On binary x this is a proper likelihood. On gray values in [0, 1] the same formula is the expectation of
    log p(b|z) over b ~ Bernoulli(x): the number the field quotes as "about 100 nats on MNIST", but not a
    density of gray values (chapter 05).
    """

    def log_prob(self, x: Tensor, params: Tensor) -> Tensor:
        """x log p + (1 − x) log(1 − p), nats, summed over features.

        Args:
            x: (batch, *features), in [0, 1].
            params: (..., batch, *features), logits of p.

        Returns:
            (..., batch).

        Raises:
            ValueError: x lies outside [0, 1] (looked for in the first examples, and on the CPU only).
        """
        check_unit_interval(x)
        # From logits: the same number as from probabilities, x·l − log(1 + e^l), without overflow or log 0.
        logits, target = torch.broadcast_tensors(params, x.to(params.dtype))
        return -sum_features(F.binary_cross_entropy_with_logits(logits, target, reduction="none"), x)

    def mean(self, params: Tensor) -> Tensor:
        """Probabilities in [0, 1], same shape as ``params``."""
        return torch.sigmoid(params)

    def sample(self, params: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """A draw of 0s and 1s, same shape as ``params``."""
        return torch.bernoulli(torch.sigmoid(params), generator=generator)

    def params_for_mean(self, mean: Tensor) -> Tensor:
        """Logits whose mean is this picture; ``mean`` strictly inside (0, 1)."""
        return torch.logit(mean)
