""""""

import math
from collections.abc import Sequence
from itertools import pairwise
from numbers import Integral

import torch
from torch import Tensor, nn

# -------- Fully connected encoder and decoder.

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


# -------- Convolutional encoder and decoder for square pictures of 28, 32 or 64 pixels.

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


# -------- Build the encoder and decoder that a model's arguments describe.

DEFAULT_WIDTHS = (512, 256)


def build_networks(
    image_shape: Sequence[int],
    latent_dim: int,
    hidden_dims: Sequence[int] | None,
    architecture: str,
    activation: str,
    outputs_per_latent: int,
    decoder_dims: Sequence[int] | None = None,
) -> tuple[nn.Module, nn.Module, tuple[int, ...]]:
    """The encoder, the decoder, and the encoder's hidden sizes.

    ``decoder_dims`` are given in the decoder's order, from the code to the picture; None mirrors the encoder.

    Raises:
        ValueError: a size is not positive, the shape is not (C, H, W), or the architecture is unknown.
    """
    if len(image_shape) != 3 or min(image_shape) < 1:
        raise ValueError(f"image_shape is {tuple(image_shape)}; expected (channels, height, width), all > 0.")
    if not isinstance(latent_dim, Integral):
        raise ValueError(f"latent_dim is {latent_dim!r}; it must be a whole number of at least 1.")
    if latent_dim < 1:
        raise ValueError(f"latent_dim is {latent_dim}; it must be at least 1.")
    for name, sizes in (("hidden_dims", hidden_dims), ("decoder_dims", decoder_dims)):
        if isinstance(sizes, Integral):
            raise ValueError(f"{name} is {sizes}; give a list of sizes, such as [{sizes}].")
        if sizes is not None and (len(sizes) == 0 or min(sizes) < 1):
            raise ValueError(f"{name} is {list(sizes)}; give at least one size, all > 0.")
    if architecture == "mlp":
        sizes = tuple(hidden_dims or DEFAULT_WIDTHS)
        encoder_class, decoder_class = MLPEncoder, MLPDecoder
    elif architecture == "conv":
        sizes = tuple(hidden_dims or default_channels(image_shape))
        encoder_class, decoder_class = ConvEncoder, ConvDecoder
    else:
        raise ValueError(f"unknown architecture {architecture!r}; choose 'mlp' or 'conv'.")
    encoder = encoder_class(image_shape, sizes, outputs_per_latent * latent_dim, activation)
    mirrored = sizes if decoder_dims is None else tuple(reversed(decoder_dims))
    decoder = decoder_class(image_shape, mirrored, latent_dim, activation)
    return encoder, decoder, sizes


def check_images(x: Tensor, image_shape: Sequence[int], dtype: torch.dtype = torch.float32) -> None:
    """Raise ValueError unless x is a float batch (batch, C, H, W) of that shape, no wider than ``dtype``."""
    if not torch.is_tensor(x):
        raise ValueError(
            f"the model was given a {type(x).__name__}; expected a float tensor (batch, C, H, W) in [0, 1]."
        )
    if tuple(x.shape[1:]) != tuple(image_shape):
        raise ValueError(
            f"the model was built for images of shape {tuple(image_shape)} and was given a batch of shape "
            f"{tuple(x.shape)}; expected (batch, {', '.join(map(str, image_shape))})."
        )
    if not x.is_floating_point():
        raise ValueError(
            f"the model was given {x.dtype} images; expected floats in [0, 1]: "
            f"use ImageData.batch or ImageData.floats, or divide by 255."
        )
    if torch.promote_types(x.dtype, dtype) != dtype:
        raise ValueError(
            f"the model has {dtype} weights and was given {x.dtype} images; convert with x.float()."
        )
