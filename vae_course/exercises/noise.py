"""Whether what an answer draws is noise, for the exercises whose answers are random."""

import math

import torch
from torch import Tensor


def noise_problem(draws: Tensor) -> str | None:
    """What is wrong with noise (calls, rows, dimensions) that should be standard normal throughout, or None.

    Each call with a generator of its own. Limits are five standard errors and more.
    """
    calls, rows, dims = draws.shape
    e = draws.detach().double()
    n = calls * rows
    limit = 5 / math.sqrt(n)
    if calls > 1 and (e[0] - e[1]).abs().max() < 1e-6:
        return "two calls with different generators give the same noise"
    flat = e.reshape(n, dims)
    if (flat.mean(0).abs() > limit).any() or ((flat.var(0) - 1).abs() > 1.5 * limit).any():
        return "the noise has not mean 0 and variance 1 in every dimension"
    if ((flat**4).mean(0) - 3).abs().max() > 10 * limit or (flat**3).mean(0).abs().max() > 4 * limit:
        return "the noise is not Gaussian"
    pairs = {
        "dimensions": (flat[:, 1:] * flat[:, :-1]).mean(0) if dims > 1 else flat.new_zeros(1),
        "rows": _echoes(flat),
        "rows (up to the sign)": _echoes((flat**2 - 1) / 2**0.5) / 2,
    }
    for where, correlation in pairs.items():
        if correlation.abs().max() > 2 * limit:
            return f"the noise of different {where} belongs together; each needs its own"
    return None


def _echoes(flat: Tensor) -> Tensor:
    """Correlation of each column with itself at every distance but 0, of (n, dimensions)."""
    n = len(flat)
    spectrum = torch.fft.rfft(flat, n=2 * n, dim=0).abs().square()
    return torch.fft.irfft(spectrum, n=2 * n, dim=0)[1:n] / n
