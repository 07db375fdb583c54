"""Torch's Adam, AdamW and L-BFGS, without the second that a process's first optimizer costs.

``torch.optim`` wraps the methods of its optimizers for ``torch.compile``, and the wrappers import
``torch._dynamo`` when the first optimizer is built: about a second, more than a short training run takes.
The classes here are torch's own with the wrappers taken off; the arithmetic is torch's.
"""

import inspect

import torch

WRAPPED = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")


def _unwrapped(kind: type[torch.optim.Optimizer]) -> dict:
    """The methods of ``kind`` as torch wrote them; those of a torch that wraps nothing stay as they are."""
    methods = {name: inspect.unwrap(getattr(kind, name)) for name in WRAPPED}
    # One of the wrappers also turned the gradient off during the step.
    return {**methods, "step": torch.no_grad()(inspect.unwrap(kind.step))}


class Adam(torch.optim.Adam):
    """:class:`torch.optim.Adam`, same arguments and same numbers."""

    locals().update(_unwrapped(torch.optim.Adam))


class AdamW(torch.optim.AdamW):
    """:class:`torch.optim.AdamW`, same arguments and same numbers."""

    locals().update(_unwrapped(torch.optim.AdamW))


class LBFGS(torch.optim.LBFGS):
    """:class:`torch.optim.LBFGS`, same arguments and same numbers."""

    locals().update(_unwrapped(torch.optim.LBFGS))


OPTIMIZERS = {"adam": Adam, "adamw": AdamW}
