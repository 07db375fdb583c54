"""Quality of samples: sharpness, spectrum, SSIM, precision, recall, coverage, memories."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from vae_course.evaluation.anomaly import auroc
from vae_course.evaluation.frechet import frechet_distance
from vae_course.models.classifier import Classifier

CHUNK = 1000  # rows of features at a time; memory grows with it times the size of a set


def sharpness(images: Tensor) -> Tensor:
    """Variance of the Laplacian (Pech-Pacheco et al. 2000): (n, C, H, W) in [0, 1] → (n,), ≥ 0.

    The Laplacian is the sum of the four neighbors minus four times the pixel; only pixels that have all four
    are used. In squared pixel values. Noise counts as sharp: look at the pictures as well.
    """
    if images.dim() != 4 or min(images.shape[-2:]) < 3:
        raise ValueError(f"images have shape {tuple(images.shape)}; expected (n, C, H, W), sides at least 3.")
    kernel = torch.tensor([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]], dtype=images.dtype, device=images.device)
    channels = images.reshape(-1, 1, *images.shape[-2:])
    edges = F.conv2d(channels, kernel[None, None]).flatten(1).var(1, correction=0)
    return edges.reshape(len(images), -1).mean(1)


def relative_sharpness(images: Tensor, data: Tensor) -> float:
    """Mean sharpness of pictures divided by that of data: 1 is as sharp as data, below 1 is blurred."""
    return sharpness(images).mean().item() / sharpness(data).mean().item()


class Spectrum(NamedTuple):
    """Power of pictures, in squared pixel values, at frequencies from 1 / side to 0.5 cycles per pixel, (m,)
    each; 0.5 is black, white, black, white. White noise of variance s² has power s² at every frequency.
    """

    frequency: Tensor
    power: Tensor


def power_spectrum(images: Tensor) -> Spectrum:
    """Mean squared Fourier coefficients of pictures (n, C, H, W), averaged over rings of one frequency each.

    Each picture's own mean is taken off first, so brightness does not count. Rings are 1 / side wide; the
    corners beyond 0.5 cycles per pixel, which only diagonals reach, are left out (as in Durall et al. 2020,
    section 3, but with a mean over each ring instead of a sum). Channels are averaged, too.
    """
    grid, radius = _power_and_radius(images)
    side = min(images.shape[-2:])
    ring = (radius * side).round().long()
    rings = torch.arange(1, side // 2 + 1)
    inside = radius <= 0.5 + 1e-9
    power = torch.stack([grid[(ring == k) & inside].mean() for k in rings.tolist()])
    return Spectrum(rings.double() / side, power)


def relative_power(images: Tensor, data: Tensor, *, low: float = 0.25, high: float = 0.5) -> float:
    """Power of pictures over that of data in a band of frequencies (the finer half): below 1 it is missing.

    Pictures are (n, C, H, W), floats of one size; the band from ``low`` to ``high`` is in cycles per pixel.
    """
    (ours, radius), (theirs, _) = _power_and_radius(images), _power_and_radius(data)
    band = (radius >= low - 1e-9) & (radius <= high + 1e-9) & (radius > 0)
    return ours[band].mean().item() / theirs[band].mean().item()


def _power_and_radius(images: Tensor) -> tuple[Tensor, Tensor]:
    """Mean power (H, W) of each Fourier coefficient, and its frequency (H, W) in cycles per pixel."""
    if images.dim() != 4 or min(images.shape[-2:]) < 4 or len(images) == 0:
        raise ValueError(f"images have shape {tuple(images.shape)}; expected (n, C, H, W), sides at least 4.")
    if not images.is_floating_point():
        raise ValueError(f"images are {images.dtype}; expected floats in [0, 1]: divide bytes by 255.")
    height, width = images.shape[-2:]
    total = torch.zeros(height, width, dtype=torch.float64)
    for part in images.detach().cpu().split(2000):
        centered = part.double() - part.double().mean((-2, -1), keepdim=True)
        # Parseval: with this factor the mean over all coefficients is the mean square of the pixels.
        total += torch.fft.fft2(centered).abs().square().mean(1).sum(0) / (height * width)
    down, across = torch.fft.fftfreq(height).double(), torch.fft.fftfreq(width).double()
    return total / len(images), (down[:, None].square() + across.square()).sqrt()


class PrecisionRecall(NamedTuple):
    """Shares in [0, 1]: of samples, those that lie where data lie; of data, those where samples lie."""

    precision: float
    recall: float


def precision_recall(real: Tensor, generated: Tensor, *, k: int = 3) -> PrecisionRecall:
    """Improved precision and recall of features (n, d) and (m, d) (Kynkäänniemi et al. 2019, eq. 1 and 2).

    The region of a set is the union of balls around its points, each reaching to its k-th nearest neighbor.
    Precision is the share of generated points inside the real region, recall the share of real points inside
    the generated one. Both depend on n and k (3 in the paper): compare only sets of equal sizes. Points that
    lie far from each other have large balls, so scattered samples raise recall; :func:`coverage` does not
    have this weakness.
    """
    real, generated = _features(real, generated)
    if k < 1 or min(len(real), len(generated)) <= k:
        raise ValueError(f"k is {k}; it must be at least 1, and both sets need more than k rows.")

    def share_inside(points: Tensor, centers: Tensor) -> float:
        radii = _radii(centers, k)
        inside = [(_distances(part, centers) <= radii).any(1) for part in points.split(CHUNK)]
        return torch.cat(inside).float().mean().item()

    return PrecisionRecall(share_inside(generated, real), share_inside(real, generated))


def coverage(real: Tensor, generated: Tensor, *, k: int = 5) -> float:
    """Share of real points that have a generated one nearby, in [0, 1] (Naeem et al. 2020, section 3.2).

    Nearby means: no farther than the real point's own k-th nearest real neighbor. All balls are drawn around
    real points, so generated ones that lie far from each other make none of them larger. Two sets of n draws
    of one distribution reach 1 - (n-1)···(n-k) / ((2n-1)···(2n-k)) on average (lemma 2), about 1 - 2^-k.
    """
    real, generated = _features(real, generated)
    if k < 1 or len(real) <= k or not len(generated):
        raise ValueError(f"k is {k}; expected at least 1, with more than k real rows and one generated row.")
    nearest = torch.cat([_distances(part, generated).amin(1) for part in real.split(CHUNK)])
    return (nearest <= _radii(real, k)).float().mean().item()


def _features(real: Tensor, generated: Tensor) -> tuple[Tensor, Tensor]:
    if real.dim() != 2 or generated.dim() != 2 or real.shape[1] != generated.shape[1]:
        shapes = f"features have shapes {tuple(real.shape)} and {tuple(generated.shape)}"
        raise ValueError(f"{shapes}; expected (n, d), (m, d).")
    return real.cpu(), generated.cpu()


def _radii(points: Tensor, k: int) -> Tensor:
    """Distance of each point to its k-th nearest other point, (n,); the nearest is the point itself."""
    return torch.cat([_distances(part, points).kthvalue(k + 1).values for part in points.split(CHUNK)])


def _distances(a: Tensor, b: Tensor) -> Tensor:
    # The fast formula by matrix product gives a point a distance to itself; this one gives exactly 0.
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")


@dataclass(frozen=True)
class Quality:
    """Generated pictures against data."""

    frechet: float  # Fréchet distance in the classifier's features (not the FID of papers); 0 is best
    precision: float  # shares in [0, 1], see `precision_recall` and `coverage`
    recall: float
    coverage: float
    sharpness: float  # mean variance of the Laplacian over that of data; 1 is as sharp as data
    n: int  # pictures on each side; numbers of different n cannot be compared


def sample_quality(generated: Tensor, real: Tensor, classifier: Classifier) -> Quality:
    """Judge generated pictures (n, C, H, W) in [0, 1] by held-out data; of the larger set the first n are
    used.

    The classifier is such as ``load_classifier("mnist")``, and never one that the model was trained on.
    """
    n = min(len(generated), len(real))
    generated, real = generated[:n].detach().clamp(0, 1), real[:n]
    ours, theirs = classifier.features(generated), classifier.features(real)
    precision, recall = precision_recall(theirs, ours)
    return Quality(
        frechet=frechet_distance(ours, theirs),
        precision=precision,
        recall=recall,
        coverage=coverage(theirs, ours),
        sharpness=relative_sharpness(generated, real),
        n=n,
    )


class Neighbors(NamedTuple):
    """The nearest rows of a bank for each query, nearest first: Euclidean distance and index, (n, k) each."""

    distance: Tensor
    index: Tensor


@dataclass(frozen=True)
class Memorization:
    """n samples beside fresh data, both compared with the training set.

    ``closer`` is the chance that a sample is closer to its nearest training picture than a held-out picture
    is to its own; 0.5 for fresh data. Blurred pictures are close to everything and get a high value too: it
    is no proof of copying. ``copies`` is the share of samples that single out one training picture more than
    nearly all held-out ones do; of fresh data it is ``expected_copies`` by construction.
    """

    closer: float
    copies: float
    expected_copies: float
    n: int

    def __str__(self) -> str:
        return (
            f"closer {self.closer:.2f} (fresh: 0.50), "
            f"copies {self.copies:.1%} (fresh: {self.expected_copies:.1%})"
        )


def nearest_neighbors(queries: Tensor, bank: Tensor, k: int = 1) -> Neighbors:
    """The k nearest rows of ``bank`` (m, ...) for each query (n, ...), floats; exact, also for copies
    (distance 0).
    """
    rows = bank.flatten(1).cpu()
    distances, indices = [], []
    for part in queries.flatten(1).cpu().split(500):
        # A matrix product finds the neighbors fast, but loses the last digits of small distances.
        index = torch.cdist(part, rows, compute_mode="use_mm_for_euclid_dist").topk(k, largest=False).indices
        exact = (part[:, None] - rows[index]).square().sum(-1).sqrt()
        order = exact.argsort(dim=1, stable=True)
        distances.append(exact.gather(1, order))
        indices.append(index.gather(1, order))
    return Neighbors(torch.cat(distances), torch.cat(indices))


def memorization(samples: Tensor, train: Tensor, held_out: Tensor) -> Memorization:
    """Compare samples with training pictures, and held-out pictures with the same training pictures.

    Without the held-out baseline a distance means nothing: real data lie close to each other too.

    - ``closer`` is the Mann–Whitney statistic of the two sets of nearest distances (Meehan, Chaudhuri and
    Dasgupta 2020, section 3). - ``copies`` uses the distance to the nearest training picture over the mean
    distance to the next 19 (a relative distance, as in Carlini et al. 2023). A picture in a dense region has
    many near neighbors, a copy has one. Counted are samples below the 1 % quantile of held-out pictures.

    Copies that were shifted or recolored escape in pixels; compare features as well. Pictures or features,
    all of one kind; ``held_out`` must not have been trained on, and needs at least 100 rows.
    """
    level = 0.01
    if len(held_out) * level < 1:
        raise ValueError(f"{len(held_out)} held-out pictures cannot show a share of {level}; give 100.")
    ours, fresh = (nearest_neighbors(rows, train, 20).distance for rows in (samples, held_out))

    def relative(distance: Tensor) -> Tensor:
        return (distance[:, 0] / distance[:, 1:].mean(1).clamp_min(torch.finfo(distance.dtype).tiny)).double()

    copies = (relative(ours) < relative(fresh).quantile(level)).double().mean().item()
    return Memorization(auroc(ours[:, 0], fresh[:, 0]), copies, level, len(samples))
