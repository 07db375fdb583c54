"""How a model uses its code: KL per dimension, active units, collapse, what a probe reads."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from vae_course.elbo import LOG_TWO_PI, GaussianPosterior, elbo_terms
from vae_course.evaluation.bounds import Estimate, batches, evaluating, noise_like
from vae_course.machine import LBFGS

# -------- How a model uses its code.

NUMBERS = 2_500_000  # of a batch, so that large pictures take no more memory than small ones


def fitting(data, batch_size: int) -> int:
    """``batch_size``, or fewer where the examples are large."""
    return max(1, min(batch_size, NUMBERS // math.prod(getattr(data, "shape", (1,)))))


@torch.no_grad()
def posterior_means(model, data, *, batch_size: int = 1000, seed: int = 0) -> Tensor:
    """The mean of q(z|x) for every example, (n, latent), on the CPU; an autoencoder's codes likewise."""
    with evaluating(model):
        codes = [
            model.encode(x) for x in batches(model, data, fitting(data, batch_size), noise_like(model, seed))
        ]
    return torch.cat([code if torch.is_tensor(code) else code.mean for code in codes]).cpu()


@torch.no_grad()
def kl_per_dimension(model, data, *, batch_size: int = 1000, seed: int = 0) -> Tensor:
    """Mean KL(q(z_j|x) ‖ N(0, 1)) of each latent dimension over a data set, nats, (latent,), on the CPU."""
    with evaluating(model):
        parts = [
            model.encode(x).kl_per_dimension()
            for x in batches(model, data, batch_size, noise_like(model, seed))
        ]
    return torch.cat(parts).cpu().double().mean(0).float()


def active_units(model, data, *, threshold: float = 0.01, seed: int = 0) -> int:
    """Number of latent dimensions whose posterior mean varies over the data: Var_x[μ_j(x)] > threshold.

    Burda et al. 2016, section 5.2, use 0.01.
    """
    if len(data) < 2:
        raise ValueError("active units need at least 2 examples: a variance over one is not defined.")
    return int((posterior_means(model, data, seed=seed).double().var(0) > threshold).sum())


# -------- Posterior collapse in numbers: which latent dimensions a model uses, and what its code tells about
# x.


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


# -------- Linear probe: how much of a label can be read off a code with straight cuts.


def linear_probe(
    codes: Tensor,
    labels: Tensor,
    held_out_codes: Tensor,
    held_out_labels: Tensor,
    *,
    weight_decay: float = 1e-3,
    iterations: int = 60,
) -> float:
    """Accuracy on held-out codes of multinomial logistic regression (Alain & Bengio 2017, "linear probes").

    Every code dimension is first brought to mean 0 and standard deviation 1, so that the penalty means the
    same for all; the fit is full-batch L-BFGS from zero weights and gives the same answer on every call.

    Args:
        codes, labels: (n, d) float and (n,) int64, the examples to fit on.
        held_out_codes, held_out_labels: (m, d) and (m,), the examples to be right about.
        weight_decay: weight of ½·|W|² beside the mean cross-entropy (nats).
        iterations: of L-BFGS, at most.

    Returns:
        Share of the held-out examples whose class is found, in [0, 1].

    Raises:
        ValueError: shapes do not fit together.
    """
    for x, y in ((codes, labels), (held_out_codes, held_out_labels)):
        if x.dim() != 2 or y.shape != x.shape[:1] or len(x) == 0 or x.shape[1] != codes.shape[1]:
            raise ValueError(
                f"codes have shape {tuple(x.shape)} and labels {tuple(y.shape)}; expected (n, d) with the "
                f"same d on both sides, and (n,)."
            )
    mean, std = codes.mean(0), codes.std(0, correction=0).clamp_min(1e-6)
    x, held_out = (codes - mean) / std, (held_out_codes - mean) / std
    n_classes = int(torch.cat([labels, held_out_labels]).max()) + 1
    weight = torch.zeros(n_classes, x.shape[1], dtype=x.dtype, requires_grad=True)
    bias = torch.zeros(n_classes, dtype=x.dtype, requires_grad=True)
    optimizer = LBFGS([weight, bias], max_iter=iterations, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = F.cross_entropy(x @ weight.T + bias, labels) + weight_decay / 2 * weight.square().sum()
        value.backward()
        return value

    with torch.enable_grad():
        optimizer.step(loss)
    with torch.no_grad():
        found = (held_out @ weight.T + bias).argmax(-1)
    return (found == held_out_labels).double().mean().item()


def probe_accuracy(model, train, held_out, *, examples: int = 2000, weight_decay: float = 1e-3) -> float:
    """Accuracy of a linear probe on posterior means: fitted on training examples, measured on held-out ones.

    Args:
        model: a VAE or an Autoencoder.
        train, held_out: ImageData with labels.
        examples: at most so many of each, class proportions kept.
        weight_decay: see :func:`linear_probe`.

    Raises:
        ValueError: the data have no labels.
    """
    if train.labels is None or held_out.labels is None:
        raise ValueError(f"{train.name} has no labels; a probe needs them.")
    parts = []
    for data in (train, held_out):
        data = data if len(data) <= examples else data.subset(examples)
        parts += [posterior_means(model, data), data.labels.cpu()]
    return linear_probe(*parts, weight_decay=weight_decay)


# -------- What one setting (β, k) of the model for all settings does to pictures: everything a slider shows.


@dataclass(frozen=True)
class SettingView:
    """One setting measured on a batch of pictures.

    Attributes:
        beta, k: the setting.
        reconstructions: (n, C, H, W) in [0, 1], decoded posterior means of the first n pictures.
        samples: (2n, C, H, W) in [0, 1], decoded draws from N(0, I); the same draws at every setting.
        rate: KL(q(z|x) ‖ p(z)), mean over all pictures, nats.
        distortion: −E log p(x|z), likewise.
        kl_per_dimension: (k,), nats; they sum to ``rate``.
    """

    beta: float
    k: int
    reconstructions: Tensor
    samples: Tensor
    rate: float
    distortion: float
    kl_per_dimension: Tensor

    @property
    def loss(self) -> float:
        """distortion + β·rate, what training at this β makes small, nats."""
        return self.distortion + self.beta * self.rate


@torch.no_grad()
def view_setting(one_model, x: Tensor, beta: float, k: int, *, n: int = 8, seed: int = 0) -> SettingView:
    """Look at one setting.

    Args:
        one_model: :class:`vae_course.models.one_model.OneModel`, or anything whose ``at(beta, k)`` is a VAE.
        x: (batch, C, H, W) in [0, 1], held-out pictures; all are measured, the first n reconstructed.
        n: pictures to reconstruct; twice as many are sampled.
        seed: of z; the same noise at every setting, so that a moving slider shows the setting alone.
    """
    model = one_model.at(beta, k)
    generator = torch.Generator(x.device).manual_seed(seed)
    terms = elbo_terms(model, x, generator)
    # The first k numbers of one fixed draw, so that a sample changes smoothly with k as well.
    z = torch.randn(2 * n, max(k, 64), generator=generator.manual_seed(seed + 1), device=x.device)[:, :k]
    return SettingView(
        beta=float(beta),
        k=int(k),
        reconstructions=model.reconstruct(x[:n]),
        samples=model.likelihood.mean(model.decode(z)),
        rate=terms.kl.mean().item(),
        distortion=terms.reconstruction.mean().item(),
        kl_per_dimension=terms.kl_per_dimension.mean(0),
    )


@torch.no_grad()
def rate_distortion(one_model, x: Tensor, betas, k: int, *, seed: int = 0) -> tuple[list[float], list[float]]:
    """Rate and distortion at each β for one latent size, nats, on the pictures x with the same noise."""
    views = [view_setting(one_model, x, beta, k, n=1, seed=seed) for beta in betas]
    return [view.rate for view in views], [view.distortion for view in views]
