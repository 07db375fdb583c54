"""Builders that prepare the catalog's sets without TensorFlow. Imports tensorflow_datasets: import it late.

The catalog of tensorflow_datasets needs TensorFlow to prepare anything (it opens archives and encodes
pictures with it). These builders open files with the standard library, and their features need no TensorFlow.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds

from vae_course.data.catalog.plain import CATALOG, FACTORS
from vae_course.data.splits import PARTS

FORMAT = "array_record"


class _Course(tfds.core.GeneratorBasedBuilder):
    """What the four share.

    Attributes:
        root: the data folder, where the original files are.
        download: whether they may be fetched when they are missing.
    """

    VERSION = tfds.core.Version("1.0.0")
    SKIP_REGISTERING = True
    root = Path("data")
    download = True

    def features(self) -> dict:
        raise NotImplementedError

    def _info(self) -> tfds.core.DatasetInfo:
        plain = CATALOG[self.name]
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(self.features()),
            homepage=plain.homepage,
            citation=plain.citation,
        )

    def _split_generators(self, dl_manager) -> dict:
        return {part: self._generate_examples(number) for number, part in enumerate(PARTS)}

    def _generate_examples(self, number: int):
        for part, key, example in CATALOG[self.name].examples(self.root, self.download):
            if part == number:
                yield key, self.encode(example)

    def encode(self, example: dict) -> dict:
        """An array "image" as PNG: given an array, tensorflow_datasets would ask TensorFlow to encode it."""
        from PIL import Image

        if "image" not in example:
            return example
        stream = io.BytesIO()
        Image.fromarray(np.squeeze(example["image"])).save(stream, "PNG")
        return {**example, "image": io.BytesIO(stream.getvalue())}


class CourseSpokenDigit(_Course):
    """Free Spoken Digit Dataset: clips as whole numbers at 8 kHz, digit and speaker."""

    name = "course_spoken_digit"

    def features(self) -> dict:
        return {
            "audio": tfds.features.Tensor(shape=(None,), dtype=np.int16),
            "label": tfds.features.ClassLabel(num_classes=10),
            "speaker": tfds.features.Text(),
        }


class CourseAgNews(_Course):
    """AG News: headline, description and one of four classes."""

    name = "course_ag_news"

    def features(self) -> dict:
        return {
            "title": tfds.features.Text(),
            "description": tfds.features.Text(),
            "label": tfds.features.ClassLabel(names=["World", "Sports", "Business", "Sci/Tech"]),
        }


class CourseStanfordDogs(_Course):
    """Stanford Dogs: center squares at 64×64 and the breed."""

    name = "course_stanford_dogs"

    def features(self) -> dict:
        return {"image": tfds.features.Image(shape=(64, 64, 3)), "breed": tfds.features.Text()}


class CourseDsprites(_Course):
    """dSprites: white shapes on black, and the class of each of five factors."""

    name = "course_dsprites"

    def features(self) -> dict:
        sizes = dict(zip(FACTORS, (3, 6, 40, 32, 32), strict=True))
        factors = {name: tfds.features.ClassLabel(num_classes=size) for name, size in sizes.items()}
        return {"image": tfds.features.Image(shape=(64, 64, 1)), **factors}


BUILDERS = {kind.name: kind for kind in (CourseSpokenDigit, CourseAgNews, CourseStanfordDogs, CourseDsprites)}
