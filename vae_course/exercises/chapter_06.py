"""The exercises of chapter 06."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vae_course.teaching.exercise import Exercise, Mistake
from vae_course.teaching.grading import ContractBroken

# -------- Exercise of chapter 06 on the game: the losses of both players.


def player_losses(
    generator: nn.Module, discriminator: nn.Module, real: Tensor, z: Tensor
) -> tuple[Tensor, Tensor]:
    fake = generator(z)
    loss_d = F.softplus(-discriminator(real)).mean() + F.softplus(discriminator(fake.detach())).mean()
    loss_g = F.softplus(-discriminator(fake)).mean()
    return loss_d, loss_g


def nets(seed: int) -> list[tuple]:
    return [(6, 1.0), (3, 4.0)]


def players(n: int, scale: float) -> tuple[nn.Module, nn.Module, Tensor, Tensor]:
    generator = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 2))
    score = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 1), nn.Flatten(0))
    with torch.no_grad():
        score[2].weight.mul_(scale)
    return generator, score, 1 + torch.randn(n, 2), torch.randn(n, 2)


def gradient_of(loss: Tensor, module: nn.Module) -> Tensor:
    """Gradient with respect to a module's parameters, zeros where the loss does not reach them."""
    parameters = list(module.parameters())
    if not loss.requires_grad:
        return torch.zeros(sum(p.numel() for p in parameters))
    found = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
    return torch.cat(
        [(torch.zeros_like(p) if g is None else g).flatten() for p, g in zip(parameters, found, strict=True)]
    )


def _observe_losses(call: Callable, n: int, scale: float) -> dict[str, Any]:
    """Both losses, and what each of them would do to the player it belongs to and to the other one."""
    generator, discriminator, real, z = players(n, scale)
    losses = call(generator, discriminator, real, z)
    if not isinstance(losses, (tuple, list)) or len(losses) != 2 or not all(map(torch.is_tensor, losses)):
        raise ContractBroken("Return two tensors: the discriminator's loss, then the generator's.")
    loss_d, loss_g = losses
    if loss_d.numel() != 1 or loss_g.numel() != 1:
        raise ContractBroken(
            f"Both losses must be scalars; got shapes {tuple(loss_d.shape)} and {tuple(loss_g.shape)}."
        )
    return {
        "discriminator's loss": loss_d.reshape(()),
        "generator's loss": loss_g.reshape(()),
        "discriminator's own gradient": gradient_of(loss_d, discriminator),
        "what the discriminator's loss does to the generator": gradient_of(loss_d, generator),
        "generator's own gradient": gradient_of(loss_g, generator),
    }


def _losses(
    *,
    detach: bool = True,
    detach_for_generator: bool = False,
    real_sign: int = -1,
    fake_sign: int = 1,
    for_generator: Callable[[Tensor], Tensor] = lambda score: F.softplus(-score),
    mean: Callable[[Tensor], Tensor] = torch.mean,
    squash: Callable[[Tensor], Tensor] = lambda score: score,
) -> Callable:
    """The reference with one thing changed."""

    def broken(generator, discriminator, real, z):
        fake = generator(z)
        shown = fake.detach() if detach else fake
        loss_d = mean(F.softplus(real_sign * squash(discriminator(real))))
        loss_d = loss_d + mean(F.softplus(fake_sign * squash(discriminator(shown))))
        judged = discriminator(fake.detach() if detach_for_generator else fake)
        return loss_d, mean(for_generator(squash(judged)))

    return broken


PLAYER_LOSSES = Exercise(
    id="06.2",
    title="Two losses, two players",
    contract="player_losses(generator, discriminator, real, z): two modules, real (n, 2) and z (n, k) float "
    "tensors; the discriminator returns logits (n,), positive for real. Returns two scalars with gradients: "
    "the discriminator's logistic loss (mean over real plus mean over generated), whose backward pass must "
    "leave the generator untouched, and the generator's non-saturating loss.",
    stub='''def player_losses(
    generator: torch.nn.Module, discriminator: torch.nn.Module, real: torch.Tensor, z: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """real: (n, 2); z: (n, k). Returns the discriminator's and the generator's loss, both scalars."""
    ...''',
    hints=(
        "-log sigmoid(s) is softplus(-s), and -log(1 - sigmoid(s)) is softplus(s). Which is which?",
        "The discriminator sees the generated points as data: no gradient may flow back through them.",
        "The generator wants its points to be called real, and here the gradient has to flow back.",
    ),
    mistakes=(
        Mistake(
            "detach forgotten",
            "Run the discriminator's loss backward: it teaches the generator to be caught.",
            _losses(detach=False),
        ),
        Mistake(
            "generator's points detached in its own loss",
            "Now nothing reaches the generator: it will never move.",
            (
                _losses(detach_for_generator=True),
                _losses(detach=False, detach_for_generator=True),
            ),
        ),
        Mistake(
            "labels swapped",
            "Which sign makes a high score of a real point cheap?",
            (
                _losses(real_sign=1, fake_sign=-1),
                _losses(real_sign=1, fake_sign=-1, for_generator=F.softplus),
                _losses(real_sign=1, fake_sign=-1, detach=False),
            ),
        ),
        Mistake(
            "generator helps the discriminator",
            "With this sign the generator learns to be recognized as generated.",
            _losses(for_generator=F.softplus),
        ),
        Mistake(
            "saturating loss",
            "This is the minimax game's own loss. Where is its slope when the discriminator is sure?",
            _losses(for_generator=lambda score: -F.softplus(score)),
        ),
        Mistake(
            "sigmoid taken twice",
            "The discriminator returns logits: a probability that goes through softplus is squashed again.",
            (
                _losses(squash=torch.sigmoid),
                lambda generator, discriminator, real, z: (
                    F.softplus(-discriminator(real).sigmoid()).mean()
                    + F.softplus(discriminator(generator(z).detach())).mean(),
                    player_losses(generator, discriminator, real, z)[1],
                ),
            ),
        ),
        Mistake(
            "summed over the batch",
            "Then the step grows with the batch.",
            _losses(mean=torch.sum),
        ),
        Mistake(
            "fakes alone",
            "The discriminator must also learn what real points look like.",
            lambda generator, discriminator, real, z: (
                F.softplus(discriminator(generator(z).detach())).mean(),
                player_losses(generator, discriminator, real, z)[1],
            ),
        ),
        Mistake(
            "mean of both halves",
            "Compare with the contract: are the two halves added, or averaged?",
            lambda generator, discriminator, real, z: (
                player_losses(generator, discriminator, real, z)[0] / 2,
                player_losses(generator, discriminator, real, z)[1],
            ),
        ),
        Mistake(
            "score instead of its log-probability",
            "That is the loss of a Wasserstein GAN. Here the score is a logit.",
            lambda generator, discriminator, real, z: (
                discriminator(generator(z).detach()).mean() - discriminator(real).mean(),
                -discriminator(generator(z)).mean(),
            ),
        ),
    ),
    reference=player_losses,
    cases=nets,
    observe=_observe_losses,
)


# -------- Exercise of chapter 06 on a remedy: the penalty on the discriminator's slope.


def slope_penalty(discriminator: nn.Module, real: Tensor) -> Tensor:
    real = real.detach().requires_grad_()
    (slope,) = torch.autograd.grad(discriminator(real).sum(), real, create_graph=True)
    return slope.square().sum(1).mean()


def _observe_penalty(call: Callable, n: int, scale: float) -> dict[str, Any]:
    """The penalty, and the gradient that it has for the discriminator."""
    _, discriminator, real, _ = players(n, scale)
    penalty = call(discriminator, real)
    if not torch.is_tensor(penalty) or penalty.numel() != 1:
        raise ContractBroken("Return the penalty as a tensor with one element.")
    return {"penalty": penalty.reshape(()), "its gradient": gradient_of(penalty, discriminator)}


def _penalty(
    *,
    create_graph: bool = True,
    reduce: Callable[[Tensor], Tensor] = lambda slope: slope.square().sum(1).mean(),
    score: Callable[[Tensor], Tensor] = torch.sum,
) -> Callable:
    """The reference with one thing changed."""

    def broken(discriminator, real):
        real = real.detach().requires_grad_()
        (slope,) = torch.autograd.grad(score(discriminator(real)), real, create_graph=create_graph)
        return reduce(slope)

    return broken


def _of_the_weights(discriminator: nn.Module, real: Tensor) -> Tensor:
    found = torch.autograd.grad(
        discriminator(real).sum(), list(discriminator.parameters()), create_graph=True
    )
    return sum(g.square().sum() for g in found)


GRADIENT_PENALTY = Exercise(
    id="06.4",
    title="The gradient penalty",
    contract="slope_penalty(discriminator, real): a module that returns logits (n,), and real points (n, 2), "
    "a float tensor without gradient. Returns R1 before its weight: the mean over the points of the squared "
    "Euclidean norm of the score's gradient with respect to the point, a scalar >= 0 that the "
    "discriminator's optimizer can minimize.",
    stub='''def slope_penalty(discriminator: torch.nn.Module, real: torch.Tensor) -> torch.Tensor:
    """real: (n, 2). Returns the mean squared norm of the score's slope at the points, a scalar."""
    ...''',
    hints=(
        "The slope is with respect to the point, so the point needs requires_grad.",
        "One call of torch.autograd.grad on the summed scores gives the slope of every point by itself. Why?",
        "The penalty must itself have a gradient: what does create_graph do?",
    ),
    mistakes=(
        Mistake(
            "create_graph forgotten",
            "The value is right, but it is a constant: minimizing it moves no weight.",
            (
                _penalty(create_graph=False),
                lambda discriminator, real: slope_penalty(discriminator, real).detach(),
            ),
        ),
        Mistake(
            "norm not squared",
            "R1 squares the norm.",
            _penalty(reduce=lambda slope: slope.norm(dim=1).mean()),
        ),
        Mistake(
            "norm pulled to 1",
            "That is WGAN-GP's penalty. R1 wants the slope at data to be 0.",
            _penalty(reduce=lambda slope: (slope.norm(dim=1) - 1).square().mean()),
        ),
        Mistake(
            "averaged over the coordinates",
            "A squared norm is a sum over coordinates, not their mean, and nothing stands in front of it.",
            _penalty(reduce=lambda slope: slope.square().mean()),
        ),
        Mistake(
            "summed over the points",
            "The penalty must not grow with the batch.",
            _penalty(reduce=lambda slope: slope.square().sum()),
        ),
        Mistake(
            "slope of the mean score",
            "Each point's slope is then divided by n, and its square by n².",
            _penalty(score=torch.mean),
        ),
        Mistake(
            "slope of the probability",
            "R1 takes the slope of the logit. The probability is flat where the discriminator is sure.",
            _penalty(score=lambda scores: scores.sigmoid().sum()),
        ),
        Mistake(
            "slope with respect to the weights",
            "The score should not be steep as a function of the point.",
            _of_the_weights,
        ),
        Mistake(
            "squared after the mean",
            "Slopes of different points cancel: square the slope of each point first.",
            (
                _penalty(reduce=lambda slope: slope.mean(0).square().sum()),
                _penalty(reduce=lambda slope: slope.norm(dim=1).mean().square()),
                _penalty(reduce=lambda slope: slope.sum(1).square().mean()),
            ),
        ),
        Mistake(
            "score instead of its slope",
            "How high the score is does not matter, but how fast it changes with the point.",
            (
                lambda discriminator, real: discriminator(real).square().mean(),
                lambda discriminator, real: discriminator(real).abs().mean(),
                lambda discriminator, real: discriminator(real).mean(),
            ),
        ),
    ),
    reference=slope_penalty,
    cases=nets,
    observe=_observe_penalty,
)


# -------- Exercises of chapter 06, in order. Here: the counting rule, and the price of a dropped mode.


def count_apart(points: Tensor, centers: Tensor, std: float) -> tuple[int, float, float]:
    distance, mode = torch.cdist(points, centers).min(dim=1)
    counts = torch.bincount(mode[distance <= 3 * std], minlength=len(centers)).double()
    total, fair = counts.sum(), counts.mean()
    entropy = torch.special.entr(counts / total.clamp(min=1)).sum()
    effective = entropy.exp().item() if total else 0.0
    return int(((counts > 0) & (counts >= 0.1 * fair)).sum()), effective, total.item() / len(points)


_CENTERS = torch.tensor([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0], [2.0, 2.0], [4.0, 1.0]])


def _clouds(seed: int) -> list[tuple]:
    """So many good samples of each mode, and stray ones around it: even, uneven, few, none."""
    generator = torch.Generator().manual_seed(seed)

    def cloud(counts: tuple[int, ...], stray: int) -> tuple:
        turn = 2 * math.pi * torch.rand(sum(counts), generator=generator)
        away = 0.29 * torch.rand(sum(counts), 1, generator=generator).sqrt()
        good = _CENTERS.repeat_interleave(torch.tensor(counts), 0)
        good = good + away * torch.stack((turn.cos(), turn.sin()), 1)
        corner = torch.tensor([[0.25, 0.25], [-0.25, 0.26], [1.0, 1.0], [0.4, 0.0], [0.0, -0.45]])
        return torch.cat([good, (_CENTERS + corner).repeat(stray, 1)]), _CENTERS, 0.1

    # Exactly three standard deviations away, and exactly a tenth of the fair share: both still count.
    places = 4 * torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [2.0, 0.0]])
    twice = places[:2].repeat_interleave(torch.tensor([49, 1]), 0) + torch.tensor([0.75, 0.0])
    on_the_line = torch.cat([twice, places[:1] - 9]), places, 0.25
    uneven = [(60, 30, 2, 8, 0), (60, 37, 1, 0, 0), (40, 0, 39, 41, 0)]
    return [cloud(counts, 3) for counts in uneven] + [
        cloud((3, 2, 2, 2, 3), 30),
        cloud((0,) * 5, 2),
        on_the_line,
    ]


def _variant(
    good: Callable,
    hits: Callable = lambda counts, n: (counts > 0) & (counts >= 0.1 * counts.mean()),
    vary: Callable = torch.exp,
    counted: Callable = lambda good: good,
) -> Callable:
    """The reference with one thing changed."""

    def broken(points: Tensor, centers: Tensor, std: float) -> tuple[int, float, float]:
        away = points[:, None] - centers
        mode = away.square().sum(-1).argmin(1)
        near = good(away[torch.arange(len(points)), mode], std)
        counts = torch.bincount(mode[counted(near)], minlength=len(centers)).double()
        entropy = torch.special.entr(counts / counts.sum().clamp(min=1)).sum()
        effective = vary(entropy).item() if counts.sum() else 0.0
        return int(hits(counts, len(points)).sum()), effective, near.double().mean().item()

    return broken


def _norm_rule(rule: Callable) -> Callable:
    return _variant(good=lambda away, std: rule(away.norm(dim=-1), std))


def _apart(**changed: Callable) -> Callable:
    return _variant(good=lambda away, std: away.norm(dim=-1) <= 3 * std, **changed)


COUNT_APART = Exercise(
    id="06.1",
    title="Count coverage and quality apart",
    contract="count_apart(points, centers, std): float tensors points (n, d) and centers (k, d); std > 0 is "
    "each mode's standard deviation. A point is good when its distance to the nearest center is at most "
    "3 std; it then lies on that mode. Returns (hit, effective, quality): hit, the number of modes with at "
    "least one good point and at least a tenth of the fair share of the good points (their number divided by "
    "k); effective, exp(-sum p log p) for the modes' shares p of the good points, 0.0 without good points; "
    "quality, the share of all points that are good.",
    stub='''def count_apart(
    points: torch.Tensor, centers: torch.Tensor, std: float
) -> tuple[int, float, float]:
    """points: (n, d); centers: (k, d). Returns (modes hit, effective modes, share of good points)."""
    ...''',
    hints=(
        "torch.cdist gives all distances, (n, k). Which center is the nearest, and how far is it?",
        "Keep the good points, and count them by their nearest center: torch.bincount with minlength.",
        "The fair share is counts.mean(). torch.special.entr(p) is -p log p, and 0 where p is 0.",
    ),
    mistakes=(
        Mistake(
            "fair share of all points",
            "Then few good points look like few modes. Compare with the fair share of the good points.",
            _apart(hits=lambda counts, n: (counts > 0) & (counts >= 0.1 * n / len(counts))),
        ),
        Mistake(
            "every mode that is nearest to something",
            "A point between two modes is also nearest to one of them. Does it lie on it?",
            _apart(counted=torch.ones_like),
        ),
        Mistake(
            "one standard deviation instead of three",
            "In the plane, 61 % of a Gaussian's own draws lie further out than one standard deviation.",
            _norm_rule(lambda distance, std: distance <= std),
        ),
        Mistake(
            "squared distance compared with 3 std",
            "What is the unit of the left side, what of the right?",
            (
                _norm_rule(lambda distance, std: distance**2 <= 3 * std),
                _norm_rule(lambda distance, std: distance**2 <= 3 * std**2),
            ),
        ),
        Mistake(
            "each coordinate by itself",
            "A corner of the square is further away than its side.",
            _variant(good=lambda away, std: (away.abs() <= 3 * std).all(-1)),
        ),
        Mistake(
            "one point is enough",
            "A mode with a single stray point among a hundred is not covered.",
            _apart(hits=lambda counts, n: counts > 0),
        ),
        Mistake(
            "more than a tenth, instead of at least",
            "With exactly a tenth of the fair share a mode counts.",
            _apart(hits=lambda counts, n: (counts > 0) & (counts > 0.1 * counts.mean())),
        ),
        Mistake(
            "entropy, not its exponential",
            "The entropy of five equal shares is log 5. How many modes are that?",
            _apart(vary=lambda entropy: entropy),
        ),
        Mistake(
            "power of two",
            "The entropy is in nats: which base undoes a natural logarithm?",
            _apart(vary=torch.exp2),
        ),
        Mistake(
            "other limit than 3 std",
            "A good point lies at most 3 std from its center, in the unit of the points.",
            (
                _norm_rule(lambda distance, std: distance <= 2 * std),
                _norm_rule(lambda distance, std: distance <= 3),
                _norm_rule(lambda distance, std: distance <= 9 * std),
                _norm_rule(lambda distance, std: distance < 3 * std),
                _norm_rule(lambda distance, std: distance >= 3 * std),
            ),
        ),
    ),
    reference=count_apart,
    cases=_clouds,
    low=0.0,
)

_SHARE, _REST = 1 / 80, (1 - 1 / 80) / 7
_FORWARD = 7 / 8 * math.log(1 / 8 / _REST) + 1 / 8 * math.log(1 / 8 / _SHARE)
_REVERSE = math.log(8 / 7)
_JENSEN = (7 / 8 * math.log((1 / 8) / (15 / 112)) + 1 / 8 * math.log(2) + math.log((1 / 7) / (15 / 112))) / 2

PRICE = Exercise(
    id="06.3",
    title="The price of a dropped mode",
    contract="Data have eight equally likely modes. Give, in nats: 'forward', KL(data || model) when the "
    "model gives one mode the share 1/80 and the others equal shares of the rest; 'dropped', KL(model || "
    "data) when the model has seven equal modes and never visits the eighth; 'js', the Jensen-Shannon "
    "divergence for that last model, ½ KL(data || m) + ½ KL(model || m) with m the average of the two.",
    stub='answer_06_3 = {"forward": ..., "dropped": ..., "js": ...}',
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
    tolerance=4e-3,  # 0.13 passes
    explanation="forward: 7 · (1/8) log((1/8) / (79/560)) + (1/8) log 10. It grows without limit as 1/80 is "
    "replaced by less.\ndropped: 7 · (1/7) log((1/7) / (1/8)) = log(8/7).\n"
    "js: half of 7 · (1/8) log((1/8) / (15/112)) + (1/8) log 2, and half of log((1/7) / (15/112)).\n"
    "A mode that is never visited costs infinitely much in one direction and little in the other two.",
)

EXERCISES = (COUNT_APART, PRICE, PLAYER_LOSSES, GRADIENT_PENALTY)
