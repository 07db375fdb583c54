"""The loss doctor of chapter 05: runs a VAE's loss on known networks and names the bug in it."""

from __future__ import annotations

import html as html_text
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from vae_course.exercises.noise import noise_problem
from vae_course.teaching.display import publish
from vae_course.teaching.exercise import Exercise, Mistake, Verdict
from vae_course.teaching.grading import ContractBroken, grade

EXAMPLES = 8000
# One latent dimension for each way to misread log σ²: small, one, large.
LOG_VAR = (-2.0, 0.0, 1.2)
MEAN = (1.0, -0.5, 1.6)
HUGE = 300.0


def vae_terms(encode: Callable, decode: Callable, images: Tensor, training: bool = True) -> dict[str, Tensor]:
    x = images.float() / 255
    mean, raw = encode(x)
    log_var = 15 * torch.tanh(raw / 15)
    z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
    logits = decode(z)
    nats = F.binary_cross_entropy_with_logits(logits, x, reduction="none")
    reconstruction = nats.flatten(1).sum(1)
    kl = 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum(1)
    loss = (reconstruction + kl).mean()
    return {"loss": loss, "reconstruction": reconstruction.mean(), "kl": kl.mean()}


class _Networks:
    """An encoder and a decoder that put out what the check decides, and remember what they were given."""

    def __init__(self, n: int, log_var: tuple[float, ...]) -> None:
        generator = torch.Generator().manual_seed(0)
        self.mean = (torch.tensor(MEAN) + torch.zeros(n, 1)).requires_grad_()
        self.log_var = (torch.tensor(log_var) + torch.zeros(n, 1)).requires_grad_()
        self.logits = torch.randn(1, 1, 2, 3, generator=generator).expand(n, 1, 2, 3)
        self.images = torch.randint(0, 256, (n, 1, 2, 3), generator=generator).to(torch.uint8)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if not torch.is_floating_point(x) or x.shape != self.images.shape:
            kind = f"{x.dtype}, {tuple(x.shape)}"
            raise ContractBroken(f"encode expects floats of shape {tuple(self.images.shape)}; it got {kind}.")
        self.x = x.detach()
        return self.mean, self.log_var

    def decode(self, z: Tensor) -> Tensor:
        if z.shape != self.mean.shape:
            raise ContractBroken(f"decode expects z of shape {tuple(self.mean.shape)}; got {tuple(z.shape)}.")
        self.z = z.detach()
        return self.logits + (z - z.detach()).sum(1)[:, None, None, None]  # adds 0, and lets gradients pass

    def gradients(self, call: Callable) -> dict[str, float]:
        """1 for each of mean and log σ² that the reconstruction term's gradient reaches, else 0."""
        term = call(self.encode, self.decode, self.images, True)["reconstruction"]
        if not term.requires_grad:
            return {"mean": 0.0, "log_var": 0.0}
        found = torch.autograd.grad(term, (self.mean, self.log_var), allow_unused=True)
        reached = [float(g is not None and bool(g.abs().max() > 0)) for g in found]
        return dict(zip(("mean", "log_var"), reached, strict=True))

    def spread(self) -> list[float]:
        """Standard deviation of z in each latent dimension."""
        return self.z.std(0).tolist()


def _terms(call: Callable, networks: _Networks, training: bool) -> dict[str, float]:
    terms = call(networks.encode, networks.decode, networks.images, training)
    names = ("loss", "reconstruction", "kl")
    if not isinstance(terms, Mapping) or any(name not in terms for name in names):
        raise ContractBroken("Expected a dict with 'loss', 'reconstruction' and 'kl'.")
    for name in names:
        if not torch.is_tensor(terms[name]) or terms[name].numel() != 1:
            raise ContractBroken(f"{name!r} must be a tensor with one number, the mean over the batch.")
    return {name: float(terms[name].detach()) for name in names}


def _observe(call: Callable, n: int) -> dict[str, Any]:
    """What a loss does with known networks: its numbers, the spread of z, and its answer to a wild log σ²."""
    usual = _Networks(n, LOG_VAR)
    seen = {**_terms(call, usual, True), "spread in training": usual.spread()}
    seen["brightest pixel"], seen["white is 1"] = (
        usual.x.max().item(),
        float((usual.x.max() - 1).abs() < 1e-4),
    )
    noise = (usual.z - usual.z.mean(0)) / usual.z.std(0).clamp_min(1e-9)
    seen["independent Gaussian noise"] = float(noise_problem(noise[None]) is None)
    once = usual.z
    for name, reached in usual.gradients(call).items():
        seen[f"reconstruction's gradient reaches {name}"] = reached
    loss = call(usual.encode, usual.decode, usual.images, True)["loss"]
    slope = torch.autograd.grad(loss, usual.mean, allow_unused=True)[0] if loss.requires_grad else None
    seen["the loss's gradient by each mean"] = (
        torch.zeros(len(MEAN)) if slope is None else slope.sum(0)
    ).tolist()
    seen["new noise at each call"] = float(not torch.equal(once, usual.z))
    _terms(call, usual, False)
    seen["spread in evaluation"] = usual.spread()
    wild = _Networks(8, (HUGE, HUGE, HUGE))
    seen["finite"] = float(all(map(torch.isfinite, map(torch.tensor, _terms(call, wild, True).values()))))
    return seen


def _variant(
    *,
    prepare: Callable = lambda images: images.float() / 255,
    bound: Callable = lambda raw: 15 * torch.tanh(raw / 15),
    std: Callable = lambda log_var: torch.exp(0.5 * log_var),
    draw: Callable = lambda mean, std, training: mean + std * torch.randn_like(mean),
    over_pixels: Callable = lambda nats: nats.flatten(1).sum(1),
    over_latent: Callable = lambda terms: terms.sum(1),
    over_batch: Callable = lambda values: values.mean(),
    total: Callable = lambda reconstruction, kl: reconstruction + kl,
    reported: Callable = lambda kl: kl,
) -> Callable:
    """The reference with one thing changed."""

    def terms(encode: Callable, decode: Callable, images: Tensor, training: bool = True) -> dict[str, Tensor]:
        x = prepare(images)
        mean, raw = encode(x)
        log_var = bound(raw)
        logits = decode(draw(mean, std(log_var), training))
        reconstruction = over_pixels(F.binary_cross_entropy_with_logits(logits, x, reduction="none"))
        kl = over_latent(0.5 * (mean**2 + log_var.exp() - 1 - log_var))
        loss = over_batch(total(reconstruction, kl))
        return {"loss": loss, "reconstruction": over_batch(reconstruction), "kl": over_batch(reported(kl))}

    return terms


def _mean_of_q(mean: Tensor, std: Tensor, training: bool) -> Tensor:
    return mean


VAE_TERMS = Exercise(
    id="05.4",
    title="The whole loss, without a bug",
    contract="vae_terms(encode, decode, images, training=True): images uint8 (batch, channel, height, "
    "width), 0 to 255; encode(x in [0, 1]) -> (mean, raw log σ²), each (batch, latent), the second "
    "unbounded; decode(z) -> logits of the pixels. Returns a dict of three tensors with one number each, "
    "means over the batch in nats: 'loss' (−ELBO), 'reconstruction' and 'kl', summed over pixels and latent "
    "dimensions, with one draw of z, in evaluation too. Must stay finite when the "
    "encoder puts out a log σ² of 300.",
    stub='''def vae_terms(
    encode, decode, images: torch.Tensor, training: bool = True
) -> dict[str, torch.Tensor]:
    """images: uint8 (batch, channel, height, width). Returns {"loss", "reconstruction", "kl"} in nats."""
    ...''',
    hints=(
        "Five steps: bytes to [0, 1], encode, one draw of z, decode, two sums and their mean over the batch.",
        "The encoder's second output is log σ²: the draw needs its exp(½ ·), the KL needs it twice.",
        "Keep log σ² in a range whose exp is finite before you use it: a clamp or a scaled tanh.",
    ),
    mistakes=(
        Mistake(
            "KL with the wrong sign",
            "The loss rewards a posterior for running away from the prior. Should KL be added or taken away?",
            (
                _variant(total=lambda reconstruction, kl: reconstruction - kl),
                _variant(total=lambda reconstruction, kl: reconstruction - kl, reported=lambda kl: -kl),
            ),
        ),
        Mistake(
            "sign of the whole loss",
            "The ELBO should rise. What does an optimizer do to the number that it is given?",
            _variant(total=lambda reconstruction, kl: -(reconstruction + kl)),
        ),
        Mistake(
            "reconstruction averaged over the pixels",
            "Sum over pixels, mean over the batch. As it is, the KL outweighs the picture.",
            _variant(over_pixels=lambda nats: nats.flatten(1).mean(1)),
        ),
        Mistake(
            "KL averaged over the latent dimensions",
            "The divergences of independent dimensions add up.",
            _variant(over_latent=lambda terms: terms.mean(1)),
        ),
        Mistake(
            "both averaged over everything",
            "There are more pixels than latent dimensions, so averaging both changes their balance.",
            _variant(over_pixels=lambda nats: nats.flatten(1).mean(1), over_latent=lambda t: t.mean(1)),
        ),
        Mistake(
            "summed over the batch",
            "With twice the batch your numbers double. The loss is a mean over the batch.",
            _variant(over_batch=lambda values: values.sum()),
        ),
        Mistake(
            "log σ² read as σ",
            "The encoder's second output is log σ², and it may be negative; a spread cannot.",
            (
                _variant(std=lambda log_var: log_var),
                _variant(std=lambda log_var: log_var.abs()),
            ),
        ),
        Mistake(
            "variance used as standard deviation",
            "z is stretched by σ. What is exp(log σ²)?",
            _variant(std=lambda log_var: log_var.exp()),
        ),
        Mistake(
            "no sampling",
            "z never moves: this is an autoencoder that pays a KL for nothing.",
            _variant(draw=_mean_of_q),
        ),
        Mistake(
            "no sampling in training",
            "The decoder never meets the noise that it will be tested with.",
            _variant(draw=lambda m, s, training: m if training else m + s * torch.randn_like(m)),
        ),
        Mistake(
            "evaluation at the mean",
            "The ELBO is an expectation over q(z|x), in evaluation too. The mean of q is not a draw from it.",
            _variant(draw=lambda m, s, training: m + s * torch.randn_like(m) if training else m),
        ),
        Mistake(
            "pixels of 0 to 255",
            "Cross-entropy of x = 255 can be as negative as you like. Bytes must be divided by 255.",
            _variant(prepare=lambda images: images.float()),
        ),
        Mistake(
            "log σ² not bounded",
            "One wild output of the encoder, and exp(log σ²) is infinite.",
            _variant(bound=lambda raw: raw),
        ),
        Mistake(
            "a term without gradient in the loss",
            "The numbers are right, but a detached term is a constant, and nothing can make it smaller.",
            (
                _variant(total=lambda reconstruction, kl: reconstruction + kl.detach()),
                _variant(total=lambda reconstruction, kl: reconstruction.detach() + kl),
                _variant(total=lambda reconstruction, kl: (reconstruction + kl).detach()),
            ),
        ),
        Mistake(
            "one noise for several examples",
            "Every example needs noise of its own, in every dimension: which shape has the mean?",
            (
                _variant(draw=lambda m, s, training: m + s * torch.randn(m.shape[1])),
                _variant(draw=lambda m, s, training: m + s * torch.randn(len(m), 1)),
                _variant(draw=lambda m, s, training: m + s * torch.randn(())),
            ),
        ),
        Mistake(
            "not divided by 255",
            "White is 255, and must become 1.",
            (
                _variant(prepare=lambda images: images.float() / 256),
                _variant(prepare=lambda images: images.float() / 128 - 1),
                _variant(prepare=lambda images: images.float() / 127.5 - 1),
            ),
        ),
    ),
    reference=vae_terms,
    cases=lambda seed: [(EXAMPLES,)],
    observe=_observe,
    tolerance=0.05,
)


def diagnose_loss(terms: Callable) -> Verdict:
    """Say what is wrong with a loss, by name where it is a classic.

    Args:
        terms: ``terms(encode, decode, images, training=True)``; its contract is that of :data:`VAE_TERMS`.

    Returns:
        The verdict, with the name of the bug in ``mistake``.
    """
    verdict = grade(VAE_TERMS, terms)
    message = "No bug found." if verdict.correct else verdict.message
    html = f"<p><strong>Diagnosis.</strong> {html_text.escape(message)}</p>"
    publish({"text/html": html, "text/plain": f"Diagnosis. {message}"})
    return verdict
