"""Exercises of chapter 02 whose answers are random: judged by statistics, gradients and repeatability."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from vae_course.exercises.compare import contract_problem
from vae_course.exercises.exercise import CONTRACT, WRONG, Exercise, Mistake, Verdict

ROWS = 20_000


def reparameterize(mean: Tensor, log_var: Tensor, generator: torch.Generator | None = None) -> Tensor:
    noise = torch.randn(mean.shape, generator=generator, dtype=mean.dtype, device=mean.device)
    return mean + torch.exp(0.5 * log_var) * noise


def _seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _grade_reparameterize(answer: Callable) -> Verdict | None:
    """Contract first, then the noise of many equal rows, then gradients, then the generator."""
    mean = torch.tensor([2.0, -1.0, 0.5]).expand(ROWS, 3).clone().requires_grad_()
    log_var = torch.tensor([-2.0, 1.0, 1.6]).expand(ROWS, 3).clone().requires_grad_()
    z = answer(mean, log_var, _seeded(0))
    problem = contract_problem(z, mean, label="z")
    if problem:
        return Verdict(CONTRACT, problem.capitalize())
    if not isinstance(z, Tensor):
        return Verdict(CONTRACT, "z must be a torch tensor, or no gradient can reach the encoder.")
    return (
        _judge_noise(z.detach().double(), mean[0].detach().double(), log_var[0].detach().double())
        or _judge_gradients(z, mean, log_var)
        or judge_generator(lambda g: answer(mean, log_var, g), REPARAMETERIZE)
    )


def _judge_noise(z: Tensor, mean: Tensor, log_var: Tensor) -> Verdict | None:
    """What the spread of 20,000 equal rows says: standard errors are 0.5 % of σ, the limits 4 %."""
    named, std, away = REPARAMETERIZE.named, torch.exp(0.5 * log_var), z - mean
    if away.abs().max() < 1e-5:
        return named("sampling switched off")
    if (z - z[0]).abs().max() < 1e-5:
        return named("one noise vector for the whole batch")
    if ((away / std) - (away / std)[:, :1]).abs().max() < 1e-4:
        return named("one noise number per example")
    center, spread = z.mean(0), z.std(0)

    def spread_is(wanted: Tensor) -> bool:
        return bool(((spread - wanted).abs() < 0.04 * wanted).all())

    uniform_width = std / 12**0.5
    if spread_is(uniform_width) or spread_is(2 * uniform_width) or spread_is(log_var.exp() / 12**0.5):
        return named("uniform noise")
    for wrong, name in (
        (log_var.exp(), "variance used as standard deviation"),
        (log_var.abs(), "log_var used as standard deviation"),
        (torch.ones_like(std), "noise not scaled"),
        (torch.exp(-0.5 * log_var), "sign of log_var flipped"),
        (torch.exp(0.25 * log_var), "square root taken twice"),
    ):
        if spread_is(wrong):
            return named(name)
    if not spread_is(std):
        pairs = [f"{got:.3g} instead of {wanted:.3g}" for got, wanted in zip(spread, std, strict=True)]
        return Verdict(WRONG, f"Not yet: the standard deviations of z are {', '.join(pairs)}.")
    if ((center - mean).abs() > 0.04 * std).any():
        if (center.abs() < 0.04 * std).all():
            return named("mean left out")
        pairs = [f"{got:.3g} instead of {wanted:.3g}" for got, wanted in zip(center, mean, strict=True)]
        return Verdict(WRONG, f"Not yet: the means of z are {', '.join(pairs)}.")
    if ((away / std).abs() < 1).double().mean() < 0.64:
        return named("uniform noise")
    return None


def _judge_gradients(z: Tensor, mean: Tensor, log_var: Tensor) -> Verdict | None:
    named = REPARAMETERIZE.named
    if not z.requires_grad:
        return named("no gradient")
    to_mean, to_log_var = torch.autograd.grad(z.sum(), (mean, log_var), allow_unused=True)
    reaches_mean = to_mean is not None and to_mean.abs().max() > 0
    reaches_log_var = to_log_var is not None and to_log_var.abs().max() > 0
    if not reaches_mean and not reaches_log_var:
        return named("no gradient")
    if not reaches_mean:
        return named("mean detached")
    if not reaches_log_var:
        return named("scale detached")
    expected = 0.5 * (z - mean).detach()
    if (to_mean - 1).abs().max() > 1e-3 or (to_log_var - expected).abs().max() > 1e-3:
        return Verdict(WRONG, "Not yet: the values are right, but the derivatives of z are not.")
    return None


def judge_generator(draw: Callable, exercise: Exercise) -> Verdict | None:
    """The same seed must repeat the draw, another seed or another call must not."""
    once, again, other = draw(_seeded(1)), draw(_seeded(1)), draw(_seeded(2))
    if not torch.equal(once, again):
        return exercise.named("generator ignored")
    if torch.equal(once, other) or torch.equal(draw(None), draw(None)):
        return exercise.named("always the same noise")
    return None


def _broken_z(
    noise: Callable = torch.randn_like, scale: Callable = lambda lv: torch.exp(0.5 * lv)
) -> Callable:
    return lambda mean, log_var, generator=None: mean + scale(log_var) * noise(mean)


def _no_gradient(mean: Tensor, log_var: Tensor, generator: torch.Generator | None = None) -> Tensor:
    with torch.no_grad():
        return reparameterize(mean, log_var, generator)


REPARAMETERIZE = Exercise(
    id="02.2",
    title="Reparameterized sampling",
    contract="reparameterize(mean, log_var, generator=None): both (batch, latent) float tensors; log_var is "
    "log σ². Returns one draw z ~ N(mean, σ²) per example, (batch, latent), through which gradients reach "
    "mean and log_var. All randomness comes from the torch.Generator, or from torch's own when it is None.",
    stub='''def reparameterize(
    mean: torch.Tensor, log_var: torch.Tensor, generator: torch.Generator | None = None
) -> torch.Tensor:
    """mean, log_var: (batch, latent); log_var is log σ². Returns z ~ N(mean, σ²), shape (batch, latent)."""
    ...''',
    hints=(
        "Draw noise that depends on nothing, then shift and stretch it: z = μ + σ ε.",
        "ε needs a fresh number for every example and every dimension: torch.randn takes a shape.",
        "σ is the square root of the variance, and log_var is the logarithm of the variance.",
    ),
    mistakes=(
        Mistake(
            "sampling switched off",
            "Two calls return the same numbers. Where is the noise?",
            lambda mean, log_var, generator=None: mean + 0 * log_var,
        ),
        Mistake(
            "one noise vector for the whole batch",
            "Every example moves in the same direction. Which shape should the noise have?",
            _broken_z(lambda mean: torch.randn(mean.shape[-1])),
        ),
        Mistake(
            "one noise number per example",
            "All dimensions of an example move together. Which shape should the noise have?",
            _broken_z(lambda mean: torch.randn(mean.shape[0], 1)),
        ),
        Mistake(
            "uniform noise",
            "The noise should be Gaussian: look at the last letter of the function that draws it.",
            (_broken_z(torch.rand_like), _broken_z(lambda mean: 2 * torch.rand_like(mean) - 1)),
        ),
        Mistake(
            "variance used as standard deviation",
            "The noise is stretched by σ. What is exp(log_var)?",
            _broken_z(scale=torch.exp),
        ),
        Mistake(
            "log_var used as standard deviation",
            "log_var is a logarithm, and it may be negative.",
            _broken_z(scale=lambda log_var: log_var),
        ),
        Mistake("noise not scaled", "Where does log_var come in?", _broken_z(scale=torch.ones_like)),
        Mistake(
            "sign of log_var flipped",
            "A larger log_var should mean a wider spread.",
            _broken_z(scale=lambda log_var: torch.exp(-0.5 * log_var)),
        ),
        Mistake(
            "square root taken twice",
            "One halving turns log σ² into log σ. Yours is halved again.",
            _broken_z(scale=lambda log_var: torch.exp(0.5 * log_var).sqrt()),
        ),
        Mistake(
            "mean left out",
            "The spread is right; the center is not.",
            lambda mean, log_var, generator=None: reparameterize(0 * mean, log_var, generator),
        ),
        Mistake(
            "no gradient",
            "The numbers are right, but no gradient reaches mean or log_var, so the encoder cannot learn.",
            (
                _no_gradient,
                lambda mean, log_var, generator=None: torch.normal(mean, torch.exp(0.5 * log_var)),
            ),
        ),
        Mistake(
            "mean detached",
            "The gradient reaches log_var but not mean.",
            lambda mean, log_var, generator=None: reparameterize(mean.detach(), log_var, generator),
        ),
        Mistake(
            "scale detached",
            "The gradient reaches mean but not log_var.",
            lambda mean, log_var, generator=None: reparameterize(mean, log_var.detach(), generator),
        ),
        Mistake(
            "generator ignored",
            "Two generators with the same seed should give the same draw: pass yours on.",
            _broken_z(),
        ),
        Mistake(
            "always the same noise",
            "Two calls should give two draws: no seed belongs inside the function.",
            lambda mean, log_var, generator=None: reparameterize(mean, log_var, _seeded(0)),
        ),
    ),
    reference=reparameterize,
    grade=_grade_reparameterize,
)
