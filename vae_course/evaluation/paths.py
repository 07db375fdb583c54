"""Paths between codes and between pictures, what they cost along the way, and strokes of digits on them."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import normalize, one_hot, pad

from vae_course.elbo import elbo_terms
from vae_course.evaluation.bounds import in_parts, looking_at, noise_like

SMALLEST_ANGLE = 1e-4  # radians; below it a great circle and a straight line agree to float32 precision


def lerp(start: Tensor, end: Tensor, t: Tensor) -> Tensor:
    """The straight line (1 − t)·start + t·end, (steps, ...), for t (steps,): of pictures, a cross-fade."""
    start, end, t = _checked(start, end, t)
    t = t.reshape(-1, *[1] * start.ndim)
    return (1 - t) * start + t * end


def slerp(start: Tensor, end: Tensor, t: Tensor) -> Tensor:
    """The great circle between codes, (steps, ..., latent) (Shoemake 1985, section 3.3; White 2016).

    sin((1 − t)ω)/sin ω · start + sin(tω)/sin ω · end with ω the angle between the two, which turns steadily.
    For ends of equal norm the norm stays the same; for others it passes smoothly from one to the other, by
    way of far out where ω is close to π. Nearly parallel codes are joined by the straight line, the limit.
    Through (nearly) opposite codes many great circles are equally short: the path takes the one by way of the
    coordinate axis that is most nearly perpendicular to both, and the norm passes in a straight line.

    For t (steps,) from 0 to 1. No code may be 0, and codes of size 1 not opposite: a line has no circle.
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


@torch.no_grad()
def retimed(place: Callable, start: Tensor, end: Tensor, steps: int, fine: int = 20) -> Tensor:
    """The straight line between codes (pairs, latent) with ``steps`` stops at equal distances by another
    ruler: (steps, pairs, latent). ``place``: codes (..., latent) → where the ruler puts them, (..., size);
    ``fine`` measured places for each stop.
    """
    line = lerp(start, end, torch.linspace(0, 1, fine * (steps - 1) + 1))
    gone = place(line).diff(dim=0).norm(dim=-1).cumsum(0)
    gone = torch.cat([torch.zeros_like(gone[:1]), gone])
    asked = torch.linspace(0, 1, steps).to(gone)[:, None, None] * gone[-1]
    stops = (gone[None] - asked).abs().argmin(1)
    return torch.take_along_dim(line, stops[..., None], 0)


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
def path_cost(judge, pictures: Tensor, *, seed: int = 0, n_samples: int = 1) -> PathCost:
    """Let a VAE judge the pictures on paths, (steps, paths, C, H, W) in [0, 1]: do they look like data?

    A model judges its own pictures too kindly: give as ``judge`` a VAE with Bernoulli pixels that had no part
    in drawing them. ``seed`` and ``n_samples`` are of the draws of z for each picture.
    """
    if pictures.ndim != 5:
        raise ValueError(f"expected pictures (steps, paths, C, H, W); got {tuple(pictures.shape)}.")
    shape, flat, generator = pictures.shape[:2], pictures.flatten(0, 1).cpu(), noise_like(judge, seed)
    terms = partial(elbo_terms, judge, generator=generator, n_samples=n_samples)
    with looking_at(judge):
        cost = in_parts(judge, lambda x: terms(x).negative_elbo, flat, 1000)
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


def thickness(pictures: Tensor) -> Tensor:
    """Mean width of the strokes in pixels: twice the ink over the length of its outline.

    A stroke of length L and width w ≪ L has ink L·w and an outline of 2L, the total variation Σ|∇x| (coarea
    formula: Fleming & Rishel 1960). (n, 1, H, W) in [0, 1], ink 1 → (n,), 0 for an empty picture.
    """
    ink = _gray(pictures)
    padded = pad(ink, (1, 1, 1, 1))
    across = padded[:, :-1, 1:] - padded[:, :-1, :-1]
    down = padded[:, 1:, :-1] - padded[:, :-1, :-1]
    outline = torch.sqrt(across**2 + down**2).sum((1, 2))
    return 2 * ink.sum((1, 2)) / outline.clamp_min(1e-6)


def slant(pictures: Tensor) -> Tensor:
    """Lean of the strokes to the right in degrees, 0 for upright: the shear that undoes it.

    tan(slant) = −μ₁₁/μ₀₂ with the central second moments of the ink (x to the right, y down), as for
    deskewing digits. Pictures as for :func:`thickness` → (n,), between −90 and 90.
    """
    ink = _gray(pictures)
    height, width = ink.shape[1:]
    places = (torch.arange(side, dtype=ink.dtype) for side in (height, width))
    down, across = torch.meshgrid(*places, indexing="ij")
    mass = ink.sum((1, 2)).clamp_min(1e-6)[:, None, None]
    x = across - (ink * across).sum((1, 2), keepdim=True) / mass
    y = down - (ink * down).sum((1, 2), keepdim=True) / mass
    mixed, vertical = (ink * x * y).sum((1, 2)), (ink * y * y).sum((1, 2))
    return torch.atan2(-mixed, vertical.clamp_min(1e-6)) * (180 / math.pi)


def _gray(pictures: Tensor) -> Tensor:
    if pictures.ndim != 4 or pictures.shape[1] != 1:
        raise ValueError(f"strokes are measured on pictures (n, 1, H, W); got {tuple(pictures.shape)}.")
    return pictures[:, 0].cpu()
