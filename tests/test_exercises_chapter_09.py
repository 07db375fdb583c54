"""Chapter 09's exercises: independently written wrong answers are named, unusual right ones pass."""

import numpy as np
import pytest
import torch
from exercise_answers import assert_recognized, stub_of, verdict_of

from vae_course.evaluation.baselines import auroc
from vae_course.evaluation.paths import adjusted_vectors, mean_difference
from vae_course.teaching.engine import exercises


def gap(codes, first, second):
    return sum(codes[first]) / first.sum() - sum(codes[second]) / second.sum()


def drop(x, j):
    return torch.stack([x[:, i] for i in range(x.shape[1]) if i != j], dim=1)


def least_squares(a, b):
    return torch.linalg.pinv(a) @ b


def with_ones(a):
    return torch.cat([a, torch.ones(len(a), 1, dtype=a.dtype)], dim=1)


def correct_at(threshold, normal, strange):
    return ((normal <= threshold).sum() + (strange > threshold).sum()) / (len(normal) + len(strange))


ALL = torch.arange(26)


def style(model, letter, label):
    return model.encode((letter[None], torch.tensor([label]))).mean


BROKEN = {
    "09.3": {
        "vector from test data": [lambda c, h, t: gap(c, h, ~h), lambda c, h, t: gap(c, h & ~t, ~h & ~t)],
        "test data in one of the two groups": [lambda c, h, t: gap(c, h & t, ~h)],
        "sign swapped": [lambda c, h, t: gap(c, ~h & t, h & t)],
        "compared with everybody": [lambda c, h, t: gap(c, h & t, t)],
        "mean of the group alone": [lambda c, h, t: c[h & t].sum(0) / (h & t).sum()],
        "scaled to length 1": [lambda c, h, t: gap(c, h & t, ~h & t) / gap(c, h & t, ~h & t).norm()],
        "sums instead of means": [lambda c, h, t: sum(c[h & t]) - sum(c[t & ~h])],
    },
    "09.2": {
        "drifting away": [lambda p, e, s: p + e * s],
        "drawn to the center": [lambda p, e, s: torch.lerp(p, e, s)],
        "square root forgotten": [lambda p, e, s: p - s * s * p + s * e],
        "spread the wrong way round": [lambda p, e, s: p * s + e * np.sqrt(1 - s * s)],
    },
    "09.6": {
        "changes that cancel": [
            lambda b, a, j: abs(drop(a, j).mean() - drop(b, j).mean()),
            lambda b, a, j: (drop(a, j).mean(0) - drop(b, j).mean(0)).abs().mean(),
        ],
        "the target counted as well": [lambda b, a, j: torch.nn.functional.l1_loss(a, b)],
        "only the target counted": [lambda b, a, j: torch.nn.functional.l1_loss(a[:, j], b[:, j])],
        "target set to 0 and still counted": [
            lambda b, a, j: (abs(a - b) * (torch.arange(a.shape[1]) != j)).mean()
        ],
        "squares instead of absolute values": [
            lambda b, a, j: torch.nn.functional.mse_loss(drop(a, j), drop(b, j)),
        ],
        "sum over the columns": [lambda b, a, j: (drop(a, j) - drop(b, j)).abs().sum() / len(a)],
    },
    "09.5": {
        "ties not counted": [lambda n, s: np.mean([float(b > a) for a in n for b in s])],
        "ties counted in full": [lambda n, s: np.mean([float(b >= a) for a in n for b in s])],
        "the wrong way round": [lambda n, s: 1 - auroc(n, s)],
        "accuracy at one threshold": [lambda n, s: correct_at(torch.cat([n, s]).median(), n, s)],
        "pairs in order instead of all pairs": [
            lambda n, s: np.mean(
                [(b > a) + 0.5 * (b == a) for a, b in zip(n.tolist(), s.tolist(), strict=False)]
            )
        ],
    },
    "09.4": {
        "each attribute by itself": [lambda c, a: torch.stack([mean_difference(c, col) for col in a.T])],
        "no column of ones": [lambda c, a: least_squares(a, c)],
        "the base left in the answer": [
            lambda c, a: least_squares(with_ones(a), c)[[-1, *range(a.shape[1])]]
        ],
        "attributes predicted from codes": [lambda c, a: least_squares(with_ones(c), a)[:-1].T],
        "transposed": [lambda c, a: least_squares(with_ones(a), c)[:-1].T],
        "covariances without dividing by the attributes' own": [
            lambda c, a: torch.cov(torch.cat([a, c], 1).T)[: a.shape[1], a.shape[1] :],
        ],
    },
    "09.1": {
        "logits taken for probabilities": [lambda m, x, c: m.decode(style(m, x, c).repeat(26, 1), ALL)],
        "the given letter 26 times": [
            lambda m, x, c: m.decode(style(m, x, c).repeat(26, 1), 0 * ALL + c).sigmoid()
        ],
        "one picture, encoded as 26 letters": [
            lambda m, x, c: m.decode(m.encode((torch.stack([x] * 26), ALL)).mean, ALL).sigmoid()
        ],
        "taken for an A whatever it is": [lambda m, x, c: m.write_alphabet(x, 0)],
        "the prior's mean": [lambda m, x, c: m.alphabet(torch.zeros(1, m.latent_dim))[0]],
        "the log variance taken for the style": [
            lambda m, x, c: m.alphabet(m.encode((x[None], torch.tensor([c]))).log_var)[0]
        ],
    },
}

UNUSUAL = {
    "09.1": {
        "the package": lambda m, x, c: m.write_alphabet(x, c),
        "a loop over the letters": lambda m, x, c: torch.cat(
            [m.decode(style(m, x, c), torch.tensor([k])).sigmoid() for k in range(26)]
        ),
    },
    "09.3": {"the package": lambda c, h, t: mean_difference(c[t], h[t])},
    "09.2": {
        "angles": lambda p, e, s: np.cos(np.arcsin(s)) * p + s * e,
        "spread as a variance": lambda p, e, s: np.sqrt(1 - s) * p + np.sqrt(s) * e,
    },
    "09.6": {
        "one column after the other": lambda b, a, j: drop(abs(a - b), j).mean(0).mean(),
        "numpy": lambda b, a, j: np.abs(np.delete((a - b).numpy(), j, axis=1)).mean(),
    },
    "09.5": {
        "scikit-learn": lambda n, s: __import__("sklearn.metrics", fromlist=["x"]).roc_auc_score(
            [0] * len(n) + [1] * len(s), torch.cat([n, s]).numpy()
        ),
        "the package": auroc,
    },
    "09.4": {
        "the package": adjusted_vectors,
        "normal equations": lambda c, a: torch.linalg.solve(
            (a - a.mean(0)).T @ (a - a.mean(0)), (a - a.mean(0)).T @ c
        ),
        "a loop over dimensions": lambda c, a: np.stack(
            [
                np.linalg.lstsq(with_ones(a).numpy(), c[:, k].numpy(), rcond=None)[0][:-1]
                for k in range(c.shape[1])
            ],
            1,
        ),
    },
}


def test_classic_mistakes_are_recognized():
    assert_recognized("09", BROKEN)


@pytest.mark.parametrize(("number", "name"), [(n, name) for n, named in UNUSUAL.items() for name in named])
def test_unusual_right_answers_pass(number, name):
    verdict = verdict_of(number, UNUSUAL[number][name])
    assert verdict.correct, verdict.message


@pytest.mark.parametrize("exercise", exercises("09"), ids=lambda exercise: exercise.id)
def test_stub_is_not_answered_and_reference_is_right(exercise):
    assert verdict_of(exercise.id, stub_of(exercise)).status == "not answered"
    assert verdict_of(exercise.id, exercise.reference).correct
