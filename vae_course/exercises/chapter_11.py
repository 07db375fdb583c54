"""Exercises of chapter 11: features, the players of a VAE-GAN, and codes made of letters."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vae_course.teaching.exercise import Exercise, Mistake
from vae_course.teaching.grading import ContractBroken, to_tensor

# -------- Chapter 11's exercises on tokens: the codebook that follows, and the bound with a prior over
# tokens.


def follow(usage: Tensor, total: Tensor, vectors: Tensor, codes: Tensor, decay: float):
    chosen = torch.nn.functional.one_hot(codes, len(usage)).to(vectors.dtype)
    usage = decay * usage + (1 - decay) * chosen.sum(0)
    total = decay * total + (1 - decay) * chosen.T @ vectors
    return total / usage[:, None], usage, total


def _follow_cases(seed: int) -> list[tuple]:
    """One token that nobody chooses, and counts that are not equal."""
    generator = torch.Generator().manual_seed(seed)
    cases = []
    for decay, size, dim, n in ((0.9, 4, 2, 12), (0.5, 3, 3, 7)):
        usage = 1 + 5 * torch.rand(size, generator=generator)
        total = usage[:, None] * torch.randn(size, dim, generator=generator)
        codes = torch.randint(0, size - 1, (n,), generator=generator)
        cases.append((usage, total, torch.randn(n, dim, generator=generator) + 2, codes, decay))
    return cases


def _with(usage, total, vectors, codes, decay, rule):
    """The outcome of another rule: (old usage, old total, counts, sums, decay) → tokens, usage, total."""
    chosen = torch.nn.functional.one_hot(codes, len(usage)).to(vectors.dtype)
    return rule(usage, total, chosen.sum(0), chosen.T @ vectors, decay)


def _directly(n, m, counts, sums, decay):
    """Tokens pulled towards the batch's means, by the same share however many vectors stand behind."""
    means = sums / counts.clamp_min(1)[:, None]
    old = m / n[:, None]
    kept = torch.where(counts[:, None] > 0, decay * old + (1 - decay) * means, old)
    return kept, decay * n + (1 - decay) * counts, decay * m + (1 - decay) * sums


def _unused_to_zero(n, m, counts, sums, decay):
    means = sums / counts.clamp_min(1)[:, None]
    pulled = decay * m / n[:, None] + (1 - decay) * means
    return pulled, decay * n + (1 - decay) * counts, decay * m + (1 - decay) * sums


MOVING_CODEBOOK = Exercise(
    id="11.5",
    title="Tokens that follow their vectors",
    contract="follow(usage, total, vectors, codes, decay): moving averages (n_codes,) of how many vectors "
    "chose each token (all > 0) and (n_codes, dim) of their sum; a batch of vectors (n, dim) with the "
    "token that each chose, int64 (n,); 0 < decay < 1, the share of the past that is kept. Returns three "
    "tensors (tokens, usage, total) after the update; a token is its sum over its count.",
    stub='''def follow(usage, total, vectors, codes, decay):
    """usage: (n_codes,); total: (n_codes, dim); vectors: (n, dim); codes: int64 (n,); decay: in (0, 1).

    Returns (tokens, usage, total) after one update.
    """
    ...''',
    hints=(
        "Count first: for each token, how many vectors of the batch chose it, and what is their sum?",
        "one_hot(codes, n_codes) is (n, n_codes): columns add up to counts, transpose @ vectors to sums.",
        "Average count and sum apart, new = decay · old + (1 - decay) · batch, and divide only at the end.",
    ),
    mistakes=(
        Mistake(
            "decay on the wrong side",
            "With decay = 0.99 the past should weigh 0.99. What weighs that much in yours?",
            lambda *a: _with(
                *a,
                lambda n, m, c, s, d: (
                    ((1 - d) * m + d * s) / ((1 - d) * n + d * c)[:, None],
                    (1 - d) * n + d * c,
                    (1 - d) * m + d * s,
                ),
            ),
        ),
        Mistake(
            "tokens averaged instead of count and sum",
            "A token chosen once should move less than one chosen a thousand times.",
            lambda *a: _with(*a, _directly),
        ),
        Mistake(
            "an unused token pulled to zero",
            "Nobody chose it, so nothing is known about it: its count and its sum shrink together.",
            lambda *a: _with(*a, _unused_to_zero),
        ),
        Mistake(
            "counts not averaged",
            "The sum remembers the past and the count does not: their ratio is no mean.",
            lambda *a: _with(
                *a,
                lambda n, m, c, s, d: (
                    (d * m + (1 - d) * s) / c.clamp_min(1)[:, None],
                    c,
                    d * m + (1 - d) * s,
                ),
            ),
        ),
        Mistake(
            "mean of the batch instead of its sum",
            "Into the average goes the sum of the vectors; the division comes at the end.",
            lambda *a: _with(
                *a,
                lambda n, m, c, s, d: (
                    (d * m + (1 - d) * s / c.clamp_min(1)[:, None]) / (d * n + (1 - d) * c)[:, None],
                    d * n + (1 - d) * c,
                    d * m + (1 - d) * s / c.clamp_min(1)[:, None],
                ),
            ),
        ),
        Mistake(
            "weight of the batch forgotten",
            "The new part needs the weight 1 - decay, or the averages grow with every batch.",
            lambda *a: _with(
                *a, lambda n, m, c, s, d: ((d * m + s) / (d * n + c)[:, None], d * n + c, d * m + s)
            ),
        ),
        Mistake(
            "the sums returned as letters",
            "A letter is the mean of its vectors: the sum over the count.",
            lambda *a: (follow(*a)[2], *follow(*a)[1:]),
        ),
        Mistake(
            "letters of before",
            "Divide what you have just renewed, not what came in.",
            lambda usage, total, vectors, codes, decay: (
                total / usage[:, None],
                *follow(usage, total, vectors, codes, decay)[1:],
            ),
        ),
        Mistake(
            "returned in another order",
            "The contract says in which order the three come.",
            lambda *a: tuple(reversed(follow(*a))),
        ),
        Mistake(
            "divided by another count",
            "A token is its new sum over its new count, with nothing added.",
            (
                lambda *a: _with(
                    *a,
                    lambda n, m, c, s, d: (
                        (d * m + (1 - d) * s) / n[:, None],
                        d * n + (1 - d) * c,
                        d * m + (1 - d) * s,
                    ),
                ),
                lambda *a: _with(
                    *a,
                    lambda n, m, c, s, d: (
                        (d * m + (1 - d) * s) / (1 + d * n + (1 - d) * c)[:, None],
                        d * n + (1 - d) * c,
                        d * m + (1 - d) * s,
                    ),
                ),
                lambda *a: _with(
                    *a,
                    lambda n, m, c, s, d: (
                        (d * m + (1 - d) * s) / (c + n)[:, None],
                        d * n + (1 - d) * c,
                        d * m + (1 - d) * s,
                    ),
                ),
            ),
        ),
        Mistake(
            "share of the batch for its count",
            "The sum adds all vectors, so the count counts them all: no division by the size of the batch.",
            lambda *a: _with(
                *a,
                lambda n, m, c, s, d: (
                    (d * m + (1 - d) * s) / (d * n + (1 - d) * c / c.sum())[:, None],
                    d * n + (1 - d) * c / c.sum(),
                    d * m + (1 - d) * s,
                ),
            ),
        ),
        Mistake(
            "the past forgotten",
            "The averages keep the share `decay` of what they were.",
            (
                lambda *a: _with(*a, lambda n, m, c, s, d: (s / c[:, None], c, s)),
                lambda *a: _with(*a, lambda n, m, c, s, d: (s / c.clamp_min(1)[:, None], c, s)),
            ),
        ),
        Mistake(
            "averages not moved",
            "usage and total of the batch belong to the past of the next one: return the new ones.",
            (lambda *a: (follow(*a)[0], a[0], a[1]), lambda *a: (a[1] / a[0][:, None], *follow(*a)[1:])),
        ),
    ),
    reference=follow,
    cases=_follow_cases,
)


def bound_with_letters(log_likelihood: Tensor, logits: Tensor, codes: Tensor) -> Tensor:
    log_prior = torch.log_softmax(logits, dim=-1)
    own = log_prior.gather(-1, codes[..., None])[..., 0]
    return -log_likelihood.flatten(1).sum(1) - own.sum(1)


def _bound_cases(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    cases = []
    for batch, places, size in ((3, 4, 5), (2, 6, 3)):
        pixels = -torch.rand(batch, 1, 4, 4, generator=generator)
        logits = 2 * torch.randn(batch, places, size, generator=generator) + 1
        cases.append((pixels, logits, torch.randint(0, size, (batch, places), generator=generator)))
    return cases


def _own(log_prior: Tensor, codes: Tensor) -> Tensor:
    return log_prior.gather(-1, codes[..., None])[..., 0]


def _pixels(log_likelihood: Tensor) -> Tensor:
    return -log_likelihood.flatten(1).sum(1)


LETTER_BOUND = Exercise(
    id="11.6",
    title="What does a picture cost in tokens?",
    contract="bound_with_letters(log_likelihood, logits, codes): log p(x|tokens) of every pixel, float "
    "(batch, C, H, W); the prior's logits at every place given the tokens before it, float (batch, places, "
    "n_codes); the picture's own tokens, int64 (batch, places). Returns (batch,): the −ELBO in nats of each "
    "picture, the upper bound of −log p(x) that belongs to the posterior with all its mass on these tokens.",
    stub='''def bound_with_letters(log_likelihood, logits, codes):
    """log_likelihood: (batch, C, H, W); logits: (batch, places, n_codes); codes: int64 (batch, places).

    Returns (batch,), nats.
    """
    ...''',
    hints=(
        "−ELBO = −log p(x|c) + KL(q ‖ P). What is the KL of a q that is sure of its tokens?",
        "Its entropy is 0, so the KL is −log P(c): a product of conditionals, one for each place.",
        "log_softmax over the tokens, gather the picture's own, sum over places; then the pixels.",
    ),
    mistakes=(
        Mistake(
            "uniform prior",
            "That is what the tokens cost before a prior was learned. Where do the logits come in?",
            lambda ll, lo, c: _pixels(ll) + c.shape[1] * torch.log(torch.tensor(float(lo.shape[-1]))),
        ),
        Mistake(
            "entropy instead of the price of these tokens",
            "The picture has its own tokens, and pays for them, likely or not.",
            lambda ll, lo, c: _pixels(ll) + torch.distributions.Categorical(logits=lo).entropy().sum(1),
        ),
        Mistake(
            "logits taken for log-probabilities",
            "Do the exponentials of the logits add up to 1?",
            lambda ll, lo, c: _pixels(ll) - _own(lo, c).sum(1),
        ),
        Mistake(
            "normalized over the places",
            "At one place the probabilities of all tokens add up to 1: which axis is that?",
            lambda ll, lo, c: _pixels(ll) - _own(lo.log_softmax(1), c).sum(1),
        ),
        Mistake(
            "tokens for free",
            "Without the second term this is the distortion: a code of a million tokens would look best.",
            lambda ll, lo, c: _pixels(ll),
        ),
        Mistake(
            "sign of the tokens' term",
            "Unlikely tokens must make a picture more expensive.",
            lambda ll, lo, c: _pixels(ll) + _own(lo.log_softmax(-1), c).sum(1),
        ),
        Mistake(
            "the ELBO instead of −ELBO",
            "An upper bound of −log p(x) is asked for.",
            lambda ll, lo, c: -_pixels(ll) + _own(lo.log_softmax(-1), c).sum(1),
        ),
        Mistake(
            "averaged instead of summed",
            "Log-probabilities of independent pixels, and of one token after the other, add up.",
            (
                lambda ll, lo, c: -ll.flatten(1).mean(1) - _own(lo.log_softmax(-1), c).sum(1),
                lambda ll, lo, c: _pixels(ll) - _own(lo.log_softmax(-1), c).mean(1),
                lambda ll, lo, c: -ll.flatten(1).mean(1) - _own(lo.log_softmax(-1), c).mean(1),
            ),
        ),
        Mistake(
            "bits instead of nats",
            "Natural logarithms, please.",
            lambda ll, lo, c: (
                (_pixels(ll) - _own(lo.log_softmax(-1), c).sum(1)) / torch.log(torch.tensor(2.0))
            ),
        ),
        Mistake(
            "bits for the letters, nats for the pixels",
            "Both parts of a sum need the same unit.",
            lambda log_likelihood, logits, codes: (
                (bound_with_letters(log_likelihood, logits, codes) + log_likelihood.flatten(1).sum(1))
                / math.log(2)
                - log_likelihood.flatten(1).sum(1)
            ),
        ),
        Mistake(
            "probabilities added, not their logarithms",
            "A product of probabilities is a sum of logarithms.",
            (
                lambda ll, lo, c: _pixels(ll) - _own(lo.softmax(-1), c).sum(1),
                lambda ll, lo, c: _pixels(ll) - _own(lo.softmax(-1), c).sum(1).log(),
            ),
        ),
        Mistake(
            "one number for the letters of all pictures",
            "Every picture pays for its own letters.",
            (
                lambda ll, lo, c: _pixels(ll) - _own(lo.log_softmax(-1), c).mean(),
                lambda ll, lo, c: _pixels(ll) - _own(lo.log_softmax(-1), c).sum(),
                lambda ll, lo, c: _pixels(ll) - _own(lo.log_softmax(-1), c).sum() / len(c),
            ),
        ),
    ),
    reference=bound_with_letters,
    cases=_bound_cases,
)


# -------- Chapter 11's exercises on discrete codes, in order; this file holds the straight-through gradient.


def straight_through(vectors: Tensor, codebook: Tensor) -> Tensor:
    distances = (vectors[:, :, None, :] - codebook).square().sum(-1)
    tokens = codebook[distances.argmin(-1)]
    return vectors + (tokens - vectors).detach()


def _value_and_gradients(function, vectors: Tensor, codebook: Tensor, upstream: Tensor) -> dict:
    """What comes out, and the gradient that reaches both inputs; none at all counts as 0."""
    vectors, codebook = vectors.requires_grad_(), codebook.requires_grad_()
    out = function(vectors, codebook)
    gradients = [torch.zeros_like(vectors), torch.zeros_like(codebook)]
    if torch.is_tensor(out) and out.requires_grad and out.shape == upstream.shape:
        found = torch.autograd.grad((out * upstream).sum(), (vectors, codebook), allow_unused=True)
        gradients = [kept if g is None else g for kept, g in zip(gradients, found, strict=True)]
    return {
        "the result": out,
        "the gradient of the encoder's vectors": gradients[0],
        "the gradient of the codebook": gradients[1],
    }


def _straight_cases(seed: int) -> list[tuple]:
    """Tokens of unequal length, so that the largest product is not the nearest."""
    generator = torch.Generator().manual_seed(seed)
    cases = []
    for batch, places, dim, size in ((2, 3, 4, 5), (3, 1, 2, 4)):
        vectors = torch.randn(batch, places, dim, generator=generator)
        length = torch.linspace(0.2, 3, size)[:, None]
        codebook = length * torch.randn(size, dim, generator=generator)
        cases.append((vectors, codebook, torch.randn(batch, places, dim, generator=generator)))
    return cases


def _nearest(vectors: Tensor, codebook: Tensor) -> Tensor:
    return codebook[(vectors[:, :, None, :] - codebook).square().sum(-1).argmin(-1)]


STRAIGHT_THROUGH = Exercise(
    id="11.4",
    title="Through a step without a slope",
    contract="straight_through(vectors, codebook): float tensors (batch, places, dim) from the encoder and "
    "(n_codes, dim). Returns (batch, places, dim): at every place the nearest row of the codebook (squared "
    "distance). In the backward pass the gradient that arrives at the result goes to `vectors` unchanged, "
    "and none goes to `codebook`.",
    stub='''def straight_through(vectors: torch.Tensor, codebook: torch.Tensor) -> torch.Tensor:
    """vectors: (batch, places, dim); codebook: (n_codes, dim). Returns (batch, places, dim)."""
    ...''',
    hints=(
        "First the forward pass alone: distances (batch, places, n_codes), argmin, a row of the codebook.",
        "argmin has no gradient. Write the result as vectors + (something that is a constant for autograd).",
        "tokens = vectors + (tokens - vectors). Which part must autograd not see?",
    ),
    mistakes=(
        Mistake(
            "straight-through missing",
            "The values are right, but the encoder gets no gradient: it would never learn anything.",
            (
                lambda v, e: _nearest(v, e).detach(),
                lambda v, e: _nearest(v, e),
            ),
        ),
        Mistake(
            "gradient reaches the codebook",
            "The encoder gets its gradient, and the tokens get one too; here averages move them.",
            lambda v, e: _nearest(v, e) + (v - v.detach()),
        ),
        Mistake(
            "detach around the wrong part",
            "Look at the values: the decoder sees the encoder's vectors and not the tokens.",
            (
                lambda v, e: _nearest(v, e) + (v - _nearest(v, e)).detach(),
                lambda v, e: v + (_nearest(v, e) - v) * 0,
                lambda v, e: v.detach() + (_nearest(v, e) - _nearest(v, e).detach()),
            ),
        ),
        Mistake(
            "the largest product is not the nearest",
            "|v - e|² = |v|² - 2 v·e + |e|²: which term depends on the token and is missing?",
            (
                lambda v, e: v + (e[(v @ e.T).argmax(-1)] - v).detach(),
                lambda v, e: v + (e[torch.cdist(v, e / e.norm(dim=1, keepdim=True)).argmin(-1)] - v).detach(),
            ),
        ),
        Mistake(
            "the farthest token",
            "argmin or argmax? What does the distance mean?",
            lambda v, e: v + (e[torch.cdist(v, e).argmax(-1)] - v).detach(),
        ),
        Mistake(
            "one token for all places",
            "Every place chooses for itself: which axes may the distance be summed over?",
            lambda v, e: v + (e[(v[:, :, None] - e).square().sum((1, 3)).argmin(-1)][:, None] - v).detach(),
        ),
        Mistake(
            "a mixture of letters",
            "A soft choice is no letter: the decoder must see one row of the codebook.",
            lambda vectors, codebook: (
                (-(vectors[:, :, None, :] - codebook).square().sum(-1).sqrt()).softmax(-1) @ codebook.detach()
            ),
        ),
        Mistake(
            "another distance",
            "The squared distance decides: the sum of squared differences.",
            (
                lambda v, e: v + (e[(v[:, :, None] - e).abs().sum(-1).argmin(-1)] - v).detach(),
                lambda v, e: v + (e[(v[:, :, None] - e).abs().amax(-1).argmin(-1)] - v).detach(),
                lambda v, e: v + (e[(v[:, :, None] - e).sum(-1).argmin(-1)] - v).detach(),
                lambda v, e: v + (e[(v[:, :, None] - e).sum(-1).abs().argmin(-1)] - v).detach(),
            ),
        ),
    ),
    reference=straight_through,
    cases=_straight_cases,
    observe=_value_and_gradients,
)


CODES_EXERCISES = (STRAIGHT_THROUGH, MOVING_CODEBOOK, LETTER_BOUND)


# -------- Exercise of chapter 11: the reconstruction term in the discriminator's hidden layer.


def feature_nats(rebuilt: Tensor, real: Tensor, variance: Tensor) -> Tensor:
    difference = rebuilt - real.detach()
    return 0.5 * (difference.square() / variance[:, None, None]).sum((1, 2, 3))


def _observe(call: Callable, rebuilt: Tensor, real: Tensor, variance: Tensor) -> dict[str, Tensor]:
    """The values, and whether their gradients reach the two feature maps."""
    rebuilt, real = rebuilt.requires_grad_(), real.requires_grad_()
    value = call(rebuilt, real, variance)
    if not isinstance(value, Tensor):
        raise ContractBroken(f"Expected a tensor of shape (batch,); got {type(value).__name__}.")
    seen = {"nats": to_tensor(value)}
    for name, features in (("rebuilt", rebuilt), ("real", real)):
        gradient = None
        if value.requires_grad:
            (gradient,) = torch.autograd.grad(value.sum(), features, retain_graph=True, allow_unused=True)
        seen[name] = torch.tensor(0.0 if gradient is None else float(gradient.abs().sum() > 0))
    return seen


def _cases(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    return [
        (
            torch.randn(shape, generator=generator),
            torch.randn(shape, generator=generator),
            0.2 + 3 * torch.rand(shape[1], generator=generator),
        )
        for shape in [(4, 3, 2, 2), (2, 5, 3, 1), (3, 2, 4, 4)]
    ]


def _variant(
    *,
    cut: Callable = torch.detach,
    unit: Callable = lambda variance: variance,
    factor: float = 0.5,
    reduce: Callable = lambda nats: nats.sum((1, 2, 3)),
    error: Callable = torch.square,
) -> Callable:
    """The reference with one thing changed."""
    return lambda rebuilt, real, variance: reduce(
        factor * error(rebuilt - cut(real)) / unit(variance[:, None, None])
    )


FEATURE_NATS = Exercise(
    id="11.2",
    title="A ruler that must not bend",
    contract="feature_nats(rebuilt, real, variance): rebuilt and real (batch, channels, height, width) float "
    "tensors, what the discriminator's hidden layer says about the reconstruction and about the picture; "
    "variance (channels,), > 0. Returns for each example ½ Σ (rebuilt − real)² / variance, summed over "
    "channels and places: (batch,). Its gradient reaches `rebuilt` and does not reach `real`.",
    stub='''def feature_nats(rebuilt: torch.Tensor, real: torch.Tensor, variance: torch.Tensor):
    """rebuilt, real: (batch, channels, height, width); variance: (channels,). Returns nats, (batch,)."""
    ...''',
    hints=(
        "It is the exponent of a Gaussian whose variance differs from channel to channel.",
        "variance[:, None, None] lines up with the channels.",
        "Which of the two pictures is the model allowed to change? What does .detach() do to the other?",
    ),
    mistakes=(
        Mistake(
            "detach forgotten",
            "The values are right, but the real picture's features receive a gradient too: the ruler would "
            "learn to shrink the distance.",
            _variant(cut=lambda real: real),
        ),
        Mistake(
            "reconstruction detached",
            "Now nothing is learned from it: it is the reconstruction that has to move.",
            (
                lambda rebuilt, real, v: feature_nats(rebuilt.detach(), real, v),
                lambda rebuilt, real, v: _variant(cut=lambda r: r)(rebuilt.detach(), real, v),
            ),
        ),
        Mistake(
            "one half forgotten",
            "What stands in the exponent of a Gaussian?",
            (_variant(factor=1.0), _variant(factor=1.0, cut=lambda real: real)),
        ),
        Mistake(
            "averaged over the features",
            "Independent features: their nats add up. An average is far too small beside the KL.",
            (
                _variant(reduce=lambda nats: nats.mean((1, 2, 3))),
                _variant(reduce=lambda nats: nats.mean((1, 2, 3)), factor=1.0),
                _variant(reduce=lambda nats: nats.mean((2, 3)).sum(1)),
            ),
        ),
        Mistake(
            "summed or averaged over the batch",
            "One number for each example is asked for.",
            (_variant(reduce=torch.sum), _variant(reduce=torch.mean)),
        ),
        Mistake(
            "variance ignored",
            "Without its unit a channel counts as much as the discriminator likes.",
            _variant(unit=torch.ones_like),
        ),
        Mistake(
            "standard deviation in place of the variance",
            "The error is squared, so its unit is squared too.",
            _variant(unit=torch.sqrt),
        ),
        Mistake(
            "variance multiplied",
            "A channel that varies much should count less.",
            _variant(unit=lambda v: 1 / v),
        ),
        Mistake("error not squared", "The exponent of a Gaussian is quadratic.", _variant(error=torch.abs)),
        Mistake(
            "divided by the variance twice",
            "The square of what is divided by σ² is divided by σ⁴.",
            lambda rebuilt, real, variance: feature_nats(rebuilt, real, variance**2),
        ),
    ),
    reference=feature_nats,
    observe=_observe,
    cases=_cases,
)


# -------- Exercise of chapter 11: the game of a VAE-GAN, with three networks and each gradient where it
# belongs.


def game_losses(
    encoder: nn.Module, decoder: nn.Module, discriminator: nn.Module, x: Tensor, z_prior: Tensor
) -> tuple[Tensor, Tensor]:
    z = encoder(x).detach()
    fakes = decoder(torch.cat([z, z_prior]))
    catch = F.softplus(-discriminator(x)).mean() + F.softplus(discriminator(fakes.detach())).mean()
    discriminator.requires_grad_(False)
    fool = F.softplus(-discriminator(fakes)).mean()
    discriminator.requires_grad_(True)
    return catch, fool


NETWORKS = ("encoder", "decoder", "discriminator")


def _networks(seed: int) -> dict[str, nn.Module]:
    generator = torch.Generator().manual_seed(seed)
    networks = {
        "encoder": nn.Sequential(nn.Linear(3, 2), nn.Tanh()),
        "decoder": nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 3)),
        "discriminator": nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1), nn.Flatten(0)),
    }
    with torch.no_grad():
        for network in networks.values():
            for weight in network.parameters():
                weight.copy_(torch.randn(weight.shape, generator=generator))
    return networks


def _observe_game(call: Callable, seed: int, x: Tensor, z_prior: Tensor) -> dict[str, Tensor]:
    """Both losses, and the gradient of each for the weights of every network."""
    networks = _networks(seed)
    answer = call(*networks.values(), x, z_prior)
    if not isinstance(answer, (tuple, list)) or len(answer) != 2 or not all(map(torch.is_tensor, answer)):
        raise ContractBroken("Return two tensors: catch, for the discriminator, then fool, for the decoder.")
    seen: dict[str, Tensor] = {}
    for name, loss in zip(("catch", "fool"), answer, strict=True):
        if loss.numel() != 1:
            raise ContractBroken(f"Each loss is one number; {name} has the shape {tuple(loss.shape)}.")
        seen[name] = loss.detach().reshape(())
        for place, network in networks.items():
            weights = list(network.parameters())
            found = [None] * len(weights)
            if loss.requires_grad:
                inputs = [w if w.requires_grad else w.detach().requires_grad_() for w in weights]
                found = torch.autograd.grad(loss.sum(), inputs, retain_graph=True, allow_unused=True)
            parts = [torch.zeros_like(w) if g is None else g for w, g in zip(weights, found, strict=True)]
            seen[f"{name} reaches the {place}"] = torch.cat([part.flatten() for part in parts])
    trainable = all(w.requires_grad for network in networks.values() for w in network.parameters())
    seen["all networks can still be trained"] = torch.tensor(float(trainable))
    return seen


def _game_cases(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    return [
        (seed + n, torch.randn(n, 3, generator=generator), torch.randn(n, 2, generator=generator))
        for n in (4, 7)
    ]


def _same(x: Tensor) -> Tensor:
    return x


def _wanted(score: Tensor) -> Tensor:
    return F.softplus(-score)


def _game_variant(
    *,
    catch_real: Callable = _wanted,
    catch_fake: Callable = F.softplus,
    fool: Callable = _wanted,
    codes: Callable = lambda z, z_prior: torch.cat([z, z_prior]),
    cut_code: Callable = torch.detach,
    cut_fakes: Callable = torch.detach,
    cut_fool: Callable = _same,
    freeze: bool = True,
    thaw: bool = True,
    reduce: Callable = torch.mean,
) -> Callable:
    """The reference with one thing changed."""

    def losses(encoder, decoder, discriminator, x, z_prior):
        fakes = decoder(codes(cut_code(encoder(x)), z_prior))
        catch = reduce(catch_real(discriminator(x))) + reduce(catch_fake(discriminator(cut_fakes(fakes))))
        discriminator.requires_grad_(not freeze)
        trick = reduce(fool(discriminator(cut_fool(fakes))))
        discriminator.requires_grad_(thaw)
        return catch, trick

    return losses


def _also_careless(**change) -> tuple[Callable, ...]:
    """A change alone, and together with cuts that were forgotten elsewhere."""
    return (
        _game_variant(**change),
        _game_variant(**({"freeze": False} | change)),
        _game_variant(**({"cut_code": _same} | change)),
        _game_variant(**({"cut_code": _same, "freeze": False} | change)),
    )


GAME_LOSSES = Exercise(
    id="11.3",
    title="Three networks, two losses, three cuts",
    contract="game_losses(encoder, decoder, discriminator, x, z_prior): encoder(x) gives a code for each "
    "picture, (batch, latent); decoder(z) a picture for each code; discriminator(pictures) scores (n,), "
    "logits of 'real'; z_prior (batch, latent) comes from N(0, I). The fakes are the decoded codes of x and "
    "of z_prior, together. Returns catch = mean of −log σ(score of x) + mean of −log(1 − σ(score of a "
    "fake)), whose gradient reaches the discriminator only; and fool = mean of −log σ(score of a fake), "
    "whose gradient reaches the decoder only. Afterwards all networks can be trained as before.",
    stub='''def game_losses(encoder, decoder, discriminator, x: torch.Tensor, z_prior: torch.Tensor):
    """x: (batch, features); z_prior: (batch, latent). Returns catch and fool, a number each."""
    ...''',
    hints=(
        "−log σ(s) = softplus(−s), and −log(1 − σ(s)) = softplus(s).",
        "There are three cuts: at the code, at the fakes for one loss, and at the discriminator's weights "
        "for the other.",
        "discriminator.requires_grad_(False) makes it a fact for what is computed next; True afterwards.",
    ),
    mistakes=(
        Mistake(
            "detach forgotten at the fakes",
            "The discriminator's loss reaches the decoder, which learns from it to be caught.",
            _also_careless(cut_fakes=_same),
        ),
        Mistake(
            "discriminator updated by the decoder's loss",
            "The gradient of fool reaches the discriminator's weights: it would learn to be fooled.",
            (_game_variant(freeze=False), _game_variant(freeze=False, cut_code=_same)),
        ),
        Mistake(
            "encoder plays along",
            "The gradient of fool reaches the encoder: its codes should tell about x, not please anybody.",
            _game_variant(cut_code=_same),
        ),
        Mistake(
            "decoder cut off",
            "The gradient of fool has to pass through the discriminator into the decoder: freeze the weights "
            "and do not detach the pictures.",
            _also_careless(cut_fool=torch.detach),
        ),
        Mistake(
            "samples forgotten",
            "The discriminator should see what new codes give as well: N(0, I) is what is sampled later.",
            _also_careless(codes=lambda z, z_prior: z),
        ),
        Mistake(
            "reconstructions forgotten",
            "In Larsen et al. the reconstructions play as well.",
            _also_careless(codes=lambda z, z_prior: z_prior),
        ),
        Mistake(
            "labels swapped",
            "A high score means real: the discriminator should raise it for real pictures.",
            (
                *_also_careless(catch_real=F.softplus, catch_fake=_wanted),
                *_also_careless(catch_real=F.softplus, catch_fake=_wanted, fool=F.softplus),
            ),
        ),
        Mistake(
            "decoder wants to be caught",
            "The decoder's label for its own picture is 'real'.",
            _also_careless(fool=F.softplus),
        ),
        Mistake(
            "saturating game",
            "log(1 − σ) is flat just when the decoder is losing; take −log σ.",
            _also_careless(fool=lambda score: -F.softplus(score)),
        ),
        Mistake(
            "summed over the batch",
            "Means are asked for: with sums, the learning rate would depend on the batch size.",
            _also_careless(reduce=torch.sum),
        ),
        Mistake(
            "discriminator left frozen",
            "The losses are right, but afterwards the discriminator's weights take no gradients any more.",
            _game_variant(thaw=False),
        ),
    ),
    reference=game_losses,
    observe=_observe_game,
    cases=_game_cases,
)


# -------- Exercises of chapter 11: who learns from which loss, a learned ruler, the game, and codes from a
# list.

_CODES = {
    "E": "encoder only",
    "G": "decoder (generator) only",
    "D": "discriminator only",
    "EG": "encoder and decoder",
    "GD": "decoder and discriminator",
    "EGD": "all three",
}

ROUTES = Exercise(
    id="11.1",
    title="Who learns from what?",
    contract='A dict with five entries: "kl", "feature", "fool", "catch" and "pixel" (the loss of a plain '
    'VAE), each with the networks that its gradient may reach: "E" (encoder), "G" (decoder), "D" '
    '(discriminator), or several of these letters, in this order: "EG", "GD", "EGD".',
    stub='answer_11_1 = {"kl": ..., "feature": ..., "fool": ..., "catch": ..., "pixel": ...}',
    hints=(
        "Ask of each network: what is it for? Then: would this loss teach it the opposite?",
        "A ruler must not shrink what it measures, and an opponent must not help.",
        "Which networks does the KL term contain at all?",
    ),
    mistakes=(
        Mistake(
            "the game reaches the encoder",
            "The encoder would learn codes whose pictures fool somebody, instead of codes that tell about x.",
            value={"fool": "EG"},
        ),
        Mistake(
            "the decoder's loss trains the discriminator",
            "An opponent that learns to be fooled is none.",
            value={"fool": "GD"},
        ),
        Mistake(
            "the game reaches everybody",
            "One of three learns to win here, and no other.",
            value={"fool": "EGD"},
        ),
        Mistake(
            "the ruler learns to shrink",
            "If the discriminator receives the feature loss, its easiest answer is to see nothing at all.",
            value={"feature": "EGD"},
        ),
        Mistake(
            "the discriminator's loss reaches the decoder",
            "The decoder would learn to be caught.",
            value={"catch": "GD"},
        ),
        Mistake(
            "the KL reaches the decoder",
            "Is the decoder anywhere in KL(q(z|x) ‖ p(z))?",
            value={"kl": "EG"},
        ),
        Mistake(
            "reconstruction without the encoder",
            "z = μ + σ·ε lets the gradient of a reconstruction pass into the encoder.",
            value={"feature": "G"},
        ),
    ),
    value={"kl": "E", "feature": "EG", "fool": "G", "catch": "D", "pixel": "EG"},
    codes={name: _CODES for name in ("kl", "feature", "fool", "catch", "pixel")},
    explanation="The KL term contains the encoder alone. Both reconstructions pass from the picture through "
    "the decoder into z, and so into the encoder;\nthe discriminator is only the ruler. The game has two "
    "players: the decoder fools, the discriminator catches, and the encoder looks on.",
)

EXERCISES = (ROUTES, FEATURE_NATS, GAME_LOSSES, *CODES_EXERCISES)
