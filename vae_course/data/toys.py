"""Problems with a known truth."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from vae_course.data.images import ImageData
from vae_course.randomness import seeded

# Chapter 01's toy: one latent, two observed dimensions, and every quantity of the theory computable.
#
#     z ~ N(0, 1),    x | z ~ N(f(z), sigma^2 I),    f(z) = (0.9 z - 1.5 sin 2.2 z, -1.5 cos 2.2 z)
#
# All integrals over z are trapezoidal sums in float64. For integrands that are smooth and vanish at both ends
# these converge faster than any power of the step (Trefethen & Weideman 2014): here, exact to rounding.

_LOG_2PI = math.log(2 * math.pi)
_DRIFT, _LOOP, _FREQUENCY = 0.9, 1.5, 2.2
_MAX_SPEED = _DRIFT + _LOOP * _FREQUENCY
_REACH = 10.0  # standard deviations beyond which a Gaussian's mass (1e-23) is dropped
_Q_CHUNK = 256  # Gaussians q handled at once: bounds the memory of a large grid of them


@dataclass(frozen=True)
class CurveModel:
    """The model above. Points x are (..., 2), latents z are (...,); densities are float64, in nats."""

    sigma: float = 0.25  # standard deviation of x around the curve, at least 0.01

    def __post_init__(self) -> None:
        if not 0.01 <= self.sigma < math.inf:
            raise ValueError(f"sigma is {self.sigma}, but a number from 0.01 up is expected: try 0.25.")

    def mean(self, z: Tensor) -> Tensor:
        """The curve f(z): (...,) to (..., 2), in the dtype of z."""
        turn = _FREQUENCY * z
        return torch.stack((_DRIFT * z - _LOOP * torch.sin(turn), -_LOOP * torch.cos(turn)), dim=-1)

    def sample(self, n: int, seed: int = 0) -> tuple[Tensor, Tensor]:
        """Draw from p(x, z): points float32 (n, 2) and the latents float32 (n,) they came from."""
        generator = seeded(seed)
        z = torch.randn(n, generator=generator)
        return self.mean(z) + self.sigma * torch.randn(n, 2, generator=generator), z

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x|z), with x (..., 2) and z (...,) broadcast against each other."""
        x, mean = x.double(), self.mean(z.double())
        squared = (x[..., 0] - mean[..., 0]).square() + (x[..., 1] - mean[..., 1]).square()
        return -squared / (2 * self.sigma**2) - 2 * math.log(self.sigma) - _LOG_2PI

    def log_joint(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x, z) = log p(x|z) + log N(z; 0, 1), with x (..., 2) and z (...,) broadcast."""
        return self.log_likelihood(x, z) + _log_normal(z.double(), 0.0, 1.0)

    def log_marginal(self, x: Tensor) -> Tensor:
        """log p(x) = log of the integral of p(x, z) over z: (..., 2) to (...,)."""
        z, step = self._grid(x)
        rows = x.reshape(-1, 2).split(_Q_CHUNK)
        sums = [torch.logsumexp(self.log_joint(row[:, None], z), dim=-1) + math.log(step) for row in rows]
        return torch.cat(sums).reshape(x.shape[:-1])

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """p(z|x) on a grid: (..., 2) to grid z (m,) and density (..., m), which sums to 1 / step."""
        z, step = self._grid(x)
        return z, self._log_posterior(x, z, step).exp()

    def elbo(self, x: Tensor, q_mean: Tensor, q_log_var: Tensor) -> Tensor:
        """E_q[log p(x, z) − log q(z)] for q = N(q_mean, exp(q_log_var)), by a sum around the mean of q: nats.

        x (..., 2) and q_mean, q_log_var (...,) are broadcast: one x meets many q, or many x one q.
        """
        shape, x, q_mean, q_std = _broadcast(x, q_mean, q_log_var)
        unit = torch.arange(-_REACH, _REACH + 0.01, 0.02, dtype=torch.float64)
        weight = _log_normal(unit, 0.0, 1.0).exp() * 0.02
        parts = []
        for point, mean, std in _chunks(x, q_mean, q_std):
            z = mean + std * unit
            parts.append(((self.log_joint(point[:, None], z) - _log_normal(z, mean, std)) * weight).sum(-1))
        return torch.cat(parts).reshape(shape)

    def kl_to_posterior(self, x: Tensor, q_mean: Tensor, q_log_var: Tensor) -> Tensor:
        """KL(q || p(z|x)) for q = N(q_mean, exp(q_log_var)), from the normalized posterior on a grid over z.

        It shares no sum with `elbo`: that log p(x) - elbo equals it is a result, not a definition. Arguments
        and result as for `elbo`; the standard deviation of q must be at least 0.001.
        """
        shape, x, q_mean, q_std = _broadcast(x, q_mean, q_log_var)
        if float(q_std.min()) < 1e-3:
            raise ValueError(
                f"q has standard deviation {float(q_std.min()):.2g}, but the grid resolves 0.001 and more: "
                "keep q_log_var above -13.8."
            )
        z, step = self._grid(x, float((q_mean.abs() + _REACH * q_std).max()), float(q_std.min()))
        points = x.unique(dim=0)
        common = self._log_posterior(points, z, step) if len(points) == 1 else None  # one x, many q
        parts = []
        for point, mean, std in _chunks(x, q_mean, q_std):
            log_posterior = self._log_posterior(point, z, step) if common is None else common
            log_q = _log_normal(z, mean, std)
            parts.append((log_q.exp() * (log_q - log_posterior)).sum(-1) * step)
        return torch.cat(parts).reshape(shape)

    def _log_posterior(self, x: Tensor, z: Tensor, step: float) -> Tensor:
        log_joint = self.log_joint(x[..., None, :], z)
        return log_joint - torch.logsumexp(log_joint, dim=-1, keepdim=True) - math.log(step)

    def _grid(self, x: Tensor, reach: float = 0.0, narrowest: float = math.inf) -> tuple:
        """Equally spaced z, float64 (m,), and their step, for these x and for a q of this reach and width.

        -d^2 log p(x, z) / dz^2 is at most 1 + (|f'|^2 + |x - f| |f''|) / sigma^2, which bounds how narrow a
        mode can be; a step of half of that leaves an error of exp(-2 pi^2 2^2), 1e-34. An x far outside pulls
        z along the drift of the curve.
        """
        far = float(x.abs().max())
        sharpest = 1 + (_MAX_SPEED**2 + _LOOP * _FREQUENCY**2 * far) / self.sigma**2
        limit = max(reach, 8 + far / _DRIFT)
        step = min(1 / math.sqrt(sharpest), narrowest) / 2
        half = math.ceil(limit / step)
        return step * torch.arange(-half, half + 1, dtype=torch.float64), step


def _log_normal(z: Tensor, mean: Tensor | float, std: Tensor | float) -> Tensor:
    std = torch.as_tensor(std, dtype=torch.float64)
    return -0.5 * ((z - mean) / std).square() - std.log() - 0.5 * _LOG_2PI


def _broadcast(x: Tensor, q_mean: Tensor, q_log_var: Tensor) -> tuple[torch.Size, Tensor, Tensor, Tensor]:
    """The common shape, and x (n, 2), mean (n, 1), standard deviation (n, 1) flattened to it, in float64."""
    mean, std = torch.as_tensor(q_mean).double(), torch.as_tensor(q_log_var).double().mul(0.5).exp()
    shape = torch.broadcast_shapes(x.shape[:-1], mean.shape, std.shape)
    x = x.double().expand(*shape, 2).reshape(-1, 2)
    return shape, x, mean.expand(shape).reshape(-1, 1), std.expand(shape).reshape(-1, 1)


def _chunks(*tensors: Tensor) -> zip:
    return zip(*(tensor.split(_Q_CHUNK) for tensor in tensors), strict=True)


def clock_hands(hands: int = 16) -> ImageData:
    """All pictures, gray (1, 16, 16), of a clock whose single hand points in one of ``hands`` directions.

    The label is the direction, 0 at three o'clock, counterclockwise.
    """
    place = torch.arange(16, dtype=torch.float64) - 7.5
    y, x = -place[:, None], place[None, :]  # rows run downwards
    angle = 2 * math.pi * torch.arange(hands, dtype=torch.float64) / hands
    cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
    along = (x * cos + y * sin).clamp(0, 0.46 * 16)
    away = ((x - along * cos).square() + (y - along * sin).square()).sqrt()
    shade = (1.5 - away).clamp(0, 1)  # two pixels wide; the edge fades over one
    images = (255 * shade).round().to(torch.uint8)[:, None]
    names = tuple(str(hand) for hand in range(hands))
    return ImageData("clock hands", "train", images, torch.arange(hands), names)


def draw_bars(factors: Tensor) -> ImageData:
    """Bars, gray (1, 16, 16), with ``factors`` x, y, size and angle (of 160 degrees), (n, 4) in [0, 1]."""
    left, top, size, angle = (column.reshape(-1, 1, 1) for column in factors.T)
    place, turn, length = torch.arange(16) - 7.5, 2.8 * (angle - 0.5), 2.5 + 3 * size
    across, down = place - 7 * (left - 0.5), place[:, None] - 7 * (top - 0.5)
    u, v = across * turn.cos() + down * turn.sin(), down * turn.cos() - across * turn.sin()
    ink = torch.sigmoid(-2 * torch.maximum(u.abs() - length, v.abs() - 0.45 * length))
    return ImageData("bars", "train", (255 * ink[:, None]).round().byte(), None, ())


@dataclass(frozen=True, eq=False)
class LinearGaussian:
    """z ~ N(0, I), x | z ~ N(W z + b, sigma^2 I): Tipping & Bishop (1999), "Probabilistic PCA".

    ``weight`` is W, (D, k), ``bias`` b, (D,), ``sigma`` the noise on each coordinate; all float64.
    """

    weight: Tensor
    bias: Tensor
    sigma: float

    def __post_init__(self) -> None:
        weight, bias = torch.as_tensor(self.weight).double(), torch.as_tensor(self.bias).double()
        if bias.shape != weight.shape[:1] or not 0 < self.sigma < math.inf:
            found = f"weight is {tuple(weight.shape)}, bias {tuple(bias.shape)}, sigma is {self.sigma}"
            raise ValueError(f"{found}; expected (D, k), (D,) and a positive number.")
        object.__setattr__(self, "weight", weight)
        object.__setattr__(self, "bias", bias)

    def mean(self, z: Tensor) -> Tensor:
        """W z + b: (..., k) to (..., D)."""
        return z.double() @ self.weight.T + self.bias

    def sample(self, n: int, seed: int = 0) -> tuple[Tensor, Tensor]:
        """Draw from p(x, z): x (n, D) and the latents z (n, k) they came from."""
        generator = seeded(seed)
        observed, latent = self.weight.shape
        z = torch.randn(n, latent, generator=generator, dtype=torch.float64)
        noise = torch.randn(n, observed, generator=generator, dtype=torch.float64)
        return self.mean(z) + self.sigma * noise, z

    def log_prob(self, x: Tensor) -> Tensor:
        """Exact log p(x) = log N(x; b, W W^T + sigma^2 I), nats: (..., D) to (...,)."""
        identity = torch.eye(len(self.bias), dtype=torch.float64)
        root = torch.linalg.cholesky(self.weight @ self.weight.T + self.sigma**2 * identity)
        rows = (x.double() - self.bias).reshape(-1, len(self.bias))
        whitened = torch.linalg.solve_triangular(root, rows.T, upper=False)
        log_det = 2 * root.diagonal().log().sum()
        log_density = -0.5 * (whitened.square().sum(0) + log_det + len(self.bias) * math.log(2 * math.pi))
        return log_density.reshape(x.shape[:-1])

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Exact p(z|x) = N(mean, covariance): (n, D) to mean (n, k) and covariance (k, k), one for all x.

        covariance = (I + W^T W / sigma^2)^-1, mean = covariance W^T (x - b) / sigma^2 (section 3.2, scaled).
        """
        identity = torch.eye(self.weight.shape[1], dtype=torch.float64)
        precision = identity + self.weight.T @ self.weight / self.sigma**2
        covariance = torch.cholesky_inverse(torch.linalg.cholesky(precision))
        return (x.double() - self.bias) @ self.weight @ covariance / self.sigma**2, covariance


@dataclass(frozen=True, eq=False)
class GaussianMixture:
    """Equal weights, the same round Gaussian at each center in the plane: a test of mode collapse.

    The usual one has 8 modes on a ring of radius 2 with standard deviation 0.02 (Metz et al. 2017, "Unrolled
    Generative Adversarial Networks"). ``centers`` are float64 (modes, 2), ``std`` is along each axis.
    """

    centers: Tensor
    std: float

    def sample(self, n: int, seed: int = 0) -> tuple[Tensor, Tensor]:
        """Draw points float32 (n, 2) and the mode int64 (n,) each came from; modes equally likely."""
        generator = seeded(seed)
        mode = torch.randint(len(self.centers), (n,), generator=generator)
        noise = torch.randn(n, 2, generator=generator, dtype=torch.float64)
        return (self.centers[mode] + self.std * noise).float(), mode

    def nearest(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Of points (..., 2): the nearest mode, int64 (...,), and the distance to its center, float64."""
        distance, mode = torch.cdist(points.double().reshape(-1, 2), self.centers).min(dim=-1)
        return mode.reshape(points.shape[:-1]), distance.reshape(points.shape[:-1])


def ring_mixture(modes: int = 8, radius: float = 2.0, std: float = 0.02) -> GaussianMixture:
    """`modes` Gaussians equally spaced on a circle around 0, the first at (radius, 0), counterclockwise."""
    angle = 2 * math.pi * torch.arange(modes, dtype=torch.float64) / modes
    return GaussianMixture(radius * torch.stack((angle.cos(), angle.sin()), dim=-1), std)
