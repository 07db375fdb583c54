"""Predictions are recorded with and without a front end, and compared without blame."""

import pytest

from vae_course.teaching.predictions import predict


def test_question_and_options_are_there_as_text(capsys):
    predict("Will the KL rise?", ["it rises", "it falls"], default=1)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["Predict. Will the KL rise?", "  (a) it rises", "  (b) it falls"]
    assert "(b) it falls" in lines[3]


def test_an_unattended_run_keeps_the_default(capsys):
    guess = predict("Will the KL rise?", ["it rises", "it falls"], default=1)
    capsys.readouterr()
    guess.compare("it falls", "KL went from 3.2 to 1.1 nats.")
    assert capsys.readouterr().out.splitlines() == [
        "Measured: KL went from 3.2 to 1.1 nats.",
        "What happened: it falls (as the recorded default).",
    ]


def test_pressing_a_button_records_the_choice(capsys):
    guess = predict("Which is larger?", ["left", "right", "equal"])
    guess.buttons.value = 2
    assert (guess.answer, guess.index, guess.chosen) == ("equal", 2, True)
    capsys.readouterr()
    guess.compare(0, "left 3.1, right 2.9.")
    assert capsys.readouterr().out.splitlines() == [
        "You predicted: equal.",
        "Measured: left 3.1, right 2.9.",
        "What happened: left. Worth a second look at why.",
    ]


def test_the_widget_offers_what_the_text_says():
    guess = predict("Which?", ["left", "right"], default=1)
    assert [text for text, _ in guess.buttons.options] == ["(a) left", "(b) right"]
    assert guess.buttons.value == 1


@pytest.mark.parametrize(
    ("options", "default", "words"),
    [
        (["only one"], 0, "two different options"),
        (["same", "same"], 0, "two different options"),
        (["a", "b"], 2, "default must be 0 to 1"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(options, default, words):
    with pytest.raises(ValueError, match=words):
        predict("Which?", options, default)


@pytest.mark.parametrize("outcome", ["up", 2, -1, True])
def test_an_outcome_that_is_no_option_is_refused(outcome):
    with pytest.raises(ValueError, match="none of the options"):
        predict("Which?", ["left", "right"]).compare(outcome, "3.1 and 2.9.")
