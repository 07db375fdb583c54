"""The exercises engine: what it says to stubs, wrong forms, exceptions, and how little it disturbs."""

import random

import numpy as np
import pytest
import torch
from exercise_answers import reference_of, stub_of, verdict_of

from vae_course.teaching import engine as engine_module
from vae_course.teaching.engine import check, complete, exercises, find, hint, solution, solution_source
from vae_course.teaching.exercise import Exercise, Mistake
from vae_course.teaching.grading import grade

EVERY = [exercise for chapter in ("01", "02") for exercise in exercises(chapter)]
identifiers = pytest.mark.parametrize("exercise", EVERY, ids=[exercise.id for exercise in EVERY])


def right(mean, log_var):
    return 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum(-1)


@identifiers
def test_the_solution_passes(exercise):
    verdict = grade(exercise, reference_of(exercise))
    assert verdict.correct, verdict


@identifiers
def test_the_stub_is_not_answered(exercise):
    verdict = grade(exercise, stub_of(exercise))
    assert (verdict.status, verdict.correct) == ("not answered", False)


@identifiers
def test_the_unsolved_cell_runs(exercise, capsys):
    cell = f'{exercise.stub.strip()}\ncheck("{exercise.id}", {exercise.answer_name})'
    exec(cell, {"torch": torch, "check": check})
    assert f"Exercise {exercise.id}. Not answered yet" in capsys.readouterr().out


@identifiers
def test_the_texts_are_complete(exercise):
    names = [mistake.name for mistake in exercise.mistakes]
    assert len(names) >= 3 and len(set(names)) == len(names)
    assert len(exercise.hints) >= 2 and exercise.contract.endswith(".")
    assert exercise.title and exercise.id.partition(".")[0] in ("01", "02")


@identifiers
def test_every_mistake_recognizes_its_own_broken_answers(exercise):
    for mistake in exercise.mistakes:
        answers = [{**exercise.value, **mistake.value}] if exercise.reference is None else mistake.variants
        assert answers
        for answer in answers:
            assert grade(exercise, answer).mistake == mistake.name


@identifiers
def test_a_hint_does_not_contain_the_solution(exercise):
    lines = [line.strip() for line in solution_source(exercise).splitlines() if len(line.strip()) > 25]
    told = " ".join([*exercise.hints, *(mistake.hint for mistake in exercise.mistakes)])
    assert not any(line in told for line in lines)


@pytest.mark.parametrize("answer", [None, ...])
def test_nothing_is_not_answered(answer):
    assert verdict_of("02.1", answer).status == "not answered"


def test_not_implemented_is_not_answered_and_a_forgotten_return_is_mentioned():
    def todo(mean, log_var):
        raise NotImplementedError

    assert verdict_of("02.1", todo).status == "not answered"
    verdict = verdict_of("02.1", lambda mean, log_var: None)
    assert verdict.status == "not answered" and "forgotten return" in verdict.message


def test_not_implemented_inside_something_that_the_answer_calls_is_shown():
    def calls_a_module_without_forward(mean, log_var):
        return torch.nn.Module()(mean)

    verdict = verdict_of("02.1", calls_a_module_without_forward)
    assert verdict.status != "not answered" and "forward" in verdict.message


def test_an_exception_becomes_one_sentence_with_type_message_and_line():
    def answer(mean, log_var):
        scale = log_var.exp()
        return mean @ scale  # (6, 3) @ (6, 3) does not multiply

    verdict = verdict_of("02.1", answer)
    line = answer.__code__.co_firstlineno + 2
    assert verdict.status == "error"
    assert "RuntimeError" in verdict.message and f"line {line}: return mean @ scale" in verdict.message
    assert "\n" not in verdict.message


def test_a_wrong_number_of_arguments_is_an_error_in_one_sentence():
    verdict = verdict_of("02.1", lambda mean: mean)
    assert verdict.status == "error" and "TypeError" in verdict.message


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda mean, log_var: right(mean, log_var)[:, None], "must have shape (6,); got (6, 1)"),
        (lambda mean, log_var: "0.5", "must be a tensor of shape (6,); got a str"),
        (lambda mean, log_var: right(mean, log_var).long() * 0 + 7, "floating-point"),
        (lambda mean, log_var: right(mean, log_var) * float("nan"), "6 of 6 values are NaN or infinite"),
        (lambda mean, log_var: right(mean, log_var) - 50, "at least 0"),
        (0.5, "Expected the function kl_to_prior itself"),
    ],
)
def test_a_broken_contract_says_what_was_expected_and_what_came(answer, words):
    verdict = verdict_of("02.1", answer)
    assert verdict.status == "contract", verdict
    assert words in verdict.message


def test_a_wrong_value_says_how_far_and_where():
    def answer(mean, log_var):
        result = right(mean, log_var)
        result[1] += 0.5
        return result

    verdict = verdict_of("02.1", answer)
    assert verdict.status == "wrong"
    assert "up to 0.5, first at [1]" in verdict.message


def test_two_different_exceptions_are_not_the_same_mistake():
    def refuses(x):
        raise ValueError("cannot take the root of a negative number")

    exercise = Exercise(
        id="99.1",
        title="raises",
        contract="f(x): a number.",
        stub="def f(x): ...",
        hints=("Think.",),
        mistakes=(Mistake("root of a negative number", "Square first.", refuses),),
        reference=lambda x: x,
        cases=lambda seed: [(2.0,)],
    )

    def same_words(x):
        raise ValueError("cannot take the root of a negative number")

    def other_words(x):
        raise ValueError("too large")

    assert grade(exercise, same_words).mistake == "root of a negative number"
    assert grade(exercise, other_words).status == "error"


def test_numbers_have_a_tolerance_and_wrong_ones_are_named():
    exercise = Exercise(
        id="99.2",
        title="a number",
        contract="The ELBO in nats.",
        stub="answer_99_2 = ...",
        hints=("Subtract.",),
        mistakes=(Mistake("flipped sign", "Larger is better.", value=104.2),),
        value=-104.2,
        tolerance=1e-3,
    )
    assert grade(exercise, -104.21).correct
    assert grade(exercise, np.float32(-104.2)).correct
    assert grade(exercise, torch.tensor(-104.2)).correct
    assert grade(exercise, 104.2).mistake == "flipped sign"
    assert grade(exercise, -90.0).status == "wrong"
    assert grade(exercise, "-104.2").status == "contract"
    assert grade(exercise, ...).status == "not answered"


def test_checking_leaves_the_random_numbers_alone():
    def state():
        return torch.random.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()

    torch.manual_seed(5)
    before = state()
    for exercise in EVERY:
        grade(exercise, reference_of(exercise))
    grade(find("02.1"), lambda mean, log_var: torch.randn(3) + np.random.rand() + random.random())
    after = state()
    assert torch.equal(before[0], after[0])
    assert (before[1] == after[1]).all() and before[2] == after[2]


def test_the_verdict_does_not_depend_on_the_readers_seed_or_grad_mode():
    for seed in range(3):
        torch.manual_seed(seed)
        with torch.no_grad():
            assert all(grade(exercise, reference_of(exercise)).correct for exercise in EVERY)


def test_check_shows_the_message_and_returns_the_verdict(capsys):
    verdict = check("02.1", right)
    assert verdict.correct
    assert capsys.readouterr().out == "Exercise 02.1. Correct.\n"
    verdict = check("02.1", lambda mean, log_var: -right(mean, log_var))
    assert (verdict.status, verdict.mistake) == ("mistake", "flipped sign")
    assert "flipped sign" in capsys.readouterr().out


def test_hints_go_one_step_further_each_time(capsys, monkeypatch):
    monkeypatch.setattr(engine_module, "_hints_given", {})
    steps = find("02.1").hints
    for number in (1, 2, 3, 3):
        hint("02.1")
        shown = capsys.readouterr().out
        assert f"hint {number} of {len(steps)}" in shown and steps[number - 1] in shown
        assert ("last hint" in shown) == (number == len(steps))


def test_the_solution_is_folded(capsys):
    solution("02.1")
    shown = capsys.readouterr().out
    assert "folded" in shown and "log_var.exp()" not in shown
    assert "def kl_to_prior" in solution_source("02.1")
    assert "answer_02_4 = {" in solution_source("02.4")


@pytest.mark.parametrize(
    ("identifier", "words"),
    [("02.99", "this chapter has 02.1, 02.2"), ("77.1", "chapter '77'"), ("kl", "for example '02.1'")],
)
def test_an_unknown_exercise_is_one_clear_sentence(identifier, words):
    with pytest.raises(ValueError, match=words):
        check(identifier, 1)


def test_a_chapter_goes_on_with_a_right_answer_of_the_reader_and_else_with_the_reference(capsys):
    def stub(mean, log_var): ...

    assert complete("02.1", right) is right
    assert "Yours is used" in capsys.readouterr().out
    for answer in (stub, lambda mean, log_var: right(mean, log_var).mean()):
        lent = complete("02.1", answer)
        assert lent is not answer and "goes on with the reference" in capsys.readouterr().out
        mean = torch.tensor([[1.0, 0.0]])
        assert torch.allclose(lent(mean, torch.zeros(1, 2)), torch.tensor([0.5]))


def test_an_answer_that_is_a_value_is_not_lent():
    with pytest.raises(ValueError, match=r"02\.4 asks for a value; use check"):
        complete("02.4", {})
