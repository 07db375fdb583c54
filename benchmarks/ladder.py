"""A convolutional ladder VAE: many layers of latent variables, chosen from the top down."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vae_course import likelihoods
from vae_course.elbo import GaussianPosterior, bound_log_var
from vae_course.likelihoods import Bernoulli
from vae_course.models.networks import as_images
from vae_course.models.vae import VAE
from vae_course.weights import load_checkpoint


class Residual(nn.Module):
    """h + f(h) with f two 3×3 convolutions behind an activation each; (batch, channels, H, W) → the same.

    Args:
        channels: of input and output.
        scale: factor on the initial weights of the last convolution; small keeps a deep stack of blocks
            close to the identity at first (Child 2021, "Very deep VAEs", section 3.1).
    """

    def __init__(self, channels: int, scale: float = 0.3):
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        with torch.no_grad():
            self.second.weight.mul_(scale)

    def forward(self, h: Tensor) -> Tensor:
        return h + self.second(F.silu(self.first(F.silu(h))))


class StochasticLayer(nn.Module):
    """One latent layer: what comes from above (h) meets noise ε, which the posterior chooses knowing x.

    The prior of the layer is ε ~ N(0, I) and its latent variable is W ε, added to h: a mean that depends on
    the layers above is already in h, so nothing is lost against p(z_l | z_<l) = N(μ(h), I). The posterior
    q(ε | h, x) is a Gaussian in the same units, that is, relative to the prior (Vahdat & Kautz 2020, "NVAE",
    section 3.2).

    Args:
        channels: of h.
        latent_channels: of ε.
        size: (H, W) of both.
    """

    def __init__(self, channels: int, latent_channels: int, size: tuple[int, int]):
        super().__init__()
        self.latent_channels, self.size = latent_channels, size
        self.of_above = nn.Conv2d(channels, channels, 1)
        self.of_both = nn.Conv2d(channels, channels, 3, padding=1)
        self.to_posterior = nn.Conv2d(channels, 2 * latent_channels, 1)
        nn.init.zeros_(self.to_posterior.weight)  # at first q = p, so that no layer starts with a large KL
        nn.init.zeros_(self.to_posterior.bias)
        self.inject = nn.Conv2d(latent_channels, channels, 1)
        self.block = Residual(channels)

    @property
    def latent_dim(self) -> int:
        """Number of latent variables of the layer, latent_channels · H · W."""
        return self.latent_channels * self.size[0] * self.size[1]

    def posterior(self, h: Tensor, message: Tensor) -> GaussianPosterior:
        """q(ε | h, x): mean and log σ² of shape (..., batch, latent_dim), float32.

        Args:
            h: (n · batch, channels, H, W), from above.
            message: (batch, channels, H, W), from the encoder; shared by the n draws of an example.
        """
        above = self.of_above(F.silu(h)).unflatten(0, (-1, len(message)))
        both = F.silu(above + message).flatten(0, 1)
        mean, raw = self.to_posterior(F.silu(self.of_both(both))).float().chunk(2, dim=1)
        return GaussianPosterior(_flat(mean), bound_log_var(_flat(raw)))

    def forward(self, h: Tensor, noise: Tensor) -> Tensor:
        """h (n, channels, H, W) and ε (n, latent_dim) → h for the layer below, (n, channels, H, W)."""
        noise = noise.reshape(-1, *self.size, self.latent_channels).permute(0, 3, 1, 2)
        return self.block(h + self.inject(noise))


def _flat(maps: Tensor) -> Tensor:
    """(n, c, H, W) → (n, H·W·c), in the order in which channels-last memory lies."""
    return maps.permute(0, 2, 3, 1).flatten(1)


class Up(nn.Module):
    """Twice the size: a 1×1 convolution to 4 · channels, whose quadruples become 2×2 pixels."""

    def __init__(self, channels: int, out_channels: int):
        super().__init__()
        self.spread = nn.Conv2d(channels, 4 * out_channels, 1)

    def forward(self, h: Tensor) -> Tensor:
        return F.pixel_shuffle(self.spread(h), 2)


# The noise of a layer: (its number, features above it or None at the top) -> (n, latent_dim).
Choice = Callable[[int, Tensor | None], Tensor]


class LadderVAE(VAE):
    """z_1 → z_2 → … → z_L → x: a dense layer on top, then maps of latent variables at ¼ and ½ of the size.

    The encoder goes up once, x → features at ½ and ¼ of the size; the decoder goes down, and at each layer
    the posterior sees both: q(z_l | z_<l, x) (Sønderby et al. 2016, "Ladder variational autoencoders";
    Kingma et al. 2016, section 4; Vahdat & Kautz 2020, "NVAE").

    The code is written as independent noise ε_1 … ε_L with prior N(0, I), see :class:`StochasticLayer`, so
    that everything that measures a VAE measures this one: ``elbo_terms``, ``evaluate``,
    ``importance_weighted_bound``, ``sample``. Convolutions are kept in channels-last memory, which is up to
    three times faster on CPUs with bfloat16.

    Args:
        image_shape: (C, H, W), H and W divisible by 4.
        top_dim: size of the dense layer z_1.
        widths: channels of the features at ½ and at ¼ of the size.
        layers: number of latent layers at ½ and at ¼ of the size.
        latent_channels: of each of them.
        hidden: width of the dense layers next to z_1.
        likelihood: a name that ``likelihoods.make`` knows.

    Attributes:
        latent_dim: length of the whole code; sizes: of its layers, top first.
    """

    def __init__(
        self,
        image_shape: Sequence[int] = (1, 28, 28),
        top_dim: int = 32,
        widths: Sequence[int] = (32, 64),
        layers: Sequence[int] = (1, 2),
        latent_channels: Sequence[int] = (2, 4),
        hidden: int = 256,
        likelihood: str = "bernoulli",
    ):
        nn.Module.__init__(self)  # not VAE's: the networks are other ones
        channels, height, width = image_shape
        if height % 4 or width % 4 or min(top_dim, hidden, *widths, *latent_channels) < 1:
            raise ValueError(
                f"image_shape is {tuple(image_shape)} with top_dim {top_dim}, hidden {hidden}, widths "
                f"{tuple(widths)} and latent_channels {tuple(latent_channels)}; height and width must be "
                f"divisible by 4, and all sizes at least 1."
            )
        if min(layers) < 0:
            raise ValueError(f"layers is {tuple(layers)}; both numbers must be at least 0.")
        (wide, narrow), half, quarter = widths, (height // 2, width // 2), (height // 4, width // 4)
        flat = narrow * quarter[0] * quarter[1]
        self.image_shape, self.quarter = tuple(image_shape), quarter
        self.likelihood = likelihoods.make(likelihood)
        self.register_buffer("input_mean", torch.zeros(self.image_shape))
        self.register_buffer("output_offset", torch.zeros(self.image_shape))

        self.up_half = nn.Sequential(nn.Conv2d(4 * channels, wide, 3, padding=1), Residual(wide))
        self.up_quarter = nn.Sequential(
            nn.SiLU(),
            nn.Conv2d(wide, narrow, 3, stride=2, padding=1),
            Residual(narrow),
            Residual(narrow),
            nn.SiLU(),
        )
        self.to_top = nn.Sequential(nn.Linear(flat, hidden), nn.SiLU(), nn.Linear(hidden, 2 * top_dim))
        self.from_top = nn.Sequential(nn.Linear(top_dim, hidden), nn.SiLU(), nn.Linear(hidden, flat))
        self.quarter_layers = nn.ModuleList(
            StochasticLayer(narrow, latent_channels[1], quarter) for _ in range(layers[1])
        )
        self.enlarge = Up(narrow, wide)
        self.half_layers = nn.ModuleList(
            StochasticLayer(wide, latent_channels[0], half) for _ in range(layers[0])
        )
        self.messages = nn.ModuleList(nn.Conv2d(narrow, narrow, 1) for _ in self.quarter_layers)
        self.messages.extend(nn.Conv2d(wide, wide, 1) for _ in self.half_layers)
        self.output = nn.Sequential(Residual(wide), nn.SiLU(), nn.Conv2d(wide, 4 * channels, 3, padding=1))
        nn.init.zeros_(self.output[-1].weight)
        nn.init.zeros_(self.output[-1].bias)
        self.to(memory_format=torch.channels_last)

        self.sizes = [top_dim, *(layer.latent_dim for layer in (*self.quarter_layers, *self.half_layers))]
        self.latent_dim = sum(self.sizes)
        self.config = {
            "image_shape": list(image_shape),
            "top_dim": top_dim,
            "widths": list(widths),
            "layers": list(layers),
            "latent_channels": list(latent_channels),
            "hidden": hidden,
            "likelihood": likelihood,
        }
        self._drawn: tuple[Tensor, Tensor] | None = None

    @property
    def trains_in_bfloat16(self) -> bool:
        """Whether 8 significant bits do for training: for Bernoulli logits; densities stay in float32."""
        return isinstance(self.likelihood, Bernoulli)

    def encode(self, x: Tensor) -> "TopDownPosterior":
        """q(ε_1 … ε_L | x) for images (batch, C, H, W) in [0, 1]; see :class:`TopDownPosterior`."""
        x = as_images(x, self)
        pixels = F.pixel_unshuffle(x - self.input_mean, 2).contiguous(memory_format=torch.channels_last)
        half = self.up_half(pixels)
        quarter = self.up_quarter(half)
        mean, raw = self.to_top(quarter.permute(0, 2, 3, 1).flatten(1)).float().chunk(2, dim=-1)
        half = F.silu(half)
        sources = [quarter] * len(self.quarter_layers) + [half] * len(self.half_layers)
        messages = [message(source) for message, source in zip(self.messages, sources, strict=True)]
        return TopDownPosterior(self, GaussianPosterior(mean, bound_log_var(raw)), messages)

    def go_down(self, choose: Choice) -> Tensor:
        """The decoder's way down with the noise of each layer from ``choose``: parameters (n, C, H, W)."""
        h = self.from_top(choose(0, None)).unflatten(-1, (*self.quarter, -1)).permute(0, 3, 1, 2)
        for number, layer in enumerate(self.quarter_layers, 1):
            h = layer(h, choose(number, h))
        h = self.enlarge(h)
        for number, layer in enumerate(self.half_layers, 1 + len(self.quarter_layers)):
            h = layer(h, choose(number, h))
        return F.pixel_shuffle(self.output(h), 2).float() + self.output_offset

    def decode(self, z: Tensor) -> Tensor:
        """Parameters of p(x|z): (..., latent) → (..., C, H, W).

        The way down has already been gone when a posterior has just drawn this very z: its end is then used
        (once), and not computed a second time.
        """
        if z.shape[-1] != self.latent_dim:
            raise ValueError(
                f"the model has a code of size {self.latent_dim} ({' + '.join(map(str, self.sizes))}) and "
                f"was given z of shape {tuple(z.shape)}."
            )
        drawn, self._drawn = self._drawn, None
        if drawn is not None and drawn[0] is z:
            return drawn[1]
        parts = z.reshape(-1, self.latent_dim).split(self.sizes, dim=-1)
        return self.go_down(lambda number, _: parts[number]).reshape(*z.shape[:-1], *self.image_shape)


@dataclass
class TopDownPosterior:
    """q(ε_1 | x) q(ε_2 | ε_1, x) …: a Gaussian at each layer, given the layers above.

    Attributes:
        model: whose layers they are.
        top: q(ε_1 | x), (batch, top_dim).
        messages: of the encoder to the other layers.
        drawn: the layers' Gaussians at the last ``sample``, at which the divergence is taken.
    """

    model: LadderVAE
    top: GaussianPosterior
    messages: list[Tensor]
    drawn: tuple[Tensor, GaussianPosterior] | None = field(default=None, repr=False)

    def _walk(self, n: int | None, pick: Callable[[int, GaussianPosterior], Tensor]) -> tuple:
        """Go down with the noise that ``pick`` takes: ε, the Gaussian of all layers, decoded parameters."""
        lead = (len(self.top.mean),) if n is None else (n, len(self.top.mean))
        noise, means, log_vars = [], [], []

        def choose(number: int, h: Tensor | None) -> Tensor:
            if h is None:
                layer = GaussianPosterior(
                    *(part.expand(*lead, -1) for part in (self.top.mean, self.top.log_var))
                )
            else:
                blocks = (*self.model.quarter_layers, *self.model.half_layers)
                flat = blocks[number - 1].posterior(h, self.messages[number - 1])
                layer = GaussianPosterior(*(part.unflatten(0, lead) for part in (flat.mean, flat.log_var)))
            noise.append(pick(number, layer))
            means.append(layer.mean)
            log_vars.append(layer.log_var)
            return noise[-1].flatten(0, -2)

        params = self.model.go_down(choose).unflatten(0, lead)
        z, mean, log_var = (torch.cat(parts, dim=-1) for parts in (noise, means, log_vars))
        return z, GaussianPosterior(mean, log_var), params

    def sample(self, n: int | None = None, generator: torch.Generator | None = None) -> Tensor:
        """Draw ε_1, then ε_2 given it, and so on: (batch, latent), or (n, batch, latent)."""
        z, layers, params = self._walk(n, lambda _, layer: layer.sample(generator=generator))
        self.drawn, self.model._drawn = (z, layers), (z, params)
        return z

    def log_prob(self, z: Tensor) -> Tensor:
        """log q(ε|x) in nats, exact: (..., batch, latent) → (..., batch)."""
        if self.drawn is not None and self.drawn[0] is z:
            return self.drawn[1].log_prob(z)
        lead = z.shape[:-2]
        parts = z.flatten(0, -2).unflatten(0, (-1, z.shape[-2])).split(self.model.sizes, dim=-1)
        _, layers, _ = self._walk(len(parts[0]), lambda number, _: parts[number])
        return layers.log_prob(torch.cat(parts, -1)).reshape(*lead, z.shape[-2])

    def kl_per_dimension(self) -> Tensor:
        """KL to N(0, I) of each dimension, nats, (batch, latent).

        Exact for the top. Below it is an expectation over the layers above, taken at the draws of the last
        ``sample`` (before any: one draw with seed 0), so that both terms of the ELBO belong to the same z.
        """
        if self.drawn is None:
            self.sample(generator=torch.Generator(self.top.mean.device).manual_seed(0))
        kl = self.drawn[1].kl_per_dimension()
        return kl if kl.dim() == self.top.mean.dim() else kl.mean(0)

    def kl(self) -> Tensor:
        """KL to N(0, I) of each example, nats, (batch,); see :meth:`kl_per_dimension`."""
        return self.kl_per_dimension().sum(-1)

    @property
    def mean(self) -> Tensor:
        """The means, (batch, latent), each at the means of the layers above."""
        return self._walk(None, lambda _, layer: layer.mean)[1].mean

    @property
    def log_var(self) -> Tensor:
        """log σ², (batch, latent), at the means of the layers above."""
        return self._walk(None, lambda _, layer: layer.mean)[1].log_var


def load_ladder(path: str | Path) -> LadderVAE:
    """The model of a checkpoint, on the CPU, in evaluation mode."""
    content = load_checkpoint(path)
    model = LadderVAE(**content["config"])
    model.load_state_dict(content["model"])
    return model.eval()
