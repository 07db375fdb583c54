"""Likelihoods p(x|z): what a decoder's output says about a picture.

A likelihood turns the decoder's output ``params`` into a distribution over x. Every one has
``log_prob(x, params)`` in nats, summed over features, ``mean(params)``, ``sample(params)`` and
``params_for_mean(mean)``, which a model uses to start at the mean picture.
``params`` may carry extra leading axes (samples of z): (..., batch, *features) against x (batch, *features).
"""

from torch import nn

from vae_course.likelihoods.bernoulli import Bernoulli
from vae_course.likelihoods.continuous_bernoulli import ContinuousBernoulli
from vae_course.likelihoods.discretized_logistic import DiscretizedLogistic
from vae_course.likelihoods.feature_loss import FeatureLoss
from vae_course.likelihoods.features import sum_features
from vae_course.likelihoods.gaussian import Gaussian
from vae_course.likelihoods.gaussian_per_feature import GaussianPerFeature
from vae_course.likelihoods.laplace import Laplace
from vae_course.likelihoods.scale import SMALLEST_SIGMA

__all__ = [
    "LIKELIHOODS",
    "SMALLEST_SIGMA",
    "Bernoulli",
    "ContinuousBernoulli",
    "DiscretizedLogistic",
    "FeatureLoss",
    "Gaussian",
    "GaussianPerFeature",
    "Laplace",
    "make",
    "sum_features",
]

LIKELIHOODS = {
    "bernoulli": Bernoulli,
    "gaussian": lambda: Gaussian(0.3),
    "gaussian_learned": lambda: Gaussian(0.3, learned=True),
    "continuous_bernoulli": ContinuousBernoulli,
    "laplace": lambda: Laplace(0.2),
    "laplace_learned": lambda: Laplace(0.2, learned=True),
    "discretized_logistic": lambda: DiscretizedLogistic(0.1, learned=True),
}


def make(name: str) -> nn.Module:
    """The likelihood of that name.

    "bernoulli", "continuous_bernoulli", "gaussian" (σ fixed at 0.3), "gaussian_learned", "laplace" (b fixed
    at 0.2), "laplace_learned" or "discretized_logistic" (scale learned).

    Raises:
        ValueError: the name is not one of these.
    """
    if name not in LIKELIHOODS:
        raise ValueError(f"unknown likelihood {name!r}; choose one of {', '.join(LIKELIHOODS)}.")
    return LIKELIHOODS[name]()
