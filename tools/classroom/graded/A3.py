"""Assignment A3: choose the latent size of pictures that the student's number decides."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean

import torch
from torch import Tensor

from tools.classroom.graded import measured
from vae_course.data.images import ImageData
from vae_course.exercises import assignment_3 as given

SWEEP, CHOICE = "A3_sweep.pt", "A3_choice.pt"
NEAR, CARRIED, FORGIVEN, LEAST_GAIN = 0.3, 0.1, 0.2, 1.0


def measure(state: Mapping, size: int, task: given.Task, data: ImageData) -> tuple[float, Tensor]:
    """−ELBO in nats, and the mean KL of each unit."""
    found = measured(given.model_of(state, task, size), data)
    return found.rate + found.distortion, found.kl


def fresh_pictures(seed: int, task: given.Task) -> ImageData:
    """Pictures of the test part, bent with the class's secret seed."""
    return given.pictures(task.name, task.classes, "test", torch.Generator().manual_seed(seed))


def the_sweep(handed) -> tuple[float, str]:
    """The share of models whose −ELBO is what we measure."""
    task, sweep = given.task(handed.number), given.read_sweep(handed.weights(SWEEP))
    pairs = zip(sweep.states, sweep.sizes, strict=True)
    found = [measure(state, size, task, task.held_out)[0] for state, size in pairs]
    if found[0] - min(found) < LEAST_GAIN:
        return 0.0, "No model of your sweep is much better than the smallest: were they trained?"
    off = [
        f"{size} dimensions: {value:.2f}"
        for size, value, said in zip(sweep.sizes, found, sweep.negative_elbos, strict=True)
        if abs(value - said) > NEAR
    ]
    said = f"{len(found) - len(off)} of {len(found)} models measure as you say"
    return 1 - len(off) / len(found), f"{said}; the others: {'; '.join(off)}." if off else f"{said}."


def components(task: given.Task, error: float) -> int:
    """The least number of principal components with at most this squared error on held-out pictures."""
    known, x = (data.floats().flatten(1).double() for data in (task.train, task.held_out))
    axes = torch.linalg.svd(known - known.mean(0), full_matrices=False).Vh
    away = x - known.mean(0)
    left = away.square().sum(1).mean() - (away @ axes.T).square().mean(0).cumsum(0)
    return int((left > error).sum()) + 1


def read_it(handed) -> tuple[float, str]:
    """A third of the points for each number that the models bear out."""
    task, sweep = given.task(handed.number), given.read_sweep(handed.weights(SWEEP))
    answer = handed.answer("answer_A3_2")
    verdict = given.EXERCISES[1].grade(answer)
    if not verdict.correct:
        return 0.0, verdict.message
    pairs = zip(sweep.states, sweep.sizes, strict=True)
    found = [measure(state, size, task, task.held_out) for state, size in pairs]
    nats = [value for value, _ in found]
    close = [size for size, value in zip(sweep.sizes, nats, strict=True) if value <= min(nats) + FORGIVEN]
    kl, x = found[-1][1], task.held_out.floats()
    rebuilt = given.model_of(sweep.states[-1], task, sweep.sizes[-1]).reconstruct(x)
    error = (x - rebuilt).square().flatten(1).sum(1).mean().item()
    count = components(task, error)
    # A unit that lies on the edge may be counted or not.
    carrying = range(int((kl > CARRIED + 0.02).sum()), int((kl > CARRIED - 0.02).sum()) + 1)
    right = [
        int(answer["best size"]) in close,
        int(answer["carrying"]) in carrying,
        abs(int(answer["components"]) - count) <= 1,
    ]
    best = " or ".join(map(str, close))
    said = f"Measured: best size {best}, {int((kl > CARRIED).sum())} carrying units, {count} components."
    return sum(right) / 3, said


def smallest(handed) -> tuple[float, str]:
    """Three points for being good enough, three for being the smallest, on fresh pictures."""
    task, sweep = given.task(handed.number), given.read_sweep(handed.weights(SWEEP))
    size, states = given.read_choice(handed.weights(CHOICE))
    fresh = fresh_pictures(handed.seed, task)
    pairs = zip(sweep.states, sweep.sizes, strict=True)
    found = {k: measure(state, k, task, fresh)[0] for state, k in pairs}
    own = fmean(measure(state, size, task, fresh)[0] for state in states)
    above = own - min(found.values())
    good = 3 if above <= task.tolerance + FORGIVEN else 1 if above <= 2 * task.tolerance else 0
    smaller = {k: value - min(found.values()) for k, value in found.items() if k < size}
    least = good > 0 and all(value > task.tolerance - FORGIVEN for value in smaller.values())
    gap = size - max(smaller, default=0)
    small = (3 if gap <= 1 else 1 if gap <= 2 else 0) if least else 0
    said = f"{size} dimensions: {above:.2f} nats above the best of your sweep, tolerance {task.tolerance}"
    if smaller:
        said += f"; the next smaller one, {max(smaller)}, is {smaller[max(smaller)]:.2f} above"
    return (good + small) / 6, f"{said}."


QUESTIONS = {"A3.1": the_sweep, "A3.2": read_it, "A3.3": smallest}
