"""Nearest neighbors are exact, and the memorization score finds planted copies and nothing else."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vae_course.evaluation.samples import memorization, nearest_neighbors


def rows(n, d=20, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


TRAIN, HELD_OUT, FRESH = rows(2000, seed=1), rows(1000, seed=2), rows(1000, seed=3)


@given(n=st.integers(1, 30), m=st.integers(3, 40), k=st.integers(1, 3), seed=st.integers(0, 99))
def test_neighbors_equal_brute_force(n, m, k, seed):
    queries, bank = rows(n, 4, seed), rows(m, 4, seed + 100)
    found = nearest_neighbors(queries, bank, k)
    all_distances = (queries[:, None] - bank).square().sum(-1).sqrt()
    assert torch.allclose(found.distance, all_distances.sort(1).values[:, :k])
    assert torch.allclose(all_distances.gather(1, found.index), found.distance)


def test_a_copy_is_at_distance_zero_and_named():
    bank = torch.rand(300, 1, 8, 8, generator=torch.Generator().manual_seed(0)) + 100  # large numbers
    distance, index = nearest_neighbors(bank[[7, 250]], bank)
    assert distance.flatten().tolist() == [0, 0]
    assert index.flatten().tolist() == [7, 250]


def test_fresh_data_look_fresh():
    result = memorization(FRESH, TRAIN, HELD_OUT)
    assert result.closer == pytest.approx(0.5, abs=0.05)
    assert result.copies == pytest.approx(0.01, abs=0.01)
    assert result.n == 1000


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_planted_copies_are_counted(share):
    samples = FRESH.clone()
    planted = int(share * len(samples))
    samples[:planted] = TRAIN[:planted] + 0.2 * rows(planted, seed=4)  # not exact copies
    result = memorization(samples, TRAIN, HELD_OUT)
    assert result.copies == pytest.approx(share, abs=0.02)
    assert result.closer == pytest.approx(0.5 + share / 2, abs=0.05)


def test_shrunken_samples_are_close_to_everything_but_no_copies():
    """What blur does to a picture: nearer to its neighbors, and to all of them alike."""
    result = memorization(0.6 * FRESH, TRAIN, HELD_OUT)
    assert result.closer > 0.9
    assert result.copies < 0.02


def test_pictures_and_features_both_work():
    pictures = [part.reshape(-1, 1, 4, 5) for part in (FRESH, TRAIN, HELD_OUT)]
    assert memorization(*pictures) == memorization(FRESH, TRAIN, HELD_OUT)


def test_ties_count_one_half():
    train = torch.zeros(25, 2)
    apart = torch.ones(100, 2)
    assert memorization(apart, train, apart.clone()).closer == 0.5


def test_too_few_held_out_rows_are_refused():
    with pytest.raises(ValueError, match="give 100"):
        memorization(FRESH, TRAIN, HELD_OUT[:99])
