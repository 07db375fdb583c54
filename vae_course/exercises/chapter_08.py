"""Exercises of chapter 08, in order; here: the count of active units and the price of a dimension."""

from __future__ import annotations

import torch
from torch import Tensor

from vae_course.exercises.chapter_08_choice import CHOOSE_SIZE, SATURATION
from vae_course.exercises.exercise import Exercise, Mistake


def count_active(means: Tensor, threshold: float = 0.01) -> int:
    return int((means.var(0) > threshold).sum())


def _cases(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    scales = torch.tensor([1.0, 0.6, 0.05, 0.15, 0.001, 0.3, 0.09])
    cases = []
    for n, threshold in ((400, 0.01), (900, 0.05), (300, 0.2)):
        means = scales * torch.randn(n, 7, generator=generator)
        # One dimension is far from 0 for every picture, and tells nothing.
        means[:, 4] += 1.5
        cases.append((means, threshold))
    return cases


COUNT_ACTIVE = Exercise(
    id="08.1",
    title="Count the active units",
    contract="count_active(means, threshold=0.01): means is float (n, latent), the mean of q(z|x) for n "
    "pictures. Returns the number of latent dimensions in which the mean varies over the pictures with a "
    "variance above the threshold: a whole number from 0 to latent.",
    stub='''def count_active(means: torch.Tensor, threshold: float = 0.01) -> int:
    """means: (n, latent). Returns how many dimensions have a variance over the pictures above threshold."""
    ...''',
    hints=(
        "A dimension is used when pictures get different means in it: which axis holds the pictures?",
        "A mean that is large and the same for all pictures tells nothing about any of them.",
        "tensor.var(axis) gives one number for each of the other axis; then compare and count.",
    ),
    mistakes=(
        Mistake(
            "variance over the latent dimensions",
            "You have one number for each picture. Which axis should be gone?",
            lambda means, threshold=0.01: int((means.var(1) > threshold).sum()),
        ),
        Mistake(
            "standard deviation instead of variance",
            "The threshold is for the variance. What is the square of 0.1?",
            lambda means, threshold=0.01: int((means.std(0) > threshold).sum()),
        ),
        Mistake(
            "mean square instead of variance",
            "One dimension is far from 0 for every picture and tells nothing. Take its average away first.",
            (
                lambda means, threshold=0.01: int(((means**2).mean(0) > threshold).sum()),
                lambda means, threshold=0.01: int((means.mean(0).abs() > threshold).sum()),
                lambda means, threshold=0.01: int((means.abs().mean(0) > threshold).sum()),
            ),
        ),
        Mistake(
            "threshold ignored",
            "The threshold is an argument: 0.01 is only its default.",
            lambda means, threshold=0.01: int((means.var(0) > 0.01).sum()),
        ),
        Mistake(
            "inactive units counted",
            "Those below the threshold are the ones that are not used.",
            lambda means, threshold=0.01: int((means.var(0) <= threshold).sum()),
        ),
        Mistake(
            "share instead of number",
            "A number of dimensions is asked for.",
            lambda means, threshold=0.01: (means.var(0) > threshold).float().mean(),
        ),
    ),
    reference=count_active,
    cases=_cases,
    low=0.0,
)

PRICE = Exercise(
    id="08.2",
    title="The price of one more dimension",
    contract="A fully connected VAE has hidden layers of 256 and 128 units in the encoder, mirrored in the "
    "decoder. Its latent size grows by 1. Give 'encoder' and 'decoder': the learnable numbers each gains.",
    stub='answer_08_2 = {"encoder": ..., "decoder": ...}',
    hints=(
        "Only one layer of each network touches z.",
        "The encoder puts out two numbers for each latent dimension, and each has a bias.",
        "In the decoder, z is the input of a layer: do its biases belong to inputs or to outputs?",
    ),
    mistakes=(
        Mistake(
            "mean without log_var", "What does the encoder put out besides the mean?", value={"encoder": 129}
        ),
        Mistake(
            "mean without log_var and bias",
            "Two outputs for each latent dimension, and a bias for each output.",
            value={"encoder": 128},
        ),
        Mistake("encoder's biases forgotten", "Every output of a layer has a bias.", value={"encoder": 256}),
        Mistake(
            "wrong hidden layer",
            "Which hidden layer is next to z: the one with 256 units, or the one with 128?",
            value={"encoder": 514},
        ),
        Mistake(
            "bias of an input",
            "Biases belong to a layer's outputs, and the decoder's first layer gains an input.",
            value={"decoder": 129},
        ),
        Mistake(
            "decoder's wrong layer",
            "The decoder mirrors the encoder: 128 comes first.",
            value={"decoder": 256},
        ),
    ),
    value={"encoder": 258, "decoder": 128},
    tolerance=1e-9,
    explanation="Encoder: two more outputs (mean, log_var) of a layer with 128 inputs, 2 * (128 + 1) = 258.\n"
    "Decoder: one more input of a layer with 128 outputs, 128. Its biases stay as they were.",
)

EXERCISES = (COUNT_ACTIVE, PRICE, CHOOSE_SIZE, SATURATION)
