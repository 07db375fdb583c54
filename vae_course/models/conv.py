"""Convolutional encoder and decoder for square pictures of 28, 32 or 64 pixels."""

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from vae_course.models.mlp import make_activation

DEFAULT_CHANNELS = {28: (32, 64), 32: (32, 64, 128), 64: (32, 64, 128, 256)}


def default_channels(image_shape: Sequence[int]) -> tuple[int, ...]:
    """Channels of each stride-2 layer for pictures of that size; others need explicit ``hidden_dims``."""
    size = image_shape[-1]
    if size not in DEFAULT_CHANNELS:
        raise ValueError(
            f"there is no default convolutional network for {size}-pixel pictures; "
            f"use 28, 32 or 64 pixels, or give hidden_dims (channels of each stride-2 layer)."
        )
    return DEFAULT_CHANNELS[size]


def feature_map_size(image_shape: Sequence[int], n_layers: int) -> int:
    """Side of the last feature map: the picture's side halved ``n_layers`` times.

    Raises:
        ValueError: the picture is not square, or its side cannot be halved that often.
    """
    _, height, width = image_shape
    if height != width or height % 2**n_layers:
        raise ValueError(
            f"a picture of {height}×{width} cannot be halved {n_layers} times; "
            f"give fewer hidden_dims or square pictures whose side is divisible by {2**n_layers}."
        )
    return height // 2**n_layers


class ConvEncoder(nn.Module):
    """Images (batch, C, H, W) → (batch, n_outputs). Each layer halves the side (4×4 kernel, stride 2).

    Args:
        image_shape: (C, H, W), H = W divisible by 2 for each layer.
        hidden_dims: channels of each layer.
        n_outputs: size of the output, as for the fully connected encoder.
        activation: "relu", "gelu", "silu" or "tanh".
    """

    def __init__(
        self, image_shape: Sequence[int], hidden_dims: Sequence[int], n_outputs: int, activation: str = "relu"
    ):
        super().__init__()
        side = feature_map_size(image_shape, len(hidden_dims))
        channels = [image_shape[0], *hidden_dims]
        layers: list[nn.Module] = []
        for c_in, c_out in pairwise(channels):
            layers += [
                nn.Conv2d(c_in, c_out, kernel_size=4, stride=2, padding=1),
                make_activation(activation),
            ]
        self.layers = nn.Sequential(
            *layers, nn.Flatten(), nn.Linear(math.prod((channels[-1], side, side)), n_outputs)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class ConvDecoder(nn.Module):
    """Codes (batch, latent) → (batch, C, H, W), unbounded: the mirror image of :class:`ConvEncoder`."""

    def __init__(
        self,
        image_shape: Sequence[int],
        hidden_dims: Sequence[int],
        latent_dim: int,
        activation: str = "relu",
    ):
        super().__init__()
        side = feature_map_size(image_shape, len(hidden_dims))
        first = hidden_dims[-1]
        channels = [*reversed(hidden_dims), image_shape[0]]
        layers: list[nn.Module] = []
        for c_in, c_out in pairwise(channels):
            layers += [
                make_activation(activation),
                nn.ConvTranspose2d(c_in, c_out, kernel_size=4, stride=2, padding=1),
            ]
        self.layers = nn.Sequential(
            nn.Linear(latent_dim, first * side * side), nn.Unflatten(-1, (first, side, side)), *layers
        )

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z)
