"""The quality of generated pictures in one record, judged by the data set's own classifier."""

from dataclasses import dataclass

import torch
from torch import Tensor

from vae_course.evaluation.classifier import Classifier
from vae_course.evaluation.frechet import frechet_distance
from vae_course.evaluation.precision_recall import coverage, precision_recall
from vae_course.evaluation.sharpness import relative_sharpness


@dataclass(frozen=True)
class Quality:
    """Generated pictures against data.

    Attributes:
        frechet: Fréchet distance in the classifier's features (not the FID of papers); 0 is best.
        precision: share of the pictures that lie where data lie, in [0, 1].
        recall: share of the data that lie where pictures lie, in [0, 1]; scattered pictures raise it too.
        coverage: share of the data with one of the pictures nearby, in [0, 1]; scatter does not raise it.
        sharpness: mean variance of the Laplacian over that of data; 1 is as sharp as data.
        n: pictures on each side; numbers of different n cannot be compared.
    """

    frechet: float
    precision: float
    recall: float
    coverage: float
    sharpness: float
    n: int


def sample_quality(generated: Tensor, real: Tensor, classifier: Classifier, *, k: int = 3) -> Quality:
    """Judge generated pictures by held-out data.

    Args:
        generated, real: (n, C, H, W), in [0, 1]; of the larger set only the first n are used.
        classifier: the judge, such as ``load_classifier("mnist")``. Never one that the model was trained on.
        k: neighbor for precision and recall; coverage keeps its own, 5.
    """
    n = min(len(generated), len(real))
    with torch.no_grad():
        generated, real = generated[:n].clamp(0, 1), real[:n]
        ours, theirs = classifier.features(generated), classifier.features(real)
    precision, recall = precision_recall(theirs, ours, k=k)
    return Quality(
        frechet=frechet_distance(ours, theirs),
        precision=precision,
        recall=recall,
        coverage=coverage(theirs, ours),
        sharpness=relative_sharpness(generated, real),
        n=n,
    )
