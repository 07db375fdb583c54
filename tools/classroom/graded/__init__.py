"""How each assignment is marked: references, hidden cases, thresholds. Students do not install it."""

from dataclasses import dataclass

from torch import Tensor

from vae_course.elbo import elbo_terms
from vae_course.evaluation.bounds import over_data

DRAWS = 8  # of z for each picture


@dataclass(frozen=True)
class Measured:
    """One VAE on a data set, nats for each picture."""

    rate: float
    distortion: float
    kl: Tensor  # mean of each unit


def measured(model, data) -> Measured:
    """With draws of our own, the same for everybody."""

    def terms(x, generator):
        found = elbo_terms(model, x, generator, DRAWS)
        return found.reconstruction, found.kl_per_dimension

    distortion, kl = over_data(model, data, terms, 500, 0)
    return Measured(kl.sum(1).mean().item(), distortion.mean().item(), kl.mean(0))
