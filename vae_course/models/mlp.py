"""Fully connected encoder and decoder."""

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU, "tanh": nn.Tanh}


def make_activation(name: str) -> nn.Module:
    """A new activation module: "relu", "gelu", "silu" or "tanh"."""
    if name not in ACTIVATIONS:
        raise ValueError(f"unknown activation {name!r}; choose one of {', '.join(ACTIVATIONS)}.")
    return ACTIVATIONS[name]()


def _hidden_layers(sizes: Sequence[int], activation: str) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for size_in, size_out in pairwise(sizes):
        layers += [nn.Linear(size_in, size_out), make_activation(activation)]
    return layers


class MLPEncoder(nn.Module):
    """Images (batch, C, H, W) → (batch, n_outputs) through fully connected layers.

    Args:
        image_shape: (C, H, W).
        hidden_dims: width of each hidden layer, first the one that sees the image.
        n_outputs: size of the output: 2 × latent size for a VAE (mean, then raw log σ²), latent size for an
            autoencoder.
        activation: "relu", "gelu", "silu" or "tanh".
    """

    def __init__(
        self, image_shape: Sequence[int], hidden_dims: Sequence[int], n_outputs: int, activation: str = "relu"
    ):
        super().__init__()
        sizes = [math.prod(image_shape), *hidden_dims]
        self.layers = nn.Sequential(
            nn.Flatten(), *_hidden_layers(sizes, activation), nn.Linear(sizes[-1], n_outputs)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class MLPDecoder(nn.Module):
    """Codes (batch, latent) → (batch, C, H, W), unbounded (logits for a Bernoulli likelihood).

    Args:
        image_shape: (C, H, W).
        hidden_dims: as given to the encoder; the decoder uses them in reverse.
        latent_dim: size of the code.
        activation: "relu", "gelu", "silu" or "tanh".
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        hidden_dims: Sequence[int],
        latent_dim: int,
        activation: str = "relu",
    ):
        super().__init__()
        sizes = [latent_dim, *reversed(hidden_dims)]
        self.layers = nn.Sequential(
            *_hidden_layers(sizes, activation),
            nn.Linear(sizes[-1], math.prod(image_shape)),
            nn.Unflatten(-1, tuple(image_shape)),
        )

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z)
