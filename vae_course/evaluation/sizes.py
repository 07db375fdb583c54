"""Latent sizes compared: the measures of one model, and the curves over many."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch

from vae_course.evaluation.bounds import evaluate
from vae_course.evaluation.code_use import active_units, kl_per_dimension, probe_accuracy
from vae_course.evaluation.frechet import frechet_distance
from vae_course.evaluation.intervals import MeanInterval, mean_interval
from vae_course.evaluation.samples import precision_recall
from vae_course.models.classifier import Classifier
from vae_course.randomness import seeded

# -------- Everything that a sweep over latent sizes measures of one trained model.

USED = 0.05  # nats: what a latent dimension must carry to count as used
NEIGHBORS = 1000  # pictures for precision and recall, whose cost grows with the square


def size_report(
    model, train, held_out, classifier: Classifier | None = None, *, samples: int = 2000, seed: int = 0
) -> dict:
    """Distortion, rate, use of the code, quality of samples and cost of one model.

    Args:
        model: a trained VAE.
        train: ImageData it was trained on, for the probe alone.
        held_out: ImageData to measure on; never the test part, because sizes are chosen by it.
        classifier: judge of the samples; None leaves Fréchet distance, precision and recall out (None).
        samples: decoder means from N(0, I), and held-out pictures, on each side of the Fréchet distance.
        seed: of z.

    Returns:
        A dict of plain numbers: ``negative_elbo``, ``distortion``, ``rate`` (nats per example),
        ``active_units`` (Burda et al. 2016: Var_x[μ_j(x)] > 0.01, which is met by a KL of 0.005 nats),
        ``used_units`` (KL of at least 0.05 nats), ``kl_per_dimension`` (nats, largest first),
        ``probe_accuracy`` (in [0, 1], None without labels), ``frechet``, ``precision``, ``recall``,
        ``parameters``, and ``operations``: floating-point operations to encode and decode one picture.
    """
    bound = evaluate(model, held_out, seed=seed)
    kl = kl_per_dimension(model, held_out, seed=seed).sort(descending=True).values
    labeled = train.labels is not None and held_out.labels is not None
    return {
        "negative_elbo": bound.negative_elbo.value,
        "distortion": bound.reconstruction.value,
        "rate": bound.kl.value,
        "active_units": active_units(model, held_out, seed=seed),
        "used_units": int((kl >= USED).sum()),
        "kl_per_dimension": [round(value, 5) for value in kl.tolist()],
        "probe_accuracy": probe_accuracy(model, train, held_out) if labeled else None,
        **_sample_report(model, held_out, classifier, samples, seed),
        **cost(model),
    }


def cost(model) -> dict[str, int]:
    """Learnable numbers, and floating-point operations to encode and decode one picture."""
    from torch.utils.flop_counter import FlopCounterMode

    x = torch.zeros(1, *model.image_shape, device=next(model.parameters()).device)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.decode(model.encode(x).mean)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return {"parameters": parameters, "operations": counter.get_total_flops()}


def _sample_report(model, held_out, classifier, samples: int, seed: int) -> dict[str, float | None]:
    if classifier is None:
        return dict.fromkeys(("frechet", "precision", "recall"))
    n = min(samples, len(held_out))
    pictures = model.sample(n, seeded(seed, model.input_mean.device)).cpu().clamp(0, 1)
    real = classifier.features((held_out if len(held_out) == n else held_out.subset(n)).floats())
    ours = classifier.features(pictures)
    precision, recall = precision_recall(real[:NEIGHBORS], ours[:NEIGHBORS])
    return {"frechet": frechet_distance(ours, real), "precision": precision, "recall": recall}


# -------- What a sweep says about latent size: curves with intervals, where they bend, and which size to
# take.


class SizeCurve(NamedTuple):
    """A measure against latent size: means over seeds, with 95 % intervals (Student)."""

    sizes: list[int]
    mean: list[float]
    low: list[float]
    high: list[float]


class Choice(NamedTuple):
    """A recommended latent size.

    Attributes:
        size: the smallest size that is good enough.
        best: the size with the lowest held-out −ELBO.
        price: nats per example that ``size`` is above ``best``.
        tolerance: nats that were allowed.
        at_edge: the largest size tried is still needed, so larger ones should be tried.
    """

    size: int
    best: int
    price: float
    tolerance: float
    at_edge: bool

    def __str__(self) -> str:
        allowed = f"{self.tolerance:g} nat{'' if self.tolerance == 1 else 's'}"
        text = (
            f"latent size {self.size}: the smallest within {allowed} of the best held-out "
            f"−ELBO (size {self.best}, {self.price:.2f} nats lower)"
            if self.size != self.best
            else f"latent size {self.size}: the lowest held-out −ELBO, and nothing smaller is "
            f"within {allowed}"
        )
        return text + ("; it is the largest size tried: try larger ones" if self.at_edge else "")


def size_curve(records: Iterable[dict], measure: str, beta: float = 1.0) -> SizeCurve:
    """One measure of a sweep's records against latent size.

    Args:
        records: of :mod:`vae_course.training.sweep`, one data set.
        measure: such as "distortion", "rate", "used_units", "frechet", "probe_accuracy".
        beta: take the records of this β.

    Raises:
        ValueError: there is no such record, or the measure was left out.
    """
    groups = _by_size(records, beta)
    missing = [k for k, group in groups.items() if any(record.get(measure) is None for record in group)]
    if missing:
        raise ValueError(f"{measure} was not measured at latent size {missing[0]}.")
    rows = [_interval([record[measure] for record in group]) for group in groups.values()]
    return SizeCurve(list(groups), *map(list, zip(*rows, strict=True)))


def bend(sizes: Sequence[int], units: Sequence[float]) -> float:
    """Where min(k, s) bends when it is fitted to the number of used dimensions by least squares.

    Up to s every dimension that is offered is used; from s on no more than s are.

    Args:
        sizes: latent sizes k, increasing.
        units: used dimensions at each.

    Returns:
        s; the largest size when all of it is used, so that the bend is not in sight.
    """
    if len(sizes) != len(units) or len(sizes) < 2 or list(sizes) != sorted(set(sizes)):
        raise ValueError(f"sizes are {list(sizes)}; expected at least two, increasing, one for each count.")
    best, where = float("inf"), float(sizes[-1])
    for i, end in enumerate(sizes):
        # Between two neighboring sizes the error is a parabola in s: lowest at the mean of the counts above.
        start = sizes[i - 1] if i else 0
        s = min(max(sum(units[i:]) / len(units[i:]), float(start)), float(end))
        error = sum((min(k, s) - used) ** 2 for k, used in zip(sizes, units, strict=True))
        if error < best:
            best, where = error, s
    return where


def saturation_point(records: Iterable[dict], beta: float = 1.0, measure: str = "used_units") -> MeanInterval:
    """Latent size where the number of used dimensions saturates: :func:`bend` of each seed, with interval."""
    seeds: dict[int, list[tuple[int, float]]] = {}
    for k, group in _by_size(records, beta).items():
        for record in group:
            seeds.setdefault(record["seed"], []).append((k, record[measure]))
    return _interval([bend(*zip(*points, strict=True)) for points in seeds.values()])


def nats_per_extra_dimension(records: Iterable[dict], start: int, beta: float = 1.0) -> MeanInterval:
    """Gain in held-out −ELBO for each dimension from size ``start`` to the largest size, nats, over seeds."""
    groups = _by_size(records, beta)
    end = max(groups)
    if start not in groups or start == end:
        raise ValueError(f"start is {start}; expected a size of the sweep below {end}.")
    after = {record["seed"]: record["negative_elbo"] for record in groups[end]}
    return _interval(
        [(record["negative_elbo"] - after[record["seed"]]) / (end - start) for record in groups[start]]
    )


def choose_size(records: Iterable[dict], beta: float = 1.0, tolerance: float = 1.0) -> Choice:
    """The rule: the smallest latent size whose mean held-out loss is within ``tolerance`` nats of the lowest.

    The loss is distortion + β·rate, which at β = 1 is −ELBO.

    Args:
        records: of a sweep over one data set.
        beta: of the models to choose from.
        tolerance: nats per example that a smaller code may cost.
    """
    if tolerance < 0:
        raise ValueError(f"tolerance is {tolerance}; expected a number of nats ≥ 0.")
    loss = {
        k: _interval([record["distortion"] + beta * record["rate"] for record in group]).mean
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


def _interval(values: list[float]) -> MeanInterval:
    # One seed gives no interval; its value then stands for both ends.
    return mean_interval(values) if len(values) > 1 else MeanInterval(*map(float, values * 3))
