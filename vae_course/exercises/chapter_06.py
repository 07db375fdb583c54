"""Exercises of chapter 06, in order; this file holds counting modes and the price of a dropped one."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vae_course.exercises.chapter_06_game import PLAYER_LOSSES
from vae_course.exercises.chapter_06_penalty import GRADIENT_PENALTY
from vae_course.exercises.exercise import Exercise, Mistake


def count_modes(points: Tensor, centers: Tensor, std: float, least: int) -> tuple[int, float]:
    distance, mode = torch.cdist(points, centers).min(dim=1)
    good = distance <= 3 * std
    counts = torch.bincount(mode[good], minlength=len(centers))
    return int((counts >= least).sum()), good.float().mean().item()


def _clouds(seed: int) -> list[tuple]:
    """Clouds of different sizes, some points on the rim of a mode, some stray ones."""
    generator = torch.Generator().manual_seed(seed)
    centers = torch.tensor([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0], [2.0, 2.0], [4.0, 1.0]])
    std = 0.1
    parts = [centers[0] + 0.05 * torch.randn(9, 2, generator=generator)]
    parts += [centers[1] + 0.05 * torch.randn(4, 2, generator=generator), centers[2:3]]
    parts += [centers[3] + torch.tensor([[0.28, 0.0], [0.0, -0.29], [0.25, 0.25], [0.26, -0.25], [0.0, 0.2]])]
    parts += [torch.tensor([[4.35, 1.0], [4.0, 1.4], [1.0, 1.0], [4.0, 0.6]])]
    points = torch.cat(parts)
    return [(points, centers, std, least) for least in (1, 3, 5)] + [(points[:9], centers, 0.02, 1)]


def _counted(points: Tensor, centers: Tensor, good: Tensor, least: int) -> int:
    mode = torch.cdist(points, centers).argmin(1)
    return int((torch.bincount(mode[good], minlength=len(centers)) >= least).sum())


def _variant(reach=lambda distance, std: distance <= 3 * std, least=lambda least: least, count_all=False):
    """The reference with one thing changed."""

    def broken(points: Tensor, centers: Tensor, std: float, smallest: int) -> tuple[int, float]:
        good = reach(torch.cdist(points, centers).min(1).values, std)
        counts = torch.ones_like(good) if count_all else good
        return _counted(points, centers, counts, least(smallest)), good.float().mean().item()

    return broken


def _per_axis(points: Tensor, centers: Tensor, std: float, least: int) -> tuple[int, float]:
    mode = torch.cdist(points, centers).argmin(1)
    good = ((points - centers[mode]).abs() <= 3 * std).all(1)
    return _counted(points, centers, good, least), good.float().mean().item()


COUNT_MODES = Exercise(
    id="06.1",
    title="Count the modes",
    contract="count_modes(points, centers, std, least): float tensors points (n, 2) and centers (k, 2); "
    "std > 0 is each mode's standard deviation; least >= 1. A point is good when its distance to the nearest "
    "center is at most 3 std. Returns (hit, quality): hit is the number of modes, a whole number, with at "
    "least `least` good points nearest to them; quality is the share of all points that are good, in [0, 1].",
    stub='''def count_modes(
    points: torch.Tensor, centers: torch.Tensor, std: float, least: int
) -> tuple[int, float]:
    """points: (n, 2); centers: (k, 2). Returns (modes hit, share of good points)."""
    ...''',
    hints=(
        "torch.cdist gives all distances, (n, k). Which center is the nearest, and how far is it?",
        "Keep the good points, and count them by their nearest center: torch.bincount with minlength.",
        "A mode is hit when its count reaches `least`; the share is taken of all points.",
    ),
    mistakes=(
        Mistake(
            "every mode that is nearest to something",
            "A point between two modes is also nearest to one of them. Does it lie on it?",
            _variant(count_all=True),
        ),
        Mistake(
            "one standard deviation instead of three",
            "In the plane, 61 % of a Gaussian's own draws lie further out than one standard deviation.",
            _variant(reach=lambda distance, std: distance <= std),
        ),
        Mistake(
            "squared distance compared with 3 std",
            "What is the unit of the left side, what of the right?",
            (
                _variant(reach=lambda distance, std: distance**2 <= 3 * std),
                _variant(reach=lambda distance, std: distance**2 <= 3 * std**2),
            ),
        ),
        Mistake(
            "each coordinate by itself",
            "A corner of the square is further away than its side.",
            _per_axis,
        ),
        Mistake(
            "least ignored",
            "A single stray point should not make a mode hit when more are asked for.",
            _variant(least=lambda least: 1),
        ),
        Mistake(
            "more than least, instead of at least",
            "With exactly `least` good points a mode counts.",
            _variant(least=lambda least: least + 1),
        ),
    ),
    reference=count_modes,
    cases=_clouds,
    low=0.0,
)

_SHARE, _REST = 1 / 80, (1 - 1 / 80) / 7
_FORWARD = 7 / 8 * math.log(1 / 8 / _REST) + 1 / 8 * math.log(1 / 8 / _SHARE)
_REVERSE = math.log(8 / 7)
_JENSEN = (7 / 8 * math.log((1 / 8) / (15 / 112)) + 1 / 8 * math.log(2) + math.log((1 / 7) / (15 / 112))) / 2

PRICE = Exercise(
    id="06.2",
    title="The price of a dropped mode",
    contract="Data have eight equally likely modes. Give, in nats: 'forward', KL(data || model) when the "
    "model gives one mode the share 1/80 and the others equal shares of the rest; 'dropped', KL(model || "
    "data) when the model has seven equal modes and never visits the eighth; 'js', the Jensen-Shannon "
    "divergence for that last model, ½ KL(data || m) + ½ KL(model || m) with m the average of the two.",
    stub='answer_06_2 = {"forward": ..., "dropped": ..., "js": ...}',
    hints=(
        "Modes do not overlap, so each divergence is a sum over eight shares.",
        "forward: seven terms are slightly negative, one is (1/8) log((1/8) / (1/80)).",
        "js: m gives 15/112 to each of seven modes, and 1/16 to the eighth.",
    ),
    mistakes=(
        Mistake("bits instead of nats", "Natural logarithms, please.", value={"dropped": math.log2(8 / 7)}),
        Mistake(
            "only the dropped mode counted",
            "The seven other modes gained what it lost, so their terms are below 0.",
            value={"forward": 1 / 8 * math.log(10)},
        ),
        Mistake(
            "the divergence of a mode that is missing altogether",
            "A share of 1/80 is little, but it is not nothing.",
            value={"forward": math.inf},
        ),
        Mistake(
            "the two directions swapped",
            "Under whose distribution is the expectation taken?",
            (),
            {"forward": 7 * _REST * math.log(_REST * 8) + _SHARE * math.log(_SHARE * 8)},
        ),
        Mistake(
            "infinite instead of finite",
            "The expectation is under the model, which never visits that mode.",
            value={"dropped": math.inf},
        ),
        Mistake(
            "halves forgotten",
            "The Jensen–Shannon divergence averages two divergences and is at most log 2.",
            value={"js": 2 * _JENSEN},
        ),
    ),
    value={"forward": _FORWARD, "dropped": _REVERSE, "js": _JENSEN},
    tolerance=2e-3,
    explanation="forward: 7 · (1/8) log((1/8) / (79/560)) + (1/8) log 10. It grows without limit as 1/80 is "
    "replaced by less.\ndropped: 7 · (1/7) log((1/7) / (1/8)) = log(8/7).\n"
    "js: half of 7 · (1/8) log((1/8) / (15/112)) + (1/8) log 2, and half of log((1/7) / (15/112)).\n"
    "A mode that is never visited costs infinitely much in one direction and little in the other two.",
)

EXERCISES = (COUNT_MODES, PRICE, PLAYER_LOSSES, GRADIENT_PENALTY)
