"""Measures of a trained model: bounds of log p(x), use of the code, quality of samples."""

from vae_course.evaluation.bounds import (
    Estimate,
    Evaluation,
    evaluate,
    importance_weighted_bound,
    importance_weighted_log_prob,
)
from vae_course.evaluation.classifier import Classifier, train_classifier
from vae_course.evaluation.frechet import frechet_distance
from vae_course.evaluation.latent import active_units, kl_per_dimension, posterior_means
from vae_course.evaluation.shipped_classifier import load_classifier

__all__ = [
    "Classifier",
    "Estimate",
    "Evaluation",
    "active_units",
    "evaluate",
    "frechet_distance",
    "importance_weighted_bound",
    "importance_weighted_log_prob",
    "kl_per_dimension",
    "load_classifier",
    "posterior_means",
    "train_classifier",
]
