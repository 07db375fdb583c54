"""The shipped convolutional VAEs of 64×64 photographs; see weights/README.md for the commands."""

from __future__ import annotations

from pathlib import Path

from vae_course.models import VAE
from vae_course.training.checkpoint import load_model

WEIGHTS = Path(__file__).parent.parent / "weights"


def photograph_models() -> list[str]:
    """Names of the data sets that have a shipped VAE of photographs."""
    return sorted(path.stem.removeprefix("photographs_") for path in WEIGHTS.glob("photographs_*.pt"))


def load_photograph_model(name: str) -> VAE:
    """The shipped VAE of a data set of 64×64 color pictures, in evaluation mode, on the CPU.

    Its likelihood is the discretized logistic, so −ELBO / (12,288 log 2) is bits per dimension.

    Args:
        name: "stanford_dogs", "celeba" or "faces_synthetic".

    Raises:
        FileNotFoundError: there is none for that name.
    """
    path = WEIGHTS / f"photographs_{name}.pt"
    if not path.is_file():
        known = ", ".join(photograph_models()) or "none"
        raise FileNotFoundError(f"there is no shipped model of photographs named {name}; there are: {known}.")
    return load_model(path)
