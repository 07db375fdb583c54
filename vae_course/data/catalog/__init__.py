"""Data sets through tensorflow_datasets, without TensorFlow, and without tensorflow_datasets where need be.

`open_examples` gives the examples of a set that the course prepares itself, `open_prepared` those of any
folder that was prepared with tensorflow_datasets, here or elsewhere, and `image_data` turns either into what
the models are trained on.
"""

from vae_course.data.catalog.plain import CATALOG
from vae_course.data.catalog.reading import image_data, open_examples, open_prepared

__all__ = ["CATALOG", "image_data", "open_examples", "open_prepared"]
