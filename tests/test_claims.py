"""Claims judge numbers, show one table, save themselves and stop a run that does not hold."""

import json
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vae_course.evaluation.intervals import mean_interval
from vae_course.files import write_atomically
from vae_course.teaching.old_claims import ClaimFailed, Claims
from vae_course.teaching.tables import format_number, results_table


def only(claims: Claims):
    (claim,) = claims.claims
    return claim


@pytest.mark.parametrize(
    ("value", "bound", "holds"),
    [
        (0.9, {"below": 1}, True),
        (1.0, {"below": 1}, False),
        (1.1, {"above": 1}, True),
        (1.0, {"above": 1}, False),
        (95, {"between": (95, 110)}, True),
        (110.5, {"between": (95, 110)}, False),
        (2.75, {"near": (2.5, 0.25)}, True),
        (2.2, {"near": (2.5, 0.25)}, False),
        (math.nan, {"below": 1}, False),
        (math.nan, {"between": (-1e9, 1e9)}, False),
        (math.inf, {"above": 1}, False),
    ],
)
def test_a_bound_is_judged(value, bound, holds):
    claims = Claims("x")
    claims.add("text", value, **bound)
    assert only(claims).holds is holds


@settings(deadline=None, max_examples=50)
@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_below_and_above_are_the_strict_order_of_numbers(value, bound):
    claims = Claims("x")
    claims.add("below", value, below=bound)
    claims.add("above", value, above=bound)
    assert [claim.holds for claim in claims.claims] == [value < bound, value > bound]


def test_the_value_decides_unless_the_whole_interval_is_asked_for():
    claims = Claims("x")
    claims.add("value", 0.9, below=1, low=0.7, high=1.1)
    claims.add("interval", 0.9, below=1, low=0.7, high=1.1, whole_interval=True)
    claims.add("interval inside", 0.9, below=1, low=0.8, high=0.99, whole_interval=True)
    assert [claim.holds for claim in claims.claims] == [True, False, True]
    assert claims.claims[1].miss == pytest.approx(0.1)


def test_a_nan_end_fails_the_whole_interval():
    claims = Claims("x")
    claims.add("interval", 0.9, below=1, low=math.nan, high=0.95, whole_interval=True)
    assert not only(claims).holds


def test_tensors_and_arrays_are_numbers_too():
    claims = Claims("x")
    claims.add("tensor", torch.tensor(0.5), below=1)
    assert only(claims).value == 0.5


def test_the_failure_names_every_broken_claim_and_by_how_much():
    claims = Claims("x")
    claims.add("fine", 1, above=0)
    claims.add("ratio too small", 3.2, above=5, low=2.9, high=3.6)
    claims.add("not a number", math.nan, below=1)
    claims.add("on the edge", 1, below=1)
    with pytest.raises(ClaimFailed) as failure:
        claims.report()
    message = str(failure.value)
    assert "3 of 4 claims do not hold" in message
    assert "'ratio too small': measured 3.2 (interval 2.9 to 3.6), claimed > 5, missed by 1.8" in message
    assert "never holds" in message and "exactly on the bound" in message
    assert "fine" not in message


def test_the_report_can_be_read_aloud(capsys):
    claims = Claims("x")
    claims.add("Gap, nats", 3e-4, below=1e-3, low=2e-4, high=4e-4)
    claims.report()
    assert capsys.readouterr().out.strip().splitlines() == [
        "Claims of this run:",
        "1. Gap, nats: measured 3e-4 (interval 2e-4 to 4e-4), must be < 0.001: holds.",
    ]


def test_results_are_saved_in_the_agreed_schema_also_when_a_claim_fails(tmp_path, monkeypatch):
    monkeypatch.setenv("VAE_COURSE_RESULTS", str(tmp_path / "new"))
    claims = Claims("02_Encoder", parameters={"EPOCHS": 5, "SIZES": [1, 2]})
    claims.add("exact", 0.5, below=1)
    claims.add("lost", math.nan, near=(2, 0.5), low=None, high=None)
    with pytest.raises(ClaimFailed):
        claims.report()
    saved = json.loads((tmp_path / "new" / "02_Encoder.json").read_text(encoding="utf-8"))
    assert list(saved) == ["parameters", "seconds", "claims"]
    assert saved["parameters"] == {"EPOCHS": 5, "SIZES": [1, 2]}
    assert saved["seconds"] >= 0
    assert saved["claims"] == [
        {"text": "exact", "value": 0.5, "low": None, "high": None, "bound": "< 1", "holds": True},
        {
            "text": "lost",
            "value": None,
            "low": None,
            "high": None,
            "bound": "within 0.5 of 2",
            "holds": False,
        },
    ]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["02_Encoder.json"]


def test_nothing_is_saved_without_the_variable(tmp_path, monkeypatch):
    monkeypatch.delenv("VAE_COURSE_RESULTS", raising=False)
    monkeypatch.chdir(tmp_path)
    claims = Claims("x")
    claims.add("fine", 1, above=0)
    claims.report()
    assert not list(tmp_path.iterdir())


def test_an_interrupted_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "x.json"
    claims = Claims("x")
    claims.add("fine", 1, above=0)
    claims.save(path)
    before = path.read_bytes()

    def cut(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(write_atomically.__globals__["os"], "replace", cut)
    claims.add("second", 2, above=0)
    with pytest.raises(KeyboardInterrupt):
        claims.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_cell_can_be_run_twice():
    claims = Claims("x")
    claims.add("first", 5, below=1)
    claims.add("second", 0, below=1)
    claims.add("first", 0, below=1)
    assert [(claim.text, claim.holds) for claim in claims.claims] == [("first", True), ("second", True)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "exactly one"),
        ({"below": 1, "above": 0}, "exactly one"),
        ({"below": 1, "low": 0.0}, "both low and high"),
        ({"below": 1, "low": 0.6, "high": 0.4}, "not inside its interval"),
        ({"below": 1, "whole_interval": True}, "needs low and high"),
    ],
)
def test_a_claim_that_makes_no_sense_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        Claims("x").add("text", 0.5, **arguments)


def test_a_name_that_is_a_path_and_unusable_parameters_are_refused():
    with pytest.raises(ValueError, match="plain name"):
        Claims("results/02")
    with pytest.raises(ValueError, match="plain numbers"):
        Claims("x", parameters={"DEVICE": torch.device("cpu")})
    with pytest.raises(ValueError, match="no claims"):
        Claims("x").report()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12, "12"),
        (60000, "60,000"),
        (104.2371, "104.2"),
        (0.5, "0.5"),
        (1234.5678, "1,235"),
        (0.00012345, "1.234e-4"),
        (0.0, "0"),
        (-3.14159, "-3.142"),
        (math.nan, "not a number"),
        (True, "yes"),
        ("VAE", "VAE"),
        (None, ""),
        (torch.tensor(2.5), "2.5"),
    ],
)
def test_numbers_are_written_for_people(value, text):
    assert format_number(value) == text


def test_the_results_table_has_one_line_per_row_and_leaves_out_what_is_empty(capsys):
    results_table([{"model": "VAE", "nats": 104.237}, {"model": "AE", "samples": 8}], caption="Results")
    assert capsys.readouterr().out.strip().splitlines() == [
        "Results:",
        "1. model: VAE; nats: 104.2",
        "2. model: AE; samples: 8",
    ]


def test_the_results_table_refuses_nothing_and_unknown_columns():
    with pytest.raises(ValueError, match="at least one row"):
        results_table([])
    with pytest.raises(ValueError, match="'size'"):
        results_table([{"model": "VAE"}], columns=["model", "size"])


def test_the_interval_of_three_seeds_is_the_textbook_one():
    # t(0.975, 2 degrees of freedom) = 4.302653 (any table); s = 1, n = 3.
    mean, low, high = mean_interval([1.0, 2.0, 3.0])
    half = 4.302653 / math.sqrt(3)
    assert (mean, low, high) == pytest.approx((2.0, 2 - half, 2 + half), abs=1e-6)


def test_an_interval_is_cut_where_the_quantity_cannot_lie():
    few = mean_interval([0.0, 0.0, 1.0])
    assert few.low < 0 and few.high > 1
    assert few.within(0, 1) == (few.mean, 0, 1) and few.within(0) == (few.mean, 0, few.high)
    assert few.within() == few
    with pytest.raises(ValueError, match="outside"):
        few.within(1, 2)


def test_the_interval_covers_the_truth_as_often_as_it_says():
    draws = torch.randn(4000, 3, generator=torch.Generator().manual_seed(0)).tolist()
    covered = sum(low <= 0 <= high for _, low, high in (mean_interval(d, 0.9) for d in draws[:1000]))
    # Binomial(1000, 0.9) has a standard deviation of 9.5.
    assert abs(covered - 900) < 4 * 9.5


@pytest.mark.parametrize(
    ("values", "confidence", "words"),
    [([1.0], 0.95, "at least two"), ([1.0, math.nan], 0.95, "finite"), ([1.0, 2.0], 95, "between 0 and 1")],
)
def test_an_interval_that_makes_no_sense_is_refused(values, confidence, words):
    with pytest.raises(ValueError, match=words):
        mean_interval(values, confidence)
