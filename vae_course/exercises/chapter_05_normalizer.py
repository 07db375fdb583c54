"""Exercise of chapter 05: the normalizer of the continuous Bernoulli, also where its formula breaks down."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from vae_course.exercises.compare import to_tensor
from vae_course.exercises.exercise import CONTRACT, WRONG, Exercise, Mistake, Verdict


def log_normalizer(logits: Tensor) -> Tensor:
    half = logits.abs() / 2
    small = half < 0.1
    safe = torch.where(small, torch.ones_like(half), half)
    # log C = log(2 cosh h) − log(sinh h / h); e^h is taken out of both, so that nothing overflows
    exact = torch.log1p(torch.exp(-2 * safe)) - torch.log(-torch.expm1(-2 * safe)) + torch.log(2 * safe)
    series = torch.log(2 * torch.cosh(torch.where(small, half, 0))) - half**2 / 6 + half**4 / 180
    return torch.where(small, series, exact)


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
    return Verdict(
        WRONG, f"Not yet: at a logit of {logits[0]:.3f} the result is {wanted[0]:.4f}, not {got[0]:.4f}."
    )


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
        "Near 0 both parts of the quotient vanish: use the first terms of a series there (torch.where).",
        "C depends on |logit| only, and for a large logit 2λ − 1 is nearly 1, and log C nearly log |logit|.",
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
