"""What a model must beat: Gaussians, files, linear predictions, counts, scores; how well a score ranks."""

import io
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.distributions import LowRankMultivariateNormal, MultivariateNormal, Normal

from vae_course.data.text import END, PAD, START, UNKNOWN
from vae_course.evaluation.bounds import Estimate
from vae_course.evaluation.intervals import Interval
from vae_course.randomness import seed_of, seeded_numpy


def _shared(variance: Tensor, data) -> Tensor:
    """A variance of each feature, averaged where models of this FeatureData share σ (``sigma_shape``)."""
    sizes = zip(data.sigma_shape, data.shape, strict=True)
    axes = [axis for axis, (kept, size) in enumerate(sizes) if kept < size]
    return variance.mean(axes, keepdim=True) if axes else variance


def gaussian_with_covariance(train, held_out) -> Estimate:
    """−log p under one Gaussian with full covariance, nats: exact, and strong where features are few."""
    known = train.values.double().flatten(1)
    normal = MultivariateNormal(known.mean(0), known.T.cov() + 1e-9 * torch.eye(known.shape[1]).double())
    return Estimate.of(-normal.log_prob(held_out.values.double().flatten(1)))


def gaussian_plane(train, k: int) -> tuple[Callable[[Tensor], Tensor], LowRankMultivariateNormal]:
    """PCA of a FeatureData with k directions: a function to the nearest point of the plane, and a density of
    values (n, features), Gaussian along the plane and around it. Randomness as of ``torch.pca_lowrank``.
    """
    known, center = train.values.flatten(1), train.values.flatten(1).mean(0)
    _, spread, axes = torch.pca_lowrank(known - center, q=k + 8, center=False, niter=3)
    axes, variance = axes[:, :k], spread[:k].square() / len(known)

    def project(values: Tensor) -> Tensor:
        return ((values.flatten(1) - center) @ axes @ axes.T + center).reshape(values.shape)

    rest = _shared((train.values - project(train.values)).square().mean(0), train)
    rest = rest.expand(train.shape).flatten()
    scale = (variance - (rest[:, None] * axes.square()).sum(0)).clamp_min(0).sqrt()
    return project, LowRankMultivariateNormal(center, axes * scale, rest)


# Eight levels before one of a spectrogram: frequencies up, frames back.
BEFORE = ((0, 1), (1, 1), (-1, 1), (2, 1), (-2, 1), (0, 2), (-1, 0), (-2, 0))


def linear_neighbors(train, held_out) -> Estimate:
    """−log p of held-out SoundData in nats a clip and steps of 1 dB: each level is Gaussian around a
    least-squares prediction from eight levels before it, for each frequency, of at most 200 training clips.
    """

    def inputs(data) -> tuple[Tensor, Tensor]:
        x = data.decibels(data.values).double()
        bins, frames = x.shape[1:]
        padded = torch.nn.functional.pad(x, (2, 0, 2, 2), value=data.settings.floor)
        parts = [padded[:, 2 + up : 2 + up + bins, 2 - back : 2 - back + frames] for up, back in BEFORE]
        return x, torch.stack([*parts, torch.ones_like(x)], -1)

    x, before = inputs(train.subset(min(200, len(train)), seed=0))
    gram = torch.einsum("nftk,nftl->fkl", before, before) + 1e-3 * torch.eye(before.shape[-1])
    weights = torch.linalg.solve(gram, torch.einsum("nftk,nft->fk", before, x))
    sigma = (x - torch.einsum("nftk,fk->nft", before, weights)).square().mean((0, 2)).sqrt()[:, None]
    x, before = inputs(held_out)
    normal = Normal(torch.einsum("nftk,fk->nft", before, weights), sigma)
    return Estimate.of(-normal.log_prob(x).flatten(1).sum(1))


def file_bits(images: Tensor, form: str, **settings) -> float:
    """Bits for each number of pictures uint8 (n, C, H, W), side by side in one file: "PNG", "WEBP", ..."""
    n, channels, height, width = images.shape
    across = math.isqrt(n)
    grid = images[: n // across * across].reshape(-1, across, channels, height, width)
    sheet = grid.permute(0, 3, 1, 4, 2).reshape(-1, across * width, channels).squeeze(-1).numpy()
    buffer = io.BytesIO()
    Image.fromarray(sheet).save(buffer, form, **settings)
    return 8 * buffer.tell() / sheet.size


def isolation_forest_scores(train: Tensor, test: Tensor) -> Tensor:
    """Scores by an isolation forest (Liu, Ting & Zhou 2008) of 200 trees: float64 (m,), high is stranger."""
    from sklearn.ensemble import IsolationForest

    forest = IsolationForest(n_estimators=200, random_state=seed_of(0)).fit(train.flatten(1).numpy())
    return torch.from_numpy(-forest.score_samples(test.flatten(1).numpy())).double()


def pca_scores(train: Tensor, test: Tensor, n_components: int) -> Tensor:
    """Squared error of reconstruction from the first principal components of ``train``: float64 (m,)."""
    from sklearn.decomposition import PCA

    train, test = (rows.flatten(1).double().numpy() for rows in (train, test))
    pca = PCA(n_components, svd_solver="full").fit(train)
    return torch.from_numpy(np.square(test - pca.inverse_transform(pca.transform(test))).sum(1))


class NGram:
    """A model that predicts each token from the ``order − 1`` before it, by counting in TextData.

    Contexts of all lengths are mixed by Witten & Bell's rule (1991; Chen & Goodman 1999, section 2.5): after
    a context h that was seen c(h) times with T(h) different followers,

        p(x|h) = (c(h, x) + T(h) p(x|h')) / (c(h) + T(h)),    h' = h without its first token,

    down to all tokens alike. Every text of known and unknown tokens has a probability; these add up to 1.
    """

    def __init__(self, data, order: int = 4):
        self.order, self.size = order, len(data.tokenizer) - 2  # neither PAD nor START is ever written
        self.counts: dict[tuple[int, ...], Counter] = defaultdict(Counter)
        for row in data.tokens.tolist():
            for context, token in self._steps(row):
                for start in range(len(context) + 1):
                    self.counts[context[start:]][token] += 1
        self._total = {context: counter.total() for context, counter in self.counts.items()}

    def log_prob(self, tokens: Tensor) -> Tensor:
        """log p(x) of each text (n, length), its END included: (n,), nats, float64."""
        rows = [
            sum(math.log(self.probability(token, context)) for context, token in self._steps(row))
            for row in tokens.tolist()
        ]
        return torch.tensor(rows, dtype=torch.float64)

    def probability(self, token: int, context: tuple[int, ...]) -> float:
        """p(token | context) for a context of at most ``order − 1`` tokens."""
        p = 1 / self.size
        for start in range(len(context), -1, -1):  # from no context to the whole
            followers = self.counts.get(context[start:])
            if followers is None:
                break
            kinds = len(followers)
            p = (followers[token] + kinds * p) / (self._total[context[start:]] + kinds)
        return p

    def sample(self, n: int, generator: torch.Generator | None = None, longest: int = 30) -> Tensor:
        """Tokens of n new texts, int64 (n, at most longest + 1); unknown tokens are never written."""
        rows = []
        possible = [END, *range(UNKNOWN + 1, self.size + 2)]
        for _ in range(n):
            row: list[int] = []
            while len(row) < longest:
                context = self._context([START, *row])
                p = torch.tensor([self.probability(token, context) for token in possible])
                token = possible[int(torch.multinomial(p, 1, generator=generator))]
                if token == END:
                    break
                row.append(token)
            rows.append([*row, END])
        width = max(map(len, rows))
        return torch.tensor([row + [PAD] * (width - len(row)) for row in rows])

    def _context(self, before: Sequence[int]) -> tuple[int, ...]:
        return tuple(before[max(0, len(before) - self.order + 1) :])

    def _steps(self, row: Sequence[int]) -> Iterator[tuple[tuple[int, ...], int]]:
        """Context and token of each step of a row, START before the first, up to END."""
        before = [START]
        for token in row:
            if token == PAD:
                return
            yield self._context(before), token
            before.append(token)


# How well a score ranks: AUROC with a bootstrap interval. A score is higher for stranger examples.

DRAWS = 2000  # of a bootstrap


def auroc(normal: Tensor, anomalous: Tensor) -> float:
    """Probability that an anomalous example scores higher than a normal one, ties counted half.

    The area under the receiver operating characteristic (Hanley & McNeil 1982) of scores (n,) and (m,).
    """
    return float(_auroc(_scores(normal), _scores(anomalous)))


def auroc_interval(normal: Tensor, anomalous: Tensor) -> Interval:
    """AUROC with a 95 % percentile bootstrap interval over the examples (each group resampled by itself): how
    far another test set could lie from this one, not another training run.
    """
    return _bootstrap((normal, anomalous))


def auroc_difference(first: tuple[Tensor, Tensor], second: tuple[Tensor, Tensor]) -> Interval:
    """AUROC of one score less that of another, (normal, anomalous) each, **on the same examples**, paired."""
    return _bootstrap(first, second)


def _bootstrap(*pairs: tuple[Tensor, Tensor]) -> Interval:
    pairs = [tuple(map(_scores, pair)) for pair in pairs]
    n, m = map(len, pairs[0])
    if any((len(normal), len(anomalous)) != (n, m) for normal, anomalous in pairs):
        raise ValueError("a paired difference needs two scores of the same examples.")

    def measured(rows, columns) -> float:
        first, *second = (_auroc(normal[rows], anomalous[columns]) for normal, anomalous in pairs)
        return float(first - sum(second))

    rng = seeded_numpy(0)
    point = measured(slice(None), slice(None))
    values = [measured(rng.randint(0, n, n), rng.randint(0, m, m)) for _ in range(DRAWS)]
    low, high = np.quantile(values, [0.025, 0.975])
    return Interval(point, min(float(low), point), max(float(high), point))


def _scores(values: Tensor) -> np.ndarray:
    array = torch.as_tensor(values).detach().cpu().double().numpy()
    if array.ndim != 1 or len(array) == 0 or not np.isfinite(array).all():
        raise ValueError(f"scores have shape {array.shape}; expected at least one finite number each, (n,).")
    return array


def _auroc(normal: np.ndarray, anomalous: np.ndarray) -> float:
    # scikit-learn's roc_auc_score takes hundreds of times as long: too long for a bootstrap.
    ordered = np.sort(normal)
    below = np.searchsorted(ordered, anomalous, side="left")
    up_to = np.searchsorted(ordered, anomalous, side="right")
    return (below + up_to).sum() / (2.0 * len(normal) * len(anomalous))
