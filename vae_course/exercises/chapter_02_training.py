"""Exercise of chapter 02: one training step, judged by what it does to the weights."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from vae_course.exercises.exercise import Exercise, Mistake
from vae_course.models import VAE

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
    ),
    reference=training_step,
    cases=lambda seed: [(0.3, 0.01), (4.0, 0.01)],
    observe=_observe,
    tolerance=1e-4,
)
