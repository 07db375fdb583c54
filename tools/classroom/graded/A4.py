"""Assignment A4: build something beyond the plain VAE, judged by samples, coverage and memory."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
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


def pixel_gaussian(task: given.Task) -> given.Draw:
    """No network at all: a Gaussian with the mean and covariance of the training pictures, cut to [0, 1]."""
    x = task.train.floats().flatten(1)
    mean, covariance = x.mean(0), torch.cov(x.T, correction=0) + 1e-5 * torch.eye(x.shape[1])
    factor = torch.linalg.cholesky(covariance)

    def draw(n: int, generator: torch.Generator) -> Tensor:
        codes = torch.randn(n, len(mean), generator=generator)
        return (mean + codes @ factor.T).clamp(0, 1).view(n, *task.train.shape)

    return draw


@lru_cache(maxsize=4)
def plain(student: int) -> tuple[given.Task, given.Sampler]:
    """The student's letters, and the opponent that was trained on them."""
    task = given.task(student)
    return task, opponent(given.plain_vae(task), task)


WIDTHS = (0.85, 1.0, 1.15)  # of the plain VAE's Gaussian: whoever draws wider has built nothing
EIGHTH, QUARTER = 1 / 8, 1 / 4  # of the way to the best there is
FULL = 7
MOST_COPIES = 0.1  # share of samples; of fresh letters a hundredth does that by construction


@dataclass(frozen=True)
class Seen:
    """A sampler and its opponents before one hidden judge, hidden pictures, and critics of their own."""

    own: given.Measured
    pixels: given.Measured  # the Gaussian of the pixels
    plain: given.Measured  # the plain VAE, at the width that scores best
    fresh: given.Measured  # letters
    mistakes: float  # of critics, on the sampler's pictures; NaN where they were not asked
    plain_mistakes: float
    copied: float

    def lead(self, other: given.Measured) -> bool:
        """A score above another's, by more than two standard errors."""
        return self.own.score - other.score > 2 * math.hypot(self.own.error, other.error)

    @property
    def way(self) -> float:
        """How much of the way from the plain VAE's score to that of fresh letters is gone."""
        return (self.own.score - self.plain.score) / max(self.fresh.score - self.plain.score, 1e-9)

    @property
    def passed(self) -> float:
        """How much of the way from the plain VAE's mistakes to one half, which is guessing, is gone."""
        return (self.mistakes - self.plain_mistakes) / max(0.5 - self.plain_mistakes, 1e-9)

    def rung(self) -> tuple[int, str]:
        """Points, and what was missing for the next rung."""
        if self.copied > MOST_COPIES:
            share = f"{self.copied:.0%} of your samples"
            return 0, f"{share} are copies of pictures that you had or of each other"
        if not self.lead(self.pixels):
            return 0, "no sure lead over the Gaussian of the pixels"
        if not self.lead(self.plain):
            if self.passed < QUARTER:
                return 1, "no sure lead over the plain VAE, and less than a quarter of the way of the critics"
            return 4, "no sure lead over the plain VAE"
        if self.way < EIGHTH:
            return 5, "less than an eighth of the way to fresh letters"
        if self.way < QUARTER:
            return 6, "less than a quarter of the way to fresh letters"
        return FULL, "nothing"


def look(sampler: given.Sampler, student: int, seed: int) -> Seen:
    """What is measured of fresh samples, the same noise for all."""
    task, other = plain(student)
    g, n = torch.Generator().manual_seed(seed), len(task.held_out)
    judge, real = given.new_judge(task, seed), given.pictures(task.letters, "test", g)
    fresh = [given.pictures(task.letters, "validation", g).floats() for _ in range(given.BATCHES)]
    widths = [replace(other, factor=width * other.factor) for width in WIDTHS]
    drawn, pixels, *plains = (
        given.batches_of(draw, n, seed)
        for draw in (sampler.draw, pixel_gaussian(task), *(one.draw for one in widths))
    )
    best = max((given.measure(one, judge, real) for one in plains), key=lambda found: found.score)
    own, low, top = (given.measure(one, judge, real) for one in (drawn, pixels, fresh))
    seen = Seen(own, low, best, top, math.nan, math.nan, given.copies(drawn, task))
    if not seen.rung()[0]:
        return seen  # critics cannot change that
    wrong = [given.mistakes(one.draw, task, real, seed) for one in (sampler, other)]
    return replace(seen, mistakes=wrong[0], plain_mistakes=wrong[1])


def beyond(handed) -> tuple[float, str]:
    """Points by the highest rung that the sampler in the file reaches."""
    seen = look(given.read_sampler(handed.weights(SAMPLER)), handed.number, handed.seed)
    points, missing = seen.rung()
    said = (
        f"Yours: {seen.own}; copies {seen.copied:.1%}. Gaussian of the pixels: {seen.pixels}. "
        f"The plain VAE: {seen.plain}. Fresh letters: {seen.fresh}. You went {seen.way:.0%} of the way"
    )
    if points:
        said += (
            f". Critics' mistakes: {seen.mistakes:.1%} on yours, {seen.plain_mistakes:.1%} on the plain VAE, "
            f"{seen.passed:.0%} of the way"
        )
    if seen.way > 1:
        said += " (better than fresh letters: look at what it was trained on)"
    return points / FULL, f"{said}." if points == FULL else f"{said}. Missing for more: {missing}."


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
