"""Posterior collapse in numbers: which latent dimensions a model uses, and what its code tells about x."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from vae_course.evaluation.bounds import Estimate, batches, evaluating, noise_like
from vae_course.evaluation.latent import fitting
from vae_course.posterior import LOG_TWO_PI, GaussianPosterior


@dataclass(frozen=True)
class CollapseReport:
    """What :func:`collapse_report` measures; everything in nats, for each example on average.

    Attributes:
        kl_per_dimension: (latent,), KL(q(z_j|x) ‖ N(0, 1)); their sum is the rate.
        information_per_dimension: (latent,), mutual information of x and z_j alone: at most the KL.
        mean_variance: (latent,), variance over the data of the posterior mean, Var_x[μ_j(x)].
        threshold: a dimension is active when its ``mean_variance`` exceeds it.
        rate: KL(q(z|x) ‖ p(z)), with its standard error.
        mutual_information: of x and z, when x is one of ``n`` examples; never above ``ceiling``.
        aggregate_kl: KL(q(z) ‖ p(z)) of the aggregate posterior: rate − mutual_information.
        n: examples that make up the aggregate posterior.
    """

    kl_per_dimension: Tensor
    information_per_dimension: Tensor
    mean_variance: Tensor
    threshold: float
    rate: Estimate
    mutual_information: Estimate
    aggregate_kl: float
    n: int

    @property
    def active(self) -> Tensor:
        """Which dimensions are active, bool (latent,)."""
        return self.mean_variance > self.threshold

    @property
    def active_units(self) -> int:
        """Number of active dimensions (Burda et al. 2016, section 5.2)."""
        return int(self.active.sum())

    @property
    def ceiling(self) -> float:
        """log n: n examples cannot be told apart by more than that."""
        return math.log(self.n)

    def __str__(self) -> str:
        return (
            f"{self.active_units} of {len(self.active)} units active, rate {self.rate.value:.2f} nats, "
            f"mutual information {self.mutual_information.value:.2f} of at most {self.ceiling:.2f} nats"
        )


@torch.no_grad()
def collapse_report(
    model,
    data,
    *,
    threshold: float = 0.01,
    examples: int = 2000,
    queries: int = 1000,
    batch_size: int = 1000,
    seed: int = 0,
) -> CollapseReport:
    """Measure how much of its code a model uses.

    The rate splits into what the code tells and where the codes lie (Hoffman & Johnson 2016, "ELBO surgery"):

        E_x KL(q(z|x) ‖ p(z)) = I(x; z) + KL(q(z) ‖ p(z)),    q(z) = (1/n) Σ_i q(z|x_i)

    The mutual information is a Monte Carlo mean of log q(z|x) − log q(z). It belongs to these n examples: a
    code that tells all of them apart has I = log n however much more it could say, and ``aggregate_kl``
    is then too large by what is missing. For one dimension at a time, I is far below that ceiling.

    Args:
        model: a VAE (``encode`` gives a GaussianPosterior).
        data: ImageData.
        threshold: of the variance of the posterior mean, for active units.
        examples: the first so many examples form q(z); cost and memory grow with examples × queries.
        queries: examples from which z is drawn.
        batch_size: of the encoder.
        seed: of z, and of dynamic binarization.

    Raises:
        ValueError: fewer than 2 examples.
    """
    if len(data) < 2 or examples < 2:
        raise ValueError("collapse_report needs at least 2 examples: a variance over one is not defined.")
    generator = noise_like(model, seed)
    with evaluating(model):
        parts = [model.encode(x) for x in batches(model, data, fitting(data, batch_size), generator)]
    q = GaussianPosterior(torch.cat([p.mean for p in parts]), torch.cat([p.log_var for p in parts]))
    kl = q.kl_per_dimension().double()
    n = min(examples, len(q.mean))
    shown = GaussianPosterior(q.mean[:n], q.log_var[:n])
    m = min(queries, n)
    asked = GaussianPosterior(q.mean[:m], q.log_var[:m])
    z = asked.sample(generator=generator)
    own = _log_prob_per_dimension(z, asked).double()
    together, alone = log_aggregate(z, shown), _log_aggregate_per_dimension(z, shown)
    information = Estimate.of(own.sum(-1) - together)
    return CollapseReport(
        kl_per_dimension=kl.mean(0).float().cpu(),
        information_per_dimension=(own - alone).mean(0).float().cpu(),
        mean_variance=q.mean.double().var(0).float().cpu(),
        threshold=threshold,
        rate=Estimate.of(kl.sum(-1)),
        mutual_information=information,
        aggregate_kl=kl[:n].sum(-1).mean().item() - information.value,
        n=n,
    )


@torch.no_grad()
def log_aggregate(z: Tensor, posterior: GaussianPosterior, chunk: int = 256) -> Tensor:
    """log q(z) of the aggregate posterior (1/n) Σ_i q(z|x_i), in nats.

    Args:
        z: (m, latent), on the device of the posterior.
        posterior: (n, latent), one q(z|x) for each of n examples.
        chunk: points at a time; memory grows with chunk × n × latent.

    Returns:
        (m,), float64.
    """
    # The distance of every pair as three matrix products instead of an (m, n, latent) tensor.
    mean, log_var, z = posterior.mean.double(), posterior.log_var.double(), z.double()
    precision = torch.exp(-log_var)
    offset = (mean.square() * precision + log_var + LOG_TWO_PI).sum(-1)
    parts = []
    for part in z.split(chunk):
        squared = part.square() @ precision.T - 2 * part @ (mean * precision).T + offset
        parts.append(torch.logsumexp(-0.5 * squared, dim=-1))
    return torch.cat(parts) - math.log(len(mean))


def _log_prob_per_dimension(z: Tensor, q: GaussianPosterior) -> Tensor:
    return -0.5 * ((z - q.mean) ** 2 * torch.exp(-q.log_var) + q.log_var + LOG_TWO_PI)


def _log_aggregate_per_dimension(z: Tensor, posterior: GaussianPosterior) -> Tensor:
    """log q(z_j) of each dimension by itself, (m, latent), float64."""
    columns = [
        log_aggregate(z[:, [j]], GaussianPosterior(posterior.mean[:, [j]], posterior.log_var[:, [j]]))
        for j in range(z.shape[-1])
    ]
    return torch.stack(columns, dim=-1)
