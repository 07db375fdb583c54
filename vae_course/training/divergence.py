"""A loss that is no longer a number, and what probably made it so."""

import torch
from torch import Tensor, nn

from vae_course.elbo import ElboTerms


class TrainingDiverged(RuntimeError):
    """The loss became NaN or infinite."""


def diagnose(step: int, epoch: int, model: nn.Module, x: Tensor, terms: ElboTerms) -> str:
    """One sentence for :class:`TrainingDiverged`: where, and the likely cause.

    Args:
        step: updates made so far; epoch: the one under way, counted from 1.
        model: as it is now.
        x: the batch whose loss is not finite, and ``terms`` what the objective made of it.
    """
    if torch.is_tensor(x) and not torch.isfinite(x).all():
        cause = "the data hold NaN or infinite values: remove these examples or mend them"
    elif not all(torch.isfinite(parameter).all() for parameter in model.parameters()):
        cause = "the weights are no longer finite: lower learning_rate or set gradient_clip"
        if step == 0:
            cause = "the weights were not finite before the first update: build the model anew"
    elif not torch.isfinite(terms.kl).all():
        cause = "the KL term overflowed: bound log σ² (bound_log_var) or lower learning_rate"
    else:
        cause = "the reconstruction term overflowed: check that images lie in [0, 1], or lower learning_rate"
    return f"the loss is not finite at step {step} (epoch {epoch}); {cause}."
