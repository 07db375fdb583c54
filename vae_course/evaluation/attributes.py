"""Attribute vectors: directions of the code that change one property of a picture, and what they cost.

``codes`` are (n, latent) posterior means, ``has`` is (n,) with 1 (or True) where a picture shows the
attribute and 0 where it does not. Take both from the training part; judge on other pictures.
"""

import torch
from torch import Tensor

from vae_course.evaluation.bounds import in_parts
from vae_course.models.classifier import Classifier


def read(reader: Classifier, images: Tensor) -> Tensor:
    """The reader's numbers for pictures (n, C, H, W) in [0, 1]: (n, A), in [0, 1], on the CPU."""
    return in_parts(reader, lambda part: reader(part).sigmoid(), images)


def _drawn(model, codes: Tensor) -> Tensor:
    return model.likelihood.mean(model.decode(codes)).clamp(0, 1)


def mean_difference(codes: Tensor, has: Tensor) -> Tensor:
    """Mean code with the attribute minus mean code without, (latent,) (Larsen et al. 2016)."""
    has = torch.as_tensor(has).bool().cpu()
    if not has.any() or has.all():
        raise ValueError("an attribute vector needs pictures with the attribute and pictures without.")
    return codes[has].mean(0) - codes[~has].mean(0)


def adjusted_vectors(codes: Tensor, attributes: Tensor) -> Tensor:
    """One vector for each attribute, the others held fixed: (n, latent) and (n, A) → (A, latent).

    Least squares of the codes on all attributes at once. Where attributes are independent, a row equals the
    mean difference (up to noise); where two come together in the data, each keeps its own share.
    """
    design = torch.cat([torch.ones(len(codes), 1, dtype=torch.float64), attributes.cpu().double()], dim=1)
    if torch.linalg.matrix_rank(design) < design.shape[1]:
        raise ValueError("an attribute is constant or follows from the others; leave it out.")
    return torch.linalg.lstsq(design, codes.cpu().double()).solution[1:].to(codes.dtype)


@torch.no_grad()
def dose_for(model, reader, vector: Tensor, codes: Tensor, target: int, wanted: float) -> float:
    """How often, up to 4, to add a vector (latent,) so that the mean reading of column ``target`` rises by
    ``wanted``: of the decoded ``codes`` (n, latent), which should be training codes; by halving.
    """

    def reading(dose: float) -> float:
        return read(reader, _drawn(model, codes + dose * vector))[:, target].mean().item()

    start, low, high = reading(0.0), 0.0, 4.0
    for _ in range(6):
        middle = (low + high) / 2
        low, high = (low, middle) if reading(middle) - start >= wanted else (middle, high)
    return high


def at_once(change: Tensor) -> Tensor:
    """Participation ratio (Σ|Δ|)²/ΣΔ² of changes Δ (..., A): 1 where one is alone, A where all are equal."""
    return change.abs().sum(-1).square() / change.square().sum(-1)


@torch.no_grad()
def factors_moved(model, reader, faces: Tensor, ways: Tensor) -> float:
    """How many factors of a drawn face, as `read`, move together when its code moves along a direction.

    The mean changes of all factors from −1 to 1 around the mean codes of ``faces`` (n, C, H, W), counted by
    `at_once`; mean over the directions ``ways`` (m, latent) of length 1.
    """
    codes = model.encode(faces).mean[:, None]
    ends = (codes + sign * ways.to(codes) for sign in (-1, 1))
    low, high = (read(reader, _drawn(model, z.flatten(0, 1))) for z in ends)
    change = (high - low).abs().unflatten(0, (len(faces), len(ways))).mean(0)
    return at_once(change).mean().item()
