""""""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from vae_course.teaching.exercise import CONTRACT, WRONG, Exercise, Mistake, Verdict
from vae_course.teaching.grading import contract_problem

# -------- Assignment A1: the two terms in closed form, a Gaussian's negative log density and a KL divergence.

LOG_2_PI = math.log(2 * math.pi)


def _terms(x: Tensor, mean: Tensor, log_var: Tensor) -> Tensor:
    """−log N(x; mean, σ²) of each column, nats."""
    return 0.5 * (LOG_2_PI + log_var + (x - mean) ** 2 / log_var.exp())


def reconstruction(x: Tensor, mean: Tensor, log_var: Tensor) -> Tensor:
    return 0.5 * (math.log(2 * math.pi) + log_var + (x - mean) ** 2 / log_var.exp()).sum(-1)


def _rows(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    return [
        (
            torch.randn(rows, columns, generator=generator),
            torch.randn(rows, columns, generator=generator),
            -1 + 0.7 * torch.randn(columns, generator=generator),
        )
        for rows, columns in ((5, 3), (4, 6))
    ]


RECONSTRUCTION = Exercise(
    id="A1.2",
    title="The reconstruction term of a table",
    contract="reconstruction(x, mean, log_var): x and mean are (batch, D) float tensors, log_var is (D,), "
    "one log σ² for each column. Returns −log N(x; mean, σ²) of each row in nats, summed over columns, with "
    "every constant: (batch,).",
    stub='''def reconstruction(x: torch.Tensor, mean: torch.Tensor, log_var: torch.Tensor) -> torch.Tensor:
    """x, mean: (batch, D); log_var: (D,), log σ² of each column. Returns −log p(x|z), nats, (batch,)."""
    ...''',
    hints=(
        "Write down the density of one Gaussian number, then its negative logarithm: three terms.",
        "Check a value you know: x = mean and σ = 1 must give D · ½ log 2π.",
        "torch.distributions.Normal knows the answer too; it wants σ, not log σ².",
    ),
    mistakes=(
        Mistake(
            "½ log 2π left out",
            "It changes no gradient, but a density without its constant cannot be compared with another one.",
            lambda x, mean, log_var: 0.5 * (log_var + (x - mean) ** 2 / log_var.exp()).sum(-1),
        ),
        Mistake(
            "squared error only",
            "A likelihood also says how wide it is: two more terms.",
            (
                lambda x, mean, log_var: ((x - mean) ** 2).sum(-1),
                lambda x, mean, log_var: 0.5 * ((x - mean) ** 2).sum(-1),
                lambda x, mean, log_var: ((x - mean) ** 2).mean(-1),
                lambda x, mean, log_var: (0.5 * (x - mean) ** 2 / log_var.exp()).sum(-1),
                lambda x, mean, log_var: ((x - mean) ** 2 / log_var.exp()).sum(-1),
            ),
        ),
        Mistake(
            "log σ² left out",
            "Without the term in log σ², a wider σ would always be better. What keeps it in check?",
            lambda x, mean, log_var: 0.5 * (LOG_2_PI + (x - mean) ** 2 / log_var.exp()).sum(-1),
        ),
        Mistake(
            "missing one half",
            "Which factor stands in the exponent of a Gaussian, and in front of log σ²?",
            (
                lambda x, mean, log_var: 2 * _terms(x, mean, log_var).sum(-1),
                lambda x, mean, log_var: (
                    0.5 * LOG_2_PI + 0.5 * log_var + (x - mean) ** 2 / log_var.exp()
                ).sum(-1),
                lambda x, mean, log_var: (
                    0.5 * LOG_2_PI + log_var + 0.5 * (x - mean) ** 2 / log_var.exp()
                ).sum(-1),
            ),
        ),
        Mistake(
            "log_var taken for log σ",
            "log_var is the logarithm of σ². Then exp(log_var) is ...?",
            lambda x, mean, log_var: _terms(x, mean, 2 * log_var).sum(-1),
        ),
        Mistake(
            "σ where σ² belongs",
            "The squared distance is divided by the variance, not by its root.",
            lambda x, mean, log_var: (
                0.5 * (LOG_2_PI + log_var + (x - mean) ** 2 / (0.5 * log_var).exp()).sum(-1)
            ),
        ),
        Mistake(
            "flipped sign",
            "The loss is the *negative* log density: small when the row is likely.",
            lambda x, mean, log_var: -_terms(x, mean, log_var).sum(-1),
        ),
        Mistake(
            "averaged over the columns",
            "Independent columns: do their log densities add up or average? A mean weighs this term by 1/D.",
            lambda x, mean, log_var: _terms(x, mean, log_var).mean(-1),
        ),
        Mistake(
            "one number for the whole batch",
            "One number for each row is asked for; the mean over the batch comes later, in the loss.",
            (
                lambda x, mean, log_var: _terms(x, mean, log_var).sum(),
                lambda x, mean, log_var: _terms(x, mean, log_var).mean(),
                lambda x, mean, log_var: _terms(x, mean, log_var).sum(-1).mean(),
                lambda x, mean, log_var: _terms(x, mean, log_var).sum(0),
            ),
        ),
        Mistake("not summed over the columns", "These are the terms of each column.", _terms),
    ),
    reference=reconstruction,
    cases=_rows,
)


def kl_to_wide_prior(mean: Tensor, log_var: Tensor, prior_std: float) -> Tensor:
    ratio = log_var.exp() / prior_std**2
    return 0.5 * (mean**2 / prior_std**2 + ratio - 1 - ratio.log()).sum(-1)


def _kl(mean: Tensor, log_var: Tensor, prior_var: float) -> Tensor:
    """The same before the sum, from the prior's variance."""
    return 0.5 * (mean**2 / prior_var + log_var.exp() / prior_var - 1 - log_var + math.log(prior_var))


def _codes(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    return [
        (
            torch.randn(shape, generator=generator),
            -0.5 + 0.8 * torch.randn(shape, generator=generator),
            prior_std,
        )
        for shape, prior_std in (((5, 2), 1.0), ((4, 3), 2.0), ((3, 6), 0.5))
    ]


KL_TO_WIDE_PRIOR = Exercise(
    id="A1.3",
    title="The KL term for a prior of another width",
    contract="kl_to_prior(mean, log_var, prior_std): mean and log_var are (batch, latent) float tensors, "
    "log_var = log σ²; prior_std is a number s > 0. Returns KL(N(mean, σ²) || N(0, s² I)) of each row in "
    "nats, summed over latent dimensions: (batch,), ≥ 0.",
    stub='''def kl_to_prior(mean: torch.Tensor, log_var: torch.Tensor, prior_std: float) -> torch.Tensor:
    """mean, log_var: (batch, latent), log_var is log σ²; prior N(0, prior_std² I). Nats, (batch,)."""
    ...''',
    hints=(
        "Chapter 02 has the case s = 1. Measure z in units of s: what do μ and σ become?",
        "A KL divergence does not change when both densities are measured in another unit.",
        "Check: mean 0 and σ = s must give 0.",
    ),
    mistakes=(
        Mistake(
            "prior_std ignored",
            "Your answer is the one for s = 1.",
            lambda mean, log_var, prior_std: _kl(mean, log_var, 1.0).sum(-1),
        ),
        Mistake(
            "prior_std taken for the variance",
            "s is a standard deviation; the prior's variance is s².",
            lambda mean, log_var, prior_std: _kl(mean, log_var, prior_std).sum(-1),
        ),
        Mistake(
            "log s² left out",
            "Put in mean 0 and σ = s: q is the prior. What should come out?",
            lambda mean, log_var, prior_std: (_kl(mean, log_var, prior_std**2) - math.log(prior_std)).sum(-1),
        ),
        Mistake(
            "only the mean rescaled",
            "The variance of q is measured in units of the prior's as well.",
            lambda mean, log_var, prior_std: _kl(mean / prior_std, log_var, 1.0).sum(-1),
        ),
        Mistake(
            "multiplied by s² instead of divided",
            "A wider prior makes a code far from 0 cheaper, not dearer.",
            lambda mean, log_var, prior_std: _kl(mean, log_var, 1 / prior_std**2).sum(-1),
        ),
        Mistake(
            "KL the other way round",
            "KL(q || p) averages over q: the variance of q stands above the line.",
            lambda mean, log_var, prior_std: (
                0.5
                * ((prior_std**2 + mean**2) / log_var.exp() - 1 + log_var - 2 * math.log(prior_std)).sum(-1)
            ),
        ),
        Mistake(
            "missing one half",
            "Compare with Monte Carlo: which factor is in front?",
            lambda mean, log_var, prior_std: 2 * _kl(mean, log_var, prior_std**2).sum(-1),
        ),
        Mistake(
            "flipped sign",
            "A KL divergence is never negative.",
            lambda mean, log_var, prior_std: -_kl(mean, log_var, prior_std**2).sum(-1),
        ),
        Mistake(
            "log_var taken for log σ",
            "log_var is the logarithm of σ², not of σ.",
            lambda mean, log_var, prior_std: _kl(mean, 2 * log_var, prior_std**2).sum(-1),
        ),
        Mistake(
            "averaged over the latent dimensions",
            "Independent dimensions: do their divergences add up or average?",
            lambda mean, log_var, prior_std: _kl(mean, log_var, prior_std**2).mean(-1),
        ),
        Mistake(
            "one number for the whole batch",
            "One number for each row is asked for; the mean over the batch comes later, in the loss.",
            (
                lambda mean, log_var, prior_std: _kl(mean, log_var, prior_std**2).sum(),
                lambda mean, log_var, prior_std: _kl(mean, log_var, prior_std**2).sum(-1).mean(),
                lambda mean, log_var, prior_std: _kl(mean, log_var, prior_std**2).mean(),
            ),
        ),
    ),
    reference=kl_to_wide_prior,
    cases=_codes,
    low=0.0,
)


# -------- Assignment A1: both terms put together, the width that the ELBO wants, and what broken runs look
# like.

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


# -------- Assignment A1: several draws from the posterior, judged by what they do.

MANY = 4000


def draw_codes(mean: Tensor, log_var: Tensor, n: int, generator: torch.Generator | None = None) -> Tensor:
    noise = torch.randn(n, *mean.shape, generator=generator)
    return mean + torch.exp(0.5 * log_var) * noise


def _seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _judge_sampling(answer: Callable) -> Verdict | None:
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
    grade=_judge_sampling,
)


# -------- Questions of assignment A1, in order: build the ELBO for a table of measurements.


def standardize(train: Tensor, other: Tensor) -> Tensor:
    return (other - train.mean(0)) / train.std(0)


def _tables(seed: int) -> list[tuple]:
    """Pairs of tables whose columns have their own location and scale; the second table is shifted."""
    generator = torch.Generator().manual_seed(seed)
    tables = []
    for rows, other_rows, columns in ((40, 7, 3), (25, 12, 5)):
        scale = torch.exp(torch.linspace(-2, 2, columns))
        train = 3 + scale * torch.randn(rows, columns, generator=generator)
        other = 4 + 1.5 * scale * torch.randn(other_rows, columns, generator=generator)
        tables.append((train, other))
    return tables


STANDARDIZE = Exercise(
    id="A1.1",
    title="Put every column on one scale",
    contract="standardize(train, other): float tables (n, D) and (m, D). Returns the second one, (m, D), "
    "scaled so that each column of the *training* table would get mean 0 and standard deviation 1.",
    stub='''def standardize(train: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """train (n, D), other (m, D): other in units of train's standard deviations, from train's mean."""
    ...''',
    hints=(
        "Two numbers per column: where are they allowed to come from?",
        "A column's statistics run over the rows: which dimension is that?",
    ),
    mistakes=(
        Mistake(
            "scaled by the held-out table itself",
            "A new patient comes alone. Which rows may the mean and the standard deviation know?",
            (
                lambda train, other: (other - other.mean(0)) / other.std(0),
                lambda train, other: (other - other.mean(0)) / other.std(0, correction=0),
            ),
        ),
        Mistake(
            "scaled by both tables together",
            "The held-out rows must not have a say in their own scale.",
            lambda train, other: standardize(torch.cat([train, other]), other),
        ),
        Mistake(
            "one scale for all columns",
            "One column is in millimeters, the next in square millimeters. How many means are there?",
            lambda train, other: (other - train.mean()) / train.std(),
        ),
        Mistake(
            "scaled along the rows",
            "Dimension 0 counts patients, dimension 1 counts columns. Over which one do you average?",
            lambda train, other: (other - other.mean(1, keepdim=True)) / other.std(1, keepdim=True),
        ),
        Mistake(
            "divided by the variance",
            "Put in a column of standard deviation 10: what should its new one be?",
            lambda train, other: (other - train.mean(0)) / train.var(0),
        ),
        Mistake(
            "mean not subtracted",
            "The unit is right. Where is zero?",
            lambda train, other: other / train.std(0),
        ),
        Mistake(
            "not divided",
            "Zero is right. What is the unit?",
            lambda train, other: other - train.mean(0),
        ),
        Mistake(
            "squeezed into [0, 1]",
            "This is min-max scaling; a Gaussian likelihood wants standard deviations.",
            lambda train, other: (other - train.amin(0)) / (train.amax(0) - train.amin(0)),
        ),
        Mistake(
            "the training table returned",
            "Which of the two tables is asked for?",
            lambda train, other: (train - train.mean(0)) / train.std(0),
        ),
    ),
    reference=standardize,
    cases=_tables,
    # n or n - 1 in the standard deviation: both are in use, and the choice changes nothing that matters.
    tolerance=0.03,
)

EXERCISES = (STANDARDIZE, RECONSTRUCTION, KL_TO_WIDE_PRIOR, DRAWS, ELBO, BEST_WIDTH, FINGERPRINTS)
