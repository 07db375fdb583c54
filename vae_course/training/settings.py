"""Settings of a training run, checked before it starts."""

import difflib
from dataclasses import dataclass, fields

from vae_course.training.schedules import SCHEDULES

OPTIMIZERS = ("adam", "adamw")


class TrainingDiverged(RuntimeError):
    """The loss became NaN or infinite."""


def _require(condition: bool, name: str, value, expected: str) -> None:
    if not condition:
        raise ValueError(f"{name} is {value!r}; expected {expected}.")


@dataclass(frozen=True)
class FitSettings:
    """Everything that decides what :func:`vae_course.training.fit` does; see there for the meanings."""

    epochs: int = 10
    batch_size: int = 128
    learning_rate: float = 1e-3
    optimizer: str = "adam"
    weight_decay: float = 0.0
    schedule: str = "constant"
    warmup: float = 0.0
    gradient_clip: float | None = None
    beta: float = 1.0
    kl_warmup: float = 0.0
    patience: int | None = None
    seed: int = 0
    eval_examples: int | None = 2000

    def __post_init__(self):
        _require(self.epochs >= 0, "epochs", self.epochs, "a whole number ≥ 0")
        _require(self.batch_size >= 1, "batch_size", self.batch_size, "a whole number ≥ 1")
        _require(self.learning_rate > 0, "learning_rate", self.learning_rate, "a number > 0")
        _require(self.optimizer in OPTIMIZERS, "optimizer", self.optimizer, f"one of {', '.join(OPTIMIZERS)}")
        _require(self.weight_decay >= 0, "weight_decay", self.weight_decay, "a number ≥ 0")
        _require(self.schedule in SCHEDULES, "schedule", self.schedule, f"one of {', '.join(SCHEDULES)}")
        _require(0 <= self.warmup < 1, "warmup", self.warmup, "a share of the run in [0, 1)")
        _require(0 <= self.kl_warmup <= 1, "kl_warmup", self.kl_warmup, "a share of the run in [0, 1]")
        _require(self.beta >= 0, "beta", self.beta, "a number ≥ 0")
        clip = self.gradient_clip
        _require(clip is None or clip > 0, "gradient_clip", clip, "None or a largest norm > 0")
        _require(self.patience is None or self.patience >= 1, "patience", self.patience, "None or epochs ≥ 1")
        limit = self.eval_examples
        _require(limit is None or limit >= 1, "eval_examples", limit, "None (all) or a number ≥ 1")

    @classmethod
    def from_arguments(cls, arguments: dict) -> "FitSettings":
        """Settings from keyword arguments; an unknown name is a TypeError that names the nearest one."""
        known = [field.name for field in fields(cls)]
        for name in arguments:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(known)}."
                raise TypeError(f"fit() has no setting {name!r}{hint}")
        return cls(**arguments)
