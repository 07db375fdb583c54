"""The exercises of chapter 02."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vae_course.exercises.noise import noise_problem
from vae_course.models.vae import VAE
from vae_course.teaching.exercise import CONTRACT, WRONG, Exercise, Mistake, Verdict
from vae_course.teaching.grading import contract_problem, to_tensor

# -------- Exercises of chapter 02 whose answers are random: judged by statistics, gradients and
# repeatability.

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
        or _judge_law([(answer(mean, log_var, _seeded(s)) - mean) / (log_var / 2).exp() for s in (3, 4)])
    )


def _judge_law(draws: list[Tensor]) -> Verdict | None:
    """Standard normal for each element, row and call?"""
    problem = noise_problem(torch.stack(draws))
    return Verdict(WRONG, f"Not yet: {problem}.") if problem else None


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
    once, again, other = (to_tensor(draw(_seeded(seed))) for seed in (1, 1, 2))
    if not torch.equal(once, again):
        return exercise.named("generator ignored")
    if torch.equal(once, other) or torch.equal(to_tensor(draw(None)), to_tensor(draw(None))):
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


# -------- Exercise of chapter 02: new pictures from the prior.

N = 8000


def generate(model: VAE, n: int, generator: torch.Generator | None = None) -> Tensor:
    z = torch.randn(n, model.latent_dim, generator=generator)
    return torch.sigmoid(model.decode(z))


class _WatchedVAE(VAE):
    """Remembers every code it is asked to decode."""

    def __init__(self) -> None:
        super().__init__(image_shape=(1, 4, 4), latent_dim=3, hidden_dims=(8,))
        for parameter in self.parameters():
            # Untrained logits are all close to 0, where many mistakes look alike.
            parameter.data.mul_(4)
        self.codes: list[Tensor] = []

    def decode(self, z: Tensor) -> Tensor:
        self.codes.append(z.detach().reshape(-1, self.latent_dim))
        return super().decode(z)


def _grade(answer: Callable) -> Verdict | None:
    named = GENERATE.named
    model = _WatchedVAE()
    images = answer(model, N, torch.Generator().manual_seed(0))
    if not model.codes:
        return Verdict(CONTRACT, "model.decode was never called: pictures come from decoding codes z.")
    z = torch.cat(model.codes)
    spread = z.std(0)
    if z.abs().max() < 1e-6:
        return named("only the prior's mean")
    if len(z) < N or spread.max() < 1e-6:
        return named("one code for all pictures")
    if z.abs().max() <= 1:
        return named("codes drawn uniformly")
    if (z.mean(0).abs() > 0.06).any() or ((spread - 1).abs() > 0.05).any():
        return named(
            "not the prior", f"Yours has standard deviations of {spread[0]:.2f} to {spread[-1]:.2f}."
        )
    logits = VAE.decode(model, z).detach()
    problem = contract_problem(images, logits, label="the pictures")
    if problem:
        return Verdict(CONTRACT, problem[0].upper() + problem[1:])
    images = torch.as_tensor(images).detach()
    for wrong, name in (
        (logits, "logits taken for probabilities"),
        (torch.sigmoid(torch.sigmoid(logits)), "sigmoid applied twice"),
        (logits.clamp(0, 1), "logits clamped"),
    ):
        if torch.allclose(images.float(), wrong, atol=1e-4):
            return named(name)
    if ((images == 0) | (images == 1)).all():
        return named("pixels drawn")
    if not torch.allclose(images.float(), torch.sigmoid(logits), atol=1e-4):
        return Verdict(WRONG, "Not yet: the codes are right, but the pictures are not p(x = 1 | z).")
    return judge_generator(lambda generator: answer(model, 4, generator), GENERATE) or _judge_law([z])


def _broken(draw: Callable, picture: Callable[[Tensor], Tensor] = torch.sigmoid) -> Callable:
    def function(model: VAE, n: int, generator: torch.Generator | None = None) -> Any:
        return picture(model.decode(draw(n, model.latent_dim, generator=generator)))

    return function


GENERATE = Exercise(
    id="02.6",
    title="New pictures from the prior",
    contract="generate(model, n, generator=None): a VAE with a Bernoulli likelihood (model.latent_dim, "
    "model.decode(z) -> logits). Returns n new pictures as pixel probabilities p(x = 1 | z) in [0, 1], "
    "float, (n, channel, height, width), each from its own z ~ p(z). All randomness is the generator's.",
    stub='''def generate(model, n: int, generator: torch.Generator | None = None) -> torch.Tensor:
    """n new pictures as pixel probabilities, each from its own z ~ p(z): (n, channel, height, width)."""
    ...''',
    hints=(
        "No picture goes in, so the encoder has nothing to do: where does z come from?",
        "The prior is N(0, I) in model.latent_dim dimensions; draw n codes from it at once.",
        "The decoder returns logits: which function turns a logit into a probability, and how often?",
    ),
    mistakes=(
        Mistake(
            "only the prior's mean",
            "Every picture is the decoder's answer to z = 0. Draw codes.",
            _broken(lambda n, k, generator: torch.zeros(n, k)),
        ),
        Mistake(
            "one code for all pictures",
            "Each picture needs a code of its own.",
            _broken(lambda n, k, generator: torch.randn(1, k, generator=generator).expand(n, k)),
        ),
        Mistake(
            "codes drawn uniformly",
            "The prior is Gaussian: look at the last letter of the function that draws it.",
            (
                _broken(torch.rand),
                _broken(lambda n, k, generator: 2 * torch.rand(n, k, generator=generator) - 1),
            ),
        ),
        Mistake(
            "not the prior",
            "New pictures start from p(z) = N(0, I), with no example's mean or σ.",
            _broken(lambda n, k, generator: 0.3 * torch.randn(n, k, generator=generator)),
        ),
        Mistake(
            "logits taken for probabilities",
            "A probability lies between 0 and 1; the decoder's output does not.",
            _broken(torch.randn, lambda logits: logits),
        ),
        Mistake(
            "sigmoid applied twice",
            "All your pixels lie between 0.5 and 0.73. Count the sigmoids.",
            _broken(torch.randn, lambda logits: torch.sigmoid(torch.sigmoid(logits))),
        ),
        Mistake(
            "logits clamped",
            "Cutting a logit off at 0 and 1 does not make it a probability.",
            _broken(torch.randn, lambda logits: logits.clamp(0, 1)),
        ),
        Mistake(
            "pixels drawn",
            "That is a draw from p(x|z). The probabilities themselves are asked for.",
            (
                _broken(torch.randn, lambda logits: torch.bernoulli(torch.sigmoid(logits))),
                _broken(torch.randn, lambda logits: (logits > 0).float()),
            ),
        ),
        Mistake(
            "generator ignored",
            "Two generators with the same seed should give the same pictures: pass yours on.",
            _broken(lambda n, k, generator: torch.randn(n, k)),
        ),
        Mistake(
            "always the same noise",
            "Two calls should give two sets of pictures: no seed belongs inside the function.",
            _broken(lambda n, k, generator: torch.randn(n, k, generator=torch.Generator().manual_seed(0))),
        ),
    ),
    reference=generate,
    grade=_grade,
)


# -------- Exercise of chapter 02: the Bernoulli reconstruction term, in nats for each example.


def reconstruction_nats(logits: Tensor, x: Tensor) -> Tensor:
    per_pixel = F.binary_cross_entropy_with_logits(logits, x, reduction="none")
    return per_pixel.flatten(start_dim=1).sum(-1)


def _cases(seed: int) -> list[tuple]:
    """Logits inside (0, 1), so that they pass for probabilities; ordinary ones; and huge ones."""
    generator = torch.Generator().manual_seed(seed)
    shape = (5, 1, 4, 3)
    ones = (torch.rand(shape, generator=generator) < 0.4).float()
    grey = torch.rand((3, 1, 4, 4), generator=generator)
    return [
        (0.1 + 0.8 * torch.rand(shape, generator=generator), ones),
        (2 * torch.randn(grey.shape, generator=generator), grey),
        (150 * torch.randn(shape, generator=generator).sign(), ones),
    ]


def _from_probabilities(p: Tensor, x: Tensor, keep_away: float = 0.0) -> Tensor:
    return -(x * (p + keep_away).log() + (1 - x) * (1 - p + keep_away).log()).flatten(1).sum(-1)


def _guarded_logarithms(probability: Callable[[Tensor], Tensor]) -> tuple[Callable, ...]:
    """How people keep log(0) away: not at all, PyTorch's clamp, adding or clamping at epsilon."""

    def plus(epsilon: float) -> Callable:
        return lambda logits, x: _from_probabilities(probability(logits), x, epsilon)

    def clamped(epsilon: float) -> Callable:
        return lambda logits, x: _from_probabilities(probability(logits).clamp(epsilon, 1 - epsilon), x)

    def torch_clamp(logits: Tensor, x: Tensor) -> Tensor:
        return F.binary_cross_entropy(probability(logits), x, reduction="none").flatten(1).sum(-1)

    epsilons = (1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12)
    return (plus(0.0), torch_clamp, *map(plus, epsilons), *map(clamped, epsilons))


def _bce(logits: Tensor, x: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, x, reduction="none")


RECONSTRUCTION = Exercise(
    id="02.3",
    title="The reconstruction term of a Bernoulli decoder",
    contract="reconstruction_nats(logits, x): both (batch, channel, height, width) float tensors; logits are "
    "the decoder's output, x is in [0, 1]. Returns -log p(x|z) of each example, in nats, summed over pixels: "
    "(batch,), finite also for logits of ±150. "
    "Gradients reach logits.",
    gradients_to=("logits",),
    stub='''def reconstruction_nats(logits: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """logits, x: (batch, channel, height, width). Returns -log p(x|z) in nats, shape (batch,)."""
    ...''',
    hints=(
        "One pixel: -log p(x|z) = -x log π - (1 - x) log(1 - π), where π = sigmoid(logit).",
        "For a logit of 150, π is exactly 1 in floating point and log(1 - π) is lost: work with logits.",
        "binary_cross_entropy_with_logits does that. Mind its reduction: sum over pixels, not over images.",
    ),
    mistakes=(
        Mistake(
            "averaged over the pixels",
            "Pixels are independent given z: do their log-probabilities add up or average?",
            lambda logits, x: _bce(logits, x).flatten(1).mean(-1),
        ),
        Mistake(
            "averaged over everything",
            "One number per image is asked for, a sum over its pixels. What does `reduction` do by default?",
            (
                lambda logits, x: _bce(logits, x).mean(),
                lambda logits, x: _bce(logits, x).flatten(1).sum(-1).mean(),
            ),
        ),
        Mistake(
            "summed over the batch",
            "One number per image is asked for: sum over pixels only.",
            (lambda logits, x: _bce(logits, x).sum(), lambda logits, x: _bce(logits, x).sum(0)),
        ),
        Mistake(
            "not summed over the pixels",
            "These are the terms of each pixel. What is -log p of the whole image?",
            (
                _bce,
                lambda logits, x: _bce(logits, x).flatten(1),
                lambda logits, x: _bce(logits, x).sum(-1),
                lambda logits, x: _bce(logits, x).sum(1),
            ),
        ),
        Mistake(
            "flipped sign",
            "A log-probability of pixels is never positive, so its negative is never negative.",
            lambda logits, x: -_bce(logits, x).flatten(1).sum(-1),
        ),
        Mistake(
            "logits taken for probabilities",
            "The decoder's output is any real number; a probability is not.",
            _guarded_logarithms(lambda logits: logits),
        ),
        Mistake(
            "sigmoid applied twice",
            "One function in your code already contains the sigmoid.",
            (
                lambda logits, x: _bce(torch.sigmoid(logits), x).flatten(1).sum(-1),
                *_guarded_logarithms(lambda logits: torch.sigmoid(torch.sigmoid(logits))),
            ),
        ),
        Mistake(
            "logarithm of a saturated sigmoid",
            "Right for small logits. At ±150 the sigmoid is exactly 0 or 1: stay with logits instead.",
            _guarded_logarithms(torch.sigmoid),
        ),
        Mistake(
            "arguments swapped",
            "Which of the two is the data, and which the decoder's output?",
            lambda logits, x: _bce(x, logits).flatten(1).sum(-1),
        ),
        Mistake(
            "dark pixels left out",
            "A pixel that is 0 also has a probability.",
            lambda logits, x: -(x * F.logsigmoid(logits)).flatten(1).sum(-1),
        ),
        Mistake(
            "squared error",
            "That is the negative log-likelihood of another distribution, up to constants.",
            (
                lambda logits, x: ((torch.sigmoid(logits) - x) ** 2).flatten(1).sum(-1),
                lambda logits, x: ((logits - x) ** 2).flatten(1).sum(-1),
                lambda logits, x: ((torch.sigmoid(logits) - x) ** 2).mean(),
            ),
        ),
    ),
    reference=reconstruction_nats,
    cases=_cases,
    low=0.0,
)


# -------- Exercise of chapter 02: one training step, judged by what it does to the weights.

STEPS = 3


def training_step(
    model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, beta: float = 1.0
) -> dict[str, float]:
    posterior = model.encode(x)
    z = posterior.sample()
    reconstruction = -model.log_likelihood(x, z)
    kl = posterior.kl()
    loss = (reconstruction + beta * kl).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return {"loss": loss.item(), "reconstruction": reconstruction.mean().item(), "kl": kl.mean().item()}


class _CountingSGD(torch.optim.SGD):
    """Plain gradient descent: unlike Adam it shows when the loss is scaled wrongly."""

    steps = 0

    def step(self, *arguments: Any) -> None:
        self.steps += 1
        super().step(*arguments)


def _observe(call: Callable, beta: float, learning_rate: float) -> dict[str, Any]:
    """Train a tiny VAE for a few steps; what is compared are the terms and the weights afterwards."""
    model = VAE(image_shape=(1, 6, 6), latent_dim=2, hidden_dims=(16,))
    optimizer = _CountingSGD(model.parameters(), lr=learning_rate)
    x = (torch.rand(8, 1, 6, 6) < 0.3).float()
    before = nn.utils.parameters_to_vector(model.parameters()).detach().clone()
    terms = [call(model, optimizer, x, beta) for _ in range(STEPS)]
    moved = nn.utils.parameters_to_vector(model.parameters()).detach() - before
    # Weights move by little: in units of the learning rate a small difference is seen as well as a large one.
    return {"terms": terms, "steps": optimizer.steps, "movement": moved / learning_rate}


def _mean_loss(reconstruction: Tensor, kl: Tensor, beta: float) -> Tensor:
    return (reconstruction + beta * kl).mean()


def _sum_loss(reconstruction: Tensor, kl: Tensor, beta: float) -> Tensor:
    return (reconstruction + beta * kl).sum()


def _variant(
    loss: Callable[[Tensor, Tensor, float], Tensor] = _mean_loss,
    *,
    order: str = "forward zero backward step",
    reported: Callable[[Tensor, Tensor, float], Tensor] | None = None,
    sample: Callable = lambda posterior: posterior.sample(),
    encode_without_gradient: bool = False,
    per_pixel: bool = False,
    sign: int = 1,
) -> Callable:
    """The reference with one thing changed."""

    def step(model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, beta: float) -> dict[str, Tensor]:
        before, after = order.split("forward")
        for action in before.split():
            {"zero": optimizer.zero_grad, "step": optimizer.step}[action]()
        with torch.no_grad() if encode_without_gradient else nullcontext():
            posterior = model.encode(x)
        reconstruction = -sign * model.log_likelihood(x, sample(posterior))
        if per_pixel:
            reconstruction = reconstruction / x[0].numel()
        kl = posterior.kl()
        value = loss(reconstruction, kl, beta)
        for action in after.split():
            {"zero": optimizer.zero_grad, "backward": value.backward, "step": optimizer.step}[action]()
        shown = reported(reconstruction, kl, beta) if reported else value
        return {"loss": shown.detach(), "reconstruction": reconstruction.mean().detach(), "kl": kl.mean()}

    return step


TRAINING_STEP = Exercise(
    id="02.5",
    title="One training step",
    contract="training_step(model, optimizer, x, beta): a VAE of the course, an optimizer over its "
    "parameters, x (batch, channel, height, width) in [0, 1], beta >= 0. Use model.encode(x) (a posterior "
    "with .sample() and .kl() of shape (batch,)) and model.log_likelihood(x, z) of shape (batch,); draw z "
    "once. Updates the weights by one step on the mean over the batch of reconstruction + beta * KL. Returns "
    "a dict of three numbers, means over the batch in nats: 'loss', 'reconstruction', 'kl' (the last two "
    "without beta).",
    stub='''def training_step(model, optimizer, x: torch.Tensor, beta: float = 1.0) -> dict[str, float]:
    """One step on the batch x. Returns {"loss", "reconstruction", "kl"}, means over the batch in nats."""
    ...''',
    hints=(
        "Forward first: posterior, one sample z, the two terms of each example, their weighted mean.",
        "Then three calls, in the order in which gradients live: cleared, filled, used.",
        "Gradients must reach the encoder through z as well as through the KL: nothing may cut the graph.",
    ),
    mistakes=(
        Mistake(
            "zero_grad forgotten",
            "PyTorch adds new gradients to the old ones. Who removes the old ones?",
            _variant(order="forward backward step"),
        ),
        Mistake(
            "step before backward",
            "When the optimizer steps, the gradients of this very loss must already be there.",
            (
                _variant(order="forward zero step backward"),
                _variant(order="forward step zero backward"),
                _variant(order="forward step backward zero"),
                _variant(order="forward step backward"),
                _variant(order="forward backward zero step"),
                _variant(order="step zero forward backward"),
                _variant(order="step forward backward"),
            ),
        ),
        Mistake(
            "optimizer never steps",
            "The gradients are there, and the weights have not moved.",
            (_variant(order="forward zero backward"), _variant(order="forward backward")),
        ),
        Mistake(
            "sum over the batch",
            "With twice the batch your step would be twice as long. The loss is a mean over the batch.",
            (_variant(_sum_loss), _variant(_sum_loss, reported=_mean_loss)),
        ),
        Mistake(
            "averaged over the pixels",
            "The reconstruction term is a sum over pixels; divided, it weighs too little beside the KL.",
            _variant(per_pixel=True),
        ),
        Mistake(
            "beta on the wrong term",
            "Which of the two terms should beta make more expensive?",
            (
                _variant(lambda reconstruction, kl, beta: (beta * reconstruction + kl).mean()),
                _variant(lambda reconstruction, kl, beta: (beta * (reconstruction + kl)).mean()),
            ),
        ),
        Mistake(
            "beta ignored",
            "Try beta = 4: does your loss notice?",
            (
                _variant(lambda reconstruction, kl, beta: (reconstruction + kl).mean()),
                _variant(lambda reconstruction, kl, beta: (reconstruction + kl).mean(), reported=_mean_loss),
            ),
        ),
        Mistake(
            "KL with the wrong sign",
            "This rewards a posterior for running away from the prior.",
            _variant(lambda reconstruction, kl, beta: (reconstruction - beta * kl).mean()),
        ),
        Mistake(
            "log-likelihood without its minus",
            "A likely picture must cost little. Is your reconstruction term ever negative?",
            _variant(sign=-1),
        ),
        Mistake(
            "ELBO minimized",
            "The ELBO should rise. What does an optimizer do to the number it is given?",
            (
                _variant(lambda reconstruction, kl, beta: -(reconstruction + beta * kl).mean()),
                _variant(
                    lambda reconstruction, kl, beta: -(reconstruction + beta * kl).mean(), reported=_mean_loss
                ),
            ),
        ),
        Mistake(
            "KL left out of the loss",
            "Without its second term this is an autoencoder with noise.",
            (
                _variant(lambda reconstruction, kl, beta: reconstruction.mean()),
                _variant(lambda reconstruction, kl, beta: reconstruction.mean(), reported=_mean_loss),
            ),
        ),
        Mistake(
            "z detached",
            "The encoder never hears how good the reconstruction was: something cuts the graph at z.",
            _variant(sample=lambda posterior: posterior.sample().detach()),
        ),
        Mistake(
            "encoder under no_grad",
            "The encoder's weights never move: something keeps it out of the graph.",
            _variant(encode_without_gradient=True),
        ),
        Mistake(
            "sampling switched off",
            "The mean of q is not a sample from q, and the ELBO is an expectation over samples.",
            _variant(sample=lambda posterior: posterior.mean),
        ),
        Mistake(
            "beta in the reported KL",
            "Report the KL divergence in nats: beta belongs to the loss alone.",
            lambda model, optimizer, x, beta=1.0: (lambda told: told | {"kl": beta * told["kl"]})(
                training_step(model, optimizer, x, beta)
            ),
        ),
    ),
    reference=training_step,
    cases=lambda seed: [(0.3, 0.01), (4.0, 0.01)],
    observe=_observe,
    tolerance=1e-4,
)


# -------- Exercises of chapter 02, in order; this file holds the KL term and the sizes of an encoder.


def kl_to_prior(mean: Tensor, log_var: Tensor) -> Tensor:
    per_dimension = 0.5 * (mean**2 + log_var.exp() - 1 - log_var)
    return per_dimension.sum(-1)


def _kl_cases(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    shapes = [(6, 3), (4, 1), (2, 8)]
    return [
        (torch.randn(shape, generator=generator), 0.8 * torch.randn(shape, generator=generator))
        for shape in shapes
    ]


def _terms(mean: Tensor, log_var: Tensor) -> Tensor:
    """KL of each latent dimension, before the sum."""
    return 0.5 * (mean**2 + log_var.exp() - 1 - log_var)


KL_TO_PRIOR = Exercise(
    id="02.1",
    title="The KL term in closed form",
    contract="kl_to_prior(mean, log_var): both (batch, latent) float tensors, log_var = log σ². Returns "
    "KL(N(mean, σ²) || N(0, I)) of each example, in nats, summed over latent dimensions: (batch,), >= 0. "
    "Gradients reach mean and log_var.",
    gradients_to=("mean", "log_var"),
    stub='''def kl_to_prior(mean: torch.Tensor, log_var: torch.Tensor) -> torch.Tensor:
    """mean, log_var: (batch, latent); log_var is log σ². Returns the KL in nats, shape (batch,)."""
    ...''',
    hints=(
        "Start with one dimension: KL(N(μ, σ²) || N(0, 1)) has a term in μ, two in σ, and a constant.",
        "Check it where you know the answer: μ = 0 and σ = 1 must give 0.",
        "Now write σ² and log σ² with log_var; one of the two needs exp, the other needs nothing.",
    ),
    mistakes=(
        Mistake(
            "missing one half",
            "Compare with Monte Carlo, or with the exponent of a Gaussian density: which factor is in front?",
            lambda mean, log_var: 2 * _terms(mean, log_var).sum(-1),
        ),
        Mistake(
            "flipped sign",
            "A KL divergence is never negative.",
            lambda mean, log_var: -_terms(mean, log_var).sum(-1),
        ),
        Mistake(
            "missing constant",
            "Put in μ = 0 and σ = 1: q is the prior. What should come out?",
            lambda mean, log_var: (_terms(mean, log_var) + 0.5).sum(-1),
        ),
        Mistake(
            "log_var taken for log σ",
            "log_var is the logarithm of σ², not of σ.",
            lambda mean, log_var: _terms(mean, 2 * log_var).sum(-1),
        ),
        Mistake(
            "log_var taken for σ or σ²",
            "log_var may be negative; σ and σ² may not.",
            (
                lambda mean, log_var: _terms(mean, log_var.log()).sum(-1),
                lambda mean, log_var: _terms(mean, 2 * log_var.log()).sum(-1),
                lambda mean, log_var: _terms(mean, (log_var**2).log()).sum(-1),
                lambda mean, log_var: _terms(mean, log_var.abs().log()).sum(-1),
            ),
        ),
        Mistake(
            "another power of σ where σ² belongs",
            "Exactly one term holds the variance. What does exp(log_var / 2) give, what exp(2 log_var)?",
            tuple(lambda m, v, p=p: 0.5 * (m**2 + (p * v).exp() - 1 - v).sum(-1) for p in (0.5, 2)),
        ),
        Mistake(
            "log σ where log σ² belongs",
            "The variance term is right; look at the logarithm next to it.",
            lambda mean, log_var: 0.5 * (mean**2 + log_var.exp() - 1 - 0.5 * log_var).sum(-1),
        ),
        Mistake(
            "sign of log σ² flipped",
            "Of the three terms with σ, only the variance itself makes a wide posterior expensive.",
            lambda mean, log_var: 0.5 * (mean**2 + log_var.exp() - 1 + log_var).sum(-1),
        ),
        Mistake(
            "KL the other way round",
            "KL(q || p) averages over q: where does the variance of q stand, above or below the line?",
            lambda mean, log_var: 0.5 * ((1 + mean**2) * torch.exp(-log_var) - 1 + log_var).sum(-1),
        ),
        Mistake(
            "mean not squared",
            "Moving q away from the prior must cost the same to the left and to the right.",
            lambda mean, log_var: 0.5 * (mean + log_var.exp() - 1 - log_var).sum(-1),
        ),
        Mistake(
            "averaged over the latent dimensions",
            "Independent dimensions: do their divergences add up or average?",
            lambda mean, log_var: _terms(mean, log_var).mean(-1),
        ),
        Mistake(
            "summed over the batch",
            "One number for each example is asked for; which axis holds the latent dimensions?",
            (
                lambda mean, log_var: _terms(mean, log_var).sum(),
                lambda mean, log_var: _terms(mean, log_var).sum(0),
            ),
        ),
        Mistake(
            "averaged over the batch",
            "One number for each example is asked for; the mean over the batch comes later, in the loss.",
            (
                lambda mean, log_var: _terms(mean, log_var).sum(-1).mean(),
                lambda mean, log_var: _terms(mean, log_var).mean(),
                lambda mean, log_var: _terms(mean, log_var).mean(0),
            ),
        ),
        Mistake(
            "not summed over the latent dimensions",
            "These are the terms of each dimension. What is the divergence of the whole code?",
            _terms,
        ),
    ),
    reference=kl_to_prior,
    cases=_kl_cases,
    low=0.0,
)

ENCODER_SHAPES = Exercise(
    id="02.4",
    title="Shapes and sizes of a convolutional encoder",
    contract="Images are (batch, 3, 64, 64). The encoder is Conv2d(3, 16, kernel_size=4, stride=2, "
    "padding=1), Conv2d(16, 32, kernel_size=4, stride=2, padding=1), Flatten, and one Linear layer that puts "
    "out mean and log_var of 10 latent dimensions. Give 'side' (height of the last feature map), 'features' "
    "(inputs of the Linear layer) and 'parameters' (all learnable numbers of the three layers).",
    stub='answer_02_4 = {"side": ..., "features": ..., "parameters": ...}',
    hints=(
        "A layer with padding p, kernel k and stride s turns side n into floor((n + 2p - k) / s) + 1.",
        "Flatten puts channels, height and width in one row.",
        "Each output channel has one k × k kernel for every input channel, and one bias. "
        "And the Linear layer puts out two numbers for each latent dimension.",
    ),
    mistakes=(
        Mistake("stride ignored", "Stride 2: how many positions does the kernel take?", value={"side": 62}),
        Mistake("second layer ignored", "Two layers with stride 2, one after the other.", value={"side": 32}),
        Mistake("padding ignored", "How wide is the picture once its border is added?", value={"side": 14}),
        Mistake(
            "channels forgotten",
            "At each position of the last feature map there is one number per channel.",
            value={"side": 16, "features": 256},
        ),
        Mistake(
            "input channels instead of output channels",
            "Which of the two channel numbers of the second layer is the one that comes out?",
            value={"side": 16, "features": 4096},
        ),
        Mistake(
            "biases forgotten",
            "Every output channel, and every output of a Linear layer, also has a bias.",
            value={"parameters": 16 * 48 + 32 * 256 + 8192 * 20},
        ),
        Mistake(
            "one kernel per output channel",
            "The second layer looks at 16 channels at once: what is the shape of one of its kernels?",
            value={"parameters": 16 * 48 + 16 + 32 * 16 + 32 + 8192 * 20 + 20},
        ),
        Mistake(
            "mean without log_var",
            "How many numbers describe a Gaussian with 10 independent dimensions?",
            value={"parameters": 16 * 48 + 16 + 32 * 256 + 32 + 8192 * 10 + 10},
        ),
    ),
    value={"side": 16, "features": 8192, "parameters": 172868},
    tolerance=1e-9,
    explanation="Side: 64 -> 32 -> 16. Features: 32 * 16 * 16 = 8192.\n"
    "Parameters: 16 * (3 * 16 + 1) + 32 * (16 * 16 + 1) + 20 * (8192 + 1) = 784 + 8224 + 163860 = 172868.",
)

EXERCISES = (KL_TO_PRIOR, REPARAMETERIZE, RECONSTRUCTION, ENCODER_SHAPES, TRAINING_STEP, GENERATE)
