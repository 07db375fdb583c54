"""The exercises of chapter 05."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from vae_course.exercises.loss_doctor import VAE_TERMS
from vae_course.teaching.exercise import CONTRACT, WRONG, Exercise, Mistake, Verdict
from vae_course.teaching.grading import to_tensor

# -------- Exercise of chapter 05: name the bug from its fingerprint.

BUGS = {
    "sign": "the KL is subtracted",
    "pixels": "the reconstruction is averaged over the pixels",
    "no sampling": "z is the mean of q during training",
    "bytes": "pixels of 0 to 255",
    "at the mean": "only the evaluation uses the mean of q",
    "log_var": "log σ² is not bounded",
}

FINGERPRINTS = Exercise(
    id="05.5",
    title="Name the bug",
    contract="Four logs of four broken VAEs. A: the loss falls below zero in the first epoch and keeps "
    "falling; the reconstruction term alone is negative. B: the KL is 0.00 from the second epoch on, and "
    "every sample looks like the same gray cloud. C: the training reconstruction is excellent, σ is 1 in "
    "nearly every dimension, and the −ELBO with a draw of z is hundreds of nats worse than the training "
    "log. D: all is well, but the reported −ELBO is several nats lower than in a friend's run of the same "
    "weights. Answer each with one of: "
    f"{', '.join(BUGS)}.",
    stub='answer_05_5 = {"A": ..., "B": ..., "C": ..., "D": ...}',
    hints=(
        "Which terms can be negative at all? A cross-entropy of pixels in [0, 1] cannot, and a KL cannot.",
        "A KL of 0 is the optimum when nothing else matters. What could make the pictures matter too little?",
        "σ = 1 costs no KL. When does a decoder not mind that σ is large?",
    ),
    mistakes=(
        Mistake(
            "a negative loss blamed on the KL alone",
            "With a subtracted KL the loss falls below zero too, but the reconstruction term does not.",
            value={"A": "sign"},
        ),
        Mistake(
            "collapse blamed on missing noise",
            "Without noise the decoder would get a perfect code: would the KL be 0?",
            value={"B": "no sampling"},
        ),
        Mistake(
            "training and evaluation mixed up",
            "In C the weights themselves are bad; in D only the number is.",
            value={"C": "at the mean", "D": "no sampling"},
        ),
        Mistake(
            "a good run blamed on log σ²",
            "An unbounded log σ² gives jumps and NaN, not an excellent reconstruction.",
            value={"C": "log_var"},
        ),
    ),
    value={"A": "bytes", "B": "pixels", "C": "no sampling", "D": "at the mean"},
    codes=dict.fromkeys("ABCD", BUGS),
    explanation="A: −[x log p + (1 − x) log(1 − p)] with x = 255 has no lower end.\n"
    "B: divided by 784 the pictures weigh too little; β is 784.\n"
    "C: σ does not touch the training loss, so the KL sets it to 1; the decoder has never seen noise.\n"
    "D: one evaluates at the mean of q; Jensen's gap is what differs.",
)


# -------- Exercise of chapter 05: the reconstruction term of a Gaussian decoder whose σ is learned.

HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)


def gaussian_nats(x: Tensor, x_hat: Tensor, log_sigma: Tensor) -> Tensor:
    squared = ((x - x_hat) * torch.exp(-log_sigma)).square()
    return (0.5 * squared + log_sigma + 0.5 * math.log(2 * math.pi)).flatten(1).sum(1)


def _cases(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    cases = []
    for shape, log_sigma in [((4, 1, 3, 3), -1.2), ((2, 3, 2, 4), 0.4), ((3, 1, 4, 4), -0.5)]:
        x, x_hat = torch.rand(shape, generator=generator), torch.rand(shape, generator=generator)
        cases.append((x, x_hat, torch.tensor(log_sigma)))
    return cases


def _variant(
    *,
    error: Callable = lambda d, log_sigma: 0.5 * d.square() * torch.exp(-2 * log_sigma),
    log_term: Callable = lambda log_sigma: log_sigma,
    constant: float = HALF_LOG_TWO_PI,
    reduce: Callable = lambda nats: nats.flatten(1).sum(1),
) -> Callable:
    """The reference with one thing changed."""
    return lambda x, x_hat, log_sigma: reduce(error(x - x_hat, log_sigma) + log_term(log_sigma) + constant)


def _once(x: Tensor, x_hat: Tensor, log_sigma: Tensor) -> Tensor:
    error = 0.5 * ((x - x_hat).square() * torch.exp(-2 * log_sigma)).flatten(1).sum(1)
    return error + log_sigma + HALF_LOG_TWO_PI


GAUSSIAN_NATS = Exercise(
    id="05.1",
    title="A reconstruction term that can learn its σ",
    contract="gaussian_nats(x, x_hat, log_sigma): x and x_hat (batch, channel, height, width) float tensors, "
    "log_sigma a tensor with one number, log σ of every pixel. Returns −log N(x; x_hat, σ²) of each example "
    "in nats, summed over pixels, with all constants: (batch,). It may be negative: it is a density. "
    "Gradients reach x_hat and log_sigma.",
    gradients_to=("x_hat", "log_sigma"),
    stub='''def gaussian_nats(x: torch.Tensor, x_hat: torch.Tensor, log_sigma: torch.Tensor) -> torch.Tensor:
    """x, x_hat: (batch, channel, height, width). Returns −log N(x; x_hat, σ²) in nats, shape (batch,)."""
    ...''',
    hints=(
        "Start with one pixel; the density of a Gaussian has a factor in front and an exponent.",
        "Each pixel pays for its own factor in front.",
        "log_sigma is log σ, not log σ²: how do you get 1 / σ² from it?",
    ),
    mistakes=(
        Mistake(
            "log σ left out",
            "Without it σ can grow without end and make every error free: nothing holds it back.",
            (
                _variant(log_term=torch.zeros_like),
                _variant(log_term=torch.zeros_like, constant=0.0),
            ),
        ),
        Mistake(
            "log σ counted once for each picture",
            "Every pixel has its own density, and pays its own log σ.",
            (
                _once,
                lambda x, y, s: _once(x, y, s) + (x[0].numel() - 1) * HALF_LOG_TWO_PI,
            ),
        ),
        Mistake(
            "constant left out",
            "½ log 2π for each pixel: no matter for training, but the number is no density without it.",
            _variant(constant=0.0),
        ),
        Mistake(
            "log σ taken for log σ²",
            "Twice log σ is log σ².",
            (
                _variant(error=lambda d, s: 0.5 * d.square() * torch.exp(-s), log_term=lambda s: 0.5 * s),
                _variant(error=lambda d, s: 0.5 * d.square() * torch.exp(-s)),
            ),
        ),
        Mistake(
            "log σ² in the place of log σ",
            "The factor in front is 1 / σ: its logarithm is −log σ.",
            _variant(log_term=lambda s: 2 * s),
        ),
        Mistake(
            "one half forgotten",
            "What stands in the exponent of a Gaussian?",
            _variant(error=lambda d, s: d.square() * torch.exp(-2 * s)),
        ),
        Mistake(
            "sign of log σ",
            "A wide Gaussian is low everywhere: a large σ must cost something.",
            _variant(log_term=lambda s: -s),
        ),
        Mistake(
            "averaged over the pixels",
            "Independent pixels: their log-densities add up.",
            _variant(reduce=lambda nats: nats.flatten(1).mean(1)),
        ),
        Mistake(
            "summed or averaged over the batch",
            "One number for each example is asked for.",
            (
                _variant(reduce=torch.sum),
                _variant(reduce=torch.mean),
                _variant(reduce=lambda nats: nats.flatten(1).sum(1).mean()),
            ),
        ),
        Mistake(
            "log-density instead of its negative",
            "The reconstruction term is a cost.",
            _variant(reduce=lambda nats: -nats.flatten(1).sum(1)),
        ),
        Mistake(
            "log σ taken for σ",
            "log_sigma may be negative; σ is its exponential.",
            (
                lambda x, x_hat, s: (
                    (0.5 * ((x - x_hat) / s).square() + s.abs().log() + 0.5 * math.log(2 * math.pi))
                    .flatten(1)
                    .sum(1)
                ),
                lambda x, x_hat, s: (
                    (0.5 * ((x - x_hat) / s).square() + s.log() + 0.5 * math.log(2 * math.pi))
                    .flatten(1)
                    .sum(1)
                ),
                lambda x, x_hat, s: (
                    (0.5 * ((x - x_hat) / s).square() + s + 0.5 * math.log(2 * math.pi)).flatten(1).sum(1)
                ),
            ),
        ),
    ),
    reference=gaussian_nats,
    cases=_cases,
)


# -------- Exercise of chapter 05: the normalizer of the continuous Bernoulli, also where its formula breaks
# down.


def log_normalizer(logits: Tensor) -> Tensor:
    size = logits.abs().clamp(min=1e-3)  # log C depends on |logit| only, and hardly changes near 0
    return torch.log(size / torch.tanh(size / 2))  # 2λ − 1 = tanh(logit / 2)


def _grade(answer: Callable) -> Verdict | None:
    """Three regions: where the formula works as it stands, near 0, and far out."""
    generator = torch.Generator().manual_seed(0)
    usual = torch.randn(40, generator=generator)
    usual = 2 * usual + torch.sign(usual)
    got, wanted = to_tensor(answer(usual)), log_normalizer(usual)
    if got is None or (got.shape != wanted.shape and got.numel() != 1):
        return Verdict(CONTRACT, f"Expected a tensor of shape {tuple(wanted.shape)}, one number per logit.")
    if got.numel() == 1:
        return LOG_NORMALIZER.named("summed over the features")
    if not _near(got, wanted):
        return _judge_usual(got, wanted, usual)
    near = torch.tensor([0.0, 1e-7, -1e-5, 3e-4, -0.01, 0.1, 0.4])
    got = to_tensor(answer(near))
    if not _near(got, log_normalizer(near)):
        cut = torch.isfinite(got).all() and abs(got[-1] - got[0]) < 1e-6
        return LOG_NORMALIZER.named("cut off near one half" if cut else "not a number at λ = ½")
    if not _near(to_tensor(answer(torch.tensor([-300.0, -60.0, 60.0, 300.0]))), _far()):
        return LOG_NORMALIZER.named("infinite for large logits")
    return None


def _judge_usual(got: Tensor, wanted: Tensor, logits: Tensor) -> Verdict:
    named = LOG_NORMALIZER.named
    if _near(got, -wanted):
        return named("sign turned")
    if _near(got, wanted.exp()):
        return named("logarithm forgotten")
    if not torch.isfinite(got[logits < 0]).any() or _near(got, log_normalizer(torch.logit(logits, eps=1e-6))):
        return named("probabilities expected")
    worst = int((got - wanted).abs().nan_to_num(math.inf).argmax())
    found = f"at a logit of {logits[worst]:.3f} the result is {wanted[worst]:.4f}, not {got[worst]:.4f}"
    return Verdict(WRONG, f"Not yet: {found}.")


def _near(got: Tensor, wanted: Tensor) -> bool:
    return got.shape == wanted.shape and torch.allclose(got.double(), wanted.double(), rtol=1e-3, atol=1e-3)


def _far() -> Tensor:
    return torch.log(torch.tensor([300.0, 60.0, 60.0, 300.0]))


def _naive(logits: Tensor) -> Tensor:
    p = torch.sigmoid(logits)
    return torch.log(2 * torch.atanh(1 - 2 * p) / (1 - 2 * p))


LOG_NORMALIZER = Exercise(
    id="05.2",
    title="What makes cross-entropy a density",
    contract="log_normalizer(logits): a float tensor of any shape, logits of λ. Returns log C(λ) in nats, "
    "same shape, where C = (logit λ) / (2λ − 1) makes C · λ^x (1 − λ)^(1 − x) integrate to 1 on [0, 1]. "
    "Exact to 1e-3 for every logit from −300 to 300, 0 included: log C = log 2 there.",
    stub='''def log_normalizer(logits: torch.Tensor) -> torch.Tensor:
    """log C of the continuous Bernoulli, elementwise; same shape as logits, finite from −300 to 300."""
    ...''',
    hints=(
        "The formula is right as it stands; float32 is the problem. Print it at 0, at 1e-4 and at 100.",
        "2λ − 1 = tanh(logit / 2), which never overflows, and C depends on |logit| only.",
        "At 0 both parts of the quotient vanish, but C hardly changes near 0: keep |logit| away from 0.",
    ),
    mistakes=(
        Mistake(
            "not a number at λ = ½",
            "At λ = ½ the formula is 0 / 0. Its limit is 2; near it a few digits are left at best.",
            (
                _naive,
                lambda a: torch.log(a / (2 * torch.sigmoid(a) - 1)),
                lambda a: torch.log(a / torch.tanh(a / 2)),
                lambda a: torch.log(a.abs()) - torch.log((2 * torch.sigmoid(a) - 1).abs()),
            ),
        ),
        Mistake(
            "infinite for large logits",
            "sigmoid rounds to exactly 1, or exp overflows: take |logit| out of the logarithm by hand.",
            (
                lambda a: torch.where(a.abs() < 0.02, torch.full_like(a, 0.6931472), _naive(a)),
                lambda a: torch.where(
                    a.abs() < 0.02,
                    torch.full_like(a, 0.6931472),
                    torch.log(a * (1 + torch.exp(a)) / torch.expm1(a)),
                ),
            ),
        ),
        Mistake(
            "cut off near one half",
            "Look at a logit of 0.1 once more: log C is not log 2 there, and the formula still works.",
            lambda a: torch.where(
                a.abs() < 0.5, torch.full_like(a, 0.6931472), log_normalizer(torch.where(a == 0, 1.0, a))
            ),
        ),
        Mistake(
            "sign turned",
            "C is at least 2: the normalizer adds to the log-density.",
            lambda a: -log_normalizer(a),
        ),
        Mistake(
            "logarithm forgotten",
            "log C is asked for, not C.",
            lambda a: log_normalizer(a).exp(),
        ),
        Mistake(
            "probabilities expected",
            "The argument is the logit already.",
            (
                lambda a: log_normalizer(torch.logit(a)),
                lambda a: log_normalizer(torch.logit(a.clamp(1e-6, 1 - 1e-6))),
            ),
        ),
        Mistake(
            "summed over the features",
            "One number for each logit is asked for.",
            lambda a: log_normalizer(a).sum(),
        ),
    ),
    reference=log_normalizer,
    grade=_grade,
)


# -------- Exercises of chapter 05, in order; this file holds the loss translator and the best scale.

HALVES = {"mse": 0.5, "bce": 1.0, "l1": 1.0}


def beta_of(error: str, features: int, error_weight: float, kl_weight: float) -> float:
    nats_per_error = {"mse": 0.5, "bce": 1.0, "l1": 1.0}[error]
    error_factor = error_weight / features  # what one pixel's error is multiplied with
    return kl_weight * nats_per_error / error_factor


def _beta_cases(seed: int) -> list[tuple]:
    return [
        ("mse", 784, 1.0, 1 / 784),
        ("bce", 1024, 500.0, 1.0),
        ("l1", 12288, 1.0, 0.0005),
        ("mse", 3072, 2000.0, 3.0),
        ("bce", 10, 2.5, 0.7),
    ]


BETA_OF = Exercise(
    id="05.3",
    title="Read off β",
    contract="beta_of(error, features, error_weight, kl_weight): the loss is error_weight * error "
    "averaged over batch and pixels + kl_weight * KL (summed over latent dimensions, averaged over the "
    "batch). error is 'mse' (no ½), 'bce' or 'l1'; features is the number of pixels times channels. "
    "Returns the β of reconstruction + β * KL in nats per example, for the likelihood of "
    "unit scale: a number >= 0.",
    stub='''def beta_of(error: str, features: int, error_weight: float, kl_weight: float) -> float:
    """The effective β of error_weight * mean error + kl_weight * KL; error: "mse", "bce" or "l1"."""
    ...''',
    hints=(
        "Write the loss as a · (sum of the errors of one picture) + b · KL. What is a?",
        "Which multiple of the summed squared error is −log p(x|z) of a Gaussian with σ = 1?",
        "A loss times a constant has the same minimum: divide by whatever stands before −log p(x|z).",
    ),
    mistakes=(
        Mistake(
            "one half forgotten",
            "The Gaussian with σ = 1 has ½ (x − x̂)² in its exponent; what about the other two?",
            (
                lambda e, n, a, b: b * n / a,
                lambda e, n, a, b: b * n / a / HALVES[e],
            ),
        ),
        Mistake(
            "one half for every error",
            "Only one of the three errors is squared.",
            lambda e, n, a, b: 0.5 * b * n / a,
        ),
        Mistake(
            "number of pixels forgotten",
            "A mean over pixels is a sum divided by what?",
            lambda e, n, a, b: b * HALVES[e] / a,
        ),
        Mistake(
            "divided by the number of pixels",
            "Averaging makes the error small beside the KL. Does that make β larger or smaller?",
            lambda e, n, a, b: b * HALVES[e] / (a * n),
        ),
        Mistake(
            "upside down",
            "β stands before the KL. With twice the KL weight it should double.",
            lambda e, n, a, b: a / (n * b * HALVES[e]),
        ),
        Mistake(
            "error weight ignored",
            "Make the error ten times as heavy: the KL then matters less.",
            lambda e, n, a, b: b * HALVES[e] * n,
        ),
        Mistake(
            "error weight multiplied",
            "A heavier error means a smaller β.",
            lambda e, n, a, b: b * HALVES[e] * n * a,
        ),
        Mistake(
            "the KL's weight alone",
            "The same weight is another β when the error is weighted otherwise. Where is the error in yours?",
            lambda error, features, error_weight, kl_weight: kl_weight,
        ),
    ),
    reference=beta_of,
    cases=_beta_cases,
    low=0.0,
)


def best_scale(x: Tensor, x_hat: Tensor) -> Tensor:
    return (x - x_hat).abs().mean()


def _scale_cases(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    cases = []
    for shape in [(5, 1, 4, 4), (3, 3, 6, 2)]:
        x, noise = torch.rand(shape, generator=generator), torch.rand(shape, generator=generator)
        cases.append((x, 0.7 * x + 0.4 * noise**2))
    return cases


BEST_SCALE = Exercise(
    id="05.6",
    title="The scale that the data ask for",
    contract="best_scale(x, x_hat): both (batch, channel, height, width) float tensors. Returns the one "
    "scale b for all pixels that maximizes the sum of the Laplace log-densities −|x − x_hat| / b − log 2b: a "
    "number > 0 in units of pixel values.",
    stub='''def best_scale(x: torch.Tensor, x_hat: torch.Tensor) -> torch.Tensor:
    """x, x_hat: (batch, channel, height, width). Returns the b with the highest Laplace likelihood."""
    ...''',
    hints=(
        "Write −log p of all pixels as a function of b: one term falls with b, the other one grows.",
        "Set the derivative with respect to b to 0. Chapter 05 does the same for σ, in section 3.",
    ),
    mistakes=(
        Mistake(
            "root mean squared error",
            "That is the best σ of a Gaussian. Which error stands in the exponent here?",
            lambda x, y: (x - y).square().mean().sqrt(),
        ),
        Mistake(
            "mean squared error",
            "b is measured in the units of a pixel, not in squared ones.",
            lambda x, y: (x - y).square().mean(),
        ),
        Mistake(
            "signed error",
            "Too bright here and too dark there do not cancel.",
            (lambda x, y: (x - y).mean(), lambda x, y: (y - x).mean(), lambda x, y: (x - y).mean().abs()),
        ),
        Mistake(
            "median error",
            "The median is best for x̂. For b, set the derivative to 0 once more.",
            lambda x, y: (x - y).abs().median(),
        ),
        Mistake(
            "summed over the pixels",
            "There is one error for each pixel, and b is their typical size.",
            (
                lambda x, y: (x - y).abs().flatten(1).sum(1).mean(),
                lambda x, y: (x - y).abs().sum(),
            ),
        ),
        Mistake(
            "one scale for each picture",
            "One number for all pictures is asked for.",
            lambda x, y: (x - y).abs().flatten(1).mean(1),
        ),
        Mistake(
            "standard deviation of the Laplace",
            "σ = √2·b is the standard deviation; b itself is asked for.",
            lambda x, y: 2**0.5 * (x - y).abs().mean(),
        ),
        Mistake(
            "factor 2 of the normalizer",
            "log 2b = log 2 + log b: does the 2 survive the derivative?",
            (lambda x, y: 2 * (x - y).abs().mean(), lambda x, y: 0.5 * (x - y).abs().mean()),
        ),
    ),
    reference=best_scale,
    cases=_scale_cases,
)

EXERCISES = (VAE_TERMS, BETA_OF, LOG_NORMALIZER, BEST_SCALE, GAUSSIAN_NATS, FINGERPRINTS)
