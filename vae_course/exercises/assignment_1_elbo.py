"""Assignment A1: both terms put together, the width that the ELBO wants, and what broken runs look like."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from vae_course.exercises.compare import contract_problem
from vae_course.exercises.exercise import CONTRACT, WRONG, Exercise, Mistake, Verdict

ROWS, COLUMNS, LATENT = 6, 5, 3


def negative_elbo(
    x: Tensor,
    encode: Callable,
    decode: Callable,
    log_var_x: Tensor,
    beta: float = 1.0,
    generator: torch.Generator | None = None,
) -> dict[str, Tensor]:
    mean, log_var = encode(x)
    z = mean + torch.exp(0.5 * log_var) * torch.randn(mean.shape, generator=generator)
    away = (x - decode(z)) ** 2 / log_var_x.exp()
    reconstruction = 0.5 * (math.log(2 * math.pi) + log_var_x + away).sum(-1)
    kl = 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum(-1)
    return {"reconstruction": reconstruction, "kl": kl, "loss": (reconstruction + beta * kl).mean()}


def _setting(width: float) -> tuple:
    """A linear model whose posterior has log σ² = width everywhere, and what the right answer must give."""
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(ROWS, COLUMNS, generator=generator)
    into, out = (torch.randn(shape, generator=generator) for shape in ((COLUMNS, LATENT), (LATENT, COLUMNS)))
    log_var_x = torch.tensor([-1.0, 0.5, -0.3, 0.2, -0.8])

    def encode(rows: Tensor) -> tuple[Tensor, Tensor]:
        mean = 0.5 * rows @ into
        return mean, torch.full_like(mean, width)

    return x, encode, lambda z: z @ out, log_var_x, out


def _judge(answer: Callable) -> Verdict | None:
    """First with a posterior so narrow that the draw does not matter, then the effect of the draw."""
    beta = 3.0
    x, encode, decode, log_var_x, _ = _setting(-40.0)
    got = answer(x, encode, decode, log_var_x, beta, torch.Generator().manual_seed(0))
    want = negative_elbo(x, encode, decode, log_var_x, beta, torch.Generator().manual_seed(0))
    problem = contract_problem(got, want, label="the result")
    if problem:
        return _shape_mistake(got, want) or Verdict(CONTRACT, problem[0].upper() + problem[1:])
    rec, kl, loss = (torch.as_tensor(got[name]).detach().double() for name in want)
    right_rec, right_kl = want["reconstruction"].double(), want["kl"].double()
    for given, right, size, term in (
        (rec, right_rec, COLUMNS, "reconstruction"),
        (kl, right_kl, LATENT, "kl"),
    ):
        if not torch.allclose(given, right, rtol=1e-3, atol=1e-3):
            return _term_mistake(given, right, size, term)
    for wrong, name in (
        ((rec + kl).mean(), "β left out"),
        ((beta * rec + kl).mean(), "β on the wrong term"),
        ((rec - beta * kl).mean(), "KL subtracted from the loss"),
        (-(rec + beta * kl).mean(), "the ELBO instead of its negative"),
        ((rec + beta * kl).sum(), "loss summed over the batch"),
        (rec.mean() + beta * kl.sum(), "KL summed over the batch"),
        (rec.sum() + beta * kl.mean(), "reconstruction summed over the batch"),
    ):
        if torch.allclose(loss, wrong, rtol=1e-3):
            return ELBO.named(name)
    if not torch.allclose(loss, (rec + beta * kl).mean(), rtol=1e-3):
        return Verdict(WRONG, "Not yet: both terms are right, but the loss is not their weighted mean.")
    return _judge_draw(answer)


def _judge_draw(answer: Callable) -> Verdict | None:
    """With log σ² = 1 a linear decoder's term rises by ½ e Σ out² / σ_x² on average over draws."""
    x, encode, decode, log_var_x, out = _setting(1.0)
    x = x[:1].expand(20_000, COLUMNS)
    got = answer(x, encode, decode, log_var_x, 1.0, torch.Generator().manual_seed(1))
    at_mean = 0.5 * (
        math.log(2 * math.pi) + log_var_x + (x[0] - decode(encode(x[:1])[0])[0]) ** 2 / log_var_x.exp()
    )
    rise = 0.5 * math.e * ((out**2).sum(0) / log_var_x.exp()).sum()
    seen = torch.as_tensor(got["reconstruction"]).detach().mean() - at_mean.sum()
    if seen.abs() < 0.05 * rise:
        return ELBO.named("decoded at the mean")
    if (seen - rise).abs() > 0.1 * rise:
        return Verdict(WRONG, "Not yet: the noise of z has the wrong size; which power of σ stretches it?")
    return None


def _shape_mistake(got: object, want: dict) -> Verdict | None:
    """A batch mean where one number per row is asked for."""
    if isinstance(got, dict):
        for name in ("reconstruction", "kl"):
            term = got.get(name)
            if isinstance(term, Tensor) and term.numel() == 1:
                return ELBO.named("terms averaged over the batch", f"{name!r} is a single number.")
    return None


def _term_mistake(given: Tensor, right: Tensor, size: int, term: str) -> Verdict:
    label = f"Look at {term!r}."
    for wrong, name in (
        (-right, "a term with the wrong sign"),
        (right / size, "a term averaged over its dimensions"),
        (2 * right, "missing one half"),
        (right / 2, "one half too many"),
    ):
        if torch.allclose(given, wrong, rtol=1e-3, atol=1e-3):
            return ELBO.named(name, label)
    return Verdict(
        WRONG, f"Not yet: {term!r} differs from the expected values; your A1.2 and A1.3 give them."
    )


ELBO = Exercise(
    id="A1.5",
    title="Both terms and the loss",
    contract="negative_elbo(x, encode, decode, log_var_x, beta, generator): encode(x) gives mean and log σ² "
    "of q(z|x), (batch, latent); decode(z) gives the mean of x; log_var_x is (D,). Draw one z per row. "
    "Returns a dict: 'reconstruction' and 'kl' (prior N(0, I)), each (batch,), in nats, and 'loss', the mean "
    "over the batch of reconstruction + beta · kl.",
    stub='''def negative_elbo(x, encode, decode, log_var_x, beta=1.0, generator=None) -> dict:
    """x (batch, D). Returns {"reconstruction": (batch,), "kl": (batch,), "loss": a number}, nats."""
    ...''',
    hints=(
        "You have written every part: draw_codes(..., n=1), reconstruction and kl_to_prior with prior_std=1.",
        "draw_codes gives (1, batch, latent); the decoder wants (batch, latent).",
        "β weighs one of the two terms, and only in the loss.",
    ),
    mistakes=(
        Mistake("terms averaged over the batch", "One number for each row; the mean is taken in the loss."),
        Mistake(
            "a term with the wrong sign", "Both terms are costs: which of them did you negate once too often?"
        ),
        Mistake("a term averaged over its dimensions", "Nats add up over independent dimensions."),
        Mistake("missing one half", "Compare with your own A1.2 and A1.3."),
        Mistake("one half too many", "Compare with your own A1.2 and A1.3."),
        Mistake("β left out", "The loss does not change with beta."),
        Mistake("β on the wrong term", "β is the price of the rate."),
        Mistake("KL subtracted from the loss", "A code far from the prior must make the loss larger."),
        Mistake("the ELBO instead of its negative", "An optimizer minimizes. Which sign has the loss?"),
        Mistake("loss summed over the batch", "A larger batch must not mean a larger loss."),
        Mistake(
            "KL summed over the batch", "One term is a mean over the batch, the other a sum: β grows with it."
        ),
        Mistake(
            "reconstruction summed over the batch", "One term is a mean over the batch, the other a sum."
        ),
        Mistake("decoded at the mean", "The ELBO is evaluated with a *sample* from q(z|x)."),
    ),
    reference=negative_elbo,
    grade=_judge,
)

BEST_WIDTH = Exercise(
    id="A1.6",
    title="The width that the ELBO wants",
    contract="Model: z ~ N(0, 1), x|z ~ N(2z, 1). Encoder: q(z|x) = N(μ, σ²) with σ² free. Give 'beta 1' and "
    "'beta 4': the variance σ² at which reconstruction + β · KL is smallest, to within 0.03.",
    stub='answer_A1_6 = {"beta 1": ..., "beta 4": ...}',
    hints=(
        "Move the slider for log σ² until the loss is lowest; then turn log σ² into σ².",
        "On paper: the reconstruction term rises by ½ · 2² · σ²; the KL term has ½ (σ² − log σ²).",
    ),
    mistakes=(
        Mistake(
            "σ given instead of σ²", "Asked for is the variance.", value={"beta 1": 0.4472, "beta 4": 0.7071}
        ),
        Mistake("log σ² given", "The slider shows log σ².", value={"beta 1": -1.609, "beta 4": -0.693}),
        Mistake(
            "β ignored",
            "β multiplies the KL term, and moves the minimum.",
            value={"beta 1": 0.2, "beta 4": 0.2},
        ),
        Mistake(
            "β on the reconstruction term",
            "A dearer KL term pulls σ² towards the prior's, not away from it.",
            value={"beta 1": 0.2, "beta 4": 1 / 17},
        ),
    ),
    value={"beta 1": 0.2, "beta 4": 0.5},
    tolerance=0.02,
    explanation="The derivative of 2σ² + β(σ² − log σ²)/2 is 0 at σ² = β / (4 + β): 0.2 and 0.5.\n"
    "At β = 1 this is the variance of the exact posterior.",
)

FINGERPRINTS = Exercise(
    id="A1.7",
    title="Three broken runs",
    contract="For 'run 1', 'run 2' and 'run 3' of the figure, the code of what was broken. A: KL summed over "
    "the batch instead of averaged. B: z is the mean, no noise. C: log σ² left out of the reconstruction.",
    stub='answer_A1_7 = {"run 1": ..., "run 2": ..., "run 3": ...}',
    hints=(
        "Ask of each bug: which term becomes too cheap, and what would an optimizer do with that?",
        "A larger weight on the KL term ends in a code that says nothing; a σ that costs nothing grows.",
    ),
    mistakes=(
        Mistake(
            "A and C exchanged",
            "Which of the two runs gave up its code, and which one its noise level?",
            value={"run 1": "A", "run 3": "C"},
        ),
        Mistake(
            "A and B exchanged",
            "Without noise a narrow and a wide q reconstruct equally well: which one is cheaper?",
            value={"run 2": "A", "run 3": "B"},
        ),
    ),
    value={"run 1": "C", "run 2": "B", "run 3": "A"},
    codes={
        name: {"A": "KL summed over the batch", "B": "no noise", "C": "log σ² left out"}
        for name in ("run 1", "run 2", "run 3")
    },
    explanation="Run 1: σ grows without limit, and the reported term falls with it. Run 2: σ² of the\n"
    "posterior drifts to the prior's: nothing is lost by it. Run 3: the KL term, weighed by the batch size,\n"
    "collapses.",
)
