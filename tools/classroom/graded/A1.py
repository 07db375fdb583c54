"""Assignment A1: build a VAE with a mixture prior, on eight letters of the student's own."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from string import ascii_uppercase

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Independent, MixtureSameFamily, Normal

from vae_course.exercises import assignment_1 as given
from vae_course.teaching.exercise import Exercise, Mistake

LOG_2_PI = math.log(2 * math.pi)
WEIGHTS, REPORT = "A1_weights.pt", "A1_report.pt"
LEAST_WIDTH, MOST = 1e-4, 1e6  # of a Gaussian of codes, and of a code; doubles keep the one beside the other


def log_prior(z: Tensor, centers: Tensor, log_std: Tensor) -> Tensor:
    away = ((z[..., None, :] - centers) / log_std.exp()) ** 2
    each = -0.5 * (away + LOG_2_PI).sum(-1) - centers.shape[1] * log_std
    return torch.logsumexp(each, -1) - math.log(len(centers))


def _prior(z: Tensor, centers: Tensor, log_std: Tensor, constant: float = 1.0, scale: float = 1.0) -> Tensor:
    """Broken in one of two ways: a constant missing, or s misread."""
    std = (scale * log_std).exp()
    each = (Normal(centers, std).log_prob(z[..., None, :]) + (1 - constant) * LOG_2_PI / 2).sum(-1)
    return torch.logsumexp(each, -1) - math.log(len(centers))


def _prior_cases(seed: int) -> list[tuple]:
    g = torch.Generator().manual_seed(seed)
    sizes = ((3, 4, 2, 5, -0.4), (1, 1, 6, 3, 0.7), (2, 5, 1, 1, 0.0), (4, 1, 3, 8, -1.5), (2, 3, 4, 2, 1.3))
    near = [
        (torch.randn(n, b, k, generator=g), 2 * torch.randn(c, k, generator=g), torch.tensor(s))
        for n, b, k, c, s in sizes
    ]
    far = torch.full((2, 3, 4), 80.0), torch.randn(4, 4, generator=g), torch.tensor(-1.0)
    return [*near, far]


def log_weights(x, logits, z, mean, log_var, log_p_z) -> Tensor:
    log_p_x = -F.binary_cross_entropy_with_logits(logits, x.expand(logits.shape), reduction="none").sum(-1)
    return log_p_x + log_p_z - _log_q(z, mean, log_var)


def _log_q(z: Tensor, mean: Tensor, log_var: Tensor) -> Tensor:
    return -0.5 * ((z - mean) ** 2 / log_var.exp() + log_var + LOG_2_PI).sum(-1)


def _changed(likelihood: float = 1.0, prior: float = 1.0, q: float = 1.0) -> object:
    def broken(x, logits, z, mean, log_var, log_p_z):
        right, log_q = log_weights(x, logits, z, mean, log_var, log_p_z), _log_q(z, mean, log_var)
        log_p_x = right + log_q - log_p_z
        return likelihood * log_p_x + prior * log_p_z - q * log_q

    return broken


def _other_q(log_q: Callable) -> Callable:
    return lambda x, logits, z, m, v, p: log_weights(x, logits, z, m, v, p + _log_q(z, m, v) - log_q(z, m, v))


def _weight_cases(seed: int) -> list[tuple]:
    g = torch.Generator().manual_seed(seed + 1)
    cases = []
    for n, batch, pixels, k, stretch in (
        (3, 4, 6, 2, 1.0),
        (1, 1, 9, 5, 3.0),
        (6, 2, 4, 1, 0.3),
        (2, 3, 5, 3, 200.0),
    ):
        x = (torch.rand(batch, pixels, generator=g) < 0.4).float()
        shapes = ((n, batch, pixels), (n, batch, k), (batch, k), (batch, k), (n, batch))
        logits, z, mean, log_var, prior = (torch.randn(shape, generator=g) for shape in shapes)
        cases.append((x, stretch * logits, z, mean, log_var - 0.5, prior - 3))
    return cases


PRIOR, WEIGHT = given.EXERCISES[:2]
FUNCTIONS = {
    "A1.1": Exercise(
        "A1.1", PRIOR.title, PRIOR.contract, PRIOR.stub, PRIOR.hints,
        (
            Mistake("½ log 2π left out", "A density has its constant.", lambda z, c, s: _prior(z, c, s, 0.0)),
            Mistake("log_std taken for log s²", "It is log s.", lambda z, c, s: _prior(z, c, s, scale=0.5)),
            Mistake("width ignored", "Where is s?", lambda z, c, s: _prior(z, c, 0 * s)),
            Mistake(
                "mean of logarithms",
                "A mixture averages densities, then takes the logarithm.",
                lambda z, c, s: Normal(c, s.exp()).log_prob(z[..., None, :]).sum(-1).mean(-1),
            ),
            Mistake("log C left out", "Humps share.", lambda z, c, s: log_prior(z, c, s) + math.log(len(c))),
            Mistake(
                "nearest center alone", "All C densities add up, the far ones too.",
                lambda z, c, s: torch.stack([log_prior(z, m[None], s) for m in c]).amax(0) - math.log(len(c)),
            ),
            Mistake("flipped sign", "It is log p, not −log p.", lambda z, c, s: -log_prior(z, c, s)),
        ),
        reference=log_prior, cases=_prior_cases, gradients_to=("z", "centers", "log_std"),
    ),
    "A1.2": Exercise(
        "A1.2", WEIGHT.title, WEIGHT.contract, WEIGHT.stub, WEIGHT.hints,
        (
            Mistake("q added instead of subtracted", "A weight is p over q.", _changed(q=-1.0)),
            Mistake("q left out", "A draw that q makes often counts less.", _changed(q=0.0)),
            Mistake("prior left out", "Three terms.", _changed(prior=0.0)),
            Mistake("sign of the likelihood", "A likely picture weighs more.", _changed(likelihood=-1.0)),
            Mistake(
                "log_var taken for log σ", "Half of it is log σ.",
                _other_q(lambda z, m, v: _log_q(z, m, 2 * v)),
            ),
            Mistake(
                "entropy in place of log q", "log q is asked for at the code that was drawn.",
                _other_q(lambda z, m, v: -0.5 * (1 + LOG_2_PI + v).sum(-1)),
            ),
            Mistake(
                "mean over dimensions", "Densities of independent dimensions multiply: logarithms add up.",
                _other_q(lambda z, m, v: _log_q(z, m, v) / v.shape[1]),
            ),
            Mistake("flipped sign", "It is log w, not the loss.", _changed(-1.0, -1.0, -1.0)),
        ),
        reference=log_weights, cases=_weight_cases,
        gradients_to=("logits", "z", "mean", "log_var", "log_p_z"),
    ),
}  # fmt: skip


@torch.no_grad()
def measure(model: given.HandedIn, x: Tensor, draws: int, seed: int) -> tuple[float, float]:
    """Mean −ELBO and mean −log p̂_K(x), nats, with draws of our own.

    Widths have a floor, codes a ceiling: where rounding swallows the noise, z meets a center exactly, and any
    density can be had for nothing.
    """
    g = torch.Generator().manual_seed(seed)
    prior = MixtureSameFamily(
        torch.distributions.Categorical(torch.ones(len(model.centers))),
        Independent(Normal(model.centers.double(), model.log_std.double().exp().clamp_min(LEAST_WIDTH)), 1),
    )
    decoder, parts = copy.deepcopy(model.decoder).double(), []
    for rows in x.split(100):
        mean, log_var = model.encoder(rows).double().chunk(2, dim=-1)
        mean, log_var = mean.clamp(-MOST, MOST), log_var.clamp_min(2 * math.log(LEAST_WIDTH))
        z = mean + (log_var / 2).exp() * torch.randn(draws, *mean.shape, generator=g)
        parts.append(log_weights(rows.double(), decoder(z), z, mean, log_var, prior.log_prob(z)))
    log_w = torch.cat(parts, dim=1)
    return -log_w.mean().item(), (math.log(draws) - torch.logsumexp(log_w, 0)).mean().item()


@torch.no_grad()
def centers_in_use(model: given.HandedIn, x: Tensor) -> int:
    """Centers that are the nearest one to the posterior mean of at least 2 % of the pictures."""
    nearest = torch.cdist(model.encoder(x).chunk(2, dim=-1)[0], model.centers).argmin(1)
    return int((torch.bincount(nearest, minlength=len(model.centers)) >= 0.02 * len(x)).sum())


def floors(train: Tensor, fresh: Tensor) -> tuple[float, float]:
    """−log p of fresh pictures, nats: the mean of each pixel, and a mixture of such for the eight letters."""
    each = train.view(-1, given.LETTERS, train.shape[1])  # the letters of a face stand together
    nats = []
    for counts, n in ((train.sum(0, keepdim=True), len(train)), (each.sum(0), len(each))):
        p = (counts + 0.5) / (n + 1)
        log_p = fresh @ p.log().T + (1 - fresh) @ (1 - p).log().T
        nats.append((math.log(len(p)) - torch.logsumexp(log_p, 1)).mean().item())
    return nats[0], nats[1]


def hidden_pictures(seed: int, task: given.Task) -> Tensor:
    """The student's letters in typefaces of the test part, bent and drawn with the class's secret seed."""
    chosen = torch.tensor([ascii_uppercase.index(letter) for letter in task.letters])
    return given.pictures(chosen, "test", torch.Generator().manual_seed(seed))


STEPS = ((7.0, 6), (5.0, 5), (0.0, 3))  # nats below the mixture of letters, points
TOO_GOOD = 14.0  # nats below it: no model of ours came near


def train_it(handed) -> tuple[float, str]:
    """Points by −ELBO on fresh pictures."""
    task, model = given.task(handed.number), given.read_model(handed.weights(WEIGHTS))
    fresh = hidden_pictures(handed.seed, task)
    nats, _ = measure(model, fresh, 20, 1)
    alone, mixture = floors(task.train, fresh)
    said = f"−ELBO on fresh pictures {nats:.1f} nats; mean of each pixel {alone:.1f}, mixture {mixture:.1f}."
    if mixture - nats > TOO_GOOD:
        said += " Better than any model of ours: look at what it was trained on."
    points = next((points for below, points in STEPS if nats <= mixture - below), int(nats < alone))
    return points / 6, said


def what_you_built(handed) -> tuple[float, str]:
    """A third of the points for each number that fits the file."""
    task, model = given.task(handed.number), given.read_model(handed.weights(WEIGHTS))
    told, x = given.read_report(handed.weights(REPORT)), task.held_out
    elbo, _ = measure(model, x, 40, 2)
    _, bound = measure(model, x, task.draws, 3)
    found = {"elbo": (elbo, 0.4), "iwae": (bound, 0.4), "centers": (centers_in_use(model, x), 1)}
    right = [name for name, (value, near) in found.items() if abs(told[name] - value) <= near]
    said = ", ".join(f"{name} {value:.4g} (yours {told[name]:.4g})" for name, (value, _) in found.items())
    return len(right) / 3, f"Measured on your file: {said}."


QUESTIONS = {**FUNCTIONS, "A1.3": train_it, "A1.4": what_you_built}
