"""Likelihoods p(x|z): what a decoder's output says about a picture.

A likelihood turns the decoder's output ``params`` into a distribution over x. Every one has
``log_prob(x, params)`` in nats, summed over features, ``mean(params)`` and ``sample(params)``.
``params`` may carry extra leading axes (samples of z): (..., batch, *features) against x (batch, *features).
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SMALLEST_SIGMA = 1e-3
LOG_TWO_PI = math.log(2 * math.pi)


def _sum_features(values: Tensor, x: Tensor) -> Tensor:
    """Sum over the feature axes of x: (..., batch, *features) → (..., batch)."""
    return values.flatten(-(x.dim() - 1)).sum(-1)


class Bernoulli(nn.Module):
    """Independent Bernoulli for each feature; ``params`` are logits.

    On binary x this is a proper likelihood. On grey values in [0, 1] the same formula is the expectation of
    log p(b|z) over b ~ Bernoulli(x): the number the field quotes as "about 100 nats on MNIST", but not a
    density of grey values (chapter 05).
    """

    def log_prob(self, x: Tensor, params: Tensor) -> Tensor:
        """x log p + (1 − x) log(1 − p), nats, summed over features.

        Args:
            x: (batch, *features), in [0, 1].
            params: (..., batch, *features), logits of p.

        Returns:
            (..., batch).
        """
        # x·l − log(1 + e^l) is the same number as BCE from probabilities, without overflow or log 0.
        return _sum_features(x * params - F.softplus(params), x)

    def mean(self, params: Tensor) -> Tensor:
        """Probabilities in [0, 1], same shape as ``params``."""
        return torch.sigmoid(params)

    def sample(self, params: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """A draw of 0s and 1s, same shape as ``params``."""
        return torch.bernoulli(torch.sigmoid(params), generator=generator)


class Gaussian(nn.Module):
    """Independent Gaussian for each feature with one shared σ; ``params`` are means.

    Args:
        sigma: standard deviation in the units of x (images: 1.0 is the distance from black to white);
            at least 0.001.
        learned: make log σ a parameter that is trained with the decoder (Rybkin et al. 2021, σ-VAE).
    """

    def __init__(self, sigma: float = 1.0, learned: bool = False):
        super().__init__()
        if not SMALLEST_SIGMA <= sigma < math.inf:
            raise ValueError(f"sigma is {sigma}; expected a standard deviation of at least {SMALLEST_SIGMA}.")
        log_sigma = torch.tensor(math.log(sigma))
        if learned:
            self.log_sigma = nn.Parameter(log_sigma)
        else:
            self.register_buffer("log_sigma", log_sigma)

    @property
    def sigma(self) -> Tensor:
        """σ, a scalar tensor; at least 0.001, so that no picture can make the density infinite."""
        return torch.exp(self.log_sigma).clamp_min(SMALLEST_SIGMA)

    def log_prob(self, x: Tensor, params: Tensor) -> Tensor:
        """log N(x; params, σ²) in nats, summed over features: (..., batch)."""
        sigma = self.sigma
        return _sum_features(-0.5 * ((x - params) / sigma) ** 2 - torch.log(sigma) - 0.5 * LOG_TWO_PI, x)

    def mean(self, params: Tensor) -> Tensor:
        """The mean, same shape as ``params`` (not limited to [0, 1])."""
        return params

    def sample(self, params: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """A draw from N(params, σ²), same shape as ``params``."""
        noise = torch.randn(params.shape, generator=generator, device=params.device, dtype=params.dtype)
        return params + self.sigma * noise


LIKELIHOODS = {
    "bernoulli": Bernoulli,
    "gaussian": lambda: Gaussian(0.3),
    "gaussian_learned": lambda: Gaussian(0.3, learned=True),
}


def make(name: str) -> nn.Module:
    """The likelihood of that name: "bernoulli", "gaussian" (σ fixed at 0.3) or "gaussian_learned".

    Raises:
        ValueError: the name is not one of these.
    """
    if name not in LIKELIHOODS:
        raise ValueError(f"unknown likelihood {name!r}; choose one of {', '.join(LIKELIHOODS)}.")
    return LIKELIHOODS[name]()
