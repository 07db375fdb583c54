"""What a graded assignment asks of an answer: to be right on unseen cases, or to be told which mistake."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from vae_course.teaching.engine import find
from vae_course.teaching.exercise import Exercise
from vae_course.teaching.grading import grade

HIDDEN_SEED = 20_011  # any number other than the seeds of the visible checks


class NotYet(AssertionError):
    """An answer that earns no points; the message is the verdict, with the mistake's name if it has one."""


def require(exercise: str | Exercise, answer: Any, seed: int = HIDDEN_SEED) -> None:
    """Pass quietly when the answer is right on the visible cases and on those of another seed.

    The contract of the exercise is what is graded, not how it was met: any function or number that behaves as
    asked passes.

    Args:
        exercise: its number, such as "A1.1", or an Exercise.
        answer: the function, number, code or dict that the question asks for.
        seed: the randomness of the hidden cases.

    Raises:
        NotYet: the answer is open, wrong, or a classic mistake.
    """
    exercise = find(exercise)
    for one in (exercise, replace(exercise, seed=seed)):
        verdict = grade(one, answer)
        if not verdict.correct:
            raise NotYet(f"Question {exercise.id}: {verdict.message}")
