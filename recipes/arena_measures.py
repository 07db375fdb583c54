"""What the arena measures of a contestant."""

from collections.abc import Mapping, Sequence
from statistics import NormalDist, stdev

import torch
from torch import Tensor
from torch.nn import functional as F

from recipes.vq_vae import evaluate_codes, letters_of
from vae_course.evaluation.bounds import evaluate
from vae_course.evaluation.code_use import active_units, probe_accuracy
from vae_course.evaluation.intervals import Interval
from vae_course.evaluation.samples import ModeCoverage, frechet_distance, mode_coverage, sample_quality
from vae_course.models.gan import Generator
from vae_course.models.networks import Classifier
from vae_course.models.vae import VAE
from vae_course.models.vq_vae import VQVAE, perplexity
from vae_course.randomness import seeded
from vae_course.weights import ArenaModel

SAMPLE_MEASURES = ("frechet", "precision", "recall", "coverage", "sharpness", "classes", "class_kl")
MEASURES = (
    *SAMPLE_MEASURES,
    *("negative_elbo", "distortion", "rate", "mse", "ssim", "probe"),
    *("active_units", "perplexity", "cpu_seconds"),
)


def ssim(a: Tensor, b: Tensor) -> Tensor:
    """Mean structural similarity of pairs of pictures (Wang et al. 2004, eq. 13), with their constants.

    Luminance, contrast and structure are compared in an 11×11 Gaussian window (σ = 1.5) that moves over all
    places where it fits, and averaged: twice (n, C, H, W) in [0, 1] → (n,), 1 for equal pictures; rarely
    below 0.
    """
    if a.shape != b.shape or a.dim() != 4 or min(a.shape[-2:]) < 11:
        shapes = f"pictures have shapes {tuple(a.shape)} and {tuple(b.shape)}"
        raise ValueError(f"{shapes}; expected the same (n, C, H, W) twice, with sides of at least 11.")
    place = torch.arange(11, dtype=a.dtype, device=a.device) - 5
    line = torch.exp(-0.5 * (place / 1.5) ** 2)
    line = line / line.sum()

    def blur(images: Tensor) -> Tensor:
        return F.conv2d(F.conv2d(images, line.reshape(1, 1, -1, 1)), line.reshape(1, 1, 1, -1))

    n, (a, b) = len(a), (picture.reshape(-1, 1, *picture.shape[-2:]) for picture in (a, b))
    mean_a, mean_b = blur(a), blur(b)
    var_a, var_b = blur(a * a) - mean_a**2, blur(b * b) - mean_b**2
    covariance = blur(a * b) - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + 0.01**2) / (mean_a**2 + mean_b**2 + 0.01**2)
    structure = (2 * covariance + 0.03**2) / (var_a + var_b + 0.03**2)
    return (luminance * structure).reshape(n, -1).mean(1)


def frechet_estimate(a: Tensor, b: Tensor, *, repeats: int = 50) -> Interval:
    """Fréchet distance with a 95 % bootstrap interval for the number of pictures that was used.

    Value and interval are biased upwards by an amount that shrinks like 1/n. Only the *spread* of the
    resampled distances is used, around the measured value: their center is too high, because a resample
    holds fewer different pictures (Efron & Tibshirani 1993, section 12.5).
    """
    generator = seeded(0)

    def resampled(rows: Tensor) -> Tensor:
        return rows[torch.randint(len(rows), (len(rows),), generator=generator)]

    value = frechet_distance(a, b)
    spread = stdev(frechet_distance(resampled(a), resampled(b)) for _ in range(repeats))
    half = NormalDist().inv_cdf(0.975) * spread
    return Interval(value, max(value - half, 0.0), value + half)


def image_coverage(images: Tensor, classifier: Classifier, *, confidence: float = 0.0) -> ModeCoverage:
    """Coverage of a classifier's classes by pictures (n, C, H, W) in [0, 1].

    A picture is good when the classifier gives its class at least the probability ``confidence``; it also
    names a class for noise, so 0 counts everything.
    """
    probabilities = classifier.probabilities(images)
    sure, label = probabilities.max(-1)
    return mode_coverage(label, sure >= confidence, probabilities.shape[-1])


def judge_pictures(pictures: Tensor, real: Tensor, classifier: Classifier) -> dict[str, float]:
    """Samples against as many held-out pictures.

    Args:
        pictures, real: (n, C, H, W), in [0, 1].
        classifier: the judge; no contestant has met it.

    Returns:
        ``SAMPLE_MEASURES``, and the ends ``frechet_low`` and ``frechet_high`` of a bootstrap interval over
        pictures (it does not cover the bias of a finite n).
    """
    quality = sample_quality(pictures, real, classifier)
    classes = image_coverage(pictures, classifier)
    spread = frechet_estimate(classifier.features(pictures), classifier.features(real), repeats=30)
    return {
        "frechet": quality.frechet,
        "frechet_low": spread.low,
        "frechet_high": spread.high,
        "precision": quality.precision,
        "recall": quality.recall,
        "coverage": quality.coverage,
        "sharpness": quality.sharpness,
        "classes": classes.hit,
        "class_kl": classes.kl_to_data,
    }


def measure(entry: ArenaModel, train, held_out, classifier: Classifier) -> dict[str, float]:
    """All that can be measured of a contestant; measures that it does not have are left out.

    Args:
        entry: the contestant, with its encoder.
        train: ImageData, for the probe alone.
        held_out: ImageData to measure on; as many samples are drawn.
        classifier: the judge.
    """
    real = held_out.floats()
    pictures = entry.sample(len(real), seeded(entry.seed))
    return {**judge_pictures(pictures, real, classifier), **judge_code(entry, train, held_out, real)}


def judge_code(entry: ArenaModel, train, held_out, real: Tensor) -> dict[str, float]:
    """The bound where there is one, reconstructions at the mean, what a linear probe reads off a code."""
    model = entry.model
    if isinstance(model, Generator):
        return {}
    rebuilt = torch.cat([model.reconstruct(part).clamp(0, 1) for part in real.split(1000)])
    found = {
        "mse": (rebuilt - real).square().mean().item(),
        "ssim": ssim(rebuilt, real).mean().item(),
        "probe": probe_accuracy(model, train, held_out),
    }
    if isinstance(model, VQVAE):
        bound = evaluate_codes(model, entry.prior, held_out)
        found["perplexity"] = perplexity(letters_of(model, held_out).codes, model.n_codes)
    elif isinstance(model, VAE):
        bound = evaluate(model, held_out)
        found["active_units"] = active_units(model, held_out)
    else:
        return found
    if entry.name != "vae_gan":  # its decoder was not trained for the likelihood of pixels
        found["negative_elbo"] = bound.negative_elbo.value
    return found | {"distortion": bound.reconstruction.value, "rate": bound.kl.value}


def arena_rows(
    results: dict, measures: Sequence[str] | Mapping[str, str], names: Sequence[str] | None = None
) -> list[dict]:
    """Some columns of :func:`arena_results` as text, "mean ± half width": a row for each model, or ``names``.

    ``measures`` are names, or a dict from these to the headings of their columns.
    """
    found = {row["name"]: row for row in results["rows"]}
    headings, rows = (
        measures if isinstance(measures, Mapping) else dict(zip(measures, measures, strict=True)),
        [],
    )
    for row in (found[name] for name in names or found):
        failed = f" ({len(row['failed'])} failed)" if row["failed"] else ""
        cells = {"model": row["label"] + failed}
        for measure, head in headings.items():
            value = row["measures"].get(measure) or {"mean": None}
            mean, cells[head] = value["mean"], "–"
            if mean is not None:
                digits = 1 if abs(mean) >= 10 else 3 if abs(mean) >= 0.1 else 4
                cells[head] = f"{mean:.{digits}f}"
                if value["low"] is not None:
                    cells[head] += f" ± {value['high'] - mean:.{digits}f}"
        rows.append(cells)
    return rows
