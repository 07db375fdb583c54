"""Linear layers whose units are scaled and shifted by a setting, and their plain twins at one setting."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from vae_course.models.mlp import make_activation


def hats(value: Tensor, knots: Sequence[float]) -> Tensor:
    """Weights of linear interpolation in log(value) between knots; the ends are continued as constants.

    Args:
        value: (batch,), > 0.
        knots: increasing, > 0.

    Returns:
        (batch, knots), non-negative, each row sums to 1, at most two entries of a row are not 0.
    """
    place = torch.log(torch.as_tensor(knots, dtype=value.dtype, device=value.device))
    t = torch.log(value)[:, None].clamp(place[0], place[-1])
    up = (t - place[:-1]) / (place[1:] - place[:-1])
    one = torch.ones_like(t)
    return torch.minimum(torch.cat([one, up], 1), torch.cat([1 - up, one], 1)).clamp_min(0)


class Modulated(nn.Module):
    """y = g(c) ⊙ act(W x + b + s(c)): shift s and gate g = 2·sigmoid(gain · affine(c)) depend on the setting.

    Both start without effect: s = 0, g = 1. With several banks, W and b are mixtures Σ_i m_i (W_i, b_i) with
    weights m that depend on the setting too.

    Args:
        n_in, n_out: sizes of the linear layer.
        n_features: size of c.
        activation: "relu", "gelu", "silu", "tanh", or None for the identity.
        n_banks: number of (W_i, b_i).
        gated: whether there is a gate.
        gain: how fast the gate answers to training.
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

    def forward(self, x: Tensor, c: Tensor, banks: Tensor) -> Tensor:
        """x (batch, n_in), c (batch, n_features), banks (batch, n_banks) → (batch, n_out)."""
        y = self.linear(x)
        if self.n_banks > 1:
            y = torch.einsum("bno,bn->bo", y.unflatten(-1, (self.n_banks, self.n_out)), banks)
        y = self.activation(y + self.shift(c))
        return y if self.gate is None else y * self.scale(c)

    def scale(self, c: Tensor) -> Tensor:
        """The gate, between 0 and 2: (..., n_features) → (..., n_out)."""
        return 2 * torch.sigmoid(self.gain * self.gate(c))

    def plain(self, c: Tensor, banks: Tensor) -> tuple[Tensor, Tensor]:
        """Weight (n_out, n_in) and bias (n_out,) of the linear layer before the activation, at one setting.

        Args:
            c: (n_features,); banks: (n_banks,).
        """
        weight, bias = self.linear.weight, self.linear.bias
        if self.n_banks > 1:
            weight = torch.einsum("noi,n->oi", weight.unflatten(0, (self.n_banks, self.n_out)), banks)
            bias = banks @ bias.unflatten(0, (self.n_banks, self.n_out))
        return weight, bias + self.shift(c)


def run(layers: Iterable[Modulated], x: Tensor, c: Tensor, banks: Tensor) -> Tensor:
    """One layer after the other."""
    for layer in layers:
        x = layer(x, c, banks)
    return x


def fold(layers: Iterable[Modulated], c: Tensor, banks: Tensor) -> list[tuple[Tensor, Tensor]]:
    """(weight, bias) of plain layers, with activations between them, that do the same at one setting.

    A gate after an activation scales the columns of the next weight. The last layer has no activation, so
    there the gate scales weight and bias themselves.
    """
    folded, before = [], None
    layers = list(layers)
    for layer in layers:
        weight, bias = layer.plain(c, banks)
        folded.append((weight.clone() if before is None else weight * before, bias))
        before = None if layer.gate is None else layer.scale(c)
    if before is not None:
        weight, bias = folded[-1]
        folded[-1] = (weight * before[:, None], bias * before)
    return folded
