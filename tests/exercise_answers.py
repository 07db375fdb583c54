"""What the tests of the exercises share: grade, and print the table mistakes x recognized."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from typing import Any

import exercise_answers_examiner as examiner
import exercise_answers_second_hand as second
import exercise_answers_third_hand as third

from vae_course.teaching.engine import exercises, find
from vae_course.teaching.exercise import Exercise, Verdict
from vae_course.teaching.grading import grade

Answers = Mapping[str, Mapping[str, list[Callable]]]  # exercise -> mistake -> independently written answers


def stub_of(exercise: Exercise) -> Any:
    """What the unsolved cell defines."""
    import torch

    names = {"torch": torch}
    exec(exercise.stub, names)
    return names[exercise.answer_name]


def reference_of(exercise: Exercise) -> Any:
    return exercise.value if exercise.reference is None else exercise.reference


def assert_recognized(chapter: str, answers: Answers) -> None:
    """Every mistake of the chapter has an independent broken answer, and each is named; prints the table."""
    rows, failures = [], []
    for exercise in asked(chapter):
        for mistake in exercise.mistakes:
            given = answers.get(exercise.id, {}).get(mistake.name, []) or seconds(exercise, mistake.name)
            verdicts = [grade(exercise, answer) for answer in given]
            right = sum(verdict.mistake == mistake.name for verdict in verdicts)
            rows.append((exercise.id, mistake.name, len(given), right))
            failures += [(exercise.id, mistake.name, v) for v in verdicts if v.mistake != mistake.name]
            if not given:
                failures.append((exercise.id, mistake.name, "no independent answer in the tests"))
    print(f"\n{'exercise':10}{'classic mistake':44}{'answers':>8}{'recognized':>12}")
    for identifier, name, given, right in rows:
        print(f"{identifier:10}{name:44}{given:8}{right:12}")
    total, named = sum(row[2] for row in rows), sum(row[3] for row in rows)
    print(f"Chapter {chapter}: {len(rows)} mistakes, {total} broken answers, {named} recognized by name.")
    known = {(exercise.id, m.name) for exercise in asked(chapter) for m in exercise.mistakes}
    stray = {(identifier, name) for identifier, named in answers.items() for name in named} - known
    assert not stray
    assert not failures, failures


def seconds(exercise: Exercise, mistake: str) -> list:
    """What other hands wrote that is this mistake."""
    answers = [hand.WRONG.get(exercise.id, {}).values() for hand in (second, examiner, third)]
    answers = [answer for some in answers for answer in some]
    return [answer for answer in answers if grade(exercise, answer).mistake == mistake]


def verdict_of(identifier: str, answer: Any) -> Verdict:
    known = {exercise.id: exercise for exercise in asked(identifier.partition(".")[0])}
    return grade(known.get(identifier) or find(identifier), answer)


def asked(chapter: str) -> tuple[Exercise, ...]:
    """The exercises of a chapter, or an assignment's questions with the answers that lecturers alone have."""
    if not chapter.startswith("A"):
        return exercises(chapter)
    questions = import_module(f"tools.classroom.graded.{chapter}").QUESTIONS.values()
    return tuple(question for question in questions if isinstance(question, Exercise))


def assert_graded_fairly(assignment: str, broken: Answers, unusual: Mapping[str, list]) -> None:
    """Mistakes are named, unusual right answers and the solutions pass on hidden cases too, stubs do not."""
    assert_recognized(assignment, broken)
    for exercise in asked(assignment):
        for seed in (0, 20_011):
            one = replace(exercise, seed=seed)
            for answer in [reference_of(exercise), *unusual[exercise.id]]:
                verdict = grade(one, answer)
                assert verdict.correct, (exercise.id, seed, verdict)
        assert grade(exercise, stub_of(exercise)).status == "not answered"
