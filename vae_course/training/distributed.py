"""Several processes that train one model: who they are, and how each takes its share of a batch.

``torchrun --nproc-per-node N -m vae_course train ...`` starts N processes that know of each other by the
variables of their environment. Everything here does nothing where there is only one.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel
from torch.overrides import TorchFunctionMode

from vae_course.files import Told
from vae_course.machine import pick_device


def started() -> int:
    """How many processes torchrun started for this run; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", 1))


def restarts() -> int:
    """How often torchrun has already started this run again, after a process was lost."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", 0))


def count() -> int:
    """How many processes train together inside :func:`process_group`; 1 outside."""
    joined = distributed.is_available() and distributed.is_initialized()
    return distributed.get_world_size() if joined else 1


def rank() -> int:
    """Number of this process, from 0; process 0 is the only one that writes and prints."""
    return distributed.get_rank() if count() > 1 else 0


def own_device(name: str = "auto") -> torch.device:
    """The device of this process by ``pick_device``; with CUDA, each has one of its own. ValueError: none."""
    device = pick_device(name)
    if started() > 1 and device.type == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    return device


@contextmanager
def process_group(device: torch.device | None = None) -> Iterator[None]:
    """Join the processes that torchrun started, for :func:`fit` to train with all of them together, by NCCL
    on CUDA and gloo on CPUs; ``device`` is from :func:`own_device`. Told: another one ended.
    """
    if started() == 1 or count() > 1:
        yield
        return
    kind = (device or own_device("auto")).type
    try:
        store, number, size = next(distributed.rendezvous("env://"))
        # The store can outlive a lost process, and still holds where the processes of that attempt listened.
        store = distributed.PrefixStore(f"attempt {restarts()}", store)
        backend = "cpu:gloo,cuda:nccl" if kind == "cuda" else "gloo"
        distributed.init_process_group(backend, store=store, rank=number, world_size=size)
        yield
    except RuntimeError as error:
        if isinstance(error, distributed.DistError) or "gloo" in str(error):
            raise Told(
                "another process of this run has ended, and its own message says why; go on with --resume, "
                "or let torchrun do so: torchrun --max-restarts 3 ..."
            ) from error
        raise
    finally:
        if distributed.is_initialized():
            distributed.destroy_process_group()


def agreed(make: Callable[[], Any]) -> Any:
    """What ``make`` returns in process 0, in every process; an error that it raises is raised in all."""
    if count() == 1:
        return make()
    said: list = [None, None]
    if rank() == 0:
        try:
            said[0] = make()
        except Exception as error:
            said[1] = error
    distributed.broadcast_object_list(said, src=0)
    if said[1] is not None:
        raise said[1]
    return said[0]


# One model trained by several processes at once, with the result of one process, up to the rounding of sums:
#
# - all draw the same order and read the same batches, and each computes with its rows of them;
# - all draw the noise of the whole batch from the same generator, and each takes its rows;
# - a share of the batch counts by its number of examples, so that an uneven last batch is right as well;
# - PyTorch's DistributedDataParallel averages their gradients.
#
# Whatever a run saves is therefore independent of the number of processes, and any number can resume it.


class Shared:
    """What changes in a run of ``fit`` that several processes share: put in front of ``Run``."""

    def __init__(self, model, train, config, objective, device):
        super().__init__(model, train, config, objective, device)
        # The processes may run on different processors.
        self.arithmetic = agreed(lambda: self.arithmetic)
        self.writes = rank() == 0
        self.parallel = DistributedDataParallel(_Objective(model, objective))

    def terms(self, data, index: Tensor, noise: torch.Generator):
        rows, _ = share(len(index))
        x = data.batch(index, noise)
        x = tuple(part[rows] for part in x) if isinstance(x, tuple) else x[rows]
        with RowsOfDraws(noise, rows, len(index)):
            if torch.is_grad_enabled():
                return x, self.parallel(x, noise)
            return x, self.objective(self.model, x, noise)

    def loss(self, terms, beta: float, examples: int) -> Tensor:
        """This process's part of the batch's loss, scaled so that the mean of all processes is the loss."""
        _, counted = share(examples)
        weight = counted * count() / examples
        free_bits = self.config.free_bits
        if not free_bits:
            return weight * terms.loss(beta)
        # A dimension is free or not by its mean over the whole batch.
        mean = terms.kl_per_dimension.detach().sum(0) * (counted > 0) / examples
        distributed.all_reduce(mean)
        paid = torch.where(mean >= free_bits, terms.kl_per_dimension.mean(0), free_bits).sum()
        return weight * (terms.reconstruction.mean() + beta * paid)

    def sums(self, terms, examples: int) -> Tensor:
        sums = super().sums(terms, examples) * (share(examples)[1] > 0)
        distributed.all_reduce(sums)
        return sums


def share(examples: int) -> tuple[slice, int]:
    """The rows of a batch that this process takes, and how many of them count. Shares differ by one row at
    most; a process for which nothing is left takes row 0, and counts it as nothing.
    """
    least, more = divmod(examples, count())
    start = rank() * least + min(rank(), more)
    size = least + (rank() < more)
    return (slice(start, start + size), size) if size else (slice(0, 1), 0)


class RowsOfDraws(TorchFunctionMode):
    """Within it, ``torch.randn``, ``rand`` and ``randint`` with ``generator`` draw for the whole batch.

    The caller asks for noise for its own ``rows`` and gets them out of a draw for all ``examples``, so that
    the processes together use what one process would have drawn, and their generators stay in step.
    """

    def __init__(self, generator: torch.Generator, rows: slice, examples: int):
        super().__init__()
        self.generator, self.rows, self.examples = generator, rows, examples

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if kwargs.get("generator") is not self.generator:
            return function(*args, **kwargs)
        if function not in (torch.randn, torch.rand, torch.randint):
            raise ValueError(
                f"the objective draws by {getattr(function, '__name__', function)}, which several processes "
                f"cannot share; draw by torch.randn, rand or randint, or train with one process."
            )
        if "size" in kwargs:
            args = (*args, kwargs.pop("size"))
        whole = args and isinstance(args[-1], (tuple, list))
        before, shape = (args[:-1], list(args[-1])) if whole else ((), list(args))
        # The axis of the examples: last but one for codes (..., batch, latent), else the first that fits.
        usual = [len(shape) - 2] if len(shape) in (2, 3) else []
        own = self.rows.stop - self.rows.start
        axis = next((axis for axis in [*usual, *range(len(shape))] if shape[axis] == own), None)
        if axis is None:
            return function(*before, shape, **kwargs)
        shape[axis] = self.examples
        return function(*before, shape, **kwargs).narrow(axis, self.rows.start, own)


class _Objective(nn.Module):
    """The objective as the forward pass of a module, which is what DistributedDataParallel wraps."""

    def __init__(self, model: nn.Module, objective):
        super().__init__()
        self.model, self.objective = model, objective

    def forward(self, x, noise: torch.Generator):
        return self.objective(self.model, x, noise)
