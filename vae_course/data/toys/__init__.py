"""Toy problems with a computable truth: what the theory says can be checked to many digits."""

from vae_course.data.toys.clock import clock_hands
from vae_course.data.toys.curve import CurveModel
from vae_course.data.toys.linear_gaussian import LinearGaussian
from vae_course.data.toys.mixtures import (
    GaussianMixture,
    grid_mixture,
    grid_of_gaussians,
    ring_mixture,
    ring_of_gaussians,
)

__all__ = [
    "CurveModel",
    "GaussianMixture",
    "LinearGaussian",
    "clock_hands",
    "grid_mixture",
    "grid_of_gaussians",
    "ring_mixture",
    "ring_of_gaussians",
]
