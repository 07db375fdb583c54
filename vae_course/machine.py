"""The machine: its device, its arithmetic, its memory, and optimizers that start at once."""

import inspect
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import torch
from torch import nn


def pick_device(name: str = "auto") -> torch.device:
    """The device of that name, if this machine has one; "auto" takes CUDA, then Apple's MPS, then the CPU."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, found in there.items() if found))
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ValueError(f"unknown device {name!r}; choose 'auto', 'cpu', 'cuda' or 'mps'.") from None
    if not there.get(device.type, True):
        seen = f"torch sees no {device.type.upper()} device here"
        raise ValueError(f"device {device.type!r} was asked for, but {seen}; use 'auto' or 'cpu'.")
    if device.type == "cuda" and (device.index or 0) >= (count := torch.cuda.device_count()):
        seen = f"torch counts CUDA devices from 0 and sees {count} here"
        raise ValueError(f"device {name!r} was asked for, but {seen}.")
    return device


@contextmanager
def working_on(device: torch.device, *modules: nn.Module) -> Iterator[None]:
    """The modules on a device for a block, and each back where it was afterwards, also after an error."""
    before = [next(module.parameters(), torch.empty(0)).device for module in modules]
    try:
        for module in modules:
            module.to(device)
        yield
    finally:
        for module, place in zip(modules, before, strict=True):
            module.to(place)


@lru_cache
def keep_freed_memory() -> None:
    """Let the C library keep up to about 60 MiB of freed memory; once in a process, in a microsecond.

    glibc gives large blocks back to the system, which hands them out again as pages of zeros: for tensors of
    a few MB dearer than the arithmetic on them. Freeing one large block, which is never written to, teaches
    it better (mallopt(3), M_MMAP_THRESHOLD: "dynamic").
    """
    torch.empty(31 << 20, dtype=torch.uint8)  # just below the largest block that glibc learns from


def choose(precision: str, device: torch.device, model: nn.Module | None = None) -> str:
    """The arithmetic of matrix products in a run: "highest", "medium" or "bfloat16".

    "auto" goes by what the processor is, never by a stopwatch: a busy machine computes the same bits as an
    idle one (docs/package.md has the measurements). bfloat16 (8 significant bits) is for models with
    ``trains_in_bfloat16``. ``ATEN_CPU_CAPABILITY`` is followed. On CUDA and MPS torch's setting stays.
    """
    able = getattr(model, "trains_in_bfloat16", False)
    if precision == "bfloat16" and not able:
        rule = "only image models with Bernoulli pixels bear 8 significant bits"
        raise ValueError(f"precision is 'bfloat16', but {type(model).__name__} trains in float32: {rule}.")
    if precision != "auto":
        return precision
    if device.type != "cpu":
        return torch.get_float32_matmul_precision()
    return "bfloat16" if able and _has("avx512_bf16", "amx_tile") else _float32()


def _float32() -> str:
    """The faster of the float32 products that are exact."""
    return "medium" if _has("avx512") and not _has("amx_tile") else "highest"


def _has(*names: str) -> bool:
    """Whether the CPU has one of these instructions, and ATEN_CPU_CAPABILITY does not forbid AVX-512."""
    if torch.backends.cpu.get_cpu_capability() != "AVX512":
        return False
    return any(getattr(torch.cpu, f"_is_{name}_supported")() for name in names)


_LOCK = threading.Lock()
_INSIDE: list[tuple[int, str]] = []  # threads in blocks of `matrix_products`, and what was before each


@contextmanager
def matrix_products(name: str) -> Iterator[None]:
    """Torch's float32 matrix products in the arithmetic of that name ("bfloat16": what stays in float32).

    The setting is one for the whole process: a thread that goes while others are still inside leaves it as it
    is, and the last one out puts back what was there before all of them.
    """
    me = threading.get_ident()
    with _LOCK:
        before = torch.get_float32_matmul_precision()
        _INSIDE.append((me, before))
        torch.set_float32_matmul_precision(_float32() if name == "bfloat16" else name)
    try:
        yield
    finally:
        with _LOCK:
            place = max(i for i, (thread, _) in enumerate(_INSIDE) if thread == me)
            before = _INSIDE.pop(place)[1]
            if place < len(_INSIDE):  # who came later takes over what is to be put back
                _INSIDE[place] = _INSIDE[place][0], before
            if all(thread == me for thread, _ in _INSIDE):
                torch.set_float32_matmul_precision(before)


def mixed(name: str, device: torch.device):
    """Context in which networks compute in bfloat16 if that is the arithmetic's name, else without effect."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=name == "bfloat16")


def _unwrapped(kind: type[torch.optim.Optimizer]) -> dict:
    """The methods of ``kind`` as torch wrote them; those of a torch that wraps nothing stay as they are."""
    names = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")
    # One of the wrappers also turned the gradient off during the step.
    step = torch.no_grad()(inspect.unwrap(kind.step))
    return {**{name: inspect.unwrap(getattr(kind, name)) for name in names}, "step": step}


class Adam(torch.optim.Adam):
    """:class:`torch.optim.Adam`, same arguments and same numbers, without the second that a process's first
    optimizer costs: torch wraps its methods for ``torch.compile``, and the wrappers import ``torch._dynamo``.
    """

    locals().update(_unwrapped(torch.optim.Adam))
