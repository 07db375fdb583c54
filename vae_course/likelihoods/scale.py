"""A positive scale that is fixed or learned: σ of a Gaussian, b of a Laplace, s of a logistic."""

import math

import torch
from torch import Tensor, nn

SMALLEST_SIGMA = 1e-3


def add_log_scale(module: nn.Module, name: str, scale: float, learned: bool) -> None:
    """Give a module ``log_<name>``, in its state dict either way, trained only when ``learned``.

    Raises:
        ValueError: the scale is smaller than 0.001, infinite or NaN.
    """
    if not SMALLEST_SIGMA <= scale < math.inf:
        what = "standard deviation" if name == "sigma" else "scale"
        raise ValueError(f"{name} is {scale}; expected a {what} of at least {SMALLEST_SIGMA}.")
    value = torch.tensor(math.log(scale))
    if learned:
        module.register_parameter(f"log_{name}", nn.Parameter(value))
    else:
        module.register_buffer(f"log_{name}", value)


def bounded_scale(log_value: Tensor) -> Tensor:
    """exp of it, at least 0.001, so that no picture can make a density infinite."""
    return torch.exp(log_value).clamp_min(SMALLEST_SIGMA)
