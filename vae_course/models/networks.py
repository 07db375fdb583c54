"""Encoders, decoders and a classifier, and the arguments and inputs of models."""

import inspect
import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import wraps
from itertools import pairwise
from numbers import Integral

import numpy as np
import torch
from torch import Tensor, nn

ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU, "tanh": nn.Tanh}
DEFAULT_WIDTHS = (512, 256)
LARGEST_MAP = 7  # places of the last feature map, from side to side, for which default layers are enough
GROUPS = 8  # of channels that are normalized together (Wu & He 2018)


def make_activation(name: str) -> nn.Module:
    """A new activation module: "relu", "gelu", "silu" or "tanh"."""
    if name not in ACTIVATIONS:
        raise ValueError(f"unknown activation {name!r}; choose one of {', '.join(ACTIVATIONS)}.")
    return ACTIVATIONS[name]()


def plain(value):
    """Numbers and arrays of numpy as Python's numbers and lists, tuples as lists; anything else as it is."""
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    return value.tolist() if isinstance(value, (np.generic, np.ndarray)) else value


def keeps_config(init: Callable) -> Callable:
    """Decorate a model's ``__init__``: it gets plain values, and leaves them in ``config``, so that
    ``type(model)(**model.config)`` builds the same network. What was chosen where an argument was None stays.
    """
    signature = inspect.signature(init)

    @wraps(init)
    def wrapped(self, *args, **kwargs):
        bound = signature.bind(self, *args, **kwargs)
        bound.apply_defaults()
        _, *given = bound.arguments.items()
        given = {name: plain(value) for name, value in given}
        for parameter in signature.parameters.values():
            if parameter.kind is parameter.VAR_KEYWORD:  # what is handed to the parent
                given |= {name: plain(value) for name, value in given.pop(parameter.name).items()}
        init(self, **given)
        kept = {name: value for name, value in given.items() if value is not None}
        self.config = getattr(self, "config", {}) | kept

    return wrapped


def as_images(x: Tensor | np.ndarray, model: nn.Module) -> Tensor:
    """Pictures (batch, C, H, W) in the model's own floats; an array goes to its device. Else ValueError."""
    if isinstance(x, np.ndarray) and x.dtype.kind == "f":
        x = torch.as_tensor(x, dtype=model.input_mean.dtype, device=model.input_mean.device)
    shape = getattr(x, "shape", ())
    if not torch.is_tensor(x) or not x.is_floating_point():
        found = x.dtype if torch.is_tensor(x) else f"a {type(x).__name__}"
        wanted = (
            "a float tensor (batch, C, H, W) in [0, 1]: ImageData.batch, ImageData.floats, or bytes / 255"
        )
        raise ValueError(f"the model was given {found} of shape {tuple(shape)}; expected {wanted}.")
    if tuple(shape[1:]) != model.image_shape:
        found = f"images of shape {model.image_shape} and was given a batch of shape {tuple(shape)}"
        wanted = f"(batch, {', '.join(map(str, model.image_shape))})"
        raise ValueError(f"the model was built for {found}; expected {wanted}.")
    return x.to(model.input_mean.dtype)


def as_codes(z: Tensor | np.ndarray, size: int, like: Tensor) -> Tensor:
    """Codes (..., size) in floats such as ``like``; an array goes to its device. Else ValueError."""
    if not torch.is_tensor(z):
        z = torch.as_tensor(z, dtype=like.dtype, device=like.device)
    if z.shape[-1:] != (size,):
        found = f"the model has a code of size {size} and was given z of shape {tuple(z.shape)};"
        raise ValueError(f"{found} expected (..., {size}).")
    return z.to(like.dtype)


def in_turn(*layers: nn.Module) -> nn.Sequential:
    """One layer after the other, by the name ``layers`` under which stored weights have them."""
    return nn.Sequential(OrderedDict(layers=nn.Sequential(*layers)))


def _fully_connected(sizes: Sequence[int], activation: str) -> list[nn.Module]:
    *hidden, last = [nn.Linear(size_in, size_out) for size_in, size_out in pairwise(sizes)]
    return [part for layer in hidden for part in (layer, make_activation(activation))] + [last]


def halvings(image_shape: Sequence[int], n_layers: int) -> list[tuple[int, int]]:
    """Height and width of the picture, then after each of n stride-2 layers: halves, rounded down."""
    _, height, width = image_shape
    if min(height, width) >> n_layers < 1:
        found = f"a picture of {height}×{width} cannot be halved {n_layers} times; give fewer hidden_dims, or"
        raise ValueError(f"{found} architecture='mlp'.")
    return [(height >> i, width >> i) for i in range(n_layers + 1)]


def default_channels(image_shape: Sequence[int]) -> list[int]:
    """Channels of the stride-2 layers: 32, doubled up to 256, until at most 7 × 7 places are left."""
    sides, n_layers = image_shape[1:], 1
    while max(sides) >> n_layers > LARGEST_MAP and min(sides) >> n_layers > 1:
        n_layers += 1
    return [min(32 << i, 256) for i in range(n_layers)]


def _activated(channels: int, activation: str, normalized: bool) -> list[nn.Module]:
    return [*([nn.GroupNorm(GROUPS, channels)] if normalized else []), make_activation(activation)]


def conv_encoder(
    shape: Sequence[int], channels: Sequence[int], n_outputs: int, activation: str, normalized: bool = False
) -> nn.Sequential:
    """Images (batch, C, H, W) → (batch, n_outputs). Each layer halves the sides (4×4 kernel, stride 2)."""
    last = (channels[-1], *halvings(shape, len(channels))[-1])
    layers: list[nn.Module] = []
    for c_in, c_out in pairwise([shape[0], *channels]):
        layers += [nn.Conv2d(c_in, c_out, 4, stride=2, padding=1)]
        layers += _activated(c_out, activation, normalized)
    return in_turn(*layers, nn.Flatten(), nn.Linear(math.prod(last), n_outputs))


def conv_decoder(
    shape: Sequence[int], channels: Sequence[int], n_inputs: int, activation: str, normalized: bool = False
) -> nn.Sequential:
    """Codes (batch, n_inputs) → (batch, C, H, W), unbounded: the mirror image of the encoder."""
    *larger, smallest = halvings(shape, len(channels))
    first = (channels[-1], *smallest)
    layers: list[nn.Module] = []
    pairs = pairwise([*reversed(channels), shape[0]])
    for (c_in, c_out), (height, width) in zip(pairs, reversed(larger), strict=True):
        odd = (height % 2, width % 2)  # what halving rounded down
        layers += _activated(c_in, activation, normalized)
        layers += [nn.ConvTranspose2d(c_in, c_out, 4, stride=2, padding=1, output_padding=odd)]
    return in_turn(nn.Linear(n_inputs, math.prod(first)), nn.Unflatten(-1, first), *layers)


def mlp_encoder(shape: Sequence[int], widths: Sequence[int], n_outputs: int, activation: str):
    """Images (batch, C, H, W) → (batch, n_outputs); the first of the widths is the one next to the image."""
    return in_turn(nn.Flatten(), *_fully_connected([math.prod(shape), *widths, n_outputs], activation))


def mlp_decoder(shape: Sequence[int], widths: Sequence[int], n_inputs: int, activation: str):
    """Codes (batch, n_inputs) → (batch, *shape), unbounded: the mirror image of the encoder."""
    layers = _fully_connected([n_inputs, *reversed(widths), math.prod(shape)], activation)
    return in_turn(*layers, nn.Unflatten(-1, tuple(shape)))


NETWORKS = {"mlp": (mlp_encoder, mlp_decoder), "conv": (conv_encoder, conv_decoder)}


def build_networks(
    image_shape: Sequence[int],
    latent_dim: int,
    hidden_dims: Sequence[int] | None,
    architecture: str,
    activation: str,
    outputs_per_latent: int,
    decoder_dims: Sequence[int] | None = None,
    normalized: bool = False,
) -> tuple[nn.Sequential, nn.Sequential, list[int]]:
    """The encoder, the decoder, and the encoder's hidden sizes, for arguments as of `ImageModel`."""
    if len(image_shape) != 3 or min(image_shape) < 1:
        raise ValueError(f"image_shape is {tuple(image_shape)}; expected (channels, height, width), all > 0.")
    if not isinstance(latent_dim, Integral) or latent_dim < 1:
        raise ValueError(f"latent_dim is {latent_dim!r}; it must be a whole number of at least 1.")
    for name, sizes in (("hidden_dims", hidden_dims), ("decoder_dims", decoder_dims)):
        if isinstance(sizes, Integral) or (sizes is not None and (len(sizes) == 0 or min(sizes) < 1)):
            raise ValueError(f"{name} is {sizes}; give a list of at least one size, all > 0.")
    if architecture not in NETWORKS:
        raise ValueError(f"unknown architecture {architecture!r}; choose 'mlp' or 'conv'.")
    encoder, decoder = NETWORKS[architecture]
    sizes = list(hidden_dims or (DEFAULT_WIDTHS if architecture == "mlp" else default_channels(image_shape)))
    mirrored = sizes if decoder_dims is None else list(reversed(decoder_dims))
    if normalized and (architecture != "conv" or any(size % GROUPS for size in [*sizes, *mirrored])):
        found = f"group normalization needs architecture='conv' and channels that {GROUPS} divides;"
        raise ValueError(f"{found} found {architecture!r} and {sizes}.")
    more = {"normalized": True} if normalized else {}
    return (
        encoder(image_shape, sizes, outputs_per_latent * latent_dim, activation, **more),
        decoder(image_shape, mirrored, latent_dim, activation, **more),
        sizes,
    )


# A judge of pictures.


class Classifier(nn.Module):
    """Two convolutions and 64 features, for pictures (C, H, W) whose sides are divisible by 4."""

    @keeps_config
    def __init__(self, image_shape: Sequence[int] = (1, 28, 28), n_classes: int = 10):
        super().__init__()
        channels, height, width = image_shape
        if height % 4 or width % 4:
            raise ValueError(f"pictures of {height}×{width} do not fit; the sides must be divisible by 4.")
        self.body = nn.Sequential(
            nn.Conv2d(channels, 16, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * (height // 4) * (width // 4), 64),
            nn.ReLU(),
        )
        self.head = nn.Linear(64, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of the classes: (batch, C, H, W) in [0, 1] → (batch, n_classes)."""
        return self.head(self.body(x))

    def features(self, x: Tensor, batch_size: int = 1000) -> Tensor:
        """The 64 numbers before the last layer, ≥ 0: (n, C, H, W) → (n, 64), on the CPU."""
        return self._in_parts(self.body, x, batch_size)

    def probabilities(self, x: Tensor, batch_size: int = 1000) -> Tensor:
        """Class probabilities: (n, C, H, W) → (n, n_classes), on the CPU."""
        return self._in_parts(self, x, batch_size).softmax(-1)

    @torch.no_grad()
    def _in_parts(self, network: nn.Module, x: Tensor, batch_size: int) -> Tensor:
        device = self.head.weight.device
        return torch.cat([network(part.to(device)).cpu() for part in x.split(batch_size)])

    def accuracy(self, data) -> float:
        """Share of a labeled data set that is classified correctly, in [0, 1]."""
        return (self.probabilities(data.floats()).argmax(-1) == data.labels.cpu()).float().mean().item()
