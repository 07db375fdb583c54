"""Assignment A3's questions: independently written wrong answers are named, unusual right ones pass."""

import numpy as np
import torch
from exercise_answers import assert_graded_fairly
from sklearn.linear_model import LinearRegression
from torch.distributions import Normal, kl_divergence


def costs(mean, log_var):
    return kl_divergence(Normal(mean, (log_var / 2).exp()), Normal(0.0, 1.0))


def silenced(ranking, fill_mean=0.0, fill_width=0.0, from_top=True):
    """Keep k dimensions of a ranking (a score for each); fill the others with these values."""

    def answer(mean, log_var, k):
        score = ranking(mean, log_var)
        chosen = set(np.argsort(-score.numpy() if from_top else score.numpy(), kind="stable")[:k].tolist())
        mean, log_var = mean.clone(), log_var.clone()
        for column in set(range(mean.shape[1])) - chosen:
            if fill_mean is not None:
                mean[:, column] = mean[:, column].mean() if fill_mean == "average" else fill_mean
            if fill_width is not None:
                log_var[:, column] = fill_width
        return {"mean": mean, "log_var": log_var}

    return answer


def carried(mean, log_var):
    return costs(mean, log_var).mean(0)


def fit(codes, factor, **options):
    return LinearRegression(**options).fit(codes.numpy(), factor.numpy())


def read(model, codes, factor):
    """R² as scikit-learn tells it."""
    return model.score(codes.numpy(), factor.numpy())


def together(a, b):
    return torch.from_numpy(np.concatenate([a.numpy(), b.numpy()]))


def left_over(a, b, codes, factor):
    return float(np.mean((fit(a, b).predict(codes.numpy()) - factor.numpy()) ** 2))


def related(a, b, codes, factor):
    return float(np.corrcoef(fit(a, b).predict(codes.numpy()), factor.numpy())[0, 1])


def means(table):
    return {setting: float(np.mean(losses)) for setting, losses in table.items()}


def good(table, tolerance):
    level = means(table)
    return sorted(s for s in level if level[s] - min(level.values()) <= tolerance)


def lucky(table, tolerance):
    best = {setting: min(losses) for setting, losses in table.items()}
    allowed = [s for s in best if best[s] <= min(best.values()) + tolerance]
    return sorted(allowed, key=lambda s: (s[0], -s[1]))[0]


BROKEN = {
    "A3.1": {
        "variance of the means instead of the KL": [lambda m, v, t: int((m.std(0) ** 2 > t).sum())],
        "summed over the pictures": [lambda m, v, t: int((costs(m, v).sum(0) > t).sum())],
        "pictures counted instead of dimensions": [
            lambda m, v, t: (costs(m, v) > t).sum(),
            lambda m, v, t: (costs(m, v).sum(-1) > t).sum(),
        ],
        "one picture is enough": [lambda m, v, t: int((costs(m, v).max(0).values > t).sum())],
        "missing one half": [lambda m, v, t: int((2 * carried(m, v) > t).sum())],
        "the quiet ones counted": [lambda m, v, t: int((carried(m, v) < t).sum())],
        "KL of the mean picture": [lambda m, v, t: int((costs(m.mean(0), v.mean(0)) > t).sum())],
    },
    "A3.2": {
        "the first k dimensions": [silenced(lambda m, v: -torch.arange(m.shape[1]).double())],
        "the smallest k": [silenced(carried, from_top=False)],
        "chosen by the variance of the means": [silenced(lambda m, v: m.std(0))],
        "a dimension without any spread": [
            silenced(carried, fill_width=-15.0),
            silenced(carried, fill_width=float("-inf")),
        ],
        "log σ² of 1": [silenced(carried, fill_width=1.0)],
        "width left as it was": [silenced(carried, fill_width=None)],
        "mean left as it was": [silenced(carried, fill_mean=None)],
        "mean over the data instead of 0": [silenced(carried, fill_mean="average")],
    },
    "A3.3": {
        "no intercept": [lambda a, b, c, f: read(fit(a, b, fit_intercept=False), c, f)],
        "the fit has seen the held-out rows": [
            lambda a, b, c, f: read(fit(c, f), c, f),
            lambda a, b, c, f: read(fit(together(a, c), together(b, f)), c, f),
        ],
        "measured on the training rows": [lambda a, b, c, f: read(fit(a, b), a, b)],
        "correlation instead of R²": [related],
        "squared correlation instead of R²": [lambda a, b, c, f: related(a, b, c, f) ** 2],
        "the squared error returned": [left_over],
        "the share that is *not* explained": [lambda a, b, c, f: 1 - read(fit(a, b), c, f)],
        "error divided by the square of the factor": [
            lambda a, b, c, f: 1 - left_over(a, b, c, f) / float((f * f).mean())
        ],
    },
    "A3.4": {
        "the best setting": [lambda table, tol: sorted(means(table).items(), key=lambda item: item[1])[0][0]],
        "the smallest setting of all": [lambda table, tol: sorted(table, key=lambda s: (s[0], -s[1]))[0]],
        "the smallest β of that size": [lambda table, tol: good(table, tol)[0]],
        "the best of the smallest size": [
            lambda table, tol: min(
                (s for s in good(table, tol) if s[0] == good(table, tol)[0][0]), key=means(table).get
            )
        ],
        "the largest β first": [lambda table, tol: sorted(good(table, tol), key=lambda s: (-s[1], s[0]))[0]],
        "one lucky seed": [lucky],
        "the largest size": [lambda table, tol: good(table, tol)[-1]],
    },
    "A3.5": {
        "extra dimensions taken for free at any β": [{"a": "yes", "b": "yes", "c": "yes", "d": "no"}],
        "a larger size taken for a larger rate at any β": [{"a": "no", "b": "no", "c": "yes", "d": "no"}],
        "a smaller rate taken for a better bound": [{"a": "yes", "b": "no", "c": "yes", "d": "yes"}],
    },
}
UNUSUAL = {
    "A3.1": [
        lambda m, v, t: torch.tensor([column.mean() > t for column in costs(m, v).T]).sum(),
        lambda m, v, t: float(np.count_nonzero(carried(m, v).numpy() > t)),
    ],
    "A3.2": [silenced(carried), lambda m, v, k: dict(reversed(silenced(carried)(m, v, k).items()))],
    "A3.3": [
        lambda a, b, c, f: read(fit(a, b), c, f),
        lambda a, b, c, f: 1 - left_over(a, b, c, f) / float(f.var()),  # n − 1 in the variance
    ],
    "A3.4": [
        lambda table, tol: sorted(good(table, tol), key=lambda s: (s[0], -s[1]))[0],
        lambda table, tol: list(sorted(good(table, tol), key=lambda s: s[0] - 1e-6 * s[1])[0]),
    ],
    "A3.5": [{"a": "YES", "b": "No", "c": " yes", "d": "no"}],
}


def test_the_answers_get_what_they_deserve():
    assert_graded_fairly("A3", BROKEN, UNUSUAL)


def test_the_sliders_answers_are_those_of_the_shipped_model():
    from tools.classroom.graded.A3 import SLIDERS
    from vae_course import evaluate, load
    from vae_course.weights import load_one_model

    model, data = load_one_model("digits"), load("digits", "test")
    at = {
        (beta, k): evaluate(model.at(beta, k), data)
        for beta, k in ((8, 8), (8, 32), (0.25, 8), (0.25, 32), (0.25, 2), (1, 2), (1, 32))
    }
    rate = {setting: e.kl.value for setting, e in at.items()}
    found = {
        "a": abs(rate[8, 32] - rate[8, 8]) < 1,
        "b": abs(rate[0.25, 32] - rate[0.25, 8]) < 1,
        "c": abs(at[0.25, 2].reconstruction.value - at[1, 2].reconstruction.value) < 10,
        "d": at[8, 32].negative_elbo.value < at[1, 32].negative_elbo.value,
    }
    assert {part: "yes" if holds else "no" for part, holds in found.items()} == SLIDERS.value
