"""Measures of a trained model: bounds of log p(x), use of the code, quality of samples."""

from vae_course.evaluation.bounds import (
    Estimate,
    Evaluation,
    evaluate,
    importance_weighted_bound,
    importance_weighted_log_prob,
)
from vae_course.evaluation.classifier import Classifier, train_classifier
from vae_course.evaluation.collapse import CollapseReport, collapse_report, log_aggregate
from vae_course.evaluation.frechet import frechet_distance
from vae_course.evaluation.frechet_bias import (
    extrapolate,
    frechet_bias_curve,
    frechet_debiased,
    frechet_estimate,
)
from vae_course.evaluation.latent import active_units, kl_per_dimension, posterior_means
from vae_course.evaluation.loss_translator import (
    FAMOUS,
    LossWeights,
    effective_beta,
    implied_scale,
    with_beta,
)
from vae_course.evaluation.mode_coverage import (
    ModeCoverage,
    expected_hits,
    image_coverage,
    mode_coverage,
    point_coverage,
)
from vae_course.evaluation.neighbors import Memorization, Neighbors, memorization, nearest_neighbors
from vae_course.evaluation.paths import (
    PathCost,
    coin_entropy,
    entropy,
    expected_lerp_norm,
    expected_norm,
    lerp,
    path_cost,
    slerp,
)
from vae_course.evaluation.power_spectrum import Spectrum, power_spectrum, relative_power
from vae_course.evaluation.precision_recall import coverage, precision_recall
from vae_course.evaluation.quality import Quality, sample_quality
from vae_course.evaluation.sharpness import relative_sharpness, sharpness
from vae_course.evaluation.shipped_classifier import load_classifier
from vae_course.evaluation.ssim import ssim
from vae_course.evaluation.strokes import slant, thickness

__all__ = [
    "FAMOUS",
    "Classifier",
    "CollapseReport",
    "Estimate",
    "Evaluation",
    "LossWeights",
    "Memorization",
    "ModeCoverage",
    "Neighbors",
    "PathCost",
    "Quality",
    "Spectrum",
    "active_units",
    "coin_entropy",
    "collapse_report",
    "coverage",
    "effective_beta",
    "entropy",
    "evaluate",
    "expected_hits",
    "expected_lerp_norm",
    "expected_norm",
    "extrapolate",
    "frechet_bias_curve",
    "frechet_debiased",
    "frechet_distance",
    "frechet_estimate",
    "image_coverage",
    "implied_scale",
    "importance_weighted_bound",
    "importance_weighted_log_prob",
    "kl_per_dimension",
    "lerp",
    "load_classifier",
    "log_aggregate",
    "memorization",
    "mode_coverage",
    "nearest_neighbors",
    "path_cost",
    "point_coverage",
    "posterior_means",
    "power_spectrum",
    "precision_recall",
    "relative_power",
    "relative_sharpness",
    "sample_quality",
    "sharpness",
    "slant",
    "slerp",
    "ssim",
    "thickness",
    "train_classifier",
    "with_beta",
]
