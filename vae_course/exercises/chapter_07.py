"""The exercises of chapter 07."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import normalize

from vae_course.teaching.exercise import Exercise, Mistake

# -------- Exercises of chapter 07 on its measures: missing power, and the bias of a distance.


def missing_power(samples: Tensor, data: Tensor, cutoff: float) -> Tensor:
    frequency = torch.fft.fftfreq(data.shape[-1])  # cycles per pixel, in the order of fft2
    high = (frequency[:, None] ** 2 + frequency**2).sqrt() >= cutoff
    power = [torch.fft.fft2(images).abs().square().mean((0, 1))[high].sum() for images in (samples, data)]
    return 1 - power[0] / power[1]


def _high(side: int, cutoff: float) -> Tensor:
    frequency = torch.fft.fftfreq(side)
    return (frequency[:, None] ** 2 + frequency**2).sqrt() >= cutoff


def _each_axis(side: int, cutoff: float) -> Tensor:
    frequency = torch.fft.fftfreq(side).abs()
    return torch.maximum(frequency[:, None], frequency) >= cutoff


def _power(images: Tensor) -> Tensor:
    return torch.fft.fft2(images).abs().square().mean((0, 1))


def _ratio(of, samples: Tensor, data: Tensor, high: Tensor) -> Tensor:
    return of(samples)[high].sum() / of(data)[high].sum()


def _wave_cases(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    cases = []
    for side, cutoff in ((8, 0.3), (12, 0.2), (8, 0.45), (8, 0.25)):  # the last one hits waves exactly
        data = torch.rand(6, 1, side, side, generator=generator)
        soft = 0.7 * data + 0.15 * (data.roll(1, -1) + data.roll(1, -2))
        cases.append((soft[:4] * torch.rand(4, 1, 1, 1, generator=generator), data, cutoff))
    return cases


MISSING_POWER = Exercise(
    id="07.3",
    title="What is missing above a frequency?",
    contract="missing_power(samples, data, cutoff): both float (n, 1, side, side), n may differ; cutoff in "
    "cycles per pixel. Of all waves with sqrt(fx² + fy²) >= cutoff (corners included) returns 1 minus the "
    "power of the samples over that of the data; power is the mean over pictures of the squared size of "
    "the Fourier coefficient. A number, at most 1.",
    stub='''def missing_power(samples: torch.Tensor, data: torch.Tensor, cutoff: float) -> torch.Tensor:
    """samples, data: (n, 1, side, side); cutoff: cycles per pixel. Returns a number, at most 1."""
    ...''',
    hints=(
        "torch.fft.fft2 gives one complex number for each wave, torch.fft.fftfreq(side) the frequencies.",
        "fft2 puts frequency 0 into the corner, and so does fftfreq: no shift is needed if you use both.",
        "First the squared size of each coefficient, then the mean over pictures, then the sum over waves.",
    ),
    mistakes=(
        Mistake(
            "pictures averaged before the transform",
            "The average of many pictures has no texture left, whatever the pictures had.",
            lambda s, d, c: (
                1 - _ratio(lambda x: _power(x.mean(0, keepdim=True)), s, d, _high(d.shape[-1], c))
            ),
        ),
        Mistake(
            "size instead of power",
            "Twice the size of a wave is four times the power.",
            (
                lambda s, d, c: (
                    1 - _ratio(lambda x: torch.fft.fft2(x).abs().mean((0, 1)), s, d, _high(d.shape[-1], c))
                ),
                lambda s, d, c: 1 - _ratio(_power, s, d, _high(d.shape[-1], c)).sqrt(),
            ),
        ),
        Mistake(
            "low frequencies instead of high ones",
            "Which waves are finer than the cutoff?",
            (
                lambda s, d, c: 1 - _ratio(_power, s, d, ~_high(d.shape[-1], c)),
                lambda s, d, c: (
                    1 - _ratio(lambda x: torch.fft.fftshift(_power(x)), s, d, _high(d.shape[-1], c))
                ),
            ),
        ),
        Mistake(
            "all frequencies",
            "The cutoff does not change your answer.",
            lambda s, d, c: 1 - _power(s).sum() / _power(d).sum(),
        ),
        Mistake(
            "what is left instead of what is missing",
            "Samples that are like data miss nothing: the answer is 0 then.",
            lambda s, d, c: _ratio(_power, s, d, _high(d.shape[-1], c)),
        ),
        Mistake(
            "upside down",
            "Divide the power of the samples by that of the data.",
            lambda s, d, c: 1 - 1 / _ratio(_power, s, d, _high(d.shape[-1], c)),
        ),
        Mistake(
            "summed over the pictures",
            "There may be more samples than data: take the mean over the pictures.",
            lambda s, d, c: 1 - _ratio(lambda x: _power(x) * len(x), s, d, _high(d.shape[-1], c)),
        ),
        Mistake(
            "mean of the ratios",
            "One wave with next to no power would decide it all: sum the powers, then divide.",
            lambda s, d, c: 1 - (_power(s) / _power(d))[_high(d.shape[-1], c)].mean(),
        ),
        Mistake(
            "each axis by itself",
            "A diagonal wave is finer than either of its two parts.",
            lambda s, d, c: 1 - _ratio(_power, s, d, _each_axis(d.shape[-1], c)),
        ),
        Mistake(
            "the cutoff itself left out",
            "A wave of exactly this frequency counts: at least, not more than.",
            lambda s, d, c: 1 - _ratio(_power, s, d, _high(d.shape[-1], c + 1e-6)),
        ),
    ),
    reference=missing_power,
    cases=_wave_cases,
)


def at_infinity(sizes: list[int], distances: list[float]) -> float:
    x = 1 / torch.tensor(sizes, dtype=torch.float64)
    y = torch.tensor(distances, dtype=torch.float64)
    slope = ((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum()
    return (y.mean() - slope * x.mean()).item()  # the line at 1/n = 0


def _line(x: Tensor, distances: list[float], at: float = 0.0) -> float:
    y = torch.tensor(distances, dtype=torch.float64)
    slope = ((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum()
    return (y.mean() + slope * (at - x.mean())).item()


def _sizes(sizes: list[int]) -> Tensor:
    return torch.tensor(sizes, dtype=torch.float64)


def _slope(sizes: list[int], distances: list[float]) -> float:
    return _line(1 / _sizes(sizes), distances, 1.0) - _line(1 / _sizes(sizes), distances)


AT_INFINITY = Exercise(
    id="07.4",
    title="The distance for infinitely many pictures",
    contract="at_infinity(sizes, distances): two lists of numbers, at least two different sizes. Returns "
    "the value at n = infinity of the straight line in 1/n that fits the distances best by least squares: a "
    "number.",
    stub='''def at_infinity(sizes: list[int], distances: list[float]) -> float:
    """sizes: pictures on each side; distances: measured with them. Returns the distance without bias."""
    ...''',
    hints=(
        "With x = 1/n the model is distance = a + b·x. Which of a and b is asked for?",
        "numpy.polyfit(x, y, 1) returns slope and intercept.",
    ),
    mistakes=(
        Mistake(
            "line in n",
            "A line in n goes to minus infinity. The bias falls like 1/n.",
            (
                lambda n, d: _line(_sizes(n), d),
                lambda n, d: _line(_sizes(n), d, 1e9),
                lambda n, d: _line(_sizes(n), d, 1e6),
            ),
        ),
        Mistake(
            "line in log n",
            "The bias falls like 1/n, not like log n.",
            (lambda n, d: _line(_sizes(n).log(), d), lambda n, d: _line(_sizes(n).log10(), d, 9)),
        ),
        Mistake(
            "line in the root of 1/n",
            "1/√n is how the *scatter* falls. The bias falls like 1/n.",
            lambda n, d: _line(_sizes(n) ** -0.5, d),
        ),
        Mistake(
            "slope instead of intercept",
            "The slope says how strong the bias is; what is left when 1/n is 0?",
            _slope,
        ),
        Mistake(
            "the largest n",
            "The bias is small there, but not gone.",
            lambda n, d: d[n.index(max(n))],
        ),
        Mistake(
            "the smallest distance",
            "Where the line ends may be below everything that was measured.",
            lambda n, d: min(d),
        ),
        Mistake(
            "mean of the distances",
            "All of them are biased, and so is their mean.",
            lambda n, d: sum(d) / len(d),
        ),
        Mistake(
            "line at n = 1",
            "1/n = 1 is one picture. Infinitely many pictures are at 1/n = 0.",
            lambda n, d: _line(1 / _sizes(n), d, 1.0),
        ),
        Mistake(
            "line through the first and the last",
            "A line through two points throws the others away, and all of their evidence.",
            lambda sizes, distances: (
                (sizes[-1] * distances[-1] - sizes[0] * distances[0]) / (sizes[-1] - sizes[0])
            ),
        ),
    ),
    reference=at_infinity,
    cases=lambda seed: [
        ([2000, 500, 1000, 125], [30.1, 36.5, 32.0, 61.0]),
        ([100, 400], [9.0, 3.0]),
        ([64, 256, 128], [4.0, 1.5, 1.4]),
    ],
    tolerance=1e-4,
)


# -------- Exercise of chapter 07: closeness to the training set, with fresh data as the baseline.


def closer_than_fresh(samples: Tensor, train: Tensor, held_out: Tensor) -> Tensor:
    ours = torch.cdist(samples, train).min(1).values
    fresh = torch.cdist(held_out, train).min(1).values
    smaller = (ours[:, None] < fresh).double() + 0.5 * (ours[:, None] == fresh).double()
    return smaller.mean()


def _nearest(points: Tensor, bank: Tensor) -> Tensor:
    return torch.cdist(points, bank).min(1).values


def _chance(ours: Tensor, fresh: Tensor, tie: float = 0.5) -> Tensor:
    pairs = ours[:, None], fresh[None, :]
    return ((pairs[0] < pairs[1]).double() + tie * (pairs[0] == pairs[1]).double()).mean()


def _in_order(ours: Tensor, fresh: Tensor) -> Tensor:
    n = min(len(ours), len(fresh))
    return (ours[:n] < fresh[:n]).double().mean()


def _closer_cases(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    cases = []
    for n, m, k, scale in ((7, 20, 11, 0.5), (12, 15, 6, 1.0)):
        # Whole numbers and halves, so that distances tie exactly.
        draw = [torch.randint(0, 5, (rows, 3), generator=generator).float() for rows in (n, m, k)]
        cases.append((draw[0] * scale, draw[1], draw[2]))
    return cases


CLOSER = Exercise(
    id="07.5",
    title="Closer than chance?",
    contract="closer_than_fresh(samples, train, held_out): float (n, d), (m, d), (k, d). The distance of a "
    "point to the training set is the Euclidean distance to its nearest row. Returns the chance that a "
    "random sample has a smaller distance to the training set than a random held-out point; ties count "
    "one half: a number in [0, 1].",
    stub='''def closer_than_fresh(
    samples: torch.Tensor, train: torch.Tensor, held_out: torch.Tensor
) -> torch.Tensor:
    """samples: (n, d), train: (m, d), held_out: (k, d). Returns a number in [0, 1]."""
    ...''',
    hints=(
        "Two lists of distances first: samples to train, held-out to train. torch.cdist does each.",
        "Then compare every sample with every held-out point, not one by one in order.",
        "a[:, None] < b compares all pairs; the mean of the comparisons is the chance.",
    ),
    mistakes=(
        Mistake(
            "ties not counted",
            "Two equal distances: neither is closer, so each has half of the pair.",
            lambda s, t, h: _chance(_nearest(s, t), _nearest(h, t), 0.0),
        ),
        Mistake(
            "ties counted in full",
            "Two equal distances: neither is closer, so each has half of the pair.",
            lambda s, t, h: _chance(_nearest(s, t), _nearest(h, t), 1.0),
        ),
        Mistake(
            "upside down",
            "A thief's distances are 0. Does your answer get near 1 for it?",
            lambda s, t, h: 1 - _chance(_nearest(s, t), _nearest(h, t)),
        ),
        Mistake(
            "mean distance instead of the nearest",
            "A copy is close to one training point, not to all.",
            lambda s, t, h: _chance(torch.cdist(s, t).mean(1), torch.cdist(h, t).mean(1)),
        ),
        Mistake(
            "nearest sample of each training point",
            "Ask every sample for its nearest training point, not the other way round.",
            lambda s, t, h: _chance(_nearest(t, s), _nearest(t, h)),
        ),
        Mistake(
            "samples compared with held-out points",
            "Both distances are measured to the training set: one that was copied, one that was not.",
            (
                lambda s, t, h: _chance(_nearest(s, t), _nearest(s, h)),
                lambda s, t, h: (_nearest(s, t) < _nearest(s, h)).double().mean(),
            ),
        ),
        Mistake(
            "compared with the mean of the held-out distances",
            "The chance is over random held-out points: compare with each of them.",
            (
                lambda s, t, h: (_nearest(s, t) < _nearest(h, t).mean()).double().mean(),
                lambda s, t, h: (_nearest(s, t) < _nearest(h, t).median()).double().mean(),
            ),
        ),
        Mistake(
            "ratio of the mean distances",
            "A chance is asked for: count pairs.",
            (
                lambda s, t, h: _nearest(s, t).mean() / _nearest(h, t).mean(),
                lambda s, t, h: _nearest(h, t).mean() / _nearest(s, t).mean(),
            ),
        ),
        Mistake(
            "means compared",
            "One comparison says yes or no. How often is one of ours nearer than one of theirs?",
            lambda samples, train, held_out: (
                torch.cdist(samples, train).min(1).values.mean()
                < torch.cdist(held_out, train).min(1).values.mean()
            ).double(),
        ),
        Mistake(
            "compared in order",
            "A random sample meets a random held-out point: compare every sample with each of them.",
            lambda s, t, h: _in_order(_nearest(s, t), _nearest(h, t)),
        ),
        Mistake(
            "another distance",
            "The straight-line distance is asked for: the root of the sum of squares.",
            (
                lambda s, t, h: _chance(
                    torch.cdist(s, t, p=1).min(1).values, torch.cdist(h, t, p=1).min(1).values
                ),
                lambda s, t, h: _chance(
                    torch.cdist(s, t, p=math.inf).min(1).values, torch.cdist(h, t, p=math.inf).min(1).values
                ),
                lambda s, t, h: _chance(
                    -(normalize(s) @ normalize(t).T).max(1).values,
                    -(normalize(h) @ normalize(t).T).max(1).values,
                ),
            ),
        ),
        Mistake(
            "distance to the farthest",
            "A copy is close to one training point. Which one decides?",
            lambda s, t, h: _chance(torch.cdist(s, t).max(1).values, torch.cdist(h, t).max(1).values),
        ),
    ),
    reference=closer_than_fresh,
    cases=_closer_cases,
    low=0.0,
    high=1.0,
)


# -------- Exercises of chapter 07, in order; here: the best single picture, and reading a report.


def best_picture(pictures: Tensor, weights: Tensor) -> Tensor:
    share = weights / weights.sum()  # probabilities
    return (share[:, None, None, None] * pictures).sum(0)  # the conditional mean


def _pictures(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    cases = []
    for n, shape in ((3, (1, 4, 4)), (5, (3, 2, 6))):
        weights = 3 * torch.rand(n, generator=generator)
        weights[1] = 0.0
        cases.append((torch.rand(n, *shape, generator=generator), weights))
    return cases


def _average(pictures: Tensor, weights: Tensor) -> Tensor:
    return torch.einsum("n,n...->...", weights, pictures)


BEST_PICTURE = Exercise(
    id="07.1",
    title="The best single answer",
    contract="best_picture(pictures, weights): pictures is float (n, C, H, W); weights is (n,), >= 0, not "
    "all 0, not normalized. Returns the picture (C, H, W) with the smallest expected squared error to a "
    "picture drawn with these weights.",
    stub='''def best_picture(pictures: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """pictures: (n, C, H, W); weights: (n,), >= 0, not normalized. Returns (C, H, W)."""
    ...''',
    hints=(
        "Section 1 has the case of two pictures with equal weights.",
        "Each pixel is a question of its own: which number has the smallest expected squared error?",
        "Weights become probabilities when they are divided by their sum.",
    ),
    mistakes=(
        Mistake(
            "weights ignored",
            "A picture that is three times as likely should pull three times as hard.",
            lambda pictures, weights: pictures.mean(0),
        ),
        Mistake(
            "the likeliest picture",
            "That is right as often as possible, and pays a lot when it is wrong. Compute both costs.",
            lambda pictures, weights: pictures[weights.argmax()],
        ),
        Mistake(
            "weights not normalized",
            "Multiply all weights by ten: the answer should not change.",
            (_average, lambda pictures, weights: _average(pictures, weights) / len(weights)),
        ),
        Mistake(
            "softmax of the weights",
            "They are weights, not logits: a weight of 0 means never.",
            lambda pictures, weights: _average(pictures, weights.softmax(0)),
        ),
        Mistake(
            "median",
            "The median minimizes the expected absolute error.",
            lambda pictures, weights: pictures.median(0).values,
        ),
        Mistake(
            "squared weights",
            "The error is squared, the probabilities are not.",
            lambda pictures, weights: _average(pictures, weights**2 / (weights**2).sum()),
        ),
        Mistake(
            "one gray value for all pixels",
            "Sum over the pictures only; every pixel has its own best value.",
            lambda pictures, weights: (
                _average(pictures, weights / weights.sum()).mean().expand(pictures.shape[1:])
            ),
        ),
    ),
    reference=best_picture,
    cases=_pictures,
)

GENERATORS = {
    "mean": "a VAE that shows the mean of its decoder",
    "draw": "the same VAE with the decoder's pixel noise",
    "thief": "hands out training pictures",
    "one class": "a GAN that makes good pictures of one kind of garment only",
}

REPORT = Exercise(
    id="07.2",
    title="Read the report",
    contract="Four generators, judged with 2,000 pictures each; fresh pictures get Fréchet distance 3, "
    "precision 0.75, recall 0.75, sharpness 1, copies 1 %. A: 3, 0.80, 0.78, 1.0, 97 %. "
    "B: 95, 0.80, 0.30, 0.1, 1 %. C: 95, 0.25, 0.55, 12, 1 %. D: 180, 0.80, 0.05, 1.0, 1 %. "
    f"Answer each with one of: {', '.join(GENERATORS)}.",
    stub='answer_07_2 = {"A": ..., "B": ..., "C": ..., "D": ...}',
    hints=(
        "Two of the four have the sharpness of data, and one of them is too good to be true.",
        "Independent noise on every pixel: what does it do to the differences between neighbors?",
        "Recall asks how much of the data lies where samples lie.",
    ),
    mistakes=(
        Mistake(
            "the best numbers taken for the best model",
            "Look at the last column of A: what would a perfect model get there?",
            value={"A": "mean"},
        ),
        Mistake(
            "mean and draw mixed up",
            "An average over plausible pictures has weaker edges than data. Grain has stronger ones.",
            value={"B": "draw", "C": "mean"},
        ),
        Mistake(
            "low recall taken for blur",
            "Blur shows in the sharpness. What leaves most of the data uncovered while each picture is fine?",
            value={"D": "mean"},
        ),
        Mistake(
            "precision taken for theft",
            "A thief covers the data as well: compare the recall, and look at the copies.",
            value={"D": "thief"},
        ),
    ),
    value={"A": "thief", "B": "mean", "C": "draw", "D": "one class"},
    codes=dict.fromkeys("ABCD", GENERATORS),
    explanation="A: nothing but the last column differs from fresh pictures.\n"
    "B: a tenth of the sharpness; averages lie in the middle of the data, so the precision is high.\n"
    "C: twelve times the sharpness of data is grain, and grain costs precision.\n"
    "D: pictures as good as real ones that cover a twentieth of the data.",
)

# -------- Exercises of chapter 07 on its judges: the Fréchet distance, and who lies within whose reach.


def frechet(a: Tensor, b: Tensor) -> Tensor:
    cov_a, cov_b = torch.cov(a.T), torch.cov(b.T)
    both = torch.linalg.eigvals(cov_a @ cov_b).real.clamp_min(0)  # real and >= 0, but for rounding
    return (a.mean(0) - b.mean(0)).square().sum() + (cov_a + cov_b).trace() - 2 * both.sqrt().sum()


def _root(matrix: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    return (vectors * values.clamp_min(0).sqrt()) @ vectors.mT


def _means(a: Tensor, b: Tensor) -> Tensor:
    return (a.mean(0) - b.mean(0)).square().sum()


def _spreads(a: Tensor, b: Tensor, times: float = 2.0) -> Tensor:
    cov_a, cov_b = torch.cov(a.T), torch.cov(b.T)
    root = _root(cov_a)
    return (cov_a + cov_b).trace() - times * _root(root @ cov_b @ root).trace()


def _from_covariances(a: Tensor, b: Tensor, cov_a: Tensor, cov_b: Tensor) -> Tensor:
    root = _root(cov_a)
    return _means(a, b) + (cov_a + cov_b).trace() - 2 * _root(root @ cov_b @ root).trace()


def _feature_cases(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    cases = []
    for n, m, d in ((40, 60, 3), (30, 25, 5)):
        mix = torch.randn(2, d, d, generator=generator, dtype=torch.float64)
        a = torch.randn(n, d, generator=generator, dtype=torch.float64) @ mix[0] + 1.5
        cases.append((a, torch.randn(m, d, generator=generator, dtype=torch.float64) @ mix[1]))
    return cases


FRECHET = Exercise(
    id="07.6",
    title="The Fréchet distance",
    contract="frechet(a, b): features, float64 (n, d) and (m, d), more rows than columns. Returns the "
    "squared distance between the Gaussians fitted to both, a scalar. Covariances are divided by n - 1, as "
    "torch.cov does.",
    stub='''def frechet(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """a, b: features, float64 (n, d) and (m, d). Returns the squared Fréchet distance, a scalar."""
    ...''',
    hints=(
        "torch.cov wants one variable in each row: torch.cov(a.T).",
        "The trace of a root is the sum of the roots of the eigenvalues; no matrix root is needed.",
        "torch.linalg.eigvals(cov_a @ cov_b) are complex numbers with imaginary parts of 0: take .real, and "
        "cut rounding below 0 with clamp_min(0).",
    ),
    mistakes=(
        Mistake(
            "means only",
            "Two clouds around one mean can still differ in their spread.",
            (_means, lambda a, b: _means(a, b).sqrt()),
        ),
        Mistake("covariances only", "How far are the two means apart?", _spreads),
        Mistake(
            "distance of the means not squared",
            "The formula has the squared length of the difference of the means.",
            lambda a, b: _means(a, b).sqrt() + _spreads(a, b),
        ),
        Mistake(
            "the factor 2 is missing",
            "Two equal sets have distance 0. Does yours?",
            lambda a, b: _means(a, b) + _spreads(a, b, 1.0),
        ),
        Mistake(
            "the root of each entry",
            "The root of a matrix is not the matrix of the roots of its entries.",
            lambda a, b: (
                _means(a, b)
                + (torch.cov(a.T) + torch.cov(b.T)).trace()
                - 2 * (torch.cov(a.T) @ torch.cov(b.T)).abs().sqrt().trace()
            ),
        ),
        Mistake(
            "variances only",
            "Features hang together: use the whole covariance, not its diagonal.",
            lambda a, b: _means(a, b) + (a.std(0) - b.std(0)).square().sum(),
        ),
        Mistake(
            "no root",
            "It is the root of the product of the covariances, then its trace.",
            lambda a, b: (
                _means(a, b)
                + (torch.cov(a.T) + torch.cov(b.T)).trace()
                - 2 * (torch.cov(a.T) @ torch.cov(b.T)).trace()
            ),
        ),
        Mistake(
            "the root of the distance",
            "The squared distance is asked for.",
            lambda a, b: (_means(a, b) + _spreads(a, b)).sqrt(),
        ),
        Mistake(
            "divided by n",
            "torch.cov divides by n - 1.",
            lambda a, b: (
                _means(a, b)
                + torch.cov(a.T, correction=0).trace()
                + torch.cov(b.T, correction=0).trace()
                - 2
                * torch.linalg.eigvals(torch.cov(a.T, correction=0) @ torch.cov(b.T, correction=0))
                .real.clamp_min(0)
                .sqrt()
                .sum()
            ),
        ),
        Mistake(
            "cross term left out",
            "Of two equal sets the distance must be 0. Is yours?",
            lambda a, b: (a.mean(0) - b.mean(0)).square().sum() + (torch.cov(a.T) + torch.cov(b.T)).trace(),
        ),
        Mistake(
            "mean not taken off",
            "A covariance is about the mean of its own set.",
            (
                lambda a, b: _from_covariances(a, b, a.T @ a / (len(a) - 1), b.T @ b / (len(b) - 1)),
                lambda a, b: _from_covariances(a, b, a.T @ a / len(a), b.T @ b / len(b)),
            ),
        ),
    ),
    reference=frechet,
    cases=_feature_cases,
)


def share_inside(points: Tensor, centers: Tensor, k: int) -> Tensor:
    reach = torch.cdist(centers, centers).kthvalue(k + 1, dim=1).values  # the nearest is the center itself
    return (torch.cdist(points, centers) <= reach).any(1).float().mean()


def _reach(centers: Tensor, k: int) -> Tensor:
    return torch.cdist(centers, centers).sort(1).values[:, k]


def _within(points: Tensor, centers: Tensor, reach: Tensor) -> Tensor:
    return (torch.cdist(points, centers) <= reach).any(1).float().mean()


def _cloud_cases(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    sizes = ((40, 30, 2), (25, 40, 1), (30, 24, 3))
    return [
        (1.6 * torch.randn(n, 2, generator=generator) + 0.5, torch.randn(m, 2, generator=generator) ** 3, k)
        for n, m, k in sizes
    ] + [
        # Points exactly at the reach of a center lie within it.
        (torch.tensor([[2.0, 0.0], [-1.0, 0.0], [9.0, 9.0]]), torch.tensor([[0.0, 0.0], [1.0, 0.0]]), 1)
    ]


INSIDE = Exercise(
    id="07.7",
    title="Within reach",
    contract="share_inside(points, centers, k): float (n, d), (m, d), k from 1 to m - 1. The reach of a "
    "center is its Euclidean distance to its k-th nearest other center. Returns the share of points that lie "
    "within the reach of at least one center: a number in [0, 1].",
    stub='''def share_inside(points: torch.Tensor, centers: torch.Tensor, k: int) -> torch.Tensor:
    """points: (n, d); centers: (m, d). Returns the share of points within reach of a center, in [0, 1]."""
    ...''',
    hints=(
        "torch.cdist(points, centers) is (n, m): compare each column with the reach of its center.",
        "Among its own distances to all centers, each center finds itself, at 0.",
        "One center is enough: .any(dim=1), then the mean.",
    ),
    mistakes=(
        Mistake(
            "the center counted as its own neighbor",
            "The nearest of all centers is the center itself, at distance 0: the k-th other is one further.",
            lambda p, c, k: _within(p, c, _reach(c, k - 1)),
        ),
        Mistake(
            "only the nearest center asked",
            "A point may lie beyond the reach of its nearest center, and within that of a farther one.",
            lambda p, c, k: (
                (torch.cdist(p, c).min(1).values <= _reach(c, k)[torch.cdist(p, c).argmin(1)]).float().mean()
            ),
        ),
        Mistake(
            "roles exchanged",
            "That is the share of centers within reach of a point.",
            lambda p, c, k: _within(c, p, _reach(p, k)),
        ),
        Mistake(
            "reach of the points",
            "The reach belongs to the centers.",
            lambda p, c, k: (torch.cdist(p, c) <= _reach(p, k)[:, None]).any(1).float().mean(),
        ),
        Mistake(
            "share of centers with a point",
            "Count points, not centers.",
            lambda p, c, k: (torch.cdist(p, c) <= _reach(c, k)).any(0).float().mean(),
        ),
        Mistake(
            "one reach for all",
            "Where centers are dense the reach is short: each has its own.",
            (
                lambda p, c, k: _within(p, c, _reach(c, k).mean()),
                lambda p, c, k: _within(p, c, _reach(c, k).median()),
            ),
        ),
        Mistake(
            "mean over pairs",
            "One center is enough for a point to be inside.",
            lambda p, c, k: (torch.cdist(p, c) <= _reach(c, k)).float().mean(),
        ),
        Mistake(
            "squared distances against distances",
            "Compare both sides in the same unit.",
            (
                lambda p, c, k: (torch.cdist(p, c).square() <= _reach(c, k)).any(1).float().mean(),
                lambda p, c, k: (torch.cdist(p, c) <= _reach(c, k).square()).any(1).float().mean(),
            ),
        ),
        Mistake(
            "the share outside",
            "Points far from everything are outside. Is your answer near 0 for them?",
            lambda p, c, k: 1 - _within(p, c, _reach(c, k)),
        ),
        Mistake(
            "less than the reach, not at most",
            "A point exactly at the k-th neighbor counts as inside.",
            lambda points, centers, k: (
                (torch.cdist(points, centers) < torch.cdist(centers, centers).kthvalue(k + 1, dim=1).values)
                .any(1)
                .float()
                .mean()
            ),
        ),
        Mistake(
            "inside every ball at once",
            "One ball is enough.",
            lambda points, centers, k: (
                (torch.cdist(points, centers) <= torch.cdist(centers, centers).kthvalue(k + 1, dim=1).values)
                .all(1)
                .float()
                .mean()
            ),
        ),
    ),
    reference=share_inside,
    cases=_cloud_cases,
    low=0.0,
    high=1.0,
)

EXERCISES = (BEST_PICTURE, REPORT, MISSING_POWER, AT_INFINITY, CLOSER, FRECHET, INSIDE)
