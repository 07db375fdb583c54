"""A decoder that sees its neighbors: each number of a picture given those above it and to its left."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vae_course.likelihoods import log_logistic_bin
from vae_course.models.networks import keeps_config

# What a number of a picture may be told from, besides a code, and the places that the first layer sees.
SEES = {
    "nothing": torch.zeros(2, 3),  # all numbers are independent
    "colors": torch.zeros(2, 3),  # the other colors of its own pixel
    "two": torch.tensor([[0.0, 1, 0], [1, 0, 0]]),  # and the pixels to the left and above
    "all": torch.tensor([[1.0, 1, 1], [1, 0, 0]]),  # and all that came before, as far as the layers reach
}
SMALLEST = -6.0  # log of the smallest scale of a logistic, in units of the gray scale: half a level


class CausalConv2d(nn.Conv2d):
    """A convolution that sees ``size // 2`` rows above and its own row up to the place it is at, or by
    ``mask`` other places of (size // 2 + 1, size), 1 for each that is seen.
    """

    def __init__(self, inputs: int, outputs: int, size: int = 3, mask: Tensor | None = None):
        super().__init__(inputs, outputs, (size // 2 + 1, size))
        self.reach = size // 2
        causal = torch.ones(size // 2 + 1, size)
        causal[-1, self.reach + 1 :] = 0
        self.register_buffer("mask", causal if mask is None else mask.clone(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(F.pad(x, (self.reach, self.reach, self.reach, 0)), self.weight * self.mask, self.bias)


class NeighborDecoder(nn.Module):
    """log P(x | context) = Σ_t log P(x_t | x_above, x_left, context): pixels in the order of reading.

    A small PixelCNN (van den Oord, Kalchbrenner & Kavukcuoglu 2016) whose pixel is a mixture of logistics in
    bins, the colors of a pixel in order, a later center shifted by the earlier surprises (after Salimans,
    Karpathy, Chen & Kingma 2017, "PixelCNN++"). Its 3×3 windows leave a blind spot to the upper right.
    ``width``, ``depth``, ``components``: features, layers after the first, logistics of a pixel;
    ``context_channels`` of a picture that a code was decoded to (0 without a code); ``sees`` one of ``SEES``;
    ``levels`` that a stored number can take.
    """

    @keeps_config
    def __init__(
        self,
        channels: int = 3,
        width: int = 32,
        depth: int = 5,
        components: int = 4,
        context_channels: int = 0,
        sees: str = "all",
        levels: int = 256,
    ):
        super().__init__()
        if sees not in SEES:
            raise ValueError(f"sees is {sees!r}; choose one of {', '.join(SEES)}.")
        self.channels, self.components, self.levels = channels, components, levels
        self.context_channels, self.sees = context_channels, sees
        pairs = [(later, earlier) for later in range(channels) for earlier in range(later)]
        self.pairs = [] if sees == "nothing" else pairs
        self.first = CausalConv2d(channels, width, mask=SEES[sees])
        self.body = nn.ModuleList(CausalConv2d(width, width, 3 if sees == "all" else 1) for _ in range(depth))
        self.head = nn.Conv2d(width, components * (1 + 2 * channels + len(self.pairs)), 1)
        self.guess = CausalConv2d(channels, channels, mask=SEES[sees])  # starts as the mean of two neighbors
        with torch.no_grad():
            self.guess.weight.copy_(0.5 * torch.eye(channels)[..., None, None] * SEES["two"])
            self.guess.bias.zero_()
            self.head.weight.mul_(0.1)
        self.context = nn.Conv2d(context_channels, width, 5, padding=2) if context_channels else None
        self.reach = self.first.reach + sum(layer.reach for layer in self.body)

    def features(self, context: Tensor | None, x: Tensor) -> Tensor | float:
        """What every place of x is told by the context (batch, context_channels, H, W); 0 without."""
        if (context is None) != (self.context is None):
            found = "no context" if context is None else "a context"
            raise ValueError(
                f"the decoder was given {found}; it was made for {self.context_channels} channels."
            )
        return 0.0 if context is None else self.context(2 * context - 1)

    def pixel(self, x: Tensor, told: Tensor | float = 0.0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The mixture of each pixel of x (batch, C, H, W): log weights (batch, K, H, W), centers before any
        shift, log scales (batch, K, C, H, W), and shifts (batch, K, pairs of colors, H, W).
        """
        h = self.first(2 * x - 1) + told
        for layer in self.body:
            h = h + layer(F.silu(h))
        out = self.head(F.silu(h)).unflatten(1, (self.components, -1))
        weight, center, scale, shift = out.split([1, self.channels, self.channels, len(self.pairs)], 2)
        center = center + 0.5 + self.guess(x - 0.5)[:, None]
        return weight[:, :, 0].log_softmax(1), center, (scale - 3).clamp_min(SMALLEST), shift

    def shifted(self, center: Tensor, shift: Tensor, x: Tensor) -> Tensor:
        """The centers (batch, K, C, H, W), each moved by how far off those of earlier colors were."""
        moved = list(center.unbind(2))
        for n, (later, earlier) in enumerate(self.pairs):
            moved[later] = moved[later] + shift[:, :, n] * (x[:, None, earlier] - moved[earlier])
        return torch.stack(moved, 2)

    def log_prob_map(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """log P of each pixel, all its colors, given those before it: nats, (batch, H, W)."""
        weight, center, log_scale, shift = self.pixel(x, self.features(context, x))
        scale, center = log_scale.exp(), self.shifted(center, shift, x)
        each = log_logistic_bin(x[:, None], center, scale, self.levels)
        if self.sees == "nothing":  # each number chooses its logistic by itself; else the colors share one
            return (weight[:, :, None] + each).logsumexp(1).sum(1)
        return (weight + each.sum(2)).logsumexp(1)

    def log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """log P(x | context), nats, (batch,): x (batch, C, H, W) in [0, 1], multiples of 1 / (levels − 1)."""
        return self.log_prob_map(x, context).sum((1, 2))

    @torch.no_grad()
    def sample(self, context: Tensor | None = None, generator=None, shape=(1, 64, 64)) -> Tensor:
        """Pictures (batch, C, H, W) in [0, 1], drawn pixel by pixel: one for each context, or of ``shape``
        (batch, height, width) without. Each pixel reads only the window that it depends on: 24 take minutes.
        """
        batch, height, width = shape if context is None else (len(context), *context.shape[2:])
        x = self.head.weight.new_zeros(batch, self.channels, height, width)
        told, r = self.features(context, x), self.reach
        for i in range(height):
            for j in range(width):
                window = (..., slice(max(i - r, 0), i + 1), slice(max(j - r, 0), j + r + 1))
                found = self.pixel(x[window], told if context is None else told[window])
                weight, center, log_scale, shift = (part[..., -1:, min(j, r), None] for part in found)
                chosen = torch.multinomial(weight[..., 0, 0].exp(), self.channels, True, generator=generator)
                if self.sees != "nothing":
                    chosen = chosen[:, :1].expand_as(chosen)
                shift = shift[torch.arange(batch, device=x.device), chosen[:, 0]][:, None]
                chosen = chosen[:, None, :, None, None]
                center, log_scale = center.gather(1, chosen), log_scale.gather(1, chosen)
                uniform = torch.rand(batch, self.channels, generator=generator, device=x.device)
                noise = torch.logit(uniform, eps=1e-6) * log_scale[:, 0, :, 0, 0].exp()
                here = x[..., i : i + 1, j : j + 1]  # a view: what is written here is read by later colors
                for color in range(self.channels):
                    value = self.shifted(center, shift, here)[:, 0, color, 0, 0] + noise[:, color]
                    here[:, color, 0, 0] = (value.clamp(0, 1) * (self.levels - 1)).round() / (self.levels - 1)
        return x
