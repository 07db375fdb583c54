"""Exercises of chapter 02, in order; this file holds the KL term and the sizes of an encoder."""

from __future__ import annotations

import torch
from torch import Tensor

from vae_course.exercises.chapter_02_generate import GENERATE
from vae_course.exercises.chapter_02_reconstruction import RECONSTRUCTION
from vae_course.exercises.chapter_02_sampling import REPARAMETERIZE
from vae_course.exercises.chapter_02_training import TRAINING_STEP
from vae_course.exercises.exercise import Exercise, Mistake


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
    "KL(N(mean, σ²) || N(0, I)) of each example, in nats, summed over latent dimensions: (batch,), >= 0.",
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
            "σ where σ² belongs",
            "Exactly one term holds the variance. What does exp(log_var / 2) give?",
            lambda mean, log_var: 0.5 * (mean**2 + (0.5 * log_var).exp() - 1 - log_var).sum(-1),
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
