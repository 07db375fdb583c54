"""More like this: new codes around the ones that somebody picked, still spread as the prior is."""

import torch
from torch import Tensor


def more_like(parents: Tensor, n: int, spread: float, generator: torch.Generator | None = None) -> Tensor:
    """Codes near picked ones: √(1 − s²)·z + s·ε with z one of the picked and ε ~ N(0, I).

    If the picked codes follow N(0, I), so do the new ones, for every spread s: the variances (1 − s²) and s²
    add up to 1. So the children never drift off to where the decoder has seen nothing, as those of z + s·ε
    would. (The proposal of preconditioned Crank–Nicolson: Cotter et al. 2013, section 4.2.)

    Args:
        parents: (m, latent), m ≥ 1; children are dealt to them in turn.
        n: number of children.
        spread: s, from 0 (copies) to 1 (as if nothing had been picked).
        generator: source of randomness.

    Returns:
        (n, latent).

    Raises:
        ValueError: nobody was picked, or a spread outside [0, 1].
    """
    if parents.ndim != 2 or len(parents) == 0:
        raise ValueError(f"parents have shape {tuple(parents.shape)}; pick at least one: (m, latent).")
    if not 0 <= spread <= 1:
        raise ValueError(f"spread is {spread}; it must lie in [0, 1].")
    chosen = parents[torch.arange(n, device=parents.device) % len(parents)]
    noise = torch.randn(chosen.shape, generator=generator, device=parents.device, dtype=parents.dtype)
    return (1 - spread**2) ** 0.5 * chosen + spread * noise
