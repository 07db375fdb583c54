"""How a model uses its code: KL per dimension, active units, collapse, and what a probe reads from it."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from vae_course.elbo import LOG_TWO_PI, GaussianPosterior, elbo_terms
from vae_course.evaluation.bounds import Estimate, device_of, noise_like, over_data
from vae_course.randomness import seeded

NUMBERS = 2_500_000  # of a batch, so that large pictures take no more memory than small ones


def fitting(data) -> int:
    """Examples of a batch: 1000, or fewer where they are large."""
    return max(1, min(1000, NUMBERS // math.prod(getattr(data, "shape", (1,)))))


def posterior_means(model, data, *, seed: int = 0) -> Tensor:
    """The mean of q(z|x) for every example, (n, latent), on the CPU; an autoencoder's codes likewise."""

    def point(x, _generator):
        code = model.encode(x)
        return code if torch.is_tensor(code) else code.mean

    return over_data(model, data, point, fitting(data), seed)


def kl_per_dimension(model, data) -> Tensor:
    """Mean KL(q(z_j|x) ‖ N(0, 1)) of each latent dimension over a data set, nats, (latent,), on the CPU."""
    kl = over_data(model, data, lambda x, _: model.encode(x).kl_per_dimension(), 1000, 0)
    return kl.double().mean(0).float()


ACTIVE = 0.01  # variance of a mean from which a unit counts as active (Burda et al. 2016, section 5.2)


def active_units(model, data, *, seed: int = 0) -> int:
    """Number of latent dimensions whose posterior mean varies over the data: Var_x[μ_j(x)] > ``ACTIVE``."""
    if len(data) < 2:
        raise ValueError("active units need at least 2 examples: a variance over one is not defined.")
    return int((posterior_means(model, data, seed=seed).double().var(0) > ACTIVE).sum())


class CollapseReport(NamedTuple):
    """What :func:`collapse_report` measures; everything in nats, for each example on average."""

    rate: Estimate  # KL(q(z|x) ‖ p(z))
    mutual_information: Estimate  # of x and z, when x is one of n examples; never above log n
    aggregate_kl: float  # KL(q(z) ‖ p(z)) of the aggregate of n posteriors: rate − mutual_information
    active_units: int  # latent dimensions with Var_x[μ_j(x)] > ``ACTIVE``


@torch.no_grad()
def collapse_report(model, data, *, examples: int = 2000, queries: int = 1000) -> CollapseReport:
    """Measure how much of its code a VAE uses.

    The rate splits into what the code tells and where the codes lie (Hoffman & Johnson 2016, "ELBO surgery"):

        E_x KL(q(z|x) ‖ p(z)) = I(x; z) + KL(q(z) ‖ p(z)),    q(z) = (1/n) Σ_i q(z|x_i)

    The mutual information is a Monte Carlo mean of log q(z|x) − log q(z). It belongs to the first n
    ``examples``, which form q(z) and of which ``queries`` draw z: a code that tells all of them apart has I =
    log n however much more it could say, and ``aggregate_kl`` is then too large by what is missing.
    """
    if len(data) < 2:
        raise ValueError("collapse_report needs at least 2 examples: a variance over one is not defined.")

    def parameters(x, _generator):
        posterior = model.encode(x)
        return posterior.mean, posterior.log_var

    generator = noise_like(model, 0)
    q = GaussianPosterior(*over_data(model, data, parameters, fitting(data), generator))
    kl = q.kl_per_dimension().double().sum(-1)
    shown = GaussianPosterior(q.mean[:examples], q.log_var[:examples])
    asked = GaussianPosterior(shown.mean[:queries], shown.log_var[:queries])
    size, kind = asked.mean.shape, asked.mean.dtype
    noise = torch.randn(size, generator=generator, device=generator.device, dtype=kind).cpu()
    z = asked.mean + asked.std * noise
    own = (-0.5 * ((z - asked.mean) ** 2 * torch.exp(-asked.log_var) + asked.log_var + LOG_TWO_PI)).double()
    information = Estimate.of(own.sum(-1) - log_aggregate(z, shown))
    return CollapseReport(
        rate=Estimate.of(kl),
        mutual_information=information,
        aggregate_kl=kl[:examples].mean().item() - information.value,
        active_units=int((q.mean.double().var(0) > ACTIVE).sum()),
    )


@torch.no_grad()
def log_aggregate(z: Tensor, posterior: GaussianPosterior) -> Tensor:
    """log q(z) of the aggregate (1/n) Σ_i q(z|x_i) of n posteriors at points (m, latent): (m,), nats."""
    # The distance of every pair as three matrix products instead of an (m, n, latent) tensor.
    mean, log_var, z = (part.cpu().double() for part in (posterior.mean, posterior.log_var, z))
    precision = torch.exp(-log_var)
    offset = (mean.square() * precision + log_var + LOG_TWO_PI).sum(-1)
    parts = []
    for part in z.split(256):
        squared = part.square() @ precision.T - 2 * part @ (mean * precision).T + offset
        parts.append(torch.logsumexp(-0.5 * squared, dim=-1))
    return torch.cat(parts) - math.log(len(mean))


WEIGHT_DECAY = 1e-3  # of a probe: the weight of ½·|W|² beside the mean cross-entropy (nats)


def linear_probe(codes: Tensor, labels: Tensor, held_out_codes: Tensor, held_out_labels: Tensor) -> float:
    """Accuracy on held-out codes of multinomial logistic regression (Alain & Bengio 2017, "linear probes").

    Every dimension is first brought to mean 0 and standard deviation 1. Codes are (n, d) and (m, d), labels
    int64 (n,), of at least two classes, and (m,).
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    known, asked = (part.cpu().double().numpy() for part in (codes, held_out_codes))
    scaler = StandardScaler().fit(known)
    # Of two classes scikit-learn fits the difference of the two rows of W, whose penalty is half as large.
    weight_decay = WEIGHT_DECAY / 2 if len(labels.unique()) == 2 else WEIGHT_DECAY
    probe = LogisticRegression(C=1 / (weight_decay * len(known)), tol=1e-6, max_iter=10_000)
    with threadpool_limits(1):  # threads gain nothing here, and on a busy machine cost fifty times the work
        probe.fit(scaler.transform(known), labels.cpu().numpy())
    return float(probe.score(scaler.transform(asked), held_out_labels.cpu().numpy()))


def probe_accuracy(model, train, held_out) -> float:
    """Accuracy of a linear probe on posterior means: fitted on training examples, measured on held-out ones,
    at most 2,000 of each, class proportions kept.
    """
    if train.labels is None or held_out.labels is None:
        raise ValueError(f"{train.name} has no labels; a probe needs them.")
    parts = []
    for data in (train, held_out):
        data = data if len(data) <= 2000 else data.subset(2000)
        parts += [posterior_means(model, data), data.labels]
    return linear_probe(*parts)


class SettingView(NamedTuple):
    """One setting (β, k) of the model for all settings, measured on a batch of pictures."""

    beta: float
    k: int
    reconstructions: Tensor  # (n, C, H, W) in [0, 1], decoded posterior means of the first n pictures
    samples: Tensor  # (2n, C, H, W) in [0, 1], decoded draws from N(0, I); the same draws at every setting
    rate: float  # KL(q(z|x) ‖ p(z)), mean over all pictures, nats
    distortion: float  # −E log p(x|z), likewise
    kl_per_dimension: Tensor  # (k,), nats; they sum to ``rate``

    loss = property(lambda self: self.distortion + self.beta * self.rate, doc="What training makes small.")


@torch.no_grad()
def view_setting(one_model, x: Tensor, beta: float, k: int, *, n: int = 8) -> SettingView:
    """One setting of a OneModel, always with the same noise, so that a moving slider shows the setting alone:
    all pictures x (batch, C, H, W) in [0, 1] are measured, the first n rebuilt.
    """
    model = one_model.at(beta, k)
    x = x.to(device_of(model))
    terms = elbo_terms(model, x, noise_like(model, 0))
    # The first k numbers of one fixed draw, so that a sample changes smoothly with k as well.
    z = torch.randn(2 * n, max(k, 64), generator=seeded(1, x.device), device=x.device)[:, :k]
    return SettingView(
        beta=float(beta),
        k=int(k),
        reconstructions=model.reconstruct(x[:n]).cpu(),
        samples=model.likelihood.mean(model.decode(z)).cpu(),
        rate=terms.kl.mean().item(),
        distortion=terms.reconstruction.mean().item(),
        kl_per_dimension=terms.kl_per_dimension.mean(0).cpu(),
    )


@torch.no_grad()
def rate_distortion(one_model, x: Tensor, betas, k: int) -> tuple[list[float], list[float]]:
    """Rate and distortion at each β for one latent size, nats, on the pictures x with the same noise."""
    views = [view_setting(one_model, x, beta, k, n=1) for beta in betas]
    return [view.rate for view in views], [view.distortion for view in views]
