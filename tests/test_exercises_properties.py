"""What the engine asks of every answer: properties, not a list of mistakes."""

import inspect
import os
import subprocess
import sys
import time
from pathlib import Path

import exercise_answers_examiner as examiner
import exercise_answers_second_hand as second
import exercise_answers_third_hand as third
import numpy as np
import pytest
import torch
from exercise_answers import verdict_of
from exercise_answers_fresh import RIGHT, WRONG

from tools.classroom.graded import A1
from vae_course.exercises import loss_doctor
from vae_course.exercises.noise import noise_problem
from vae_course.teaching.engine import exercises, find
from vae_course.teaching.exercise import Exercise
from vae_course.teaching.grading import grade
from vae_course.teaching.properties import TooSlow, Watch, further, limited, told


def exercise_of(identifier):
    if identifier != "05.4":
        return find(identifier)
    return next(one for one in vars(loss_doctor).values() if isinstance(one, Exercise))


@pytest.mark.parametrize("identifier", WRONG)
def test_wrong_answers_of_a_fresh_hand_do_not_pass(identifier):
    for number, answer in enumerate(WRONG[identifier]):
        verdict = grade(exercise_of(identifier), answer)
        assert not verdict.correct, (identifier, number)
        assert len(verdict.message) < 600 and "\n" not in verdict.message


@pytest.mark.parametrize("identifier", RIGHT)
def test_right_answers_of_a_fresh_hand_pass(identifier):
    for number, answer in enumerate(RIGHT[identifier]):
        verdict = grade(exercise_of(identifier), answer)
        assert verdict.correct, (identifier, number, verdict)


@pytest.mark.parametrize("identifier", sorted(second.WRONG))
def test_answers_of_a_second_hand_get_what_they_deserve(identifier):
    exercise = exercise_of(identifier)
    passed = {what for what, answer in second.WRONG[identifier].items() if grade(exercise, answer).correct}
    verdicts = [grade(exercise, answer) for answer in second.RIGHT.get(identifier, ())]
    assert not passed and all(verdict.correct for verdict in verdicts), (passed, verdicts)


@pytest.mark.parametrize("identifier", sorted(third.WRONG.keys() | third.WRONG_AFTER.keys()))
def test_answers_of_a_third_hand_get_what_they_deserve(identifier):
    exercise = exercise_of(identifier)
    wrong = [*third.WRONG.get(identifier, {}).items(), *third.WRONG_AFTER.get(identifier, {}).items()]
    verdicts = {what: grade(exercise, answer) for what, answer in wrong}
    assert not [what for what, verdict in verdicts.items() if verdict.correct]
    assert all(len(verdict.message) < 600 and "\n" not in verdict.message for verdict in verdicts.values())
    right = [*third.RIGHT.get(identifier, ()), *third.RIGHT_AFTER.get(identifier, ())]
    refused = [verdict for verdict in (grade(exercise, answer) for answer in right) if not verdict.correct]
    assert not refused


SYMPTOMS = {
    ("01.7", "forgets the constant"): "off by +0.9189 (½ log 2π) × the size of axis 1 of x",
    ("01.7", "log10"): "0.4343 (1 / log 10) times the expected one",
    ("01.7", "forgets to divide by std"): "right only where std is 1.0",
    ("01.5", "ignores the means"): "does not depend on mean_q",
    ("02.1", "one half for the mean only"): "stays the same when mean changes: look at log_var",
    ("02.3", "rounded pixels"): "with round(x) in place of x",
    ("05.3", "one half for l1 too"): "wrong only where error is 'l1'",
    ("06.2", "swapped"): """as ["discriminator's loss"] is expected as ["generator's loss"]""",
    ("07.5", "to the held-out"): "train and held_out exchanged",
    ("09.4", "standardized"): "the right direction, but not the right length",
}


@pytest.mark.parametrize(("identifier", "what"), SYMPTOMS)
def test_what_is_no_classic_is_told_by_what_its_wrong_values_have_in_common(identifier, what):
    assert SYMPTOMS[identifier, what] in grade(exercise_of(identifier), third.WRONG[identifier][what]).message


def test_a_diagnosis_that_fails_is_left_out():
    verdict = verdict_of("02.1", lambda mean, log_var: torch.rand(len(mean)) + 1)
    assert verdict.status == "wrong" and "cannot be judged" not in verdict.message


@pytest.mark.parametrize("identifier", sorted(examiner.WRONG.keys() | examiner.RIGHT.keys()))
def test_answers_of_an_examiner_get_what_they_deserve(identifier):
    for what, answer in examiner.WRONG.get(identifier, {}).items():
        assert not verdict_of(identifier, answer).correct, what
    for answer in examiner.RIGHT.get(identifier, ()):
        assert verdict_of(identifier, answer).correct, verdict_of(identifier, answer)


def draws(change=lambda e: e, calls=2, rows=4000, dims=3):
    return change(torch.randn(calls, rows, dims, generator=torch.Generator().manual_seed(0)))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda e: e[:1].expand_as(e), "two calls"),
        (lambda e: 1.1 * e, "variance 1"),
        (lambda e: e + 0.2, "mean 0"),
        (lambda e: e.sign(), "not Gaussian"),
        (lambda e: e[..., :1].expand_as(e), "different dimensions"),
        (lambda e: torch.cat([e[:, :2000], -e[:, :2000]], 1), "different rows"),
        (lambda e: e[:, torch.arange(4000) // 2], "different rows"),
        (lambda e: torch.cat([e[:, :2000], e[:, :2000] * e[:, 2000:].sign()], 1), "up to the sign"),
    ],
)
def test_noise_is_judged_by_its_law(change, words):
    assert noise_problem(draws()) is None
    assert words in noise_problem(draws(change))


def test_fresh_noise_is_hardly_ever_blamed():
    blamed = 0
    for seed in range(60):
        e = torch.randn(2, 2000, 4, generator=torch.Generator().manual_seed(seed))
        blamed += noise_problem(e) is not None
    assert blamed == 0


def test_an_endless_answer_is_stopped():
    start = time.perf_counter()
    with pytest.raises(TooSlow), limited(0.3):
        while True:
            torch.zeros(1)
    assert time.perf_counter() - start < 20


def test_little_of_what_an_answer_prints_is_shown(capsys):
    with limited():
        for _ in range(1000):
            print("here " * 20)
    assert 1000 < len(capsys.readouterr().out) < 2200


def test_a_message_is_short_even_when_it_cannot_be_had():
    class Mute(Exception):
        def __str__(self):
            raise ValueError

    assert told(Mute()) == "no message"
    assert len(told(ValueError("x" * 10_000))) < 200


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda x, g: x.add_(1), "in place"),
        (lambda x, g: (x, torch.set_default_dtype(torch.float64))[0], "default dtype"),
        (lambda x, g: torch.randn(2), "global random numbers"),
        (lambda x, g: torch.from_numpy(np.random.rand(2)), "global random numbers"),
    ],
)
def test_a_watch_sees_what_an_answer_does_beside_answering(answer, words):
    watch = Watch()
    watch.over(answer)(torch.ones(2), torch.Generator())
    assert words in watch.found[0]
    assert torch.get_default_dtype() == torch.float32
    watch = Watch()
    watch.over(lambda x, g: x + torch.randn(2, generator=g))(torch.ones(2), torch.Generator())
    assert not watch.found


def test_more_is_asked_of_an_answer_that_knows_the_visible_cases():
    from vae_course.teaching.grading import outcomes, same

    exercise = find("04.1")
    known = {case[0].sum().item(): exercise.reference(*case) for case in exercise.cases(0)}
    by_heart = lambda *case: known[case[0].sum().item()]  # noqa: E731
    (found,) = further(exercise, by_heart, outcomes, same)
    assert "other cases" in found
    assert not grade(exercise, by_heart).correct


def made_on_the_cpu(logits, x, **where):
    below = torch.maximum(logits, torch.zeros(1, **where))
    return (below - logits * x + torch.log1p((-logits.abs()).exp())).sum((1, 2, 3))


def made_anywhere(logits, x):
    return made_on_the_cpu(logits, x, device=x.device)


def test_an_answer_that_would_stop_on_a_gpu_is_right_and_is_told_so():
    verdict = grade(find("02.3"), made_on_the_cpu)
    assert verdict.correct and "On a GPU it would stop" in verdict.message
    assert grade(find("02.3"), made_anywhere).message == "Correct."


def test_the_note_tells_what_a_device_does():
    code = """
import torch
from test_exercises_properties import made_anywhere, made_on_the_cpu
logits, x = torch.randn(3, 1, 2, 2).to("cuda"), torch.ones(3, 1, 2, 2).to("cuda")
assert made_anywhere(logits, x).device.type == "cuda"
try:
    made_on_the_cpu(logits, x)
except RuntimeError as error:
    print(error)
"""
    here = Path(__file__).parent
    command = [sys.executable, "-m", "tools.stand_in_device", "python", "-c", code]
    path = os.pathsep.join([str(here), str(here.parent)])
    run = subprocess.run(
        command, cwd=here.parent, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}
    )
    assert "on the same device" in run.stdout, run.stderr


CHAPTERS = [f"{number:02d}" for number in range(1, 12)]
GRADED = (*A1.FUNCTIONS.values(), *(one for chapter in CHAPTERS for one in exercises(chapter)))


@pytest.mark.parametrize("exercise", [one for one in GRADED if one.cases], ids=lambda one: one.id)
def test_gradients_are_asked_for_where_the_contract_promises_them(exercise):
    """Where what is compared is what the function returns: an `observe` looks at gradients by itself."""
    promised = exercise.contract.partition("radients reach ")[2].strip(".")
    assert bool(exercise.gradients_to) == bool(promised and exercise.observe is None)
    names = list(inspect.signature(exercise.reference).parameters)
    assert set(exercise.gradients_to) <= set(names)
    if promised and not promised.startswith(("it", "all", "everything but")):
        assert " and ".join(exercise.gradients_to) == promised


@pytest.mark.parametrize("exercise", [one for one in GRADED if one.gradients_to], ids=lambda one: one.id)
def test_an_answer_without_gradients_is_told_so(exercise):
    def blind(*arguments):
        return exercise.reference(*(a.detach() if torch.is_tensor(a) else a for a in arguments))

    verdict = grade(exercise, blind)
    assert not verdict.correct and "no gradient comes out" in verdict.message
    for name in exercise.gradients_to:
        if len(exercise.gradients_to) > 1:
            place = list(inspect.signature(exercise.reference).parameters).index(name)

            def half_blind(*arguments, place=place):
                shown = (a.detach() if i == place else a for i, a in enumerate(arguments))
                return exercise.reference(*shown)

            assert f"no gradient reaches {name}" in grade(exercise, half_blind).message
