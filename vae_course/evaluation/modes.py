"""Which modes do samples reach, how evenly, and how many samples lie on one? Three numbers."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from vae_course.data.toys import GaussianMixture

FAIR_PART = 0.1  # of the fair share of the good samples, that makes a mode hit


@dataclass(frozen=True)
class ModeCoverage:
    """Samples counted by mode. Coverage (``hit``, ``effective``) is counted among the good samples alone, so
    that it does not depend on how many are good.
    """

    hit: int  # modes with a tenth of their fair share of the good samples, of ``modes``
    modes: int
    effective: float  # exp of the entropy of the shares: as varied as so many equal modes; 0: none good
    high_quality: float  # share of the samples that are good, in [0, 1]
    histogram: Tensor  # share of each mode among the good samples, float64 (modes,)
    n: int  # samples, good or not

    @property
    def kl_to_data(self) -> float:
        """KL(histogram ‖ equal shares), nats, the literature's "reverse KL"; NaN without good samples."""
        return math.log(self.modes / self.effective) if self.effective else math.nan


def mode_coverage(mode: Tensor, good: Tensor, modes: int) -> ModeCoverage:
    """Count samples by mode: int64 (n,), 0 to modes - 1; ``good``: bool (n,), whether a sample counts."""
    if mode.shape != good.shape or mode.dim() != 1 or len(mode) == 0 or int(mode.max()) >= modes:
        shapes = f"shapes are {tuple(mode.shape)}, {tuple(good.shape)}"
        raise ValueError(f"{shapes}; expected (n,) twice, n ≥ 1, with modes from 0 to {modes - 1}.")
    counts = torch.bincount(mode[good], minlength=modes).double().cpu()
    total = counts.sum().item()
    shares = counts / max(total, 1)
    return ModeCoverage(
        hit=int((counts >= max(FAIR_PART * total / modes, 1)).sum()),
        modes=modes,
        effective=torch.special.entr(shares).sum().exp().item() if total else 0.0,
        high_quality=total / len(mode),
        histogram=shares,
        n=len(mode),
    )


def point_coverage(points: Tensor, mixture: GaussianMixture) -> ModeCoverage:
    """Coverage of a mixture's modes by points (n, 2), good at most 3 standard deviations from a
    center.

    In the plane 98.9 % of a Gaussian's own draws are good.
    """
    mode, distance = mixture.nearest(points)
    return mode_coverage(mode, distance <= 3 * mixture.std, len(mixture.centers))
