"""Data in memory: `load` for images, `vae_course.data.toys` for problems with a known truth."""

from vae_course.data.dataset import ImageData
from vae_course.data.errors import DataError
from vae_course.data.features import FeatureData
from vae_course.data.loading import DATASETS, SPLITS, load

__all__ = ["DATASETS", "SPLITS", "DataError", "FeatureData", "ImageData", "load"]
