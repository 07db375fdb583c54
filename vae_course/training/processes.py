"""The processes of one training run: who they are, what they agree on, and who writes.

``torchrun --nproc-per-node N -m vae_course train ...`` starts N processes that know of each other by the
variables of their environment. Everything here does nothing where there is only one.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import distributed

from vae_course.training.seeding import pick_device


class ProcessLost(RuntimeError):
    """Another process of the run has ended, so this one cannot go on."""


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
    """The device of this process by ``pick_device``; with CUDA, each process of a machine has one of its own.

    Raises:
        ValueError: there is no such device, or the processes cannot share it.
    """
    device = pick_device(name)
    if started() == 1:
        return device
    if device.type == "mps" or device.index is not None:
        raise ValueError(
            f"{started()} processes cannot share {str(device)!r}; use 'cpu', or 'cuda', which gives each "
            f"process of a machine a device of its own."
        )
    if device.type == "cuda":
        here, there = int(os.environ["LOCAL_WORLD_SIZE"]), torch.cuda.device_count()
        if here > there:
            raise ValueError(
                f"torchrun starts {here} processes on this machine, and torch sees {there} CUDA devices; "
                f"give --nproc-per-node {there}."
            )
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    return device


@contextmanager
def process_group(device: torch.device | None = None) -> Iterator[None]:
    """Join the processes that torchrun started, for :func:`fit` to train with all of them together.

    They talk by NCCL on CUDA and by gloo on CPUs.

    Args:
        device: from :func:`own_device`; None stands for "auto".

    Raises:
        ValueError: as :func:`own_device`.
        ProcessLost: another process ended before its time.
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
            raise ProcessLost(
                "another process of this run has ended, and its own message says why; go on with --resume, "
                "or let torchrun do so: torchrun --max-restarts 3 ..."
            ) from error
        raise
    finally:
        if distributed.is_initialized():
            distributed.destroy_process_group()


def check_batch_size(batch_size: int) -> None:
    """Raise ValueError when a batch has fewer examples than there are processes to share it."""
    if batch_size < count():
        raise ValueError(
            f"batch_size is {batch_size}, and {count()} processes share each batch; give a larger "
            f"batch_size, or start fewer processes."
        )


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


@contextmanager
def first_on_each_machine() -> Iterator[None]:
    """Let one process of each machine do this before the others: it may download what all then read."""
    waits = count() > 1 and int(os.environ["LOCAL_RANK"]) > 0
    if waits:
        distributed.barrier()
    yield
    if count() > 1 and not waits:
        distributed.barrier()
