"""From the records of a sweep to curves with intervals and a choice."""

import math

import pytest

from vae_course.evaluation.code_use import choose_size, size_curve
from vae_course.evaluation.intervals import Runs

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


def test_one_seed_gives_a_point():
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
