"""What a notebook asks of its reader: exercises such as "02.1", predictions, and a cell of parameters."""

import inspect
import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from html import escape
from importlib import import_module
from numbers import Integral, Real
from string import ascii_lowercase
from typing import Any

from vae_course.teaching.display import publish, publish_widget
from vae_course.teaching.exercise import Exercise, Verdict
from vae_course.teaching.grading import grade

_hints_given: dict[str, int] = {}


def check(exercise: str | Exercise, answer: Any) -> Verdict:
    """Check an answer (function, number, code or dict) to an exercise, and say what is right."""
    exercise = find(exercise)
    verdict = grade(exercise, answer)
    _say(f"Exercise {exercise.id}", verdict.message)
    return verdict


def complete(exercise: str | Exercise, answer: Callable) -> Callable:
    """Check a function that the chapter goes on to use: the reader's own if it is right, else the reference.

    >>> reparameterize = complete("02.2", reparameterize)
    """
    exercise = find(exercise)
    if exercise.reference is None:
        raise ValueError(f"Exercise {exercise.id} asks for a value; use check.")
    verdict = grade(exercise, answer)
    goes_on = "Yours is used from here on." if verdict.correct else "The chapter goes on with the reference."
    _say(f"Exercise {exercise.id}", f"{verdict.message} ({goes_on})")
    return answer if verdict.correct else exercise.reference


def hint(exercise: str | Exercise) -> None:
    """Show the next hint; each call goes one step further."""
    exercise = find(exercise)
    given = min(_hints_given.get(exercise.id, 0), len(exercise.hints) - 1)
    _hints_given[exercise.id] = given + 1
    last = given == len(exercise.hints) - 1 and not exercise.marked_later
    after = f'That was the last hint; solution("{exercise.id}") shows the answer.' if last else ""
    label = f"Exercise {exercise.id}, hint {given + 1} of {len(exercise.hints)}"
    _say(label, f"{exercise.hints[given]} {after}".strip())


def solution(exercise: str | Exercise) -> None:
    """Show the solution folded: one click in a notebook opens it, and nobody sees it by accident."""
    exercise = find(exercise)
    title = f"Solution of exercise {exercise.id}: {exercise.title}"
    html = f"<details><summary>{escape(title)} (click to open)</summary>"
    html += f"<pre><code>{escape(solution_source(exercise))}</code></pre></details>"
    publish({"text/html": html, "text/plain": f"{title} (folded; run the notebook and click to open it)."})


def solution_source(exercise: str | Exercise) -> str:
    """The solution as text: the reference's source, or the value with its explanation."""
    exercise = find(exercise)
    if exercise.marked_later:
        return f"Question {exercise.id} is marked after you hand in; its solution does not come along."
    if exercise.reference is not None:
        return textwrap.dedent(inspect.getsource(exercise.reference)).strip()
    return f"{exercise.answer_name} = {exercise.value!r}\n\n{exercise.explanation}".strip()


def find(exercise: str | Exercise) -> Exercise:
    """The exercise with this number; ValueError when there is none."""
    if isinstance(exercise, Exercise):
        return exercise
    known = {entry.id: entry for entry in exercises(str(exercise).partition(".")[0])}
    if exercise not in known:
        raise ValueError(f"There is no exercise {exercise!r}; this chapter has {', '.join(known)}.")
    return known[exercise]


def exercises(chapter: str) -> tuple[Exercise, ...]:
    """All exercises of a chapter ("01" to "11") or questions of an assignment ("A1" to "A4"), in order."""
    kind = f"assignment_{chapter[1:]}" if chapter.startswith("A") else f"chapter_{chapter}"
    name = f"vae_course.exercises.{kind}"
    try:
        return import_module(name).EXERCISES
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        found = f"There are no exercises for assignment or chapter {chapter!r};"
        raise ValueError(f"{found} write for example '02.1', or 'A1.1' for an assignment.") from None


def _say(label: str, message: str) -> None:
    html = f"<p><strong>{escape(label)}.</strong> {escape(message)}</p>"
    publish({"text/html": html, "text/plain": f"{label}. {message}"})


# A prediction, asked for before the cell that answers it, and compared afterwards.


class Prediction:
    """A question with options, made by `predict`; ``index`` is the answer, None until one is chosen."""

    def __init__(self, question: str, options: Sequence[str]) -> None:
        self.question, self.options = question, list(options)
        self.index: int | None = None
        if len(self.options) < 2 or len(set(self.options)) < len(self.options):
            raise ValueError(f"predict needs at least two different options; got {self.options!r}.")

    @property
    def answer(self) -> str | None:
        """The chosen option as text, or None."""
        return None if self.index is None else self.options[self.index]

    def choose(self, option: int | str) -> None:
        """Record an answer by number (from 0) or by text; the buttons call this too."""
        self.index = self._position(option)

    def compare(self, outcome: int | str, measured: str) -> None:
        """Say what happened, and whether it was predicted: ``outcome`` is the option that came true, by
        number (from 0) or by text; ``measured`` a sentence with the numbers of this run.
        """
        outcome = self._position(outcome)
        lines = [f"Measured: {measured.strip()}", f"What happened: {self.options[outcome]}."]
        if self.index is not None:
            lines.insert(0, f"You predicted: {self.answer}.")
            right = outcome == self.index
            lines[-1] = "It came true." if right else f"{lines[-1]} Worth a second look at why."
        publish({"text/html": f"<p>{'<br>'.join(map(escape, lines))}</p>", "text/plain": "\n".join(lines)})

    def _position(self, option: int | str) -> int:
        if isinstance(option, str):
            if option in self.options:
                return self.options.index(option)
        elif not isinstance(option, bool) and 0 <= int(option) < len(self.options):
            return int(option)
        raise ValueError(f"{option!r} is none of the options of {self.question!r}: {self.options}.")


def predict(question: str, options: Sequence[str]) -> Prediction:
    """Ask what will happen, before the cell that answers it; nothing is chosen before a button is pressed.

    Question and lettered options, at least two, are text, so that they can be read where no widget is drawn;
    the buttons below carry the letters alone.
    """
    from ipywidgets import ToggleButtons

    guess = Prediction(question, options)
    letters = ascii_lowercase[: len(guess.options)]
    items = "".join(f"<li>{escape(option)}</li>" for option in guess.options)
    lettered = [f"  ({letter}) {option}" for letter, option in zip(letters, guess.options, strict=True)]
    page = f'<p><strong>Predict.</strong> {escape(question)}</p><ol type="a">{items}</ol>'
    publish({"text/html": page, "text/plain": "\n".join([f"Predict. {question}", *lettered])})
    choices = [(letter, number) for number, letter in enumerate(letters)]
    look = {"style": {"button_width": "4em"}, "tooltips": guess.options}
    guess.buttons = ToggleButtons(options=choices, value=None, **look)
    guess.buttons.observe(lambda change: guess.choose(change["new"]), names="value")
    publish_widget(guess.buttons, "Choose in a running notebook.")
    return guess


# The parameters cell of a chapter: its values are checked at once, before anything is trained.


class ParameterError(ValueError):
    """A value of the parameters cell cannot be used; the message names it and what it may be."""


def check_parameters(scope: Mapping[str, Any], **rules: Any) -> dict[str, Any]:
    """The chapter's parameters as a dict, if each follows its rule, else a ParameterError names the others.

    >>> parameters = check_parameters(globals(), DATASET=("mnist", "digits"), EPOCHS=1, BETAS=[0.0])

    ``scope`` is ``globals()`` of the notebook, after the parameters cell and what papermill set. A rule is a
    tuple of the allowed values; an int n for a whole number of at least n; a float x for a number above x; a
    bool for True or False; or a list with one of these for a list of at least one such value.
    """
    missing = [name for name in rules if name not in scope]
    if missing:
        raise ParameterError(f"{', '.join(missing)} is not set; run the parameters cell first.")
    wrong = [
        f"{name} is {scope[name]!r}; expected {_words(rule)}."
        for name, rule in rules.items()
        if not _follows(scope[name], rule)
    ]
    if wrong:
        text = any(isinstance(scope[name], str) and not _follows(scope[name], rules[name]) for name in rules)
        after = " (A number must come as a number: papermill's -p, not -r.)" if text else ""
        raise ParameterError("In the parameters cell: " + " ".join(wrong) + after)
    return {name: scope[name] for name in rules}


def _follows(value: Any, rule: Any) -> bool:
    if isinstance(rule, list):
        return isinstance(value, list | tuple) and len(value) > 0 and all(_follows(v, rule[0]) for v in value)
    if isinstance(rule, tuple):
        return any(type(value) is type(allowed) and value == allowed for allowed in rule)
    if isinstance(rule, bool) or isinstance(value, bool):
        return isinstance(rule, bool) and isinstance(value, bool)
    if isinstance(rule, int):
        return isinstance(value, Integral) and value >= rule
    return isinstance(value, Real) and math.isfinite(value) and value > rule


def _words(rule: Any) -> str:
    if isinstance(rule, list):
        return f"a list, each of it {_words(rule[0])}"
    if isinstance(rule, tuple):
        return " or ".join(map(repr, rule))
    if isinstance(rule, bool):
        return "True or False"
    return f"a whole number of at least {rule}" if isinstance(rule, int) else f"a number above {rule:g}"
