"""Runs: means over seeds with intervals that cover, stay in the possible, and pair by seed."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vae_course.evaluation import Estimate
from vae_course.evaluation.intervals import Runs, measured_text, over_seeds
from vae_course.plots import interval_dots, line_plot
from vae_course.randomness import base_seeded

A = Runs([5.0, 7.0, 9.0])
B = Runs([1.0, 4.0, 4.0])


def test_the_interval_of_three_seeds_is_the_textbook_one():
    # t(0.975, 2 degrees of freedom) = 4.302653 (any table); s = 1, n = 3.
    half = 4.302653 / math.sqrt(3)
    runs = Runs([1, 2, 3])
    assert (runs.mean, runs.low, runs.high) == pytest.approx((2, 2 - half, 2 + half), abs=1e-6)


def test_runs_are_paired_by_seed():
    assert (A - B).values == (4, 3, 5) and (A + B).values == (6, 11, 13)
    assert (A / B).values == (5, 1.75, 2.25) and (A * B).values == (5, 28, 36)
    assert (-A).values == (-5, -7, -9)
    # The spread of the difference, not that of each: values that move together differ by a constant.
    assert (A - (A - 2)).interval() == (2, 2)


def test_plain_numbers_stand_on_both_sides():
    assert (A - 1).values == (4, 6, 8) and (10 - A).values == (5, 3, 1)
    assert (A * 2).values == (2 * A).values == (10, 14, 18)
    assert (A / 2).values == (2.5, 3.5, 4.5) and (B + 1).values == (1 + B).values == (2, 5, 5)
    assert (20 / B).values == (20, 5, 5)
    for two in (np.float64(2), torch.tensor(2.0)):
        assert isinstance(two * A, Runs) and (two * A).values == (10, 14, 18)


def test_other_seeds_are_refused():
    for other in (Runs([1, 2]), Runs([1, 2, 3], seeds=[0, 1, 3])):
        with pytest.raises(ValueError, match=r"paired by seed, but these have the seeds \[0, 1, 2\] and"):
            A - other
    assert (Runs([1, 2], seeds=[0, 2]) - Runs([1, 1], seeds=[0, 2])).values == (0, 1)


def test_a_ratio_over_zero_is_refused_with_a_sentence():
    for divide in (lambda: A / Runs([1, 0, 1]), lambda: A / 0, lambda: 1 / Runs([1, 0, 1])):
        with pytest.raises(ValueError, match="denominator that is never 0"):
            divide()
    with pytest.raises(TypeError):
        A + "text"


@settings(deadline=None, max_examples=200)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=10))
def test_the_interval_of_a_share_is_possible_and_holds_its_mean(values):
    runs = Runs(values, least=0, most=1)
    assert 0 <= runs.low <= runs.mean + 1e-12 and runs.mean - 1e-12 <= runs.high <= 1


@settings(deadline=None, max_examples=200)
@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=10))
def test_the_interval_of_a_distance_is_never_negative(values):
    runs = Runs(values, least=0)
    assert 0 <= runs.low <= runs.mean * (1 + 1e-12) and runs.mean <= runs.high * (1 + 1e-12) + 1e-300


def test_far_from_its_borders_a_share_has_the_plain_interval():
    values = [0.501, 0.500, 0.502]
    plain, share = Runs(values), Runs(values, least=0, most=1)
    # The scales differ in second order: half-width² / (p (1 − p)) ≈ 3e-5 of a half-width of 0.0025.
    assert (share.low, share.high) == pytest.approx((plain.low, plain.high), abs=1e-6)


def test_borders_follow_from_those_of_both():
    share, other = Runs([0.1, 0.9, 0.5], least=0, most=1), Runs([0.9, 0.1, 0.5], least=0, most=1)
    distance = Runs([1, 2, 3], least=0)

    def borders(runs):
        return runs.least, runs.most

    assert borders(share - other) == (-1, 1) and borders(share + other) == (0, 2)
    assert borders(100 * share) == (0, 100) and borders(-share) == (-1, 0) and borders(1 - share) == (0, 1)
    assert borders(distance / share) == borders(share * distance) == borders(1 / share) == (0, math.inf)
    assert borders(share - distance) == (-math.inf, 1) and borders(distance - distance) == (
        -math.inf,
        math.inf,
    )
    assert borders(A * 0) == borders(A / B) == (-math.inf, math.inf)
    assert -1 < (share - other).low and (share - other).high < 1
    assert Runs([0.5, 1.0]).within(0, 1).most == 1


def covered(values: np.ndarray, truth: float, **borders) -> float:
    """Share of the rows whose 95 % interval holds the truth."""
    intervals = [Runs(row, **borders).interval() for row in values]
    return sum(low <= truth <= high for low, high in intervals) / len(values)


N = 1000
ERROR = math.sqrt(0.95 * 0.05 / N)  # standard deviation of the share covered, binomial


@pytest.mark.parametrize("n", [3, 5, 10])
def test_the_interval_of_normal_values_covers_as_often_as_it_says(n):
    values = np.random.RandomState(n).normal(size=(N, n))
    assert abs(covered(values, 0.0) - 0.95) < 4 * ERROR


@pytest.mark.parametrize("n", [3, 5, 10])
@pytest.mark.parametrize("shape", [(5, 5), (2, 2), (1, 9), (40, 2)])
def test_the_interval_of_a_share_covers_as_often_as_it_says(n, shape):
    """Also near a border, where a plain interval cut at 0 and 1 covers 90 % (Beta(1, 9), three values)."""
    values = np.random.RandomState(n).beta(*shape, size=(N, n))
    # 0.94 to 0.96 in the long run (40,000 intervals each); 4 standard deviations for these 1,000.
    assert 0.94 - 4 * ERROR < covered(values, shape[0] / sum(shape), least=0, most=1) < 0.96 + 4 * ERROR


def test_the_coverage_test_would_find_a_plain_interval_cut_at_the_borders():
    values = np.random.RandomState(0).beta(1, 9, size=(N, 3))
    assert covered(values, 0.1) < 0.94 - 4 * ERROR


def test_one_run_has_a_mean_and_no_interval():
    one = Runs([7.25])
    assert one.mean == 7.25 and math.isnan(one.low) and math.isnan(one.high)
    assert str(one) == "7.2" and f"{one:.1f}" == "7.2"


def test_a_value_that_is_not_finite_leaves_nothing_known():
    for value in (math.nan, math.inf):
        runs = Runs([1, value, 2], least=0)
        assert math.isnan(runs.mean) and math.isnan(runs.low) and str(runs) == "not a number"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"values": []}, "at least one value"),
        ({"values": [0.5, 1.1], "least": 0, "most": 1}, "do not lie between 0 and 1"),
        ({"values": [0.5], "least": 1, "most": 0}, "do not lie between"),
        ({"values": [1, 2], "seeds": [0]}, "one seed for each"),
        ({"values": [1, 2], "seeds": [0, 0]}, "one seed for each"),
    ],
)
def test_runs_that_make_no_sense_are_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        Runs(**arguments)


def test_tensors_and_estimates_are_numbers():
    runs = Runs([torch.tensor(1.5), Estimate(2.5, 0.1, 10), np.float32(3.5)])
    assert runs.values == (1.5, 2.5, 3.5)


def test_over_seeds_seeds_everything_and_hands_the_seed_on():
    def measure(seed):
        return {"drawn": torch.randn(()), "seed": seed, "numpy": np.random.rand()}

    runs = over_seeds(3, measure)
    assert list(runs) == ["drawn", "seed", "numpy"] and runs["seed"].values == (0, 1, 2)
    torch.manual_seed(2)
    assert runs["drawn"].values[2] == torch.randn(()).item()
    assert over_seeds(3, measure)["numpy"].values == runs["numpy"].values
    with base_seeded(1):
        moved = over_seeds(3, measure)
    assert moved["seed"].values == (0, 1, 2)
    assert not set(moved["drawn"].values) & set(runs["drawn"].values)
    assert over_seeds(2, lambda seed: seed / 2).values == (0, 0.5)


def test_over_seeds_refuses_what_is_no_measure():
    with pytest.raises(TypeError, match="not 'list'"):
        over_seeds(2, lambda seed: [1, 2])
    with pytest.raises(KeyError, match="a"):
        over_seeds(2, lambda seed: {"a": 1} if seed == 0 else {"b": 1})
    with pytest.raises(ValueError, match="at least one value, one for each seed"):
        over_seeds(0, float)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((147.8, 115.07, 180.52), "148 (115 to 181)"),
        ((0.0351, 0.0242, 0.0461), "0.035 (0.024 to 0.046)"),
        ((7.31, 6.64, 7.98, "nats"), "7.3 nats (6.6 to 8.0)"),
        ((0.4321, 0.3111, 0.5532, "%"), "43 % (31 to 55)"),
        ((12_345.6, 11_012, 13_680), "12,300 (11,000 to 13,700)"),
        ((-0.012, -0.31, 0.286), "-0.01 (-0.31 to 0.29)"),
        ((-0.001, -0.31, 0.31), "0.00 (-0.31 to 0.31)"),
        ((-3.3e-4, -0.0287, 0.0281), "0.000 (-0.029 to 0.028)"),
        ((1.04e-5, 0.0, 2.31e-5), "1.0e-5 (0 to 2.3e-5)"),
        ((100.12341, 100.12337, 100.12345), "100.123 (100.123 to 100.123)"),
        ((2.0, 2.0, 2.0, "times"), "2 times"),
        ((543.427,), "543"),
        ((99.7,), "100"),
        ((1234.5,), "1,230"),
        ((0.0123, None, None, "s"), "0.012 s"),
        ((0.4321, None, None, "%"), "43 %"),
        ((60_000,), "60,000"),
        ((25.0,), "25"),
        ((math.nan, None, None, "nats"), "not a number nats"),
    ],
)
def test_a_sentence_gets_what_is_known_and_no_more(arguments, text):
    assert measured_text(*arguments) == text


def test_exact_numbers_keep_four_digits():
    assert measured_text(784 * math.log(2), unit="nats", exact=True) == "543.4 nats"
    assert measured_text(2 / 3, exact=True) == "0.6667"


def test_runs_print_themselves():
    runs = Runs([107.2, 106.5, 107.4]) - Runs([99.4, 99.9, 99.8])
    assert str(runs) == f"{runs}" == "7.3 (5.7 to 8.9)"
    assert f"{runs:+.2f}" == "+7.33 (+5.74 to +8.93)"
    assert f"{Runs([0.25, 0.5, 0.3]):.0%}" == "35% (2% to 68%)"


def test_plots_draw_runs_as_they_draw_a_mean_with_its_interval():
    runs = [A, B, Runs([1.5])]
    means, ends = [r.mean for r in runs], [r.interval() for r in runs]
    lows, highs = zip(*ends, strict=True)

    def bars(figure):
        return [segment.tolist() for segment in figure.axes[0].collections[0].get_segments()]

    ours = bars(line_plot({"a": ([0, 1, 2], runs)}, "x", "y"))
    assert str(ours) == str(bars(line_plot({"a": ([0, 1, 2], means, lows, highs)}, "x", "y")))
    assert ours[0] == [[0, pytest.approx(A.low)], [0, pytest.approx(A.high)]]

    def lines(figure):
        return [line.get_xdata() for line in figure.axes[0].lines]

    drawn = lines(interval_dots({"m": {"a": A, "b": B}}))
    assert str(drawn) == str(
        lines(interval_dots({"m": {"a": (A.mean, A.low, A.high), "b": (B.mean, B.low, B.high)}}))
    )
