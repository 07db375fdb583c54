"""Ask the reader for a prediction before the cell that answers it, and compare afterwards."""

from __future__ import annotations

import html as html_text
from collections.abc import Sequence

from vae_course.teaching.display import publish, publish_widget


class Prediction:
    """A recorded answer to a multiple-choice question about what comes next; made by `predict`.

    Attributes:
        question: the question.
        options: the possible outcomes.
        index: position of the recorded answer.
        chosen: whether the reader chose it; False while it is only the default.
    """

    def __init__(self, question: str, options: Sequence[str], default: int = 0) -> None:
        options = list(options)
        if len(options) < 2 or len(set(options)) < len(options):
            raise ValueError(f"predict needs at least two different options; got {options!r}.")
        if not 0 <= default < len(options):
            raise ValueError(f"predict: default must be 0 to {len(options) - 1}; got {default!r}.")
        self.question = question
        self.options = options
        self.index = default
        self.chosen = False

    @property
    def answer(self) -> str:
        """The recorded option, as text."""
        return self.options[self.index]

    def choose(self, option: int | str) -> None:
        """Record an answer by number (from 0) or by text; the buttons call this too."""
        self.index = self._position(option)
        self.chosen = True

    def compare(self, outcome: int | str, measured: str) -> None:
        """Say whether the recorded prediction came true, next to what was measured.

        Args:
            outcome: the option that came true, by number (from 0) or by text, computed from this run.
            measured: a sentence with the numbers of this run.

        Raises:
            ValueError: the outcome is none of the options.
        """
        outcome = self._position(outcome)
        happened, agrees = self.options[outcome], outcome == self.index
        if self.chosen:
            verdict = "It came true." if agrees else f"What happened: {happened}. Worth a second look at why."
            lines = [f"You predicted: {self.answer}.", f"Measured: {measured.strip()}", verdict]
        else:
            default = "as the recorded default" if agrees else f"the recorded default was: {self.answer}"
            lines = [f"Measured: {measured.strip()}", f"What happened: {happened} ({default})."]
        rows = "<br>".join(html_text.escape(line) for line in lines)
        publish({"text/html": f"<p>{rows}</p>", "text/plain": "\n".join(lines)})

    def _position(self, option: int | str) -> int:
        if isinstance(option, str):
            if option in self.options:
                return self.options.index(option)
        elif not isinstance(option, bool) and 0 <= int(option) < len(self.options):
            return int(option)
        raise ValueError(f"{option!r} is none of the options of {self.question!r}: {self.options}.")


def predict(question: str, options: Sequence[str], default: int = 0) -> Prediction:
    """Ask a multiple-choice question and record the answer, with or without a front end.

    Shows the question and its options as text (for GitHub and print) and radio buttons below it. A
    notebook that runs unattended keeps the default, so that its outcome does not depend on anybody.

    Args:
        question: what will happen? Asked before the cell that answers it.
        options: at least two possible outcomes.
        default: position of the option that is recorded until the reader chooses.

    Returns:
        The Prediction, to be compared later with `.compare(outcome, "measured sentence")`.
    """
    guess = Prediction(question, options, default)
    lettered = [f"({chr(ord('a') + number)}) {option}" for number, option in enumerate(guess.options)]
    escaped = [html_text.escape(option) for option in lettered]
    html = f"<p><strong>Predict.</strong> {html_text.escape(question)}<br>{' &middot; '.join(escaped)}</p>"
    text = "\n".join([f"Predict. {question}", *(f"  {option}" for option in lettered)])
    publish({"text/html": html, "text/plain": text})
    try:
        from ipywidgets import Layout, RadioButtons
    except ImportError:
        print("Radio buttons need ipywidgets; without it, call .choose(option) on the prediction.")
        return guess
    buttons = RadioButtons(
        options=[(text, number) for number, text in enumerate(lettered)],
        value=default,
        layout=Layout(width="max-content"),
    )
    buttons.observe(lambda change: guess.choose(change["new"]), names="value")
    guess.buttons = buttons
    publish_widget(buttons, f"Recorded until you choose in a running notebook: {lettered[default]}")
    return guess
