"""Exercises that answer at once: check(id, answer), hint(id), solution(id)."""

from vae_course.exercises.engine import check, hint, solution
from vae_course.exercises.exercise import Exercise, Mistake, Verdict
from vae_course.exercises.points import NotYet, require

__all__ = ["Exercise", "Mistake", "NotYet", "Verdict", "check", "hint", "require", "solution"]
