"""An objective whose networks run through ``torch.compile`` while training."""

import torch
from torch import nn


class CompilationFailed(RuntimeError):
    """``torch.compile`` does not work on this machine, or with this model."""


class CompiledObjective:
    """The same objective, with ``encode`` and ``log_likelihood`` of the model compiled.

    Compiled for one batch size, that of the first update: the smaller last batch of an epoch and the
    measurements between epochs go the ordinary way, because each further size would cost as long again. The
    draw of z stays outside, so that it is the same with and without compilation.

    Args:
        objective: ``objective(model, x, generator)``, as for :func:`vae_course.training.loop`.
    """

    def __init__(self, objective):
        self.objective = objective
        self.view: _CompiledView | None = None
        self.size: int | None = None

    def __call__(self, model: nn.Module, x, generator: torch.Generator | None = None):
        size = len(x[0]) if isinstance(x, tuple) else len(x)
        if not torch.is_grad_enabled() or size != (self.size or size):
            return self.objective(model, x, generator)
        if self.view is None:
            self.view, self.size = _CompiledView(model), size
        from torch._dynamo.exc import TorchDynamoException

        try:
            return self.objective(self.view, x, generator)
        except TorchDynamoException as error:
            raise CompilationFailed(
                f"torch.compile cannot compile {type(model).__name__} here (on a CPU it needs a C++ "
                f"compiler); train without it."
            ) from error


class _CompiledView:
    """A model whose ``encode`` and ``log_likelihood`` are compiled; anything else is the model's own."""

    def __init__(self, model: nn.Module):
        self._model = model
        self.encode = torch.compile(model.encode, dynamic=False)
        self.log_likelihood = torch.compile(model.log_likelihood, dynamic=False)

    def __getattr__(self, name: str):
        return getattr(self._model, name)
