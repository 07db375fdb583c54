"""How a model uses its code: KL, active units, collapse, probes; and which latent size is enough."""

import math
from collections.abc import Iterable
from statistics import fmean
from typing import NamedTuple

import torch
from torch import Tensor

from vae_course.elbo import LOG_TWO_PI, GaussianPosterior, elbo_terms
from vae_course.evaluation.bounds import Estimate, device_of, evaluate, noise_like, over_data
from vae_course.evaluation.intervals import Runs
from vae_course.evaluation.samples import frechet_distance, precision_recall
from vae_course.models.networks import Classifier
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
    """Accuracy of a linear probe on posterior means, fitted on up to 2,000 examples, measured on as many."""
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
    """One setting of a OneModel on pictures x (batch, C, H, W), the first n rebuilt, with one fixed noise."""
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


# Latent sizes compared: the measures of one model, and what a sweep over many says.

USED = 0.05  # nats: what a latent dimension must carry to count as used
SAMPLES = 2000  # on each side of the Fréchet distance
NEIGHBORS = 1000  # of them for precision and recall, whose cost grows with the square


def size_report(model, train, held_out, classifier: Classifier | None = None) -> dict:
    """Distortion, rate, use of the code, quality of samples and cost of one VAE, as a dict of plain numbers.

    ``train`` is for the probe alone, whose accuracy is None without labels; ``held_out`` is never the test
    part, because sizes are chosen by it; ``frechet``, ``precision``, ``recall`` are None without a
    ``classifier``. Values are in nats per example; ``active_units`` as of Burda et al. 2016 (Var_x[μ_j(x)] >
    0.01), ``used_units`` have a KL of at least 0.05 nats; ``kl_per_dimension`` is sorted, largest first.
    """
    bound = evaluate(model, held_out)
    kl = kl_per_dimension(model, held_out).sort(descending=True).values
    labeled = train.labels is not None and held_out.labels is not None
    report = {
        "negative_elbo": bound.negative_elbo.value,
        "distortion": bound.reconstruction.value,
        "rate": bound.kl.value,
        "active_units": active_units(model, held_out),
        "used_units": int((kl >= USED).sum()),
        "kl_per_dimension": [round(value, 5) for value in kl.tolist()],
        "probe_accuracy": probe_accuracy(model, train, held_out) if labeled else None,
        **dict.fromkeys(("frechet", "precision", "recall")),
        **cost(model),
    }
    if classifier is not None:
        n = min(SAMPLES, len(held_out))
        ours = classifier.features(model.sample(n, noise_like(model, 0)).cpu().clamp(0, 1))
        real = classifier.features((held_out if len(held_out) == n else held_out.subset(n)).floats())
        report["frechet"] = frechet_distance(ours, real)
        report |= precision_recall(real[:NEIGHBORS], ours[:NEIGHBORS])._asdict()
    return report


def cost(model) -> dict[str, int]:
    """Learnable numbers, and floating-point operations to encode and decode one picture."""
    from torch.utils.flop_counter import FlopCounterMode

    x = torch.zeros(1, *model.image_shape, device=device_of(model))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.decode(model.encode(x).mean)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return {"parameters": parameters, "operations": counter.get_total_flops()}


class SizeCurve(NamedTuple):
    """Means over seeds at each latent size, with 95 % intervals; of one seed its value is both ends."""

    sizes: list[int]
    mean: list[float]
    low: list[float]
    high: list[float]


SHARES = {"probe_accuracy", "precision", "recall"}
AT_LEAST_0 = {"rate", "active_units", "used_units", "frechet"} | SHARES


def size_curve(records: Iterable[dict], measure: str, beta: float = 1.0) -> SizeCurve:
    """One measure (a key of :func:`size_report`) of a sweep's records of one data set and this β."""
    groups = _by_size(records, beta)
    curve = SizeCurve(list(groups), [], [], [])
    for k, group in groups.items():
        values = [record.get(measure) for record in group]
        if None in values:
            raise ValueError(f"{measure} was not measured at latent size {k}.")
        most = 1.0 if measure in SHARES else k if measure.endswith("_units") else math.inf
        runs = Runs(values, least=0.0 if measure in AT_LEAST_0 else -math.inf, most=most)
        ends = (runs.mean, runs.mean) if runs.n == 1 else runs.interval()
        for numbers, number in zip(curve[1:], (runs.mean, *ends), strict=True):
            numbers.append(number)
    return curve


class Choice(NamedTuple):
    """The smallest size that is good enough: ``price`` nats above the −ELBO of ``best``, the lowest."""

    size: int
    best: int
    price: float
    tolerance: float
    at_edge: bool  # whether it is the largest one tried, so larger ones should be tried

    def __str__(self) -> str:
        allowed = f"{self.tolerance:g} nat{'' if self.tolerance == 1 else 's'}"
        why = f"the smallest within {allowed} of the best held-out −ELBO (size {self.best}, "
        why += f"{self.price:.2f} nats lower)"
        if self.size == self.best:
            why = f"the lowest held-out −ELBO, and nothing smaller is within {allowed}"
        edge = "; it is the largest size tried: try larger ones" if self.at_edge else ""
        return f"latent size {self.size}: {why}{edge}"


def choose_size(records: Iterable[dict], beta: float = 1.0, tolerance: float = 1.0) -> Choice:
    """The smallest latent size whose mean distortion + β·rate is within ``tolerance`` nats of the lowest."""
    loss = {
        k: fmean(record["distortion"] + beta * record["rate"] for record in group)
        for k, group in _by_size(records, beta).items()
    }
    best = min(loss, key=loss.get)
    size = min(k for k, value in loss.items() if value <= loss[best] + tolerance)
    return Choice(size, best, loss[size] - loss[best], tolerance, size == max(loss) and len(loss) > 1)


def _by_size(records: Iterable[dict], beta: float) -> dict[int, list[dict]]:
    records = list(records)
    names = sorted({record["dataset"] for record in records})
    if len(names) > 1:
        raise ValueError(f"the records are of several data sets ({', '.join(names)}); give those of one.")
    groups: dict[int, list[dict]] = {}
    for record in sorted(records, key=lambda record: (record["latent_dim"], record["seed"])):
        if record["beta"] == beta:
            groups.setdefault(record["latent_dim"], []).append(record)
    if not groups:
        known = ", ".join(f"{value:g}" for value in sorted({record["beta"] for record in records})) or "none"
        raise ValueError(f"the sweep has no model with β = {beta:g}; it has {known}.")
    return groups
