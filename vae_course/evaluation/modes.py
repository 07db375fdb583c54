"""Which modes do samples reach, how many of them lie on one, and how evenly are they spread?"""

from dataclasses import dataclass

import torch
from torch import Tensor

from vae_course.data.toys import GaussianMixture
from vae_course.models.classifier import Classifier


@dataclass(frozen=True)
class ModeCoverage:
    """Samples counted by mode.

    KL(histogram ‖ data) is the "reverse KL" of the literature, finite although modes are missed; KL(data ‖
    histogram) is what maximum likelihood would pay, infinite as soon as one mode of the data is missed. Few
    samples miss modes by chance and make both too large.
    """

    hit: int  # modes with enough good samples, of ``modes``
    modes: int
    high_quality: float  # share of the samples that are good, in [0, 1]
    kl_to_data: float  # KL(histogram ‖ data), nats; at most log(modes) for uniform data; NaN of none
    kl_from_data: float  # KL(data ‖ histogram), nats
    histogram: Tensor  # share of each mode among the good samples, float64 (modes,)
    n: int  # samples, good or not


def mode_coverage(
    mode: Tensor, good: Tensor, modes: int, *, data: Tensor | None = None, least: float = 1
) -> ModeCoverage:
    """Count samples by mode.

    Args:
        mode: int64 (n,), the mode of each sample, 0 to modes - 1; ``good``: bool (n,), whether it counts.
        data: share of each mode in the data, (modes,); default: all equal.
        least: good samples that make a mode hit: 1 in most papers, which a few stray samples also reach.
    """
    if mode.shape != good.shape or mode.dim() != 1 or len(mode) == 0 or int(mode.max()) >= modes:
        shapes = f"shapes are {tuple(mode.shape)}, {tuple(good.shape)}"
        raise ValueError(f"{shapes}; expected (n,) twice, n ≥ 1, with modes from 0 to {modes - 1}.")
    shares = torch.full((modes,), 1 / modes, dtype=torch.float64) if data is None else data.double()
    if shares.shape != (modes,) or abs(shares.sum().item() - 1) > 1e-6:
        raise ValueError(f"data must hold {modes} shares ≥ 0 that add up to 1.")
    from scipy.special import rel_entr  # p log(p / q), 0 where p is 0, infinite where only q is

    mode, good, shares = mode.cpu(), good.cpu(), shares.cpu()
    counts = torch.bincount(mode[good], minlength=modes).double()
    histogram = counts / counts.sum()
    ours, theirs = histogram.numpy(), shares.numpy()
    return ModeCoverage(
        hit=int((counts >= max(least, 1)).sum()),
        modes=modes,
        high_quality=good.double().mean().item(),
        kl_to_data=float(rel_entr(ours, theirs).sum()),
        kl_from_data=float(rel_entr(theirs, ours).sum()),
        histogram=histogram,
        n=len(mode),
    )


def point_coverage(
    points: Tensor, mixture: GaussianMixture, *, within: float = 3.0, least: float = 1
) -> ModeCoverage:
    """Coverage of a mixture's modes by points (n, 2), good at most ``within`` standard deviations from a
    center.

    In the plane 98.9 % of a Gaussian's own draws lie within 3.
    """
    mode, distance = mixture.nearest(points)
    return mode_coverage(mode, distance <= within * mixture.std, len(mixture.centers), least=least)


def image_coverage(
    images: Tensor,
    classifier: Classifier,
    *,
    confidence: float = 0.0,
    data: Tensor | None = None,
    least: float = 1,
) -> ModeCoverage:
    """Coverage of classes by pictures (n, C, H, W) in [0, 1], as a classifier of gray ones sees each channel.

    A gray picture has the classifier's classes as modes; one of three channels, stacked digits, has their
    combinations, numbered as :func:`vae_course.data.images.stack_digits` numbers them. A picture is good when
    the classifier gives its class at least the probability ``confidence`` in every channel; it also names a
    class for noise, so 0 counts everything. ``data`` and ``least`` as for :func:`mode_coverage`.
    """
    n, channels = images.shape[:2]
    probabilities = classifier.probabilities(images.reshape(n * channels, 1, *images.shape[2:]))
    classes = probabilities.shape[-1]
    sure, label = probabilities.view(n, channels, classes).max(-1)
    place = label.new_tensor([classes ** (channels - 1 - i) for i in range(channels)])
    mode = (label * place).sum(-1)
    return mode_coverage(mode, (sure >= confidence).all(-1), classes**channels, data=data, least=least)


def expected_hits(n: int, data: Tensor) -> float:
    """Modes that n draws of data with these shares, (modes,), reach on average: Σ 1 − (1 − p)ⁿ."""
    return float((1 - (1 - data.double()) ** n).sum())
