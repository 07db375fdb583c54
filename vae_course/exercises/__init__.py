"""Exercises that answer at once: check(id, answer), hint(id), solution(id)."""

from vae_course.exercises.engine import check, hint, solution
from vae_course.exercises.exercise import Exercise, Mistake, Verdict

__all__ = ["Exercise", "Mistake", "Verdict", "check", "hint", "solution"]
