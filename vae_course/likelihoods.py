"""Likelihoods p(x|z): what a decoder's output ``params`` says about a picture, in nats.

Every one has ``log_prob(x, params)``, summed over features; ``mean(params)`` and ``sample(params)``, of the
shape of ``params``; and ``params_for_mean(mean)``, with which a model starts at the mean picture. ``params``
may carry extra leading axes (samples of z): (..., batch, *features) against x (batch, *features).
"""

import copy
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SMALLEST_SIGMA = 1e-3
LOOKED_AT = 8  # examples of a batch whose range is looked at
LARGEST_START = 20.0  # logits at which a pixel starts that never varies
SERIES_BELOW = 0.5  # |logit| below which closed forms lose digits; the series is exact to 1e-10


def sum_features(values: Tensor, x: Tensor) -> Tensor:
    """Sum over the feature axes of x (batch, *features): (..., batch, *features) → (..., batch)."""
    return values.flatten(-(x.dim() - 1)).sum(-1)


def check_unit_interval(x: Tensor) -> None:
    """Raise where the first examples of a batch lie outside [0, 1], which a Bernoulli scores without a word.

    Bytes and normalized pictures show in every example. A GPU, which would have to be waited for, is spared.
    """
    if x.device.type != "cpu" or x.numel() == 0 or torch.compiler.is_compiling():
        return
    low, high = map(float, torch.aminmax(x[:LOOKED_AT]))
    if -math.inf < low < 0 or 1 < high < math.inf:
        found = f"x has values from {low:.3g} to {high:.3g}, but this likelihood is of values in [0, 1]"
        raise ValueError(f"{found}: divide bytes by 255 and undo any normalization.")


class Bernoulli(nn.Module):
    """Independent Bernoulli for each feature; ``params`` are logits.

    On binary x a proper likelihood. On gray values in [0, 1] the same formula is the expectation of log
    p(b|z) over b ~ Bernoulli(x): what the field quotes as "about 100 nats on MNIST", but no density.
    """

    def log_prob(self, x: Tensor, params: Tensor) -> Tensor:
        """x log p + (1 − x) log(1 − p), nats, (..., batch); x outside [0, 1] is a ValueError."""
        check_unit_interval(x)
        # From logits: the same number as from probabilities, x·l − log(1 + e^l), without overflow or log 0.
        logits, target = torch.broadcast_tensors(params, x.to(params.dtype))
        return -sum_features(F.binary_cross_entropy_with_logits(logits, target, reduction="none"), x)

    def mean(self, params: Tensor) -> Tensor:
        return torch.sigmoid(params)

    def sample(self, params: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return torch.bernoulli(torch.sigmoid(params), generator=generator)

    def params_for_mean(self, mean: Tensor) -> Tensor:
        return torch.logit(mean)


def _log_sinh_ratio(half: Tensor) -> Tensor:
    """log(sinh h / h) for h ≥ 0; 0 at 0. The density is λ^x (1 − λ)^(1 − x) times log(λ / (1 − λ)) / (2λ − 1)
    (Loaiza-Ganem & Cunningham 2019, eq. 6), which is (x − ½) logit − this of half the logit, in logs.
    """
    small = half < SERIES_BELOW / 2
    safe = torch.where(small, torch.ones_like(half), half)  # the branch not taken must not give NaN gradients
    exact = safe + torch.log1p(-torch.exp(-2 * safe)) - torch.log(2 * safe)
    square = half**2
    series = square * (1 / 6 - square * (1 / 180 - square * (1 / 2835 - square / 37800)))
    return torch.where(small, series, exact)


def _langevin(half: Tensor) -> Tensor:
    """coth h − 1/h for h ≥ 0; the slope of log(sinh h / h)."""
    small = half < SERIES_BELOW / 2
    safe = torch.where(small, torch.ones_like(half), half)
    square = half**2
    series = half * (1 / 3 - square * (1 / 45 - square * (2 / 945 - square / 4725)))
    return torch.where(small, series, 1 / torch.tanh(safe) - 1 / safe)


class ContinuousBernoulli(nn.Module):
    """Independent continuous Bernoulli for each feature on [0, 1]; ``params`` are logits of λ: cross-entropy
    on gray values, normalized. Its mean is *not* λ but nearer to ½ (Loaiza-Ganem & Cunningham 2019, eq. 7).
    """

    def log_prob(self, x: Tensor, params: Tensor) -> Tensor:
        """log density, nats, (..., batch); can be positive. x outside [0, 1] is a ValueError."""
        check_unit_interval(x)
        half = params / 2
        return sum_features((x - 0.5) * params - _log_sinh_ratio(half.abs()), x)

    def mean(self, params: Tensor) -> Tensor:
        return 0.5 + 0.5 * torch.sign(params) * _langevin(params.abs() / 2)

    def sample(self, params: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """A draw in [0, 1] by the inverse distribution function, same shape as ``params``."""
        uniform = torch.rand(params.shape, generator=generator, device=params.device, dtype=params.dtype)
        size = params.abs()
        small = size < 1e-4  # nearly uniform
        safe = torch.where(small, torch.ones_like(size), size)
        towards_one = 1 + torch.log(uniform + (1 - uniform) * torch.exp(-safe)) / safe
        towards_one = torch.where(small, uniform, towards_one).clamp(0, 1)
        return torch.where(params > 0, towards_one, 1 - towards_one)

    def params_for_mean(self, mean: Tensor) -> Tensor:
        """Logits whose mean is this picture, by bisection; within ±20, so that training can move them."""
        low = torch.full_like(mean, -LARGEST_START)
        high = -low
        for _ in range(60):
            middle = (low + high) / 2
            below = self.mean(middle) < mean
            low, high = torch.where(below, middle, low), torch.where(below, high, middle)
        return (low + high) / 2


class _Centered(nn.Module):
    """A density around ``params`` with a scale in the units of x, fixed or learned (Rybkin et al. 2021)."""

    name = "scale"  # ``log_<name>`` is in the state dict either way

    def __init__(self, scale: float | Tensor = 1.0, learned: bool = False):
        super().__init__()
        if not SMALLEST_SIGMA <= scale < math.inf:
            what = "standard deviation" if self.name == "sigma" else "scale"
            raise ValueError(f"{self.name} is {scale}; expected a {what} of at least {SMALLEST_SIGMA}.")
        value = torch.tensor(math.log(scale))
        if learned:
            self.register_parameter(f"log_{self.name}", nn.Parameter(value))
        else:
            self.register_buffer(f"log_{self.name}", value)

    @property
    def scale(self) -> Tensor:
        """The scale; at least 0.001, so that no picture can make the density infinite."""
        return torch.exp(getattr(self, f"log_{self.name}")).clamp_min(SMALLEST_SIGMA)

    def mean(self, params: Tensor) -> Tensor:
        return params

    def params_for_mean(self, mean: Tensor) -> Tensor:
        return mean


class Gaussian(_Centered):
    """Independent Gaussian for each feature with one shared σ ≥ 0.001; ``params`` are means."""

    name = "sigma"

    def __init__(self, sigma: float = 1.0, learned: bool = False):
        super().__init__(sigma, learned)

    sigma = property(lambda self: self.scale, doc="σ, at least 0.001: a scalar, or of ``sigma_shape``.")

    def log_prob(self, x: Tensor, params: Tensor) -> Tensor:
        """log N(x; params, σ²) in nats, (..., batch)."""
        sigma = self.sigma
        constant = 0.5 * math.log(2 * math.pi)
        return sum_features(-0.5 * ((x - params) / sigma) ** 2 - torch.log(sigma) - constant, x)

    def sample(self, params: Tensor, generator: torch.Generator | None = None) -> Tensor:
        noise = torch.randn(params.shape, generator=generator, device=params.device, dtype=params.dtype)
        return params + self.sigma * noise


class GaussianPerFeature(Gaussian):
    """Independent Gaussians whose σ, with start ``sigma``, differs between features; ``params`` are means.

    ``sigma_shape`` (2, 64, 1) gives one σ to each frequency of a spectrogram; (1, 1, D) to each column.
    """

    def __init__(self, sigma_shape: Sequence[int], sigma: float = 0.7):
        super().__init__(sigma, learned=True)
        self.log_sigma = nn.Parameter(torch.full(tuple(sigma_shape), math.log(sigma)))


class Laplace(_Centered):
    """Independent Laplace for each feature: the likelihood behind the absolute error. The shared ``scale`` b
    ≥ 0.001 is the mean absolute deviation; σ is √2·b. ``params`` are medians.
    """

    def log_prob(self, x: Tensor, params: Tensor) -> Tensor:
        """−|x − params| / b − log 2b, nats, (..., batch)."""
        scale = self.scale
        return sum_features(-(x - params).abs() / scale - torch.log(scale) - math.log(2), x)

    def sample(self, params: Tensor, generator: torch.Generator | None = None) -> Tensor:
        uniform = torch.rand(params.shape, generator=generator, device=params.device, dtype=params.dtype)
        uniform = uniform - 0.5
        # −1 + ε keeps log1p away from −∞ when the uniform number is exactly −½.
        distance = -torch.log1p((-2 * uniform.abs()).clamp_min(-1 + torch.finfo(params.dtype).eps))
        return params + self.scale * torch.sign(uniform) * distance


def log_logistic_bin(x: Tensor, center: Tensor, scale: Tensor, levels: int = 256) -> Tensor:
    """log P of the bin around x under a logistic, nats, elementwise; all broadcast against one another."""
    half_bin = 0.5 / (levels - 1)
    above = (x - center + half_bin) / scale
    below = (x - center - half_bin) / scale
    # σ(a) − σ(b) = σ(a) σ(−b) (1 − e^(b−a)) never subtracts two nearly equal numbers.
    inside = torch.log(-torch.expm1(-2 * half_bin / scale))
    to_the_left, to_the_right = F.logsigmoid(above), F.logsigmoid(-below)
    first, last = x < half_bin, x > 1 - half_bin
    middle = to_the_left + to_the_right + inside
    return torch.where(first, to_the_left, torch.where(last, to_the_right, middle))


class DiscretizedLogistic(_Centered):
    """A logistic distribution cut into bins, one for each value of a stored pixel; ``params`` are centers.

    Bin k is centered on k / (levels − 1); the first and the last reach to ∓∞ (Kingma et al. 2016, appendix C;
    Salimans et al. 2017, eq. 2). A *probability*, never positive in logs: what a lossless coder would need.
    The standard deviation is πs/√3, with ``scale`` s ≥ 0.001; a pixel can take ``levels`` values.
    """

    def __init__(self, scale: float = 0.1, learned: bool = False, levels: int = 256):
        super().__init__(scale, learned)
        self.levels = levels

    def log_prob(self, x: Tensor, params: Tensor) -> Tensor:
        """log P(x) of the bin around x, nats, ≤ 0, (..., batch); x in [0, 1], else ValueError."""
        check_unit_interval(x)
        return sum_features(log_logistic_bin(x, params, self.scale, self.levels), x)

    def mean(self, params: Tensor) -> Tensor:
        """The center limited to [0, 1], same shape as ``params``; close to the mean of the bins."""
        return params.clamp(0, 1)

    def sample(self, params: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """A draw among the stored values k / (levels − 1), same shape as ``params``."""
        uniform = torch.rand(params.shape, generator=generator, device=params.device, dtype=params.dtype)
        value = params + self.scale * torch.logit(uniform, eps=torch.finfo(params.dtype).eps)
        return (value * (self.levels - 1)).round().clamp(0, self.levels - 1) / (self.levels - 1)


class FeatureLoss(nn.Module):
    """A pixel likelihood plus a term that compares features (Hou et al. 2017; Larsen et al. 2016, eq. 7).

    log_prob = log p_pixel(x|z) − weight · ½ Σ |φ(x) − φ(x̂)|², with x̂ the mean picture. The second term is a
    unit Gaussian over *features*; φ is not invertible, so this is no density of x and its "ELBO" no bound of
    log p(x): compare it with nothing but itself. Means and draws are those of ``pixel``. A frozen copy of the
    ``classifier`` is kept, and saved; φ are the outputs of its ``body`` at the places ``layers``.
    """

    def __init__(self, classifier: nn.Module, pixel: nn.Module, weight: float = 1.0, layers=(1, 3, 6)):
        super().__init__()
        self.classifier = copy.deepcopy(classifier).eval().requires_grad_(False)
        self.pixel, self.weight, self.layers = pixel, weight, tuple(layers)
        self.mean, self.sample, self.params_for_mean = pixel.mean, pixel.sample, pixel.params_for_mean

    def distance(self, x: Tensor, picture: Tensor) -> Tensor:
        """½ Σ |φ(x) − φ(picture)|²: (batch, C, H, W) and (..., batch, C, H, W) → (..., batch)."""
        leading = picture.shape[: picture.dim() - 3]
        seen, wanted = picture.reshape(-1, *picture.shape[-3:]), x
        total = torch.zeros(leading, dtype=picture.dtype, device=picture.device)
        for place, layer in enumerate(self.classifier.body[: max(self.layers) + 1]):
            seen, wanted = layer(seen), layer(wanted)
            if place in self.layers:
                off = seen.reshape(*leading, -1) - wanted.flatten(1)
                total = total + 0.5 * off.square().sum(-1)
        return total

    def log_prob(self, x: Tensor, params: Tensor) -> Tensor:
        """The pixel likelihood minus the weighted feature distance, (..., batch), nats-like."""
        return self.pixel.log_prob(x, params) - self.weight * self.distance(x, self.pixel.mean(params))


LIKELIHOODS = {
    "bernoulli": Bernoulli,
    "gaussian": lambda: Gaussian(0.3),
    "gaussian_learned": lambda: Gaussian(0.3, learned=True),
    "continuous_bernoulli": ContinuousBernoulli,
    "laplace": lambda: Laplace(0.2),
    "laplace_learned": lambda: Laplace(0.2, learned=True),
    "discretized_logistic": lambda: DiscretizedLogistic(0.1, learned=True),
}


def make(name: str) -> nn.Module:
    """The likelihood of that name, one of ``LIKELIHOODS``; ValueError for others."""
    if name not in LIKELIHOODS:
        raise ValueError(f"unknown likelihood {name!r}; choose one of {', '.join(LIKELIHOODS)}.")
    return LIKELIHOODS[name]()
