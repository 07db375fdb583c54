"""Assignment A1: several draws from the posterior, judged by what they do."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from vae_course.exercises.compare import contract_problem
from vae_course.exercises.exercise import CONTRACT, WRONG, Exercise, Mistake, Verdict

MANY = 4000


def draw_codes(mean: Tensor, log_var: Tensor, n: int, generator: torch.Generator | None = None) -> Tensor:
    noise = torch.randn(n, *mean.shape, generator=generator)
    return mean + torch.exp(0.5 * log_var) * noise


def _seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _judge(answer: Callable) -> Verdict | None:
    """Shape, then the spread of 4,000 draws (its standard error is 1.1 %, the limit 8 %), then gradients."""
    named = DRAWS.named
    mean = torch.tensor([[2.0, -1.0, 0.5], [0.0, 3.0, -2.0]], requires_grad=True)
    log_var = torch.tensor([[-2.0, 1.0, 1.6], [0.6, -1.2, 2.0]], requires_grad=True)
    z = answer(mean, log_var, MANY, _seeded(0))
    if isinstance(z, Tensor) and z.shape == mean.shape:
        return named("one draw instead of n")
    problem = contract_problem(z, torch.zeros(MANY, 2, 3), label="the draws")
    if problem:
        return Verdict(CONTRACT, problem[0].upper() + problem[1:])
    if not isinstance(z, Tensor):
        return Verdict(CONTRACT, "The draws must be a torch tensor, or no gradient can reach the encoder.")
    away, std = (z - mean).detach(), torch.exp(0.5 * log_var).detach()
    if away.abs().max() < 1e-5:
        return named("sampling switched off")
    if (away - away[0]).abs().max() < 1e-5:
        return named("the same draw n times")
    if (away[:, 0] / std[0] - away[:, 1] / std[1]).abs().max() < 1e-4:
        return named("one noise for the whole batch")
    spread = away.std(0)
    for wrong, name in (
        (std**2, "variance used as standard deviation"),
        (torch.ones_like(std), "noise not scaled"),
        (1 / std, "sign of log_var flipped"),
        (log_var.detach().abs(), "log_var used as standard deviation"),
    ):
        if ((spread - wrong).abs() < 0.08 * wrong).all():
            return named(name)
    if ((spread - std).abs() > 0.08 * std).any() or (away.mean(0).abs() > 0.1 * std).any():
        return Verdict(WRONG, "Not yet: mean or standard deviation of 4,000 draws are not those of q(z|x).")
    gradients = torch.autograd.grad(z.sum(), (mean, log_var), allow_unused=True) if z.requires_grad else ()
    if len(gradients) < 2 or any(g is None or not g.abs().max() > 0 for g in gradients):
        return named("no gradient")
    small = [answer(mean, log_var, 2, _seeded(seed)) for seed in (1, 1, 2)]
    if not torch.equal(small[0], small[1]):
        return named("generator ignored")
    if torch.equal(small[0], small[2]):
        return named("always the same noise")
    return None


DRAWS = Exercise(
    id="A1.4",
    title="Several draws of the code",
    contract="draw_codes(mean, log_var, n, generator): mean and log_var are (batch, latent), n a whole "
    "number. Returns n independent draws from N(mean, σ²) for each row, (n, batch, latent), float32; "
    "gradients reach mean and log_var; noise comes from the generator.",
    stub='''def draw_codes(
    mean: torch.Tensor, log_var: torch.Tensor, n: int, generator: torch.Generator | None = None
) -> torch.Tensor:
    """mean, log_var: (batch, latent). Returns n draws of each row's code, (n, batch, latent)."""
    ...''',
    hints=(
        "Chapter 02's reparameterization, with one more dimension in front.",
        "Which shape must the noise have, so that no two draws share it?",
    ),
    mistakes=(
        Mistake("one draw instead of n", "Where do the n draws go? Give the noise one more dimension."),
        Mistake("sampling switched off", "These are n copies of the mean. Where is the noise?"),
        Mistake("the same draw n times", "Repeating one draw adds nothing: each needs its own noise."),
        Mistake("one noise for the whole batch", "Two rows with the same noise are not independent."),
        Mistake("variance used as standard deviation", "exp(log_var) is σ²; the noise is stretched by σ."),
        Mistake("noise not scaled", "The draws spread by 1 whatever log_var says."),
        Mistake("sign of log_var flipped", "A larger log_var must give a wider spread."),
        Mistake("log_var used as standard deviation", "log_var may be negative, σ may not."),
        Mistake("no gradient", "The encoder learns through mean and log_var: what cut them off?"),
        Mistake("generator ignored", "The same generator state must give the same draws; pass it on."),
        Mistake("always the same noise", "Another generator must give other draws: who fixes the seed?"),
    ),
    reference=draw_codes,
    grade=_judge,
)
