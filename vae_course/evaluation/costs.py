"""What training a model costs: parameters, processor seconds and memory."""

import copy
import time
from dataclasses import dataclass

import torch
from torch import nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode

from vae_course.elbo import elbo_terms
from vae_course.evaluation.bounds import device_of
from vae_course.machine import Adam
from vae_course.randomness import seeded


@dataclass(frozen=True)
class TrainingCost:
    """Numbers that training moves; processor seconds (all threads together) of one pass through the data; and
    the most bytes that tensors took at one moment of an update: weights, gradients, Adam's two moments, the
    minibatch and what lies between. The data set and the program are not counted.
    """

    parameters: int
    seconds_per_epoch: float
    peak_bytes: int

    @property
    def peak_mib(self) -> float:
        """`peak_bytes` in MiB."""
        return self.peak_bytes / 2**20


def training_cost(model: nn.Module, data, *, batch_size: int = 64, updates: int = 4) -> TrainingCost:
    """Make a few updates of a copy of a model and say what a whole epoch would cost.

    The memory is the same in every run; the seconds are this machine's, at this moment: of ``updates`` after
    two that are not timed. Model and data as for ``fit``.
    """
    size, data = min(batch_size, len(data)), data.to(device_of(model))
    with PeakMemory() as memory:
        model = copy.deepcopy(model).train()
        optimizer = Adam(model.parameters(), lr=1e-4)
        chooser, generator = seeded(0), seeded(0, device_of(model))

        def update() -> None:
            x = data.batch(torch.randint(len(data), (size,), generator=chooser), generator)
            loss = elbo_terms(model, x, generator).loss()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()

        update()
        update()  # Adam's moments exist from the first update's end
    start = time.process_time()
    for _ in range(updates):
        update()
    seconds = (time.process_time() - start) / updates * len(data) / size
    parameters = sum(p.numel() for p in model.parameters() if p.requires_grad)
    return TrainingCost(parameters, seconds, memory.peak)


class PeakMemory(TorchDispatchMode):
    """Counts the bytes of all tensors made inside the block that live at the same time: ``peak`` is the most.

    What an operation allocates for itself and frees again is not seen.
    """

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """False, or torch imports its compiler at the first operation: a second and 140 MB for nothing."""
        return False

    def __init__(self) -> None:
        super().__init__()
        self.peak = 0
        self._alive: dict[int, tuple[StorageWeakRef, int]] = {}

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, tuple | list) else (result,):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                self._alive[storage._cdata] = (StorageWeakRef(storage), storage.nbytes())
        self._alive = {key: pair for key, pair in self._alive.items() if not pair[0].expired()}
        self.peak = max(self.peak, sum(size for _, size in self._alive.values()))
        return result
