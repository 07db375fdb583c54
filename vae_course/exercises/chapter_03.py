"""The exercises of chapter 03."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn.functional import normalize

from vae_course.teaching.exercise import Exercise, Mistake
from vae_course.teaching.grading import ContractBroken, to_tensor

# -------- Exercises of chapter 03 on moving through the code.


def chain(codes: Tensor, steps: int) -> Tensor:
    t = torch.arange(steps, dtype=codes.dtype)[:, None] / steps
    legs = [(1 - t) * start + t * end for start, end in pairwise(codes)]
    return torch.cat([*legs, codes[-1:]])


def _chain_cases(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    return [
        (torch.randn(n, latent, generator=generator), steps)
        for n, latent, steps in ((4, 3, 5), (2, 2, 1), (3, 16, 2))
    ]


def _legs(codes: Tensor, t: Tensor) -> list[Tensor]:
    return [(1 - t)[:, None] * start + t[:, None] * end for start, end in pairwise(codes)]


CHAIN = Exercise(
    id="03.6",
    title="A path through several codes",
    contract="chain(codes, steps): float tensor (n, latent) with n >= 2, and a whole number >= 1. Returns "
    "the codes of a walk in straight lines from the first to the last through all the others, `steps` equal "
    "steps on each leg, every given code exactly once: ((n - 1) * steps + 1, latent).",
    stub='''def chain(codes: torch.Tensor, steps: int) -> torch.Tensor:
    """codes: (n, latent). Returns a walk through all of them, ((n - 1) * steps + 1, latent)."""
    ...''',
    hints=(
        "Count for n = 2 and steps = 1: only the two codes themselves.",
        "The end of one leg is the start of the next: let each leg leave out its end.",
        "What is missing then? Add it once, after the last leg.",
    ),
    mistakes=(
        Mistake(
            "inner codes twice",
            "The walk stands still for a step at every code in the middle.",
            lambda codes, steps: torch.cat(_legs(codes, torch.linspace(0, 1, steps + 1))),
        ),
        Mistake(
            "last code missing",
            "Does the walk arrive?",
            lambda codes, steps: chain(codes, steps)[:-1],
        ),
        Mistake(
            "first code missing",
            "Where does the walk start?",
            lambda codes, steps: chain(codes, steps)[1:],
        ),
        Mistake(
            "walked backwards",
            "Which end belongs to t = 0?",
            (
                lambda codes, steps: chain(codes.flip(0), steps),
                lambda codes, steps: torch.cat(
                    [*[leg.flip(0)[:-1] for leg in _legs(codes, torch.linspace(0, 1, steps + 1))], codes[-1:]]
                ),
            ),
        ),
        Mistake(
            "walk closed to a loop",
            "Nobody asked to come back to the start.",
            lambda codes, steps: chain(torch.cat([codes, codes[:1]]), steps),
        ),
        Mistake(
            "codes in the middle skipped",
            "Straight from the first to the last? There were others to visit.",
            lambda codes, steps: chain(codes[[0, -1]], steps * (len(codes) - 1)),
        ),
        Mistake(
            "codes repeated instead of mixed",
            "Between two codes lie points of the line: a mean of both with weights that move.",
            lambda codes, steps: codes.repeat_interleave(steps, 0)[: (len(codes) - 1) * steps + 1],
        ),
    ),
    reference=chain,
    cases=_chain_cases,
)


def move_to(codes: Tensor, weight: Tensor, bias: float, target: float) -> Tensor:
    missing = target - (codes @ weight + bias)
    return codes + missing[:, None] * weight / (weight @ weight)


def _move_cases(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    return [
        (torch.randn(n, k, generator=generator), 0.7 * torch.randn(k, generator=generator), bias, target)
        for n, k, bias, target in ((4, 3, 0.5, 2.0), (2, 8, -1.0, 0.3), (3, 2, 0.25, -1.5))
    ]


def _along(z: Tensor, w: Tensor, bias: float, target: float, place: int) -> Tensor:
    moved = z.clone()
    moved[:, place] += _missing(z, w, bias, target)[:, 0] / w[place]
    return moved


def _missing(codes: Tensor, weight: Tensor, bias: float, target: float) -> Tensor:
    return (target - (codes @ weight + bias))[:, None]


MOVE_TO = Exercise(
    id="03.7",
    title="Give every picture the same slant",
    contract="A property of a picture is read off its code z as weight·z + bias (a linear regression). "
    "move_to(codes, weight, bias, target): codes (n, latent) and weight (latent,) float tensors, bias and "
    "target numbers. Returns the codes (n, latent) whose property is `target`, each moved as little as "
    "possible.",
    stub='''def move_to(
    codes: torch.Tensor, weight: torch.Tensor, bias: float, target: float
) -> torch.Tensor:
    """codes: (n, latent), weight: (latent,). Returns the nearest codes with the target, (n, latent)."""
    ...''',
    hints=(
        "All codes with weight·z + bias = target form a plane. In which direction is it nearest?",
        "Move along weight. A step of s·weight changes the property by s·(weight·weight).",
        "How much is missing, for each code? Then which s?",
    ),
    mistakes=(
        Mistake(
            "what the code already has forgotten",
            "A code that has the target already should stay where it is.",
            (
                lambda z, w, bias, target: z + target * w / (w @ w),
                lambda z, w, bias, target: z + (target - bias) * w / (w @ w),
            ),
        ),
        Mistake(
            "bias forgotten",
            "The property of the code 0 is the bias.",
            lambda z, w, bias, target: move_to(z, w, 0.0, target),
        ),
        Mistake(
            "divided by the norm, not by its square",
            "Move by s·weight and compute how far the property moves.",
            lambda z, w, bias, target: z + _missing(z, w, bias, target) * w / w.norm(),
        ),
        Mistake(
            "weight not normalized",
            "Move by s·weight and compute how far the property moves.",
            lambda z, w, bias, target: z + _missing(z, w, bias, target) * w,
        ),
        Mistake(
            "moved away from the target",
            "Compute the property after the move: is it nearer to the target?",
            lambda z, w, bias, target: z - _missing(z, w, bias, target) * w / (w @ w),
        ),
        Mistake(
            "the same move for all",
            "Every code has its own distance to the target.",
            lambda z, w, bias, target: z + _missing(z, w, bias, target).mean() * w / (w @ w),
        ),
        Mistake(
            "all dimensions moved alike",
            "There is a shorter way: not every dimension matters equally for the property.",
            lambda z, w, bias, target: z + _missing(z, w, bias, target) / w.sum(),
        ),
        Mistake(
            "everything but the property thrown away",
            "The property is right, but what happened to the rest of the picture?",
            lambda z, w, bias, target: ((target - bias) * w / (w @ w)).expand_as(z),
        ),
        Mistake(
            "moved along one coordinate",
            "The target is reached, but there is a shorter way: which direction raises the property fastest?",
            (
                lambda z, w, bias, target: _along(z, w, bias, target, 0),
                lambda z, w, bias, target: _along(z, w, bias, target, -1),
                lambda z, w, bias, target: _along(z, w, bias, target, int(w.abs().argmax())),
            ),
        ),
    ),
    reference=move_to,
    cases=_move_cases,
)


# -------- Exercises of chapter 03, in order; this file holds those that ask for values, and the doubt of a
# judge.

YES_NO = {"yes": "it follows", "no": "it does not follow"}

MAPS = Exercise(
    id="03.5",
    title="What a map can show",
    contract='Give "yes" or "no" for each. a: two groups lie twice as far apart as two others on a t-SNE '
    "map, so they do in the code. b: two points are close neighbors on a t-SNE map, so they are probably "
    "neighbors in the code. c: two points coincide on a PCA map, so their codes are equal. d: two points "
    "are a distance of 3 apart on a PCA map, so their codes are at least 3 apart.",
    stub='answer_03_5 = {"a": ..., "b": ..., "c": ..., "d": ...}',
    hints=(
        "What does t-SNE try to keep, and what does it give up for it?",
        "A PCA map is the shadow of the cloud. What can a shadow make shorter, and what longer?",
    ),
    mistakes=(
        Mistake(
            "t-SNE distances taken at face value",
            "t-SNE pulls neighbors together and puts groups wherever there is room.",
            value={"a": "yes"},
        ),
        Mistake(
            "shadow taken for the thing",
            "Two points at different heights can throw the same shadow.",
            value={"c": "yes"},
        ),
        Mistake(
            "t-SNE distrusted altogether",
            "One thing t-SNE is made to keep: who is near whom.",
            value={"b": "no"},
        ),
        Mistake(
            "shadow thought to be longer than the thing",
            "An orthogonal projection leaves out coordinates. Can a distance grow by that?",
            value={"d": "no"},
        ),
    ),
    value={"a": "no", "b": "yes", "c": "no", "d": "yes"},
    codes={name: YES_NO for name in "abcd"},
    explanation="t-SNE keeps most neighbors and nothing else; an orthogonal projection never lengthens a "
    "distance, and may shorten it to 0.",
)

NORMS = Exercise(
    id="03.1",
    title="Norms between codes",
    contract="Codes are drawn from N(0, I) in 100 dimensions; each has a norm of about 10. Give the typical "
    "norm, to 2 %, of 'lerp': the midpoint of the straight line between two of them; 'slerp': the midpoint "
    "of the great circle; 'three': the mean of three of them.",
    stub='answer_03_1 = {"lerp": ..., "slerp": ..., "three": ...}',
    hints=(
        "In many dimensions two independent draws are nearly at right angles. Draw the triangle.",
        "The mean of n independent draws from N(0, 1) has the variance 1/n.",
    ),
    mistakes=(
        Mistake(
            "no shrinking on the straight line",
            "The mean of two codes that point in different directions: is it as long as they are?",
            value={"lerp": 10},
        ),
        Mistake(
            "halved instead of divided by √2",
            "Half of each, at right angles: how long is the diagonal of that square?",
            value={"lerp": 5},
        ),
        Mistake("sum instead of mean", "The midpoint is half of the sum.", value={"lerp": 200**0.5}),
        Mistake(
            "shrinking on the great circle",
            "A circle around the origin: how far are its points from the origin?",
            value={"slerp": 50**0.5},
        ),
        Mistake(
            "divided by 3 instead of √3",
            "Variances add up, norms do not: what is the variance of a mean of three?",
            value={"three": 10 / 3},
        ),
    ),
    value={"lerp": 50**0.5, "slerp": 10.0, "three": 10 / 3**0.5},
    tolerance=0.02,
    explanation="A mean of n independent draws from N(0, I) is N(0, I/n): 10/√2 = 7.07 and 10/√3 = 5.77. The "
    "great circle between codes of norm 10 has the norm 10 everywhere.",
)


def doubt(probabilities: Tensor) -> Tensor:
    terms = torch.where(probabilities > 0, probabilities * probabilities.clamp_min(1e-38).log(), 0.0)
    return -terms.sum(-1)


def _doubt_cases(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    mixed = torch.randn(5, 4, generator=generator).softmax(-1)
    sharp = (torch.tensor([0.0, -3, -6, -9]) + mixed).softmax(-1)
    certain = torch.tensor([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0]])
    return [(mixed,), (sharp,), (certain,), (torch.full((2, 10), 0.1),)]


def _highest(p: Tensor) -> Tensor:
    return p.max(-1).values * p.max(-1).values.log()


def _plain(probabilities: Tensor) -> Tensor:
    """The formula as it stands: NaN where a probability is 0."""
    return -(probabilities * probabilities.log()).sum(-1)


DOUBT = Exercise(
    id="03.3",
    title="The doubt of a classifier",
    contract="doubt(probabilities): float tensor (n, classes), each row sums to 1, zeros are possible. "
    "Returns the entropy of each row in nats, (n,), between 0 and log(classes).",
    stub='''def doubt(probabilities: torch.Tensor) -> torch.Tensor:
    """probabilities: (n, classes), rows sum to 1. Returns the entropy of each row in nats, (n,)."""
    ...''',
    hints=(
        "Entropy is the mean of −log p under p itself.",
        "Check it where you know the answer: a certain row gives 0, ten equal classes give log 10.",
        "0 · log 0 counts as 0. What does torch make of it?",
    ),
    mistakes=(
        Mistake(
            "not a number for certain answers",
            "A probability of 0 has the logarithm −∞, and 0 · (−∞) is NaN; the limit is 0.",
            _plain,
        ),
        Mistake("sign lost", "Entropy is never negative.", lambda p: -doubt(p)),
        Mistake(
            "bits instead of nats", "Which logarithm?", lambda p: doubt(p) / torch.log(torch.tensor(2.0))
        ),
        Mistake(
            "averaged over the classes",
            "Each class is weighted by its own probability already.",
            lambda p: doubt(p) / p.shape[-1],
        ),
        Mistake(
            "averaged over the pictures",
            "One number for each picture is asked for.",
            (lambda p: doubt(p).mean(), lambda p: doubt(p).sum()),
        ),
        Mistake(
            "not weighted by the probability",
            "The mean of −log p is taken under p.",
            lambda p: -p.log().sum(-1),
        ),
        Mistake(
            "divided by the largest entropy",
            "That is a share of the largest entropy, without a unit. Nats are asked for.",
            lambda probabilities: doubt(probabilities) / math.log(probabilities.shape[-1]),
        ),
        Mistake(
            "probabilities taken for logits",
            "These numbers are probabilities already: no softmax.",
            lambda probabilities: doubt(probabilities.softmax(-1)),
        ),
        Mistake(
            "chance of two different classes",
            "That is 1 − Σ p², Gini's measure: no logarithm, so no nats.",
            lambda probabilities: 1 - probabilities.square().sum(-1),
        ),
        Mistake(
            "constant inside the logarithm",
            "What keeps the logarithm finite also moves all other values: treat the zeros by themselves.",
            (
                lambda p: -(p * (p + 1e-2).log()).sum(-1),
                lambda p: -(p * (p + 1e-3).log()).sum(-1),
                lambda p: -((p + 1e-2) * (p + 1e-2).log()).sum(-1),
                lambda p: -((p + 1e-3) * (p + 1e-3).log()).sum(-1),
                lambda p: -(p * p.clamp_min(1e-2).log()).sum(-1),
            ),
        ),
        Mistake(
            "only the most probable class",
            "The entropy has one term for each class.",
            (lambda p: 1 - p.max(-1).values, lambda p: -p.max(-1).values.log(), lambda p: -_highest(p)),
        ),
    ),
    reference=doubt,
    cases=_doubt_cases,
    low=0.0,
)

# -------- Exercises of chapter 03 that the chapter goes on to use: a great circle, the energy of a path.


def slerp(start: Tensor, end: Tensor, t: Tensor) -> Tensor:
    a, b = normalize(start, dim=-1), normalize(end, dim=-1)
    omega = torch.acos((a * b).sum(-1, keepdim=True).clamp(-1, 1))
    t = t[:, None, None]
    circle = (torch.sin((1 - t) * omega) * start + torch.sin(t * omega) * end) / torch.sin(omega)
    return torch.where(omega < 1e-3, (1 - t) * start + t * end, circle)


def _slerp_cases(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    start, end = torch.randn(2, 5, 4, generator=generator)
    alike, opposite = end.clone(), end.clone()
    start[1] = alike[1] = torch.tensor([1.0, 0.0, 0.0, 0.0])
    start[2] = opposite[2] = torch.tensor([0.0, 2.0, 0.0, 0.0])
    opposite[2] *= -1
    plane = torch.randn(2, 3, 2, generator=generator)
    near = start[3:] + 0.4 * end[3:]  # angles of about 20 degrees
    return [
        (start[3:], near, torch.linspace(0, 1, 5)),
        (3 * start[3:], end[3:], torch.linspace(0, 1, 5)),
        (*plane, torch.tensor([0.0, 0.2, 0.9])),
        (start, alike, torch.tensor([0.0, 0.25, 1.0])),
        (start, opposite, torch.linspace(0, 1, 4)),
    ]


def _where_there_is_one(call, start: Tensor, end: Tensor, t: Tensor) -> Tensor:
    """The paths of all pairs but the opposite ones, through which many circles are equally short."""
    path = to_tensor(call(start, end, t))
    if path is None or path.shape != (len(t), *start.shape):
        got = "something else" if path is None else tuple(path.shape)
        shape = f"(steps, pairs, latent), here {(len(t), *start.shape)}"
        raise ContractBroken(f"The path must have shape {shape}; got {got}.")
    cosine = (normalize(start, dim=-1) * normalize(end, dim=-1)).sum(-1)
    return path[:, cosine > -0.999999]


def _with_angle(start: Tensor, end: Tensor, t: Tensor, omega: Tensor, ends=None) -> Tensor:
    t = t[:, None, None]
    first, last = (start, end) if ends is None else ends
    path = (torch.sin((1 - t) * omega) * first + torch.sin(t * omega) * last) / torch.sin(omega)
    return torch.where(omega < 1e-3, (1 - t) * first + t * last, path)


def _angle(start: Tensor, end: Tensor) -> Tensor:
    return torch.acos((normalize(start, dim=-1) * normalize(end, dim=-1)).sum(-1, keepdim=True).clamp(-1, 1))


def _straight(start: Tensor, end: Tensor, t: Tensor) -> Tensor:
    return (1 - t)[:, None, None] * start + t[:, None, None] * end


def _plain_circle(start: Tensor, end: Tensor, t: Tensor, angle: Callable = _angle) -> Tensor:
    """The formula as it stands: 0/0 for equal directions."""
    omega, t = angle(start, end), t[:, None, None]
    return (torch.sin((1 - t) * omega) * start + torch.sin(t * omega) * end) / torch.sin(omega)


def _all_or_none(start: Tensor, end: Tensor, t: Tensor) -> Tensor:
    if (_angle(start, end) > 3.14).any():
        return _straight(start, end, t)
    return slerp(start, end, t)


def _pushed_out(start: Tensor, end: Tensor, t: Tensor) -> Tensor:
    length = _straight(start.norm(dim=-1, keepdim=True), end.norm(dim=-1, keepdim=True), t)
    return normalize(_straight(start, end, t), dim=-1) * length


SLERP = Exercise(
    id="03.2",
    title="A great circle between codes",
    contract="slerp(start, end, t): start and end float tensors (pairs, latent), no code is 0; t (steps,) "
    "from 0 to 1. Returns (steps, pairs, latent): sin((1-t)w)/sin(w)*start + sin(t*w)/sin(w)*end with w the "
    "angle between the two. Where both point in the same direction: the straight line. Exactly opposite "
    "codes have no shortest circle: what such a pair gets is up to you, but the others must stay right.",
    stub='''def slerp(start: torch.Tensor, end: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """start, end: (pairs, latent); t: (steps,) from 0 to 1. Returns (steps, pairs, latent)."""
    ...''',
    hints=(
        "Shapes first: t[:, None, None] meets (pairs, latent) in (steps, pairs, latent).",
        "The angle is the arccos of the inner product of both directions: divide each code by its norm.",
        "For equal directions sin w is 0. torch.where can take the straight line there, pair by pair.",
    ),
    mistakes=(
        Mistake("straight line", "This path cuts through the inside. Where is the angle?", _straight),
        Mistake(
            "not a number for equal directions",
            "A code and its double: the angle is 0, and so is its sine. What is the limit?",
            _plain_circle,
        ),
        Mistake(
            "given up for the whole batch",
            "One pair of opposite codes, and all others changed their path.",
            _all_or_none,
        ),
        Mistake(
            "ends of length 1",
            "The angle needs directions, the path needs the codes themselves: does it start at start?",
            lambda start, end, t: _with_angle(
                start, end, t, _angle(start, end), (normalize(start, dim=-1), normalize(end, dim=-1))
            ),
        ),
        Mistake(
            "angle from codes that are not normalized",
            "The inner product is the cosine only for codes of length 1.",
            (
                lambda start, end, t: _with_angle(
                    start, end, t, torch.acos((start * end).sum(-1, keepdim=True).clamp(-1, 1))
                ),
                lambda start, end, t: _with_angle(
                    start, end, t, torch.acos((start * end).sum(-1, keepdim=True).clamp(-1 + 1e-7, 1 - 1e-7))
                ),
                lambda start, end, t: _with_angle(
                    start, end, t, torch.acos((start * end).sum(-1, keepdim=True))
                ),
            ),
        ),
        Mistake(
            "walked backwards",
            "Which end belongs to t = 0?",
            lambda start, end, t: slerp(end, start, t),
        ),
        Mistake(
            "straight line pushed out",
            "The norm is right, the pace is not: the angle must grow evenly.",
            (_pushed_out, lambda start, end, t: _pushed_out(end, start, 1 - t)),
        ),
        Mistake(
            "not divided by the sine",
            "At t = 0 the first factor must be 1.",
            (
                lambda start, end, t: (
                    slerp(start, end, t)
                    * torch.where(_angle(start, end) < 1e-3, 1.0, _angle(start, end).sin())
                ),
                lambda start, end, t: slerp(start, end, t) * _angle(start, end).sin(),
            ),
        ),
        Mistake(
            "cosine taken for the angle",
            "The inner product of two directions is the cosine of the angle. Which function leads back?",
            (
                lambda start, end, t: _plain_circle(start, end, t, lambda a, b: _angle(a, b).cos()),
                lambda start, end, t: _plain_circle(
                    start, end, t, lambda a, b: (a * b).sum(-1, keepdim=True)
                ),
            ),
        ),
        Mistake(
            "path on the sphere of radius 1",
            "The codes have lengths of their own, and the path starts at start and ends at end.",
            lambda start, end, t: normalize(slerp(start, end, t), dim=-1),
        ),
    ),
    reference=slerp,
    cases=_slerp_cases,
    observe=_where_there_is_one,
    tolerance=1e-3,
)


def energy(path: Tensor) -> Tensor:
    steps = path[1:] - path[:-1]
    return steps.square().sum(-1).sum(0)


def _energy_cases(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    return [
        (torch.randn(steps, paths, size, generator=generator),)
        for steps, paths, size in ((5, 3, 4), (2, 2, 6), (4, 1, 3))
    ]


def _value_and_gradient(call, path: Tensor) -> dict[str, Tensor]:
    """The energies, and how the second path point feels them: geodesics are found by descending it."""
    path = path.requires_grad_()
    value = call(path)
    found = to_tensor(value)
    if found is None or found.shape != path.shape[1:2]:
        got = "something else" if found is None else tuple(found.shape)
        shape = f"{tuple(path.shape[1:2])}, one number for each path of the {tuple(path.shape)}"
        raise ContractBroken(f"The result must have shape {shape}; got {got}.")
    gradient = torch.zeros_like(path)
    if isinstance(value, Tensor) and value.requires_grad:
        (gradient,) = torch.autograd.grad(value.sum(), path)
    return {"the energy": found.to(path), "its gradient": gradient}


ENERGY = Exercise(
    id="03.4",
    title="The energy of a path",
    contract="energy(path): float tensor (steps, paths, size), the places of several paths after each step. "
    "Returns, for each path, the sum over its steps of the squared distance from one place to the next: "
    "(paths,). Gradients must reach path.",
    stub='''def energy(path: torch.Tensor) -> torch.Tensor:
    """path: (steps, paths, size). Returns the sum of squared steps of each path, (paths,)."""
    ...''',
    hints=(
        "A path with n places has n - 1 steps: path[1:] minus path[:-1].",
        "Square, sum over the last axis: a squared distance for each step and path. Then sum over the steps.",
    ),
    mistakes=(
        Mistake(
            "length instead of energy",
            "A root too many: with lengths, the descent would not care how the steps are spread.",
            lambda path: path.diff(dim=0).norm(dim=-1).sum(0),
        ),
        Mistake(
            "no gradient",
            "The numbers are right, but no gradient reaches the path, so nothing can be moved.",
            lambda path: energy(path.detach()),
        ),
        Mistake(
            "mean instead of sum",
            "Sum over the coordinates and over the steps.",
            (
                lambda path: path.diff(dim=0).square().mean(-1).sum(0),
                lambda path: path.diff(dim=0).square().sum(-1).mean(0),
                lambda path: path.diff(dim=0).square().mean((0, 2)),
            ),
        ),
        Mistake(
            "from start to end in one step",
            "All places count, not just the first and the last.",
            lambda path: (path[-1] - path[0]).square().sum(-1),
        ),
        Mistake(
            "distance from the start",
            "Each step goes from one place to the next.",
            lambda path: (path[1:] - path[:1]).square().sum(-1).sum(0),
        ),
        Mistake(
            "not squared",
            "Distances are never negative, sums of differences are.",
            (
                lambda path: path.diff(dim=0).sum(-1).sum(0),
                lambda path: path.diff(dim=0).abs().sum(-1).sum(0),
            ),
        ),
        Mistake(
            "one half in front",
            "The contract asks for the plain sum of squares.",
            lambda path: energy(path) / 2,
        ),
        Mistake(
            "back to the start",
            "A path has one step fewer than places; torch.roll adds the way from the end to the start.",
            lambda path: (path.roll(-1, 0) - path).square().sum((0, -1)),
        ),
        Mistake(
            "squared after a sum",
            "Square every coordinate of every step, then add: |a|² is not (a₁ + a₂ + …)².",
            (
                lambda path: path.diff(dim=0).sum(-1).square().sum(0),
                lambda path: path.diff(dim=0).norm(dim=-1).sum(0).square(),
                lambda path: path.diff(dim=0).abs().sum(-1).square().sum(0),
                lambda path: path.diff(dim=0).sum(0).square().sum(-1),
            ),
        ),
    ),
    reference=energy,
    cases=_energy_cases,
    observe=_value_and_gradient,
    tolerance=1e-3,
)

EXERCISES = (MAPS, NORMS, DOUBT, CHAIN, MOVE_TO, SLERP, ENERGY)
