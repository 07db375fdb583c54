"""How the learning rate and the weight of the KL term move during training."""

import math

SCHEDULES = ("constant", "linear", "cosine")


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


def kl_weight(beta: float, step: int, total_steps: int, kl_warmup: float = 0.0) -> float:
    """Weight of the KL term at ``step``: rises linearly from 0 to β over a share ``kl_warmup`` of the run.

    KL annealing (Bowman et al. 2016, §3.1): early in training the decoder ignores z, and a KL term at full
    weight then pushes q(z|x) onto the prior before z is of any use.
    """
    ramp = kl_warmup * total_steps
    return beta * min(1.0, step / ramp) if ramp > 0 else beta
