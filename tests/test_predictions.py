"""Predictions start with nothing chosen, are asked once, and are compared without blame."""

import pytest

from vae_course.teaching.engine import predict


def test_question_and_options_are_there_as_text_once(capsys):
    predict("Will the KL rise?", ["it rises", "it falls"])
    shown = capsys.readouterr().out
    assert shown.splitlines()[:3] == ["Predict. Will the KL rise?", "  (a) it rises", "  (b) it falls"]
    for text in ("Will the KL rise?", "it rises", "it falls"):
        assert shown.count(text) == 1


def test_an_unattended_run_records_no_answer(capsys):
    guess = predict("Will the KL rise?", ["it rises", "it falls"])
    assert (guess.answer, guess.index, guess.buttons.value) == (None, None, None)
    capsys.readouterr()
    guess.compare("it falls", "KL went from 3.2 to 1.1 nats.")
    assert capsys.readouterr().out.splitlines() == [
        "Measured: KL went from 3.2 to 1.1 nats.",
        "What happened: it falls.",
    ]


def test_pressing_a_button_records_the_choice(capsys):
    guess = predict("Which is larger?", ["left", "right", "equal"])
    guess.buttons.value = 2
    assert (guess.answer, guess.index) == ("equal", 2)
    capsys.readouterr()
    guess.compare(0, "left 3.1, right 2.9.")
    assert capsys.readouterr().out.splitlines() == [
        "You predicted: equal.",
        "Measured: left 3.1, right 2.9.",
        "What happened: left. Worth a second look at why.",
    ]
    guess.choose("left")
    guess.compare("left", "left 3.1, right 2.9.")
    assert capsys.readouterr().out.splitlines()[-1] == "It came true."


def test_the_buttons_carry_the_letters_of_the_text():
    guess = predict("Which?", ["left", "right"])
    assert guess.buttons.options == (("a", 0), ("b", 1))
    assert list(guess.buttons.tooltips) == ["left", "right"]


@pytest.mark.parametrize("options", [["only one"], ["same", "same"]])
def test_a_question_that_makes_no_sense_is_refused(options):
    with pytest.raises(ValueError, match="two different options"):
        predict("Which?", options)


@pytest.mark.parametrize("outcome", ["up", 2, -1, True])
def test_an_outcome_that_is_no_option_is_refused(outcome):
    with pytest.raises(ValueError, match="none of the options"):
        predict("Which?", ["left", "right"]).compare(outcome, "3.1 and 2.9.")
