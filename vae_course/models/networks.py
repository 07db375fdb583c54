"""Build the encoder and decoder that a model's arguments describe."""

from collections.abc import Sequence
from numbers import Integral

import torch
from torch import Tensor, nn

from vae_course.models.conv import ConvDecoder, ConvEncoder, default_channels
from vae_course.models.mlp import MLPDecoder, MLPEncoder

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
