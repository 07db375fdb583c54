"""One VAE for every β and latent size, so that a slider needs no training.

*Multi-rate*: each hidden unit is scaled and shifted by amounts that depend on log β (Bae et al. 2023,
"Multi-Rate VAE: Train Once, Get the Full Rate-Distortion Curve"). *Nested truncation*: with latent size k
only the first k latent dimensions exist (Rippel et al. 2014, "Learning Ordered Representations with Nested
Dropout"); scales, shifts and the layers that touch the code depend on k, too. For one (β, k) all of that
folds into weights: :meth:`OneModel.at` gives a plain VAE.
"""

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from vae_course import likelihoods
from vae_course.data.own_images import check_data
from vae_course.models.networks import keeps_config, make_activation
from vae_course.models.vae import VAE

SMALLEST_SIZE = 2


def hats(value: Tensor, knots: Sequence[float]) -> Tensor:
    """Weights (batch, knots) of linear interpolation in log(value) between knots; the ends are continued."""
    place = torch.log(torch.as_tensor(knots, dtype=value.dtype, device=value.device))
    t = torch.log(value)[:, None].clamp(place[0], place[-1])
    up = (t - place[:-1]) / (place[1:] - place[:-1])
    one = torch.ones_like(t)
    return torch.minimum(torch.cat([one, up], 1), torch.cat([1 - up, one], 1)).clamp_min(0)


class Modulated(nn.Module):
    """y = g(c) ⊙ act(W x + b + s(c)): shift s and gate g = 2·sigmoid(gain · affine(c)) depend on the setting.

    Both start without effect. With several banks, W and b are mixtures Σ_i m_i (W_i, b_i) with weights m that
    depend on the setting too. ``gain`` is how fast the gate answers to training.
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        n_features: int,
        activation: str | None = None,
        *,
        n_banks: int = 1,
        gated: bool = True,
        gain: float = 1.0,
    ):
        super().__init__()
        self.n_out, self.n_banks, self.gain = n_out, n_banks, gain
        self.linear = nn.Linear(n_in, n_out * n_banks)
        self.shift = nn.Linear(n_features, n_out, bias=False)
        self.gate = nn.Linear(n_features, n_out) if gated else None
        self.activation = make_activation(activation) if activation else nn.Identity()
        for parameter in [*self.shift.parameters(), *(self.gate.parameters() if gated else ())]:
            nn.init.zeros_(parameter)

    def scale(self, c: Tensor) -> Tensor:
        """The gate, between 0 and 2: (..., n_features) → (..., n_out)."""
        return 2 * torch.sigmoid(self.gain * self.gate(c))

    def plain(self, c: Tensor, banks: Tensor) -> tuple[Tensor, Tensor]:
        """Weight (n_out, n_in) and bias (n_out,) before the activation, at one c (n_features,) and banks."""
        weight, bias = self.linear.weight, self.linear.bias
        if self.n_banks > 1:
            weight = torch.einsum("noi,n->oi", weight.unflatten(0, (self.n_banks, self.n_out)), banks)
            bias = banks @ bias.unflatten(0, (self.n_banks, self.n_out))
        return weight, bias + self.shift(c)


def fold(layers: Iterable[Modulated], c: Tensor, banks: Tensor) -> list[tuple[Tensor, Tensor]]:
    """(weight, bias) of plain layers, with activations between them, that do the same at one setting: a gate
    scales the columns of the next weight, in the last layer weight and bias.
    """
    folded, before = [], None
    for layer in layers:
        weight, bias = layer.plain(c, banks)
        folded.append((weight.clone() if before is None else weight * before, bias))
        before = None if layer.gate is None else layer.scale(c)
    if before is not None:
        weight, bias = folded[-1]
        folded[-1] = (weight * before[:, None], bias * before)
    return folded


class OneModel(nn.Module):
    """A fully connected VAE conditioned on β and on the latent size k, trained by `recipes/one_model.py`;
    ``at(beta, k)`` is a plain VAE.

    Arguments as for a VAE: ``latent_dim`` is the largest k, more than 2; ``beta_range`` the smallest and the
    largest β it is meant for. The buffer ``updates`` counts those of training.
    """

    @keeps_config
    def __init__(
        self,
        image_shape: Sequence[int] = (1, 28, 28),
        latent_dim: int = 32,
        hidden_dims: Sequence[int] = (384, 256),
        likelihood: str = "bernoulli",
        activation: str = "gelu",
        beta_range: Sequence[float] = (0.2, 10.0),
    ):
        super().__init__()
        low, high = self.beta_range = tuple(map(float, beta_range))
        if not 0 < low < high or latent_dim <= SMALLEST_SIZE or not hidden_dims:
            found = f"beta_range is ({low:g}, {high:g}), latent_dim {latent_dim}, hidden_dims {hidden_dims}"
            raise ValueError(f"{found}; expected 0 < low < high, more than {SMALLEST_SIZE}, and a width.")
        self.image_shape, self.latent_dim = tuple(image_shape), latent_dim
        # Settings at which scales and shifts are learned; between them they are interpolated.
        self.size_knots = [k for k in (2, 4, 8) if k < latent_dim] + [latent_dim]
        self.beta_knots = [low * (high / low) ** (i / 3) for i in range(4)]
        n_banks, n_features = len(self.size_knots), len(self.size_knots) * len(self.beta_knots)
        pixels = math.prod(image_shape)

        def hidden(*sizes: int, first_banks: int = 1) -> Iterable[Modulated]:
            for i, (n_in, n_out) in enumerate(pairwise(sizes)):
                yield Modulated(n_in, n_out, n_features, activation, n_banks=1 if i else first_banks)

        self.encoder = nn.ModuleList(hidden(pixels, *hidden_dims))
        last = Modulated(hidden_dims[-1], 2 * latent_dim, n_features, n_banks=n_banks, gain=4.0)
        self.encoder.append(last)
        self.code_gate = nn.Linear(n_features, latent_dim)
        self.decoder = nn.ModuleList(hidden(latent_dim, *reversed(hidden_dims), first_banks=n_banks))
        self.decoder.append(Modulated(hidden_dims[0], pixels, n_features, gated=False))
        self.likelihood = likelihoods.make(likelihood)
        self.register_buffer("input_mean", torch.zeros(self.image_shape))
        self.register_buffer("output_offset", torch.zeros(self.image_shape))
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))
        # Start with sharp posteriors and spread means: otherwise late ones carry noise and are given up.
        nn.init.zeros_(self.code_gate.weight)
        nn.init.zeros_(self.code_gate.bias)
        is_mean = torch.arange(last.linear.out_features) % (2 * latent_dim) < latent_dim
        with torch.no_grad():
            last.linear.weight[is_mean] *= 4
            last.linear.bias[~is_mean] -= 3

    @classmethod
    def for_data(cls, data, **arguments) -> "OneModel":
        """A new model for the pictures of an ImageData: their shape, centered on their mean."""
        data = check_data(data, "the data set")
        return cls(image_shape=data.shape, **arguments).center_on(data)

    center_on = VAE.center_on  # the same two buffers, with the same meaning

    def features(self, beta: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
        """Where β, k (batch,) lie between the knots: weights (batch, all knots) and (batch, size knots)."""
        banks = hats(k, self.size_knots)
        return (banks[:, :, None] * hats(beta, self.beta_knots)[:, None, :]).flatten(1), banks

    def code_scale(self, c: Tensor) -> Tensor:
        return 2 * torch.sigmoid(4 * self.code_gate(c))

    @torch.no_grad()
    def at(self, beta: float, k: int) -> VAE:
        """The ordinary VAE that this model is at one setting, with weights of its own; takes milliseconds."""
        largest, (low, high) = self.latent_dim, self.beta_range
        if int(k) != k or not SMALLEST_SIZE <= k <= largest:
            raise ValueError(f"k is {k}; expected a whole number, {SMALLEST_SIZE} to {largest}.")
        if not low <= beta <= high:
            raise ValueError(f"beta is {beta}; this model was made for β from {low:g} to {high:g}.")
        k = int(k)
        c, banks = (part[0] for part in self.features(*self.input_mean.new_tensor([[beta], [k]])))
        encoder, decoder = fold(self.encoder, c, banks), fold(self.decoder, c, banks)
        encoder[-1] = tuple(torch.cat([part[:k], part[largest : largest + k]]) for part in encoder[-1])
        weight, bias = decoder[0]
        decoder[0] = ((weight * self.code_scale(c))[:, :k].contiguous(), bias)
        names = ("image_shape", "hidden_dims", "likelihood", "activation")
        with torch.device("meta"):  # no random weights, which would only be thrown away
            model = VAE(latent_dim=k, **{name: self.config[name] for name in names})
        state = {name: self.get_buffer(name).clone() for name in ("input_mean", "output_offset")}
        state |= {f"likelihood.{name}": part.clone() for name, part in self.likelihood.state_dict().items()}
        for network, layers in (("encoder", encoder), ("decoder", decoder)):
            parts = model.get_submodule(network).named_modules()
            linear = [name for name, part in parts if isinstance(part, nn.Linear)]
            for name, (weight, bias) in zip(linear, layers, strict=True):
                state |= {f"{network}.{name}.weight": weight, f"{network}.{name}.bias": bias}
        model.load_state_dict(state, assign=True)
        return model.eval()
