"""The shipped VAEs of the synthetic faces; see weights/README.md for the command."""

from __future__ import annotations

from pathlib import Path

from vae_course.models import VAE
from vae_course.training.checkpoint import load_model

WEIGHTS = Path(__file__).parent.parent / "weights"
SEEDS = (0, 1, 2)


def load_face_model(seed: int = 0) -> VAE:
    """A convolutional VAE of ``load("faces_synthetic")``, 16 latent dimensions, learned σ, on the CPU.

    Args:
        seed: 0, 1 or 2: three runs of the same command; 0 and 1 were cut short (22 and 12 of 24 epochs).

    Raises:
        ValueError: another seed.
    """
    if seed not in SEEDS:
        raise ValueError(f"there is no shipped model of synthetic faces with seed {seed}; there are {SEEDS}.")
    return load_model(WEIGHTS / f"faces_synthetic_{seed}.pt")
