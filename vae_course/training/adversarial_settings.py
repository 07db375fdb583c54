"""Settings of a GAN's training, checked before it starts."""

from dataclasses import dataclass

from vae_course.training.adversarial_losses import LOSSES
from vae_course.training.settings import number, whole


@dataclass(frozen=True)
class GanSettings:
    """Everything that decides what :func:`fit_gan` does; see there for the meanings."""

    steps: int
    batch_size: int
    learning_rate: float
    discriminator_learning_rate: float
    betas: tuple[float, float]
    loss: str
    penalty: float
    penalty_every: int
    instance_noise: float
    anneal_noise: bool
    record_every: int
    seed: int

    def __post_init__(self):
        count, size = (whole(0), "a whole number ≥ 0"), (whole(1), "a whole number ≥ 1")
        positive = (number(lambda value: value > 0), "a number > 0")
        not_negative = (number(lambda value: value >= 0), "a number ≥ 0")
        rules = {
            "steps": count,
            "batch_size": size,
            "learning_rate": positive,
            "discriminator_learning_rate": positive,
            "betas": (lambda v: len(v) == 2 and all(0 <= b < 1 for b in v), "two numbers in [0, 1)"),
            "loss": (LOSSES.__contains__, f"one of {', '.join(LOSSES)}"),
            "penalty": not_negative,
            "penalty_every": size,
            "instance_noise": not_negative,
            "record_every": size,
            "seed": count,
        }
        for name, (accept, expected) in rules.items():
            if not accept(getattr(self, name)):
                raise ValueError(f"{name} is {getattr(self, name)!r}; expected {expected}.")
