"""Assignment A2: choose β from a sweep of one's own, for a budget of bits of one's own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise

import torch

from tools.classroom.graded import Measured, measured
from vae_course.data.images import ImageData
from vae_course.exercises import assignment_2 as given
from vae_course.exercises.handed_in import Bad

SWEEP, CHOICE = "A2_sweep.pt", "A2_choice.pt"
NEAR_RATE, NEAR_DISTORTION, NEAR_SLOPE, SILENT = 0.3, 1.0, 0.1, 0.1
LEAST_GAIN = 3.0


def measure(state: Mapping, task: given.Task, data: ImageData) -> Measured:
    return measured(given.model_of(state, task), data)


def mean_of_each_pixel(task: given.Task) -> float:
    """−log p of the held-out pictures when the decoder puts out the mean picture, nats."""
    model, x = given.new_model(task), task.held_out.floats()
    return -model.likelihood.log_prob(x, model.output_offset.expand_as(x)).mean().item()


def fresh_pictures(seed: int, task: given.Task) -> ImageData:
    """The student's digits of the test part, bent with the class's secret seed."""
    return given.pictures(torch.tensor(task.classes), "test", torch.Generator().manual_seed(seed))


def the_sweep(handed) -> tuple[float, str]:
    """The share of models whose numbers are what we measure."""
    task, sweep = given.task(handed.number), given.read_sweep(handed.weights(SWEEP))
    found = [measure(state, task, task.held_out) for state in sweep.states]
    off = [
        f"β = {beta:g}: rate {own.rate:.2f}, distortion {own.distortion:.2f}"
        for beta, rate, distortion, own in zip(
            sweep.betas, sweep.rates, sweep.distortions, found, strict=True
        )
        if abs(own.rate - rate) > NEAR_RATE or abs(own.distortion - distortion) > NEAR_DISTORTION
    ]
    if found[0].rate < 2 * found[-1].rate:
        return (
            0.0,
            "The models of the smallest and the largest β hardly differ: were they trained with these β?",
        )
    lowest = min(own.rate + own.distortion for own in found)
    if lowest > mean_of_each_pixel(task) - LEAST_GAIN:
        return 0.0, f"None of the models learned much: the lowest −ELBO is {lowest:.1f} nats."
    right = len(found) - len(off)
    said = f"{right} of {len(found)} models measure as you say"
    return right / len(found), f"{said}; the others: {'; '.join(off)}." if off else f"{said}."


def read_it(handed) -> tuple[float, str]:
    """A third of the points for each number that the models bear out."""
    task, sweep = given.task(handed.number), given.read_sweep(handed.weights(SWEEP))
    answer = handed.answer("answer_A2_2")
    verdict = given.EXERCISES[1].grade(answer)
    if not verdict.correct:
        return 0.0, verdict.message
    models = [measure(state, task, task.held_out) for state in sweep.states]
    totals = [model.rate + model.distortion for model in models]
    close = [beta for beta, total in zip(sweep.betas, totals, strict=True) if total <= min(totals) + 0.3]
    silent = int((models[-1].kl < SILENT).sum())
    sides = _sides(models, task.budget * math.log(2))
    slope = (sides[1].distortion - sides[0].distortion) / (sides[0].rate - sides[1].rate)
    edges = (models[-1].kl - 0.02, models[-1].kl + 0.02)  # a unit that lies on the edge may be counted or not
    near = range(int((edges[1] < SILENT).sum()), int((edges[0] < SILENT).sum()) + 1)
    right = [
        any(math.isclose(float(answer["best beta"]), beta, rel_tol=1e-3) for beta in close),
        int(answer["silent"]) in near,
        abs(float(answer["slope"]) - slope) <= NEAR_SLOPE * abs(slope),
    ]
    said = (
        f"Measured: best β {' or '.join(f'{b:g}' for b in close)}, {silent} silent units, slope {slope:.2f}."
    )
    return sum(right) / 3, said


def _sides(models: list[Measured], limit: float) -> tuple[Measured, Measured]:
    """The neighbors with rates above and below."""
    for high, low in pairwise(models):
        if high.rate > limit >= low.rate:
            return high, low
    raise Bad("no two neighbors of your sweep lie on both sides of your budget")


def meet_the_budget(handed) -> tuple[float, str]:
    """Three points for the rate, three for the distortion at it, on fresh pictures."""
    task, sweep = given.task(handed.number), given.read_sweep(handed.weights(SWEEP))
    _, state = given.read_choice(handed.weights(CHOICE))
    fresh, limit = fresh_pictures(handed.seed, task), task.budget * math.log(2)
    found = measure(state, task, fresh)
    curve = sorted((m.rate, m.distortion) for m in (measure(s, task, fresh) for s in sweep.states))
    lost = found.distortion - _between(curve, found.rate)
    share = found.rate / limit
    points = 0 if share > 1 or share < 0.75 else 3 if share >= 0.9 else 1
    if share <= 1 and share >= 0.5:  # a model far from the budget proves nothing by lying on the curve
        points += 3 if lost <= 1 else 1 if lost <= 3 else 0
    said = f"On fresh pictures {found.rate / math.log(2):.2f} of {task.budget} bits, distortion"
    return points / 6, f"{said} {found.distortion:.1f} nats, {lost:+.1f} beside your sweep's curve."


def _between(curve: list[tuple[float, float]], rate: float) -> float:
    """Distortion at a rate along straight lines, flat beyond the ends."""
    place = min(max(sum(r < rate for r, _ in curve), 1), len(curve) - 1)
    (r0, d0), (r1, d1) = curve[place - 1], curve[place]
    share = min(max((rate - r0) / max(r1 - r0, 1e-9), 0.0), 1.0)
    return d0 + share * (d1 - d0)


QUESTIONS = {"A2.1": the_sweep, "A2.2": read_it, "A2.3": meet_the_budget}
