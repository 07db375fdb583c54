"""How the learning rate and the weight of the KL term move during training."""

import math

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
