"""Attribute vectors: directions of the code that change one property of a picture, and what they cost.

``codes`` are (n, latent) posterior means, ``has`` is (n,) with 1 (or True) where a picture shows the
attribute and 0 where it does not. Take both from the training part; judge on other pictures.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from vae_course.evaluation.classifier import read
from vae_course.evaluation.code_use import WEIGHT_DECAY, logistic_regression


def mean_difference(codes: Tensor, has: Tensor) -> Tensor:
    """Mean code with the attribute minus mean code without, (latent,) (Larsen et al. 2016)."""
    has = _checked(codes, has)
    return codes[has].mean(0) - codes[~has].mean(0)


def probe_direction(codes: Tensor, has: Tensor) -> Tensor:
    """The direction across the boundary of a linear probe (logistic regression), (latent,).

    A unit step moves the codes as far along it as the two groups lie apart, as the mean difference does.
    Editing along the normal of a separating plane is the recipe of Shen et al. 2020 ("Interpreting the latent
    space of GANs", section 3).
    """
    has, x = _checked(codes, has), codes.cpu().double()
    probe = logistic_regression(x.numpy(), has.numpy(), WEIGHT_DECAY)
    normal = torch.nn.functional.normalize(torch.from_numpy(probe.coef_[0]), dim=0)
    return (normal * (mean_difference(x, has) @ normal)).to(codes.dtype)


def adjusted_vectors(codes: Tensor, attributes: Tensor) -> Tensor:
    """One vector for each attribute, the others held fixed: (n, latent) and (n, A) → (A, latent).

    Least squares of the codes on all attributes at once. Where attributes are independent, a row equals the
    mean difference (up to noise); where two come together in the data, each keeps its own share.
    """
    if attributes.ndim != 2 or len(attributes) != len(codes):
        raise ValueError(f"attributes have shape {tuple(attributes.shape)}; expected ({len(codes)}, A).")
    design = torch.cat([torch.ones(len(codes), 1, dtype=torch.float64), attributes.cpu().double()], dim=1)
    if torch.linalg.matrix_rank(design) < design.shape[1]:
        raise ValueError("an attribute is constant or follows from the others; leave it out.")
    return torch.linalg.lstsq(design, codes.cpu().double()).solution[1:].to(codes.dtype)


@torch.no_grad()
def dose_for(
    model, reader, vector: Tensor, codes: Tensor, target: int, wanted: float, *, most: float = 4.0
) -> float:
    """How often to add a vector (latent,) so that the mean reading of column ``target`` rises by ``wanted``.

    Of the decoded ``codes`` (n, latent), which should be training codes; from 0 to ``most``, by halving.
    """

    def reading(dose: float) -> float:
        pictures = model.likelihood.mean(model.decode(codes + dose * vector)).clamp(0, 1)
        return read(reader, pictures)[:, target].mean().item()

    start, low, high = reading(0.0), 0.0, most
    for _ in range(6):
        middle = (low + high) / 2
        low, high = (low, middle) if reading(middle) - start >= wanted else (middle, high)
    return high


@dataclass(frozen=True)
class EditReport:
    """What an edit did, by the readings of a judge, each from 0 (absent) to 1 (present)."""

    gain: float  # mean change of the target's reading, in the wanted direction
    success: float  # share of the pictures whose target reading ends on the wanted side of ½
    collateral: float  # mean absolute change of the other readings, over pictures and readings
    changes: Tensor  # (A,), mean signed change of every reading


def judge_edit(before: Tensor, after: Tensor, target: int, *, add: bool = True) -> EditReport:
    """Compare a judge's readings, (n, A) in [0, 1], before and after an edit that adds column ``target``.

    The first are those of *reconstructions*: else the VAE's blur is collateral. ``add=False``: it was
    removed.
    """
    if before.shape != after.shape or before.ndim != 2 or len(before) == 0:
        shapes = f"readings have shapes {tuple(before.shape)}, {tuple(after.shape)}"
        raise ValueError(f"{shapes}; expected (n, A) twice.")
    change, after = (after - before).cpu().double(), after.cpu()
    others = torch.arange(before.shape[1]) != target
    return EditReport(
        gain=(1 if add else -1) * change[:, target].mean().item(),
        success=((after[:, target] > 0.5) == add).double().mean().item(),
        collateral=change[:, others].abs().mean().item() if others.any() else 0.0,
        changes=change.mean(0),
    )


def _checked(codes: Tensor, has: Tensor) -> Tensor:
    has = torch.as_tensor(has)
    if codes.ndim != 2 or has.shape != codes.shape[:1]:
        shapes = f"codes have shape {tuple(codes.shape)} and labels {tuple(has.shape)}"
        raise ValueError(f"{shapes}; expected (n, latent) and (n,).")
    has = has.bool().cpu()
    if not has.any() or has.all():
        raise ValueError("an attribute vector needs pictures with the attribute and pictures without.")
    return has


def at_once(change: Tensor) -> Tensor:
    """Participation ratio (Σ|Δ|)²/ΣΔ² of changes Δ (..., A): 1 where one is alone, A where all are equal."""
    return change.abs().sum(-1).square() / change.square().sum(-1)


@torch.no_grad()
def factors_moved(model, reader, faces: Tensor, ways: Tensor) -> float:
    """How many factors of a drawn face move together when its code moves one step along a direction.

    The mean changes of all factors that the reader reads, counted by `at_once`. Mean over the directions.

    Args:
        model: a VAE of faces; reader: as for :func:`vae_course.evaluation.read`.
        faces: (n, C, H, W), float in [0, 1]; the step goes from −1 to 1 around each one's mean code.
        ways: directions (m, latent) of length 1.
    """
    codes = model.encode(faces).mean[:, None]
    ends = (codes + sign * ways.to(codes) for sign in (-1, 1))
    low, high = (read(reader, model.likelihood.mean(model.decode(z.flatten(0, 1))).clamp(0, 1)) for z in ends)
    change = (high - low).abs().unflatten(0, (len(faces), len(ways))).mean(0)
    return at_once(change).mean().item()
