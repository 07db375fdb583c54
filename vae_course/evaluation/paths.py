"""Paths and directions in the code, and what they cost."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize, one_hot

from vae_course.elbo import elbo_terms
from vae_course.evaluation.bounds import in_parts, looking_at, noise_like
from vae_course.models.networks import Classifier

SMALLEST_ANGLE = 1e-4  # radians; below it a great circle and a straight line agree to float32 precision


def lerp(start: Tensor, end: Tensor, t: Tensor) -> Tensor:
    """The straight line (1 − t)·start + t·end, (steps, ...), for t (steps,): of pictures, a cross-fade."""
    start, end, t = _checked(start, end, t)
    t = t.reshape(-1, *[1] * start.ndim)
    return (1 - t) * start + t * end


def slerp(start: Tensor, end: Tensor, t: Tensor) -> Tensor:
    """The great circle between codes, (steps, ..., latent) (Shoemake 1985, section 3.3; White 2016).

    sin((1 − t)ω)/sin ω · start + sin(tω)/sin ω · end with ω the angle between the two, which turns steadily;
    t (steps,) goes from 0 to 1. For ends of equal norm the norm stays the same. Nearly parallel codes are
    joined by the straight line, the limit; nearly opposite ones, which many circles join, by the circle
    through the coordinate axis most nearly perpendicular to both, while the norm passes in a straight line.
    A code of 0, and opposite codes of size 1, are a ValueError.
    """
    start, end, t = _checked(start, end, t)
    norms = start.norm(dim=-1, keepdim=True), end.norm(dim=-1, keepdim=True)
    if (norms[0] == 0).any() or (norms[1] == 0).any():
        raise ValueError("slerp needs codes with a direction; one of them is 0. Use lerp.")
    a, b = start / norms[0], end / norms[1]
    # Stable near 0 and near π, where arccos of the inner product is not (Kahan).
    angle = 2 * torch.atan2((a - b).norm(dim=-1, keepdim=True), (a + b).norm(dim=-1, keepdim=True))
    steps = t.reshape(-1, *[1] * start.ndim)
    straight = angle < SMALLEST_ANGLE
    safe = torch.where(straight, torch.ones_like(angle), angle)
    first = torch.where(straight, 1 - steps, torch.sin((1 - steps) * safe) / torch.sin(safe))
    last = torch.where(straight, steps, torch.sin(steps * safe) / torch.sin(safe))
    path = first * start + last * end
    opposite = (angle > math.pi - SMALLEST_ANGLE)[..., 0]
    if opposite.any():
        far = lerp(norms[0][opposite], norms[1][opposite], t)
        path[:, opposite] = _half_circle(a[opposite], b[opposite], t) * far
    return path


def _half_circle(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """From a to the nearly opposite b by way of a middle that lies a quarter turn from both; (n, latent)."""
    if a.shape[-1] == 1:
        raise ValueError("slerp is not defined between opposite codes of size 1: a line has no circle.")
    line = normalize(a - b, dim=-1)
    axis = one_hot(line.abs().argmin(-1), line.shape[-1]).to(line)
    middle = normalize(axis - (axis * line).sum(-1, keepdim=True) * line, dim=-1)
    halves = slerp(a, middle, 2 * t), slerp(middle, b, 2 * t - 1)
    return torch.where((t <= 0.5).reshape(-1, 1, 1), *halves)


@dataclass(frozen=True)
class PathCost:
    """What a judge says about the pictures on paths; each (steps, paths)."""

    negative_elbo: Tensor  # −ELBO under the judging VAE, nats
    coin_entropy: Tensor  # Σ_i H(x_i), nats: what gray pixels read as coins cost any model, however good

    @property
    def excess(self) -> Tensor:
        """−ELBO less the coin entropy: comparable between pictures that are differently gray, nats."""
        return self.negative_elbo - self.coin_entropy


@torch.no_grad()
def path_cost(judge, pictures: Tensor, *, seed: int = 0) -> PathCost:
    """Let a VAE with Bernoulli pixels judge the pictures on paths, (steps, paths, C, H, W) in [0, 1]: do they
    look like data? A model judges its own pictures too kindly; ``seed`` is of the draws of z.
    """
    shape, flat, generator = pictures.shape[:2], pictures.flatten(0, 1).cpu(), noise_like(judge, seed)
    with looking_at(judge):
        cost = in_parts(judge, lambda x: elbo_terms(judge, x, generator).negative_elbo, flat, 1000)
    return PathCost(cost.reshape(shape), coin_entropy(flat).reshape(shape))


def coin_entropy(pictures: Tensor) -> Tensor:
    """Entropy of the pixels read as coins, summed over a picture, nats: (n, C, H, W) in [0, 1] → (n,)."""
    return (torch.special.entr(pictures) + torch.special.entr(1 - pictures)).flatten(1).sum(-1)


def with_contrast(logits: Tensor, like: Tensor) -> Tensor:
    """Pictures from logits (n, C, H, W), times the factor that makes them as gray on average as others."""
    wanted, low, high = coin_entropy(like).mean(), 0.1, 10.0
    for _ in range(20):
        factor = math.sqrt(low * high)
        too_gray = coin_entropy((factor * logits).sigmoid()).mean() > wanted
        low, high = (factor, high) if too_gray else (low, factor)
    return (factor * logits).sigmoid()


def _checked(start: Tensor, end: Tensor, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    if start.shape != end.shape or t.ndim != 1:
        shapes = ", ".join(str(tuple(part.shape)) for part in (start, end, t))
        raise ValueError(f"a path joins two of a kind in (steps,) steps; got {shapes}.")
    return start, end, t.to(start)


# Attribute vectors: directions of the code that change one property of a picture. ``codes`` are (n, latent)
# posterior means, ``has`` is (n,) with 1 (or True) where a picture shows the attribute and 0 elsewhere. Take
# both from the training part; judge on other pictures.


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
