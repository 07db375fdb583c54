"""Attribute vectors on codes whose true directions are known, and the judge of edits."""

from types import SimpleNamespace

import pytest
import torch

from recipes.judges import train_reader
from vae_course.data.faces import FACTORS, draw_factors, faces_from
from vae_course.evaluation import read
from vae_course.evaluation.paths import (
    adjusted_vectors,
    dose_for,
    factors_moved,
    mean_difference,
)

TRUE = torch.tensor([[2.0, 0.0, 0.0, 0.0], [0.0, 1.0, 1.0, 0.0]])


def codes_of(both: float, n: int = 40_000, seed: int = 0):
    """Codes = attributes @ TRUE + correlated noise; the second equals the first with that probability."""
    generator = torch.Generator().manual_seed(seed)
    first = (torch.rand(n, generator=generator) < 0.5).float()
    same = (torch.rand(n, generator=generator) < both).float()
    attributes = torch.stack([first, same * first + (1 - same) * (1 - first)], dim=1)
    mix = torch.eye(4)
    mix[0, 3] = 0.9  # noise that dimension 3 shares with dimension 0
    return attributes @ TRUE + torch.randn(n, 4, generator=generator) @ mix, attributes


def test_independent_attributes_mean_difference_and_regression_find_the_truth():
    codes, attributes = codes_of(both=0.5)
    vectors = adjusted_vectors(codes, attributes)
    for column in range(2):
        assert torch.allclose(mean_difference(codes, attributes[:, column]), TRUE[column], atol=0.05)
        assert torch.allclose(vectors[column], TRUE[column], atol=0.05)


def test_attributes_that_come_together_only_regression_keeps_apart():
    codes, attributes = codes_of(both=0.9)
    carried = mean_difference(codes, attributes[:, 0]) - TRUE[0]
    assert torch.allclose(carried, 0.8 * TRUE[1], atol=0.05)  # P(second | first) − P(second | not first)
    assert torch.allclose(adjusted_vectors(codes, attributes)[0], TRUE[0], atol=0.05)


def test_the_dose_is_the_smallest_that_lets_the_reading_rise_as_wanted():
    """A decoder that shows the code itself, and a reader of it: the answer is known."""
    model = SimpleNamespace(decode=lambda z: z, likelihood=SimpleNamespace(mean=lambda z: z))
    reader = torch.nn.Linear(2, 2, bias=False).requires_grad_(False)
    reader.weight.copy_(torch.tensor([[4.0, 0.0], [0.0, 4.0]]))
    codes = torch.zeros(3, 2)  # readings sigmoid(4 · 0) = ½
    wanted = torch.tensor(4 * 0.3).sigmoid().item() - 0.5
    vector = torch.tensor([0.0, 0.2])
    assert dose_for(model, reader, vector, codes, 1, wanted) == pytest.approx(1.5, abs=0.07)
    assert dose_for(model, reader, vector, codes, 0, wanted) == 4.0  # never: the other column


def test_vectors_refuse_what_cannot_be_answered():
    codes = torch.randn(10, 3)
    with pytest.raises(ValueError, match="pictures with the attribute and pictures without"):
        mean_difference(codes, torch.ones(10))
    twice = torch.tensor([[1.0, 1.0], [0.0, 0.0]]).repeat(5, 1)
    with pytest.raises(ValueError, match="follows from the others"):
        adjusted_vectors(codes, twice)


def test_a_reader_learns_to_read_glasses_and_hair():
    data, held_out = faces_from(draw_factors(600, seed=1)), faces_from(draw_factors(100, seed=2))
    before = torch.random.get_rng_state()
    reader = train_reader(data, data.factors, epochs=4, batch_size=32)
    assert torch.equal(before, torch.random.get_rng_state())
    found = read(reader, held_out.floats())
    assert found.shape == (100, 9) and 0 <= found.min() and found.max() <= 1
    glasses = (found[:, 1] > 0.5) == (held_out.factors[:, FACTORS.index("glasses")] > 0.5)
    assert glasses.float().mean() > 0.9
    assert (
        torch.corrcoef(torch.stack([found[:, 3], held_out.factors[:, FACTORS.index("hair_color")]]))[0, 1]
        > 0.9
    )
    with pytest.raises(ValueError, match=r"numbers in \[0, 1\]"):
        train_reader(data, data.factors + 1)


def test_factors_that_move_together_are_counted():
    class Pictures:  # the code is the picture, and the reader reads its pixels
        likelihood = type("Plain", (), {"mean": staticmethod(lambda x: x)})

        def encode(self, x):
            return type("Posterior", (), {"mean": x.flatten(1)})

        def decode(self, z):
            return z.reshape(-1, 1, 2, 2)

    class Reader(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(1))

        def forward(self, x):
            return torch.logit(x.flatten(1), eps=1e-6)

    faces = torch.full((5, 1, 2, 2), 0.5)
    assert factors_moved(Pictures(), Reader(), faces, torch.eye(4)[:2]) == pytest.approx(1, abs=1e-3)
    assert factors_moved(Pictures(), Reader(), faces, torch.full((1, 4), 0.5)) == pytest.approx(4, abs=1e-3)
    two = torch.tensor([[0.5, -0.5, 0.0, 0.0]])
    assert factors_moved(Pictures(), Reader(), faces, two) == pytest.approx(2, abs=1e-3)
