"""The machine: its device, its arithmetic, its memory, and optimizers that start at once."""

import inspect
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import nn

# -------- Devices.


def pick_device(name: str = "auto") -> torch.device:
    """The device of that name; "auto" takes CUDA, then Apple's MPS, then the CPU.

    Raises:
        ValueError: the name is unknown, or this machine has no such device.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        if torch.backends.mps.is_available():
            return torch.device("mps")
        return torch.device("cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ValueError(f"unknown device {name!r}; choose 'auto', 'cpu', 'cuda' or 'mps'.") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            "device 'cuda' was asked for, but torch sees no CUDA device here; use 'auto' or 'cpu'."
        )
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(
            f"device {name!r} was asked for, but torch counts CUDA devices from 0 and sees "
            f"{torch.cuda.device_count()} here."
        )
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ValueError(
            "device 'mps' was asked for, but torch sees no MPS device here; use 'auto' or 'cpu'."
        )
    return device


@contextmanager
def working_on(device: torch.device, *modules: nn.Module) -> Iterator[None]:
    """The modules on a device for a block, and each back where it was afterwards, also after an error.

    Whoever trains works like this, so that the code around it may stay on the CPU. Parameters keep their
    identity: an optimizer that holds them goes on holding them.
    """
    before = [next(module.parameters(), torch.empty(0)).device for module in modules]
    try:
        for module in modules:
            module.to(device)
        yield
    finally:
        for module, place in zip(modules, before, strict=True):
            module.to(place)


# -------- Keep freed memory for the next tensor instead of giving it back to the system after every
# operation.

KEPT = 31 << 20  # bytes, just below the largest block that glibc learns from (32 MiB)


@lru_cache
def keep_freed_memory() -> None:
    """Let the C library keep up to about 60 MiB of freed memory; once in a process, in a microsecond.

    glibc gives large blocks back to the system as soon as they are free, and the system hands them out again
    as pages of zeros, one fault for each 4 KiB: for tensors of a few MB dearer than the arithmetic on them.
    Freeing one large block teaches it better (mallopt(3), M_MMAP_THRESHOLD: "dynamic"; twice that size is
    kept). The block is never written to, so it costs no memory. Other C libraries take no notice.
    """
    torch.empty(KEPT, dtype=torch.uint8)


# -------- The arithmetic of training: which way to multiply matrices is fastest here; measured, not assumed.
#
# On some CPUs torch's other matrix product ("medium") is twice as fast and just as exact, on others nothing
# is gained; bfloat16 (8 significant bits) doubles the speed again where the processor has it and is many
# times slower where it has not. So each is tried on one product of the size that training needs.

CHOICES = ("auto", "highest", "medium", "bfloat16")
EXACT = 1e-5  # largest relative error of a product that still counts as float32
WORTH = 1.25  # least gain for which the plain product is given up
SHAPE = (256, 512, 512)  # batch, inputs, outputs of the product that is timed


@dataclass(frozen=True)
class Arithmetic:
    """What one product takes and loses in one arithmetic.

    Attributes:
        name: "highest", "medium" or "bfloat16".
        seconds: of one product (the fastest of several tries).
        error: largest error, relative to the largest entry of the float64 result.
    """

    name: str
    seconds: float
    error: float


@lru_cache
def measure(device: str = "cpu", threads: int | None = None) -> dict[str, Arithmetic]:
    """Time and check one matrix product in each arithmetic; about 20 ms, once for each process.

    Args:
        device: type of the device, "cpu" or "cuda".
        threads: torch's number of threads, because a result holds for one number only.
    """
    draw = torch.Generator().manual_seed(0)
    batch, inputs, outputs = SHAPE
    left, right = torch.randn(batch, inputs, generator=draw), torch.randn(inputs, outputs, generator=draw)
    exact = left.double() @ right.double()
    left, right = left.to(device), right.to(device)
    found = {}
    for name in CHOICES[1:]:
        dtype = torch.bfloat16 if name == "bfloat16" else torch.float32
        a, b = left.to(dtype), right.to(dtype)
        with matrix_products("medium" if name == "medium" else "highest"):
            product = a @ b
            seconds = min(_seconds(a, b) for _ in range(5))
        error = ((product.cpu().double() - exact).abs().max() / exact.abs().max()).item()
        found[name] = Arithmetic(name, seconds, error)
    return found


def choose(precision: str, device: torch.device, model=None) -> str:
    """The arithmetic for a training run: "highest", "medium" or "bfloat16".

    Args:
        precision: "auto" measures and takes the fastest that loses nothing that matters; any other name is
            taken as it is.
        device: where the model trains; "auto" leaves anything but a CPU and CUDA alone.
        model: bfloat16 is for models with ``trains_in_bfloat16``, and chosen for no other.

    Raises:
        ValueError: bfloat16 was asked for, and the model cannot be trained in it.
    """
    able = getattr(model, "trains_in_bfloat16", False)
    if precision == "bfloat16" and not able:
        raise ValueError(
            f"precision is 'bfloat16', but {type(model).__name__} is trained in float32: only image models "
            f"with Bernoulli pixels bear 8 significant bits; use 'auto', 'medium' or 'highest'."
        )
    if precision != "auto" or device.type not in ("cpu", "cuda"):
        return torch.get_float32_matmul_precision() if precision == "auto" else precision
    measured = measure(device.type, torch.get_num_threads())
    best = measured["highest"]
    if measured["medium"].error <= EXACT and measured["medium"].seconds * WORTH <= best.seconds:
        best = measured["medium"]
    if able and measured["bfloat16"].seconds * WORTH <= best.seconds:
        best = measured["bfloat16"]
    return best.name


@contextmanager
def matrix_products(name: str) -> Iterator[None]:
    """Torch's float32 matrix products in the arithmetic of that name, and as they were afterwards.

    bfloat16 is asked for by :func:`mixed`; what then stays in float32 goes the faster way too, where that is
    exact.
    """
    before = torch.get_float32_matmul_precision()
    if name == "bfloat16":
        cpu = measure("cpu", torch.get_num_threads())["medium"]
        name = "medium" if cpu.error <= EXACT else "highest"
    torch.set_float32_matmul_precision(name)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def mixed(name: str, device: torch.device):
    """Context in which networks compute in bfloat16 if that is the arithmetic's name, else without effect."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=name == "bfloat16")


def _seconds(a: torch.Tensor, b: torch.Tensor, times: int = 4) -> float:
    """Of one product a @ b."""
    wait = torch.cuda.synchronize if a.is_cuda else (lambda: None)
    wait()
    start = time.perf_counter()
    for _ in range(times):
        a @ b
    wait()
    return (time.perf_counter() - start) / times


# -------- Torch's Adam, AdamW and L-BFGS, without the second that a process's first optimizer costs.
#
# ``torch.optim`` wraps the methods of its optimizers for ``torch.compile``, and the wrappers import
# ``torch._dynamo`` when the first optimizer is built: about a second, more than a short training run takes.
# The classes here are torch's own with the wrappers taken off; the arithmetic is torch's.

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
