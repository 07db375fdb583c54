"""Assignment A4: build something beyond the plain VAE, judged by samples, coverage and memory."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

from vae_course.exercises import assignment_4 as given
from vae_course.models.vae import VAE
from vae_course.teaching.exercise import Exercise, Mistake

SAMPLER, REPORT = "A4_sampler.pt", "A4_report.pt"


def matched_gaussian(mean: Tensor, log_var: Tensor) -> tuple[Tensor, Tensor]:
    return mean.mean(0), torch.cov(mean.T, correction=0).view(2 * mean.shape[1:]) + log_var.exp().mean(
        0
    ).diag()


def _other(between: float = 1.0, within: float = 1.0, power: float = 1.0) -> object:
    def broken(mean, log_var):
        center, _ = matched_gaussian(mean, log_var)
        away = mean - center
        return center, between * away.T @ away / len(mean) + within * (power * log_var).exp().mean(0).diag()

    return broken


def _pooled(mean: Tensor, log_var: Tensor) -> tuple[Tensor, Tensor]:
    center, covariance = matched_gaussian(mean, log_var)
    return center, covariance.diagonal().diag()


def _codes(seed: int) -> list[tuple]:
    g = torch.Generator().manual_seed(seed)
    cases = []
    for n, k in ((6, 2), (40, 5), (9, 1)):
        mix = torch.randn(k, k, generator=g)
        cases.append((torch.randn(n, k, generator=g) @ mix + 2, torch.randn(n, k, generator=g) - 0.5))
    return cases


FIT = given.EXERCISES[0]
FITTED = Exercise(
    "A4.1", FIT.title, FIT.contract, FIT.stub, FIT.hints,
    (
        Mistake("noise of each code left out", "A code is drawn, not the mean taken.", _other(within=0.0)),
        Mistake("spread of the means left out", "Pictures differ, too.", _other(between=0.0)),
        Mistake("σ instead of σ²", "log_var is log σ².", _other(power=0.5)),
        Mistake("exp(2 log_var)", "log_var is log σ² already.", _other(power=2.0)),
        Mistake("no correlations", "Means of different dimensions belong together.", _pooled),
        Mistake(
            "divided by n − 1", "The contract says n: a picture is drawn from these n.",
            lambda m, v: (m.mean(0), torch.cov(m.T).view(2 * m.shape[1:]) + v.exp().mean(0).diag()),
        ),
        Mistake(
            "mean of log_var exponentiated", "The mean of σ² is asked for.",
            lambda m, v: (m.mean(0), matched_gaussian(m, 0 * v - 99)[1] + v.mean(0).exp().diag()),
        ),
        Mistake(
            "second moment", "Take the mean off first.",
            lambda m, v: (m.mean(0), m.T @ m / len(m) + v.exp().mean(0).diag()),
        ),
    ),
    reference=matched_gaussian, cases=_codes,
)  # fmt: skip


@torch.no_grad()
def opponent(model: VAE, task: given.Task) -> given.Sampler:
    """The plain VAE's own samples, with the Gaussian that fits its codes."""
    q = model.encode(task.train.floats())
    mean, covariance = matched_gaussian(q.mean, q.log_var)
    decoder, factor = given.decoder_of(model), torch.linalg.cholesky(covariance)
    parts = {"decoder": decoder, "activation": "gelu", "mean": mean, "factor": factor}
    return given.read_sampler({"path": "gan", **parts})


@lru_cache(maxsize=4)
def plain(student: int) -> tuple[given.Task, given.Sampler]:
    """The student's letters, and the opponent that was trained on them."""
    task = given.task(student)
    return task, opponent(given.plain_vae(task), task)


# Chosen before anything was measured: how much of the way from the opponent to fresh letters is gone.
STEPS = ((1 / 4, 7), (1 / 8, 4))
BETTER = 2  # points, for a lead over the opponent of more than two standard errors
MOST_COPIES = 0.1  # share of samples; of fresh letters a hundredth does that by construction


def beyond(handed) -> tuple[float, str]:
    """Points by the score of fresh samples, with a judge and pictures that nobody else has."""
    task, other = plain(handed.number)
    sampler = given.read_sampler(handed.weights(SAMPLER))
    g, n = torch.Generator().manual_seed(handed.seed), len(task.held_out)
    judge, real = given.new_judge(task, handed.seed), given.pictures(task.letters, "test", g)
    fresh = [given.pictures(task.letters, "validation", g).floats() for _ in range(given.BATCHES)]
    drawn = given.batches_of(sampler.draw, n, handed.seed)
    theirs = given.batches_of(other.draw, n, handed.seed + 1)
    own, low, top = (given.measure(one, judge, real) for one in (drawn, theirs, fresh))
    share = (own.score - low.score) / max(top.score - low.score, 1e-9)
    said = f"Yours: {own}. The plain VAE: {low}. Fresh letters: {top}. You went {share:.0%} of the way"
    copied = given.copies(drawn, task)
    if copied > MOST_COPIES:
        return 0.0, f"{said}, but {copied:.0%} of your samples are copies of pictures that you had."
    if own.score - low.score <= 2 * math.hypot(own.error, low.error):
        return 0.0, f"{said}: no sure lead over the plain VAE."
    points = next((points for least, points in STEPS if share >= least), BETTER)
    if share > 1:
        said += " (better than fresh letters: look at what it was trained on)"
    return points / STEPS[0][1], f"{said}; copies {copied:.1%}."


NEAR = {"plain": 0.03, "yours": 0.03, "copies": 0.02}


def what_you_built(handed) -> tuple[float, str]:
    """A third of the points for each number that fits the file."""
    task, other = plain(handed.number)
    told = given.read_report(handed.weights(REPORT))
    sampler, judge = given.read_sampler(handed.weights(SAMPLER)), given.new_judge(task)
    drawn, theirs = (given.batches_of(one.draw, len(task.held_out)) for one in (sampler, other))
    found = {
        "plain": given.measure(theirs, judge, task.held_out).score,
        "yours": given.measure(drawn, judge, task.held_out).score,
        "copies": given.copies(drawn, task),
    }
    right = [name for name, value in found.items() if abs(told[name] - value) <= NEAR[name]]
    said = ", ".join(f"{name} {value:.3f} (yours {told[name]:.3g})" for name, value in found.items())
    return len(right) / len(found), f"Measured on your file: {said}."


QUESTIONS = {"A4.1": FITTED, "A4.2": beyond, "A4.3": what_you_built}
