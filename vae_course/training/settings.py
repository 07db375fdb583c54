"""Settings of a training run, checked before it starts, and the schedules they name."""

import difflib
import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace

from vae_course.machine import CHOICES as PRECISIONS

# -------- How the learning rate and the weight of the KL term move during training.

SCHEDULES = ("constant", "linear", "cosine")
KL_SCHEDULES = ("constant", "linear", "cyclical")


def learning_rate_factor(schedule: str, step: int, total_steps: int, warmup: float = 0.0) -> float:
    """Factor in [0, 1] on the learning rate at ``step`` (0 is the first update).

    Args:
        schedule: "constant", or "linear" / "cosine" decay that reaches 0 after the last step.
        step: number of updates already made.
        total_steps: number of updates of the whole run.
        warmup: share of the run, in [0, 1), over which the rate first rises linearly.
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
    raise ValueError(f"unknown schedule {schedule!r}; choose one of {', '.join(SCHEDULES)}.")


def kl_weight(
    beta: float,
    step: int,
    total_steps: int,
    kl_warmup: float = 0.0,
    kl_schedule: str = "linear",
    kl_cycles: int = 4,
) -> float:
    """Weight of the KL term at ``step`` (0 is the first update).

    One idea, three uses: the run is cut into equal cycles, and in each the weight rises linearly from 0 to β
    over a share ``kl_warmup`` of the cycle and then stays. Early in training the decoder ignores z, and a KL
    term at full weight then pushes q(z|x) onto the prior before z is of any use.

    Args:
        beta: the full weight.
        step: number of updates already made; total_steps: of the whole run.
        kl_warmup: share of each cycle, in [0, 1], over which the weight rises; 0 means that it never does.
        kl_schedule: "constant" (β throughout), "linear" (one cycle: Bowman et al. 2016, §3.1) or "cyclical"
            (several: Fu et al. 2019, who take 4 cycles and a share of ½).
        kl_cycles: number of cycles of the cyclical schedule.
    """
    length = total_steps / _cycles(kl_schedule, kl_cycles)
    ramp = length * kl_warmup
    if kl_schedule == "constant" or ramp <= 0:
        return beta
    # The end of the run belongs to its last cycle.
    within = step % length if step < total_steps else length
    return beta * min(1.0, within / ramp)


def kl_settled(
    step: int, total_steps: int, kl_warmup: float = 0.0, kl_schedule: str = "linear", kl_cycles: int = 4
) -> bool:
    """Whether the weight of :func:`kl_weight` has risen for the last time, so that losses can be compared."""
    cycles = _cycles(kl_schedule, kl_cycles)
    rising = 0.0 if kl_schedule == "constant" else (cycles - 1 + kl_warmup) / cycles
    return step >= (rising if kl_warmup > 0 else 0.0) * total_steps


def _cycles(kl_schedule: str, kl_cycles: int) -> int:
    if kl_schedule not in KL_SCHEDULES:
        raise ValueError(f"unknown KL schedule {kl_schedule!r}; choose one of {', '.join(KL_SCHEDULES)}.")
    return kl_cycles if kl_schedule == "cyclical" else 1


# -------- Settings of a training run, checked before it starts.

OPTIMIZERS = ("adam", "adamw", "muon")

# The recipe of countless tutorials and of pytorch/examples, to compare with.
USUAL_RECIPE = {
    "batch_size": 128,
    "learning_rate": 1e-3,
    "schedule": "constant",
    "warmup": 0.0,
    "kl_schedule": "constant",
}


def whole(least: int) -> Callable[[object], bool]:
    return lambda value: type(value) is int and value >= least


def number(accept: Callable[[float], bool]) -> Callable[[object], bool]:
    return lambda value: type(value) in (int, float) and math.isfinite(value) and accept(value)


def _optional(accept: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: value is None or accept(value)


# For each setting: what is accepted, and the words for it.
RULES = {
    "epochs": (whole(0), "a whole number ≥ 0"),
    "batch_size": (_optional(whole(1)), "None (by the number of examples) or a whole number ≥ 1"),
    "learning_rate": (number(lambda value: value > 0), "a number > 0"),
    "optimizer": (OPTIMIZERS.__contains__, f"one of {', '.join(OPTIMIZERS)}"),
    "weight_decay": (number(lambda value: value >= 0), "a number ≥ 0"),
    "schedule": (SCHEDULES.__contains__, f"one of {', '.join(SCHEDULES)}"),
    "warmup": (number(lambda value: 0 <= value < 1), "a share of the run in [0, 1)"),
    "gradient_clip": (_optional(number(lambda value: value > 0)), "None or a largest norm > 0"),
    "beta": (number(lambda value: value >= 0), "a number ≥ 0"),
    "kl_warmup": (
        _optional(number(lambda value: 0 <= value <= 1)),
        "None (½) or a share of the run in [0, 1]",
    ),
    "kl_schedule": (KL_SCHEDULES.__contains__, f"one of {', '.join(KL_SCHEDULES)}"),
    "kl_cycles": (whole(1), "a whole number ≥ 1"),
    "free_bits": (number(lambda value: value >= 0), "a number of nats ≥ 0"),
    "precision": (PRECISIONS.__contains__, f"one of {', '.join(PRECISIONS)}"),
    "patience": (_optional(whole(1)), "None or a whole number of epochs ≥ 1"),
    "seed": (whole(0), "a whole number ≥ 0"),
    "eval_examples": (_optional(whole(1)), "None (all) or a whole number ≥ 1"),
}


@dataclass(frozen=True)
class FitSettings:
    """Everything that decides what :func:`vae_course.training.loop` does; see there for the meanings."""

    epochs: int = 10
    batch_size: int | None = None
    learning_rate: float = 8e-3
    optimizer: str = "adam"
    weight_decay: float = 0.0
    schedule: str = "linear"
    warmup: float = 0.05
    gradient_clip: float | None = None
    beta: float = 1.0
    kl_warmup: float | None = None
    kl_schedule: str = "linear"
    kl_cycles: int = 4
    free_bits: float = 0.0
    precision: str = "auto"
    patience: int | None = None
    seed: int = 0
    eval_examples: int | None = 2000

    def __post_init__(self):
        for name, (accept, expected) in RULES.items():
            value = getattr(self, name)
            if not accept(value):
                raise ValueError(f"{name} is {value!r}; expected {expected}.")
        if self.kl_schedule == "constant" and self.kl_warmup:
            raise ValueError("a constant KL weight has no warm-up; leave kl_warmup out, or use 'linear'.")
        if self.kl_schedule == "cyclical" and self.kl_warmup == 0:
            raise ValueError("a cyclical KL weight needs kl_warmup > 0, the share of each cycle; try 0.5.")

    def for_examples(self, n: int) -> "FitSettings":
        """The same settings for ``n`` training examples, with numbers where None left the choice.

        The batch has 256 examples, or fewer where an epoch would have less than 8 updates, but at least 32.
        The KL weight rises over half of the run.
        """
        batch_size = self.batch_size or min(256, max(32, n // 8))
        rising = 0.0 if self.kl_schedule == "constant" else 0.5
        return replace(
            self, batch_size=batch_size, kl_warmup=rising if self.kl_warmup is None else self.kl_warmup
        )

    @classmethod
    def from_arguments(cls, arguments: dict) -> "FitSettings":
        """Settings from keyword arguments; an unknown name is a TypeError that names the nearest one."""
        known = [field.name for field in fields(cls)]
        for name in arguments:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(known)}."
                raise TypeError(f"fit() has no setting {name!r}{hint}")
        # A number out of a numpy array becomes a plain one, which a checkpoint can hold.
        plain = {name: value.item() if hasattr(value, "item") else value for name, value in arguments.items()}
        return cls(**plain)
