"""Chapter 10's exercises: independently written wrong answers are named, unusual right ones pass."""

import math

import numpy as np
import pytest
import torch
from exercise_answers import assert_recognized, verdict_of
from exercise_answers_10_text import BROKEN as BROKEN_TEXT
from exercise_answers_10_text import UNUSUAL as UNUSUAL_TEXT

LN2 = math.log(2)


BROKEN = {
    "10.1": {
        "change of variables forgotten": [lambda n, s, d: n / s.numel() / LN2 - math.log2(d)],
        "change of variables with the wrong sign": [
            lambda n, s, d: ((n / LN2 - torch.log2(s).sum()) / s.numel() - math.log2(d)).item()
        ],
        "density without a cell": [lambda n, s, d: (n / LN2 + torch.log2(s).sum()) / s.numel()],
        "cell with the wrong sign": [
            lambda n, s, d: (n / LN2 + torch.log2(s).sum()) / s.numel() + math.log2(d)
        ],
        "one cell for the whole row": [
            lambda n, s, d: (n / LN2 + torch.log2(s).sum() - math.log2(d)) / s.numel()
        ],
        "density divided by the columns, corrections added to that": [
            lambda n, s, d: n / s.numel() / LN2 + torch.log2(s / d).sum()
        ],
        "logarithm of the mean std": [lambda n, s, d: n / s.numel() / LN2 + torch.log2(s.mean() / d)],
        "nats": [lambda n, s, d: (n + torch.log(s / d).sum()) / s.numel()],
        "bits of the whole row": [lambda n, s, d: n / LN2 + torch.log2(s / d).sum()],
    },
}

UNUSUAL = {
    "10.1": {
        "column by column": lambda n, s, d: n / LN2 / len(s) + np.log2(s.numpy() / d).mean(),
    },
}


def test_each_classic_mistake_is_recognized_by_name(capsys):
    with capsys.disabled():
        assert_recognized("10", {**BROKEN, **BROKEN_TEXT})


@pytest.mark.parametrize(
    ("identifier", "name"),
    [(i, name) for i, named in {**UNUSUAL, **UNUSUAL_TEXT}.items() for name in named],
)
def test_a_correct_but_unusual_answer_passes(identifier, name):
    verdict = verdict_of(identifier, {**UNUSUAL, **UNUSUAL_TEXT}[identifier][name])
    assert verdict.correct, verdict
