"""Ask the reader for a prediction before the cell that answers it, and compare afterwards."""

from collections.abc import Sequence
from html import escape
from string import ascii_lowercase

from vae_course.teaching.display import publish, publish_widget


class Prediction:
    """A multiple-choice question about what comes next, made by `predict`; ``index`` is the position of the
    reader's answer, None until one is chosen.
    """

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


def predict(question: str, options: Sequence[str], default: object = None) -> Prediction:
    """Ask what will happen, before the cell that answers it; nothing is chosen before a button is pressed.

    Question and lettered options, at least two, are text, so that they can be read where no widget is drawn;
    the buttons below carry the letters alone. ``default`` is ignored; chapters of the first edition give it.
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
