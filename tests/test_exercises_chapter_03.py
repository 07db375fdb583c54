"""Chapter 03's exercises: independently written wrong answers are named, unusual right ones pass."""

import math

import numpy as np
import pytest
import torch
from exercise_answers import assert_recognized, stub_of, verdict_of
from torch.distributions import Categorical

from vae_course.teaching.engine import exercises


def walk(codes, steps, start=0, stop=None):
    """Points at places start, start + 1/steps, ... along the chain, by linear interpolation in numpy."""
    n = len(codes)
    places = np.linspace(0, n - 1, (n - 1) * steps + 1)[start:stop]
    columns = [np.interp(places, np.arange(n), column) for column in codes.numpy().T]
    return torch.tensor(np.stack(columns, 1), dtype=codes.dtype)


def twice(codes, steps):
    rows = []
    for i in range(len(codes) - 1):
        for j in range(steps + 1):
            rows.append(torch.lerp(codes[i], codes[i + 1], j / steps))
    return torch.stack(rows)


def legs_reversed(codes, steps):
    rows = []
    for i in range(len(codes) - 1):
        for j in range(steps):
            rows.append(torch.lerp(codes[i + 1], codes[i], j / steps))
    return torch.stack([*rows, codes[-1]])


def nearest(z, w, bias, target):
    """By the pseudo-inverse: smallest step d with w·d = what is missing."""
    return z + (target - bias - z @ w)[:, None] @ torch.linalg.pinv(w[:, None])


def one_by_one(z, w, bias, target, divide=lambda w: (w**2).sum(), sign=1):
    rows = [row + sign * (target - bias - torch.dot(row, w)) / divide(w) * w for row in z]
    return torch.stack(rows)


def directions(a, b):
    a, b = a / a.norm(dim=-1, keepdim=True), b / b.norm(dim=-1, keepdim=True)
    return a, b, torch.arccos((a * b).sum(-1).clamp(-1, 1))[..., None]


def kahan(a, b, t):
    """By half-angles, pair by pair; opposite codes get NaN."""
    rows = []
    for x, y in zip(a, b, strict=True):
        u, v = x / x.norm(), y / y.norm()
        w = 2 * torch.atan2((u - v).norm(), (u + v).norm())
        if w > math.pi - 1e-4:
            rows.append(torch.full((len(t), len(x)), math.nan))
        elif w < 1e-4:
            rows.append(torch.stack([torch.lerp(x, y, float(s)) for s in t]))
        else:
            rows.append(
                torch.stack([(torch.sin((1 - s) * w) * x + torch.sin(s * w) * y) / w.sin() for s in t])
            )
    return torch.stack(rows, 1)


def rotated(a, b, t):
    """One step at a time."""
    return torch.cat([kahan(a, b, t[i : i + 1]) for i in range(len(t))])


def sines(a, b, t, w, divide=True):
    s = t.reshape(-1, 1, 1)
    straight = (1 - s) * a + s * b
    path = torch.sin((1 - s) * w) * a + torch.sin(s * w) * b
    return torch.where(w.abs() < 1e-3, straight, path / w.sin() if divide else path)


def squared_steps(path, reduce=torch.sum):
    return torch.stack([reduce((path[i + 1] - path[i]) ** 2, -1) for i in range(len(path) - 1)]).sum(0)


BROKEN = {
    "03.2": {
        "straight line": [lambda a, b, t: torch.stack([torch.lerp(a, b, float(s)) for s in t])],
        "not a number for equal directions": [
            lambda a, b, t: torch.stack(
                [
                    (torch.sin((1 - s) * directions(a, b)[2]) * a + torch.sin(s * directions(a, b)[2]) * b)
                    / torch.sin(directions(a, b)[2])
                    for s in t
                ]
            )
        ],
        "given up for the whole batch": [
            lambda a, b, t: (
                torch.stack([torch.lerp(a, b, float(s)) for s in t])
                if (directions(a, b)[2] > 3.1).any()
                else kahan(a, b, t)
            )
        ],
        "ends of length 1": [lambda a, b, t: kahan(*directions(a, b)[:2], t)],
        "angle from codes that are not normalized": [
            lambda a, b, t: sines(a, b, t, torch.arccos(torch.einsum("pl,pl->p", a, b).clamp(-1, 1))[:, None])
        ],
        "walked backwards": [lambda a, b, t: kahan(a, b, 1 - t)],
        "straight line pushed out": [
            lambda a, b, t: torch.stack(
                [
                    torch.lerp(a, b, float(s))
                    / torch.lerp(a, b, float(s)).norm(dim=1, keepdim=True)
                    * ((1 - s) * a.norm(dim=1) + s * b.norm(dim=1))[:, None]
                    for s in t
                ]
            )
        ],
        "not divided by the sine": [lambda a, b, t: sines(a, b, t, directions(a, b)[2], divide=False)],
    },
    "03.4": {
        "length instead of energy": [
            lambda p: sum((p[i + 1] - p[i]).pow(2).sum(-1).sqrt() for i in range(len(p) - 1))
        ],
        "no gradient": [torch.no_grad()(squared_steps), lambda p: squared_steps(p).tolist()],
        "mean instead of sum": [
            lambda p: squared_steps(p, torch.mean),
            lambda p: squared_steps(p) / (len(p) - 1),
            lambda p: squared_steps(p, torch.mean) / (len(p) - 1),
        ],
        "from start to end in one step": [lambda p: torch.norm(p[0] - p[-1], dim=1) ** 2],
        "distance from the start": [lambda p: sum(((q - p[0]) ** 2).sum(1) for q in p)],
        "not squared": [lambda p: (p[-1] - p[0]).sum(1), lambda p: torch.diff(p, dim=0).abs().sum((0, 2))],
    },
    "03.5": {
        "t-SNE distances taken at face value": [{"a": "yes", "b": "yes", "c": "no", "d": "yes"}],
        "shadow taken for the thing": [{"a": "no", "b": "yes", "c": "yes", "d": "yes"}],
        "t-SNE distrusted altogether": [{"a": "no", "b": "no", "c": "no", "d": "yes"}],
        "shadow thought to be longer than the thing": [{"a": "no", "b": "yes", "c": "no", "d": "no"}],
    },
    "03.1": {
        "no shrinking on the straight line": [{"lerp": 10, "slerp": 10, "three": 5.77}],
        "halved instead of divided by √2": [{"lerp": 5, "slerp": 10, "three": 5.77}],
        "sum instead of mean": [{"lerp": 14.1, "slerp": 10, "three": 5.77}],
        "shrinking on the great circle": [{"lerp": 7.07, "slerp": 7.07, "three": 5.77}],
        "divided by 3 instead of √3": [{"lerp": 7.07, "slerp": 10, "three": 3.33}],
    },
    "03.3": {
        "not a number for certain answers": [
            lambda p: -torch.einsum("ij,ij->i", p, torch.log(p)),
            lambda p: torch.sum(p * -p.log(), 1),
        ],
        "sign lost": [lambda p: torch.nan_to_num(p * p.log()).sum(1)],
        "bits instead of nats": [lambda p: -torch.nan_to_num(p * p.log2()).sum(1)],
        "averaged over the classes": [lambda p: -torch.nan_to_num(p * p.log()).mean(1)],
        "averaged over the pictures": [
            lambda p: torch.special.entr(p).sum(1).mean(),
            lambda p: torch.special.entr(p).sum(),
        ],
        "not weighted by the probability": [lambda p: torch.sum(torch.log(1 / p), dim=1)],
    },
    "03.6": {
        "inner codes twice": [twice],
        "last code missing": [lambda codes, steps: walk(codes, steps, stop=-1)],
        "first code missing": [lambda codes, steps: walk(codes, steps, start=1)],
        "walked backwards": [lambda codes, steps: walk(codes, steps).flip(0), legs_reversed],
        "walk closed to a loop": [lambda codes, steps: walk(torch.cat([codes, codes[0][None]]), steps)],
        "codes in the middle skipped": [
            lambda codes, steps: torch.stack(
                [
                    torch.lerp(codes[0], codes[-1], t)
                    for t in torch.linspace(0, 1, (len(codes) - 1) * steps + 1)
                ]
            )
        ],
    },
    "03.7": {
        "what the code already has forgotten": [
            lambda z, w, bias, target: z + target / w.norm() ** 2 * w,
            lambda z, w, bias, target: z + (target - bias) / w.norm() ** 2 * w,
        ],
        "bias forgotten": [lambda z, w, bias, target: nearest(z, w, 0, target)],
        "divided by the norm, not by its square": [
            lambda z, w, bias, target: one_by_one(z, w, bias, target, torch.linalg.vector_norm)
        ],
        "weight not normalized": [lambda z, w, bias, target: one_by_one(z, w, bias, target, lambda w: 1)],
        "moved away from the target": [lambda z, w, bias, target: one_by_one(z, w, bias, target, sign=-1)],
        "the same move for all": [
            lambda z, w, bias, target: z + (target - bias - (z @ w).mean()) / w.norm() ** 2 * w
        ],
        "all dimensions moved alike": [
            lambda z, w, bias, target: z + ((target - bias - z @ w) / w.sum())[:, None] * torch.ones_like(z)
        ],
        "everything but the property thrown away": [
            lambda z, w, bias, target: nearest(torch.zeros_like(z), w, bias, target)
        ],
    },
}
UNUSUAL = {
    "03.2": {"half-angles, NaN for opposite codes": kahan, "step by step": rotated},
    "03.4": {
        "a loop": squared_steps,
        "two inner products": lambda p: (p.diff(dim=0) * p.diff(dim=0)).sum((0, 2)),
        "norms": lambda p: p.diff(dim=0).norm(dim=-1).pow(2).sum(0),
        "float64": lambda p: squared_steps(p.double()),
    },
    "03.5": {"capitals": {"a": "No", "b": "YES", "c": "no", "d": "Yes"}},
    "03.1": {"rounded": {"lerp": 7.1, "slerp": torch.tensor(10), "three": 5.8}},
    "03.3": {
        "torch.special": lambda p: torch.special.entr(p).sum(-1),
        "torch.distributions": lambda p: Categorical(probs=p).entropy(),
        "xlogy": lambda p: -torch.xlogy(p, p).sum(-1),
        "pure Python": lambda p: [-sum(q * math.log(q) for q in row if q > 0) for row in p.tolist()],
    },
    "03.6": {"numpy": walk},
    "03.7": {"pseudo-inverse": nearest, "row by row": one_by_one},
}


def test_each_classic_mistake_is_recognized_by_name(capsys):
    with capsys.disabled():
        assert_recognized("03", BROKEN)


@pytest.mark.parametrize(
    ("identifier", "name"), [(identifier, name) for identifier, named in UNUSUAL.items() for name in named]
)
def test_a_correct_but_unusual_answer_passes(identifier, name):
    verdict = verdict_of(identifier, UNUSUAL[identifier][name])
    assert verdict.correct, verdict


@pytest.mark.parametrize("exercise", exercises("03"), ids=lambda exercise: exercise.id)
def test_an_unsolved_stub_is_not_answered(exercise):
    assert verdict_of(exercise.id, stub_of(exercise)).status == "not answered"


def test_the_norms_asked_for_are_those_of_draws():
    a, b, c = torch.randn(3, 4000, 100, generator=torch.Generator().manual_seed(0))
    measured = {"lerp": ((a + b) / 2).norm(dim=1).mean(), "three": ((a + b + c) / 3).norm(dim=1).mean()}
    assert verdict_of("03.1", {**measured, "slerp": a.norm(dim=1).mean()}).correct


def test_the_nearest_code_is_asked_for_not_just_any_with_the_property():
    def first_coordinate_only(z, w, bias, target):
        z = z.clone()
        z[:, 0] += (target - bias - z @ w) / w[0]
        return z

    assert verdict_of("03.7", first_coordinate_only).mistake == "moved along one coordinate"
