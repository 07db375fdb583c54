"""Muon for the kernels of convolutions, Adam for everything else."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from vae_course.elbo import elbo_terms
from vae_course.machine import Adam, pick_device, working_on
from vae_course.training.distributed import Shared, count
from vae_course.training.loop import History, Run, complete
from vae_course.training.settings import FitSettings

SMALLEST = 32  # outputs and inputs of a kernel; below that Adam is as good, and cheaper
# Of the quintic a·x + b·x³ + c·x⁵ that drives singular values towards 1 (Jordan 2024, "Muon").
A, B, C = 3.4445, -4.7750, 2.0315


class Muon(torch.optim.Optimizer):
    """Momentum whose matrix is made nearly orthogonal before each update (Jordan et al. 2024, "Muon").

    The gradient of a convolution, read as a matrix (outputs, inputs · height · width), has a few large
    singular values that Adam's updates follow; with all of them at about 1 every direction is learned at
    the same speed. Updates are scaled to the size of Adam's, 0.2 · lr for each weight (Liu et al. 2025,
    "Muon is scalable for LLM training", equation 4), times ``scale``.

    Args:
        params: parameters with at least two axes, the first of which is that of the outputs.
        lr: learning rate.
        scale: factor on it, by which one schedule serves Adam as well.
        momentum: in [0, 1), Nesterov's.
        steps: of the iteration that makes the matrix orthogonal.
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        lr: float,
        scale: float = 1.0,
        momentum: float = 0.95,
        steps: int = 5,
    ):
        super().__init__(params, {"lr": lr, "scale": scale, "momentum": momentum, "steps": steps})

    @torch.no_grad()
    def step(self, closure=None) -> None:
        """One update of all parameters that have a gradient; those of one shape together."""
        for group in self.param_groups:
            alike: dict[tuple, list[nn.Parameter]] = {}
            for parameter in group["params"]:
                if parameter.grad is not None:
                    alike.setdefault(tuple(parameter.shape), []).append(parameter)
            for parameters in alike.values():
                self._update(parameters, group)

    def _update(self, parameters: list[nn.Parameter], group: dict) -> None:
        updates = []
        for parameter in parameters:
            state = self.state[parameter]
            if not state:
                state["momentum"] = torch.zeros_like(parameter)
            average = state["momentum"].mul_(group["momentum"]).add_(parameter.grad)
            updates.append(parameter.grad.add(average, alpha=group["momentum"]))
        # The order of a matrix's columns does not matter; this one is that of channels-last memory.
        matrices = torch.stack([update.movedim(1, -1) for update in updates])
        shape, matrices = matrices.shape, matrices.flatten(2)
        rate = 0.2 * group["lr"] * group["scale"] * max(matrices.shape[1:]) ** 0.5
        directions = orthogonal(matrices, group["steps"]).reshape(shape).movedim(-1, 2)
        for parameter, direction in zip(parameters, directions, strict=True):
            parameter.add_(direction, alpha=-rate)


def orthogonal(matrices: Tensor, steps: int = 5) -> Tensor:
    """Matrices (n, rows, columns) with singular values of about 1 (0.7 to 1.2) and the same singular vectors.

    Computed in bfloat16, which the iteration forgives.
    """
    x = matrices.mT if matrices.shape[1] > matrices.shape[2] else matrices
    x = (x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)).bfloat16()
    for _ in range(steps):
        square = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=B, alpha=C), x, beta=A)
    x = x.mT if matrices.shape[1] > matrices.shape[2] else x
    return x.to(matrices.dtype)


class MuonAndAdam:
    """Two optimizers as one: Muon for kernels of at least 32 × 32 channels, fused Adam for all other weights.

    Has what the training loop needs of an optimizer: ``param_groups``, ``zero_grad``, ``step``,
    ``state_dict`` and ``load_state_dict``.

    Args:
        parameters: of the model.
        lr: learning rate of Adam; Muon's is ``muon_scale`` times as large.
        options: of Adam, such as ``weight_decay`` and ``fused``.
    """

    muon_scale = 1.0

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float, **options):
        kernels, others = [], []
        for parameter in parameters:
            wide = parameter.dim() == 4 and min(parameter.shape[:2]) >= SMALLEST
            (kernels if wide else others).append(parameter)
        if not kernels:
            raise ValueError(
                f"muon is for convolutions of at least {SMALLEST} × {SMALLEST} channels, and the model has "
                f"none; use adam."
            )
        self.parts = [Muon(kernels, lr, self.muon_scale)]
        self.parts += [Adam(others, lr, **options)] if others else []

    @property
    def param_groups(self) -> list[dict]:
        """The groups of both."""
        return [group for part in self.parts for group in part.param_groups]

    def zero_grad(self, set_to_none: bool = True) -> None:
        for part in self.parts:
            part.zero_grad(set_to_none)

    def step(self) -> None:
        for part in self.parts:
            part.step()

    def state_dict(self) -> dict:
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state: dict) -> None:
        for part, own in zip(self.parts, state["parts"], strict=True):
            part.load_state_dict(own)


class MuonRun(Run):
    """A run of ``fit`` that steps by Muon and Adam."""

    def make_optimizer(self) -> MuonAndAdam:
        return MuonAndAdam(
            self.model.parameters(),
            lr=self.config.learning_rate,
            fused=self.device.type in ("cpu", "cuda"),
        )


class SharedMuonRun(Shared, MuonRun):
    """The same, of which each of several processes does its share."""


def fit_with_muon(
    model, train, *, device: str = "auto", checkpoint=None, resume=False, progress=True, **settings
) -> History:
    """What :func:`vae_course.training.loop.fit` does, by Muon; same arguments."""
    target = pick_device(device)
    kind = SharedMuonRun if count() > 1 else MuonRun
    config = FitSettings.from_arguments(settings)
    with working_on(target, model):
        run = kind(model, train.to(target), config, elbo_terms, target)
        return complete(run, None, checkpoint, resume, progress)
