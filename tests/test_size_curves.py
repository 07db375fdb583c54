"""From the records of a sweep to a bend, an interval and a choice."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vae_course.evaluation.intervals import Runs
from vae_course.evaluation.sizes import (
    bend,
    choose_size,
    nats_per_extra_dimension,
    saturation_point,
    size_curve,
)

SIZES = [2, 4, 8, 16, 32, 64]


def record(
    k: int, seed: int = 0, units: float = 0, loss: float = 100.0, beta: float = 1.0, name: str = "toy"
):
    return {
        "dataset": name,
        "latent_dim": k,
        "beta": beta,
        "seed": seed,
        "used_units": units,
        "negative_elbo": loss,
        "distortion": loss - 20,
        "rate": 20.0,
        "frechet": None,
    }


@settings(deadline=None, max_examples=60)
@given(st.floats(min_value=2.0, max_value=64.0))
def test_bend_of_exact_counts_is_exact(s):
    assert bend(SIZES, [min(k, s) for k in SIZES]) == pytest.approx(s)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(min_value=0, max_value=64), min_size=6, max_size=6))
def test_bend_is_the_best_fit_among_all(units):
    def error(s):
        return sum((min(k, s) - used) ** 2 for k, used in zip(SIZES, units, strict=True))

    best = min(error(i / 50) for i in range(64 * 50 + 1))
    assert error(bend(SIZES, units)) <= best + 1e-6


def test_bend_out_of_sight_is_the_largest_size():
    assert bend(SIZES, SIZES) == 64


def test_saturation_has_an_interval_over_seeds():
    records = [record(k, seed, min(k, 10 + seed)) for k in SIZES for seed in range(3)]
    point = saturation_point(records)
    assert point.mean == pytest.approx(11)
    expected = Runs([10, 11, 12], least=0, most=64)
    assert (point.low, point.high) == (pytest.approx(expected.low), pytest.approx(expected.high))
    assert point.seeds == (0, 1, 2)


def test_intervals_stay_in_what_is_possible():
    """Counts that scatter widely: a plain Student interval reaches below 0 and above the size."""
    values = {"used_units": (0.0, 0.1, 2.0), "rate": (0.1, 0.2, 9.0), "probe_accuracy": (0.1, 0.9, 0.95)}
    records = [record(k, seed) for k in (2, 4) for seed in range(3)]
    records = [r | {name: values[name][r["seed"]] for name in values} for r in records]
    for measure, most in (("used_units", 2), ("rate", math.inf), ("probe_accuracy", 1)):
        plain = Runs(values[measure])
        assert plain.low < 0 or plain.high > most, "else the test shows nothing"
        curve = size_curve(records, measure)
        assert 0 <= curve.low[0] < curve.mean[0] < curve.high[0] <= most
    point = saturation_point(records)
    assert 0 <= point.low < point.mean < point.high <= 4


def test_one_seed_gives_a_point():
    point = saturation_point([record(k, 0, min(k, 10)) for k in SIZES])
    assert point.mean == 10 and point.n == 1
    curve = size_curve([record(k, 0, min(k, 10)) for k in SIZES], "used_units")
    assert curve.low == curve.mean == curve.high


def test_curve_takes_one_beta_and_one_data_set():
    records = [
        record(k, seed, beta=beta, loss=100 + k + seed)
        for k in (4, 2)
        for seed in (1, 0)
        for beta in (1.0, 4.0)
    ]
    curve = size_curve(records, "negative_elbo", beta=4.0)
    assert curve.sizes == [2, 4] and curve.mean == [102.5, 104.5]
    with pytest.raises(ValueError, match="β = 2; it has 1, 4"):
        size_curve(records, "negative_elbo", beta=2.0)
    with pytest.raises(ValueError, match="several data sets"):
        size_curve([*records, record(2, name="other")], "rate")
    with pytest.raises(ValueError, match="frechet was not measured"):
        size_curve(records, "frechet")


def test_extra_dimensions_are_priced_for_each_seed():
    records = [record(k, seed, loss=100 + 10 * seed - 0.5 * k) for k in (8, 16, 64) for seed in range(3)]
    gain = nats_per_extra_dimension(records, 16)
    assert (gain.mean, gain.low, gain.high) == pytest.approx((0.5, 0.5, 0.5))


LOSSES = {2: 150.0, 4: 130.0, 8: 120.5, 16: 120.0, 32: 121.0}


@pytest.mark.parametrize(("tolerance", "size"), [(0.0, 16), (0.5, 8), (0.4, 16), (10.0, 4), (100.0, 2)])
def test_choice_is_the_smallest_size_within_the_tolerance(tolerance, size):
    records = [record(k, seed, loss=LOSSES[k] + seed) for k in LOSSES for seed in range(2)]
    choice = choose_size(records, tolerance=tolerance)
    assert (choice.size, choice.best, choice.at_edge) == (size, 16, False)
    assert choice.price == pytest.approx(LOSSES[size] - 120)


def test_choice_at_the_edge_asks_for_larger_sizes():
    choice = choose_size([record(k, loss=200 - k) for k in SIZES])
    assert choice.at_edge and choice.size == 64 and "try larger" in str(choice)


def test_a_choice_counts_its_nats():
    records = [record(k, loss=loss) for k, loss in LOSSES.items()]
    assert "within 1 nat of the best" in str(choose_size(records, tolerance=1.0))
    assert str(choose_size(records, tolerance=0.0)).endswith("nothing smaller is within 0 nats")


def test_choice_weighs_the_rate_by_beta():
    cheap, dear = record(4, beta=4.0), record(8, beta=4.0)
    cheap |= {"distortion": 110.0, "rate": 10.0}
    dear |= {"distortion": 85.0, "rate": 20.0}  # −ELBO lower, 4-weighted loss higher
    assert choose_size([cheap, dear], beta=4.0).best == 4
