"""Latent sizes compared: the measures of one model, and what a sweep over many says."""

import math
from collections.abc import Iterable
from statistics import fmean
from typing import NamedTuple

import torch

from vae_course.evaluation.bounds import device_of, evaluate, noise_like
from vae_course.evaluation.code_use import active_units, kl_per_dimension, probe_accuracy
from vae_course.evaluation.intervals import Runs
from vae_course.evaluation.samples import frechet_distance, precision_recall
from vae_course.models.classifier import Classifier

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
    """The rule: the smallest latent size whose mean held-out loss, distortion + β·rate, is within
    ``tolerance`` nats of the lowest; the records are of one data set.
    """
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
