"""Claims judge numbers, show one table and save themselves; only an exact one that fails stops a run."""

import json
import math
import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vae_course.evaluation.intervals import Interval, Runs
from vae_course.files import write_atomically
from vae_course.teaching.claims import ClaimFailed, Claims, claims_table, measured_claim
from vae_course.teaching.display import format_number, results_table


@pytest.fixture(autouse=True)
def an_ordinary_run(monkeypatch, tmp_path):
    """Neither the tools' run nor the checkout's replications."""
    for name in ("VAE_COURSE_RESULTS", "VAE_COURSE_RUN", "VAE_COURSE_SEED"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VAE_COURSE_REPLICATION", str(tmp_path / "replication.json"))


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
    claims.add("value", Interval(0.9, 0.7, 1.1), below=1)
    claims.add("interval", Interval(0.9, 0.7, 1.1), below=1, whole_interval=True)
    claims.add("interval_inside", Interval(0.9, 0.8, 0.99), below=1, whole_interval=True)
    assert [claim.holds for claim in claims.claims] == [True, False, True]
    assert claims.claims[1].miss == pytest.approx(0.1)


def test_a_nan_end_fails_the_whole_interval():
    claims = Claims("x")
    claims.add("interval", Interval(0.9, math.nan, 0.95), below=1, whole_interval=True)
    assert not only(claims).holds


def test_tensors_and_arrays_are_numbers_too():
    claims = Claims("x")
    claims.add("tensor", torch.tensor(0.5), below=1)
    assert only(claims).value == 0.5


def test_of_runs_the_mean_decides_or_the_whole_interval():
    runs = Runs([0.8, 0.9, 1.0])  # 0.9 (0.65 to 1.15)
    claims = Claims("x")
    claims.add("mean", runs, below=1)
    claims.add("interval", runs, below=1, whole_interval=True)
    claims.add("wide", runs, below=1.2, whole_interval=True)
    assert [claim.holds for claim in claims.claims] == [True, False, True]
    assert (claims.claims[0].low, claims.claims[0].high) == runs.interval()


def test_an_interval_that_is_not_over_seeds_is_judged_and_written_as_runs_are():
    claims = Claims("test")
    claims.add("value", Interval(0.8, 0.65, 0.9), above=0.7)
    claims.add("whole", Interval(0.8, 0.65, 0.9), above=0.7, whole_interval=True)
    assert [claim.holds for claim in claims.claims] == [True, False]
    written = measured_claim(claims.record()["claims"][0])
    assert written == str(Interval(0.8, 0.65, 0.9)) == "0.80 (0.65 to 0.90)"


def test_an_exact_claim_over_runs_must_hold_in_every_one():
    claims = Claims("x")
    claims.add("every", Runs([1, 2, 30]), below=31, exact=True)
    claims.add("not_every", Runs([1, 2, 30]), below=25, exact=True)
    assert [claim.holds for claim in claims.claims] == [True, False]


def test_one_run_alone_has_a_mean_to_judge_and_no_interval():
    claims = Claims("x")
    claims.add("mean", Runs([0.5]), below=1)
    claims.add("interval", Runs([0.5]), below=1, whole_interval=True)
    assert [(claim.holds, claim.low) for claim in claims.claims] == [(True, None), (False, None)]


def test_an_exact_claim_that_fails_stops_the_run_and_is_named_with_its_miss():
    claims = Claims("x")
    claims.add("fine", 1, above=0, exact=True)
    claims.add("ratio", 3.2, above=5, exact=True, text="Ratio too small")
    claims.add("not_a_number", math.nan, below=1, exact=True)
    claims.add("on_the_edge", 1, below=1, exact=True)
    claims.add("measured", 1, below=0)
    with pytest.raises(ClaimFailed) as failure:
        claims.report()
    message = str(failure.value)
    assert "3 of 4 exact claims do not hold" in message
    assert "'Ratio too small': measured 3.2, must be > 5, missed by 1.8" in message
    assert "never holds" in message and "exactly on the bound" in message
    assert "Fine" not in message and "Measured" not in message


@pytest.mark.parametrize(
    ("run", "word"),
    [("full", "NO"), ("quick", "not in this small run"), (None, "not in this run")],
)
def test_a_measured_claim_that_misses_is_shown_and_stops_nothing(monkeypatch, capsys, run, word):
    if run:
        monkeypatch.setenv("VAE_COURSE_RUN", run)
    claims = Claims("x")
    claims.add("gain", Runs([1.0, 2.0, 3.0]), above=2.5, unit="nats", text="Nats gained")
    claims.add("same", 1e-7, below=1e-6, exact=True)
    claims.report()
    assert capsys.readouterr().out.strip().splitlines() == [
        "Claims of this run: 1 of 2 hold.",
        f"1. Nats gained: measured 2.0 nats (-0.5 to 4.5), must be > 2.5: {word}.",
        "2. Same: measured 1.000e-7, must be < 1e-6: holds.",
    ]


def test_the_table_is_folded_and_says_how_often_a_claim_was_replicated(tmp_path, capsys):
    again = {"gain": {"held": 4, "of": 5, "values": [3, 3, 3, 3, 1], "bound": "> 2"}}
    again["other"] = {**again["gain"], "bound": "> 1"}  # replicated with another bound: that says nothing
    record = {"seeds": [1, 2, 3, 4, 5], "chapters": {"02_Toy": again}}
    (tmp_path / "replication.json").write_text(json.dumps(record))
    claims = Claims("02_Toy")
    claims.add("gain", 3, above=2, text="Gain <b>")
    claims.add("other", 3, above=2)
    claims.add("same", 0, below=1, exact=True)
    claims.report()
    assert "1. Gain <b>: measured 3, must be > 2: holds. Replicated 4 of 5." in capsys.readouterr().out
    table, _ = claims_table(claims.record(), again)
    assert table.startswith("<details>\n<summary>Claims of this run: 3 of 3 hold</summary>\n<table>")
    rows = [row for row in table.splitlines() if row.startswith("<tr>")]
    cells = [re.findall("<t[hd][^>]*>(.*?)</t[hd]>", row) for row in rows]
    assert [row[0] for row in cells] == ["Gain &lt;b&gt;", "Other", "Same"]
    assert [row[-1] for row in cells] == ["4 of 5", "", "exact"]
    assert table.endswith("</details>")
    claims.name = "another chapter"
    claims.report()
    assert "Replicated" not in capsys.readouterr().out


def test_results_are_saved_in_the_agreed_schema_also_when_a_claim_fails(tmp_path, monkeypatch):
    monkeypatch.setenv("VAE_COURSE_RESULTS", str(tmp_path / "new"))
    monkeypatch.setenv("VAE_COURSE_RUN", "full")
    monkeypatch.setenv("VAE_COURSE_SEED", "3")
    claims = Claims("02_Encoder", parameters={"EPOCHS": 5, "SIZES": [1, 2]})
    claims.add("gain", Runs([1, 1, 1]), above=0.5, unit="nats", text="Nats gained")
    claims.add("lost", math.nan, near=(2, 0.5), exact=True)
    claims.note("seconds_per_epoch", 2.5, unit="s")
    with pytest.raises(ClaimFailed):
        claims.report()
    saved = json.loads((tmp_path / "new" / "02_Encoder.json").read_text(encoding="utf-8"))
    assert saved.pop("seconds") >= 0
    assert saved == {
        "parameters": {"EPOCHS": 5, "SIZES": [1, 2]},
        "base_seed": 3,
        "run": "full",
        "claims": [
            {
                "id": "gain",
                "text": "Nats gained",
                "value": 1,
                "low": 1,
                "high": 1,
                "unit": "nats",
                "bound": "> 0.5",
                "exact": False,
                "holds": True,
            },
            {
                "id": "lost",
                "text": "Lost",
                "value": None,
                "low": None,
                "high": None,
                "unit": "",
                "bound": "within 0.5 of 2",
                "exact": True,
                "holds": False,
            },
        ],
        "notes": [{"id": "seconds_per_epoch", "value": 2.5, "low": None, "high": None, "unit": "s"}],
    }
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["02_Encoder.json"]


def test_nothing_is_saved_without_the_variable(tmp_path, monkeypatch):
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
    claims.add("first", 0, below=2, text="Changed")
    claims.note("number", 1)
    claims.note("number", 2)
    assert [(claim.text, claim.holds) for claim in claims.claims] == [("Changed", True), ("Second", True)]
    assert claims.record()["notes"][0]["value"] == 2


def test_a_share_is_written_in_percent_and_judged_as_a_share():
    claims = Claims("x")
    claims.add("share", 0.43, above=0.3, unit="%")
    assert only(claims).holds and only(claims).bound == "> 30 %"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "exactly one"),
        ({"below": 1, "above": 0}, "exactly one"),
        ({"below": 1, "value": Interval(0.5, 0.6, 0.4)}, "not inside its interval"),
        ({"below": 1, "whole_interval": True}, "needs Runs or an Interval"),
        ({"below": 1, "id": "A Text", "text": "A text"}, "small letters"),
        ({"below": 1, "id": "noted"}, "a note has this id"),
    ],
)
def test_a_claim_that_makes_no_sense_is_refused(arguments, words):
    claims = Claims("x")
    claims.note("noted", 1)
    with pytest.raises(ValueError, match=words):
        claims.add(**{"id": "text", "value": 0.5} | arguments)


def test_a_note_that_makes_no_sense_is_refused():
    claims = Claims("x")
    claims.add("gain", 1, above=0)
    with pytest.raises(ValueError, match="a claim has this id already"):
        claims.note("gain", 1)
    with pytest.raises(ValueError, match="small letters"):
        claims.note("Seconds per epoch", 1)


def test_a_name_that_is_a_path_and_unusable_parameters_are_refused():
    with pytest.raises(ValueError, match="plain name"):
        Claims("results/02")
    with pytest.raises(TypeError, match="not JSON serializable"):
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


def test_numbers_with_a_gradient_are_taken_without_a_warning(recwarn):
    value = torch.tensor(0.5, requires_grad=True) * 1
    claims = Claims("x")
    claims.add("one", value, below=1)
    claims.add("runs", Runs([value, 2 * value]), below=1)
    assert [claim.value for claim in claims.claims] == [0.5, 0.75] and not recwarn.list
