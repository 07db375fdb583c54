"""Settings of a training run, each with default, bound and words in one place, and the schedules they name.

``fit`` checks them, the command line makes its options out of them.
"""

import difflib
import math
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import ClassVar, Self

# Of each model of a sweep: smaller than the usual one, so trained for less long and at another pace.
SWEEP_RECIPE = {"epochs": 6, "batch_size": 160, "learning_rate": 6e-3, "kl_warmup": 0.5}


@dataclass(frozen=True)
class Rule:
    """What a value may be: an int, float or str for which ``holds``, in ``words``."""

    kind: type
    words: str
    holds: Callable[[object], bool]
    choices: tuple[str, ...] = ()  # the names that a str may be

    def accepts(self, value: object) -> bool:
        """Whether a value of Python is allowed; True and False are no numbers."""
        if self.kind is str:
            return value in self.choices
        right = type(value) is int or (type(value) is float and self.kind is float)
        return right and math.isfinite(value) and self.holds(value)

    def read(self, text: str) -> int | float | str:
        """What a word of the command line stands for; capitals and hyphens do not matter."""
        try:
            value = text.lower().replace("-", "_") if self.kind is str else self.kind(text)
        except ValueError:
            value = None
        if not self.accepts(value):
            raise ArgumentTypeError(f"{text} is not {self.words}{nearest(text, self.choices) or '.'}")
        return value


def whole(low: int) -> Rule:
    """Whole numbers from ``low`` on."""
    return Rule(int, f"a whole number of at least {low}", lambda value: value >= low)


AT_LEAST_0 = Rule(float, "a number of at least 0", lambda value: value >= 0)
ABOVE_0 = Rule(float, "a number above 0", lambda value: value > 0)
BELOW_1 = Rule(float, "a number of at least 0 and below 1", lambda value: 0 <= value < 1)
SHARE = Rule(float, "a number of at least 0 and at most 1", lambda value: 0 <= value <= 1)


def one_of(names: Iterable[str]) -> Rule:
    """One of several names."""
    names = tuple(names)
    return Rule(str, f"one of {', '.join(names)}", names.__contains__, names)


SCHEDULES = one_of(("constant", "linear", "cosine"))


def nearest(word: object, known: Sequence[str]) -> str:
    """The end of a sentence, "; did you mean ...?", or nothing where no known name is near."""
    near = difflib.get_close_matches(str(word).lower().replace("-", "_"), known, n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else ""


def setting(default, rule: Rule, text: str, none: str = ""):
    """A field of a dataclass of settings: ``rule`` is what it may be, ``text`` what it does, in plain ASCII,
    ``none`` what None stands for ("": not allowed).
    """
    return field(default=default, metadata={"rule": rule, "text": text, "none": none})


@dataclass(frozen=True)
class Settings:
    """Settings of a function, checked when they are made: each field is a :func:`setting`."""

    caller: ClassVar[str]  # name of that function

    def __post_init__(self):
        for own in fields(self):
            value, rule, none = getattr(self, own.name), own.metadata["rule"], own.metadata["none"]
            if not (value is None and none) and not rule.accepts(value):
                or_none = f"None ({none}) or " if none else ""
                raise ValueError(f"{own.name} is {value!r}; expected {or_none}{rule.words}.")

    @classmethod
    def from_arguments(cls, arguments: dict) -> Self:
        """Settings from keyword arguments; an unknown name is a TypeError that names the nearest one."""
        known = [own.name for own in fields(cls)]
        for name in arguments:
            if name not in known:
                hint = nearest(name, known) or f"; known are {', '.join(known)}."
                raise TypeError(f"{cls.caller}() has no setting {name!r}{hint}")
        # A number out of a numpy array becomes a plain one, which a checkpoint can hold.
        plain = {name: value.item() if hasattr(value, "item") else value for name, value in arguments.items()}
        return cls(**plain)


@dataclass(frozen=True)
class FitSettings(Settings):
    """Everything that decides what :func:`vae_course.training.loop.fit` does."""

    caller = "fit"

    epochs: int = setting(10, whole(0), "passes through the training part")
    batch_size: int | None = setting(None, whole(1), "examples of an update", "256, fewer for small data")
    learning_rate: float = setting(8e-3, ABOVE_0, "step size at its highest")
    schedule: str = setting("linear", SCHEDULES, "course of the learning rate; linear and cosine end at 0")
    warmup: float = setting(0.05, BELOW_1, "share of the run over which the learning rate first rises")
    gradient_clip: float | None = setting(None, ABOVE_0, "largest norm of a gradient", "no limit")
    beta: float = setting(1.0, AT_LEAST_0, "weight of the KL term; 1 is the ELBO")
    kl_warmup: float = setting(0.5, SHARE, "share of the run over which that weight rises from 0")
    free_bits: float = setting(
        0.0, AT_LEAST_0, "nats for each latent dimension below which its KL costs nothing more"
    )
    precision: str = setting(
        "auto",
        one_of(("auto", "highest", "medium", "bfloat16")),
        "arithmetic of matrix products; auto takes the fastest harmless one of the kind of processor",
    )
    patience: int | None = setting(
        None,
        whole(1),
        "stop when the held-out -ELBO has not fallen for N epochs, counted after the KL warm-up, and return "
        "to the best weights",
        "never",
    )
    seed: int = setting(0, whole(0), "seed of the order of the examples and of the noise")
    eval_examples: int | None = setting(2000, whole(1), "fixed random examples for the history", "all")

    def for_examples(self, n: int) -> Self:
        """With a number for a ``batch_size`` of None: 256, or n / 8, at least 32, of ``n`` examples."""
        return replace(self, batch_size=self.batch_size or min(256, max(32, n // 8)))


def learning_rate_factor(schedule: str, step: int, total_steps: int, warmup: float = 0.0) -> float:
    """Factor in [0, 1] on the learning rate at ``step`` (0 is the first update) of ``total_steps``:
    "constant", or "linear" / "cosine" decay to 0 after the last step; it rises over the share ``warmup``.
    """
    warmup_steps = warmup * total_steps
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    if schedule == "constant":
        return 1.0
    progress = (step - warmup_steps) / max(total_steps - warmup_steps, 1)
    if schedule == "linear":
        return 1.0 - progress
    if schedule == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * progress))
    raise ValueError(f"unknown schedule {schedule!r}; choose {SCHEDULES.words}.")


def kl_weight(beta: float, step: int, total_steps: int, kl_warmup: float = 0.0) -> float:
    """Weight of the KL term at ``step`` (0 is the first update) of ``total_steps``.

    It rises linearly from 0 to β over the share ``kl_warmup`` of the run (0: never) and then stays: at full
    weight from the start the KL pushes q(z|x) onto the prior before z is of use (Bowman et al. 2016, §3.1).
    """
    ramp = total_steps * kl_warmup
    return beta * min(1.0, step / ramp) if ramp > 0 else beta
