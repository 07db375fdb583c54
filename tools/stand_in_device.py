"""A stand-in for a CUDA device on a machine without one: it finds code that mixes devices.

    python -m tools.stand_in_device python -m pytest tests/test_fit.py     # or any other command

In the Python processes of that command ``torch.cuda.is_available()`` is true, and "cuda" is a device like
any other. Its tensors lie in the CPU's memory and every operation is computed by the CPU, bit for bit; but
each *storage* knows where it is said to be, so views, ``Parameter``, ``.data``, ``detach`` and files agree.
A torch function mode sees every call and refuses, in torch's words, what a real device refuses: tensors of
two devices in one operation (a CPU scalar of no dimension excepted), a device's indices into a CPU tensor,
``numpy()`` of a device's tensor, the generator of another device.

What it can't find: speed, memory, arithmetic of a GPU; operations without a CUDA kernel; mixes inside a
hook or an autograd function's ``backward`` (no marks there). ``float64=False`` refuses float64, as Apple's
MPS does.
"""

import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from types import SimpleNamespace

import torch
from torch._C import DisableTorchFunction, _functorch
from torch.overrides import TorchFunctionMode
from torch.utils import _device

DEVICE, HOST = torch.device("cuda", 0), torch.device("cpu")
ROOT = str(Path(__file__).resolve().parents[1])

# These may be given tensors of two devices: copies, and what looks at shapes and types alone.
MIXED = {"copy_", "fill_", "backward", "expand_as", "view_as", "reshape_as", "result_type", "is_same_size"}
MIXED |= {"grad", "broadcast_tensors", "_has_compatible_shallow_copy_type"}
JOINS = ("stack", "hstack", "vstack", "dstack", "column_stack")  # these take no scalar of the CPU either
INDEXING = ("__getitem__", "__setitem__", "index_put", "index_put_")

SAME = (
    "Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu! (in {})"
)
INDEX = "indices should be either on cpu or on the same device as the indexed tensor (cpu)"
NUMPY = "can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() to copy it to host memory first."
GRADIENT = "attempting to assign a gradient with device type '{}' to a tensor with device type '{}'."
GENERATOR = "Expected a '{}' device type for generator but found '{}'"
FLOAT64 = "Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support float64 (in {})"

# torch.cuda's functions and what they return here. torch.manual_seed seeds the one generator that there is.
CUDA = {"is_available": True, "device_count": 1, "current_device": 0, "get_device_name": "stand-in"}
CUDA |= {"get_device_capability": (9, 0), "is_bf16_supported": True, "is_current_stream_capturing": False}
CUDA |= {"memory_allocated": 0, "max_memory_allocated": 0, "mem_get_info": (2**33, 2**33)}
CUDA |= dict.fromkeys(("_lazy_init", "synchronize", "empty_cache", "set_device", "reset_peak_memory_stats"))
CUDA |= dict.fromkeys(("manual_seed", "manual_seed_all"))


def startup_text(float64: bool = True) -> str:
    """Python source that switches the stand-in on: a ``sitecustomize.py``."""
    switch = f"__import__('tools.stand_in_device', fromlist=['install']).install(float64={float64})"
    return f"__import__('sys').path.append({ROOT!r})\n{switch}\n"


def environment(folder: str | Path, float64: bool = True) -> dict[str, str]:
    """The environment variable that gives Python processes, and those that they start, the stand-in.

    Args:
        folder: gets a ``sitecustomize.py``; must stay while processes start.
        float64: False for a device without float64.
    """
    Path(folder, "sitecustomize.py").write_text(startup_text(float64), encoding="utf-8")
    path = [str(Path(folder).resolve()), ROOT, os.environ.get("PYTHONPATH", "")]
    return {"PYTHONPATH": os.pathsep.join(filter(None, path))}


def main(arguments: list[str] | None = None) -> int:
    """Run a command whose Python processes have the stand-in. Returns its exit status."""
    command = list(sys.argv[1:] if arguments is None else arguments)
    float64 = command[:1] != ["--no-float64"]
    command = command[not float64 :]
    if not command:
        print("usage: python -m tools.stand_in_device [--no-float64] COMMAND ...", file=sys.stderr)
        return 2
    command[0] = sys.executable if command[0] == "python" else command[0]
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run(command, env=os.environ | environment(folder, float64)).returncode


def install(float64: bool = True) -> None:
    """Switch the stand-in on, for this thread and those that start later; there is no way back."""
    if torch.Generator is Generator:
        return
    for name, value in CUDA.items():
        setattr(torch.cuda, name, lambda *args, _value=value, **kwargs: _value)
    torch.cuda.get_rng_state = lambda device=None: torch.get_rng_state()
    torch.cuda.set_rng_state = lambda state, device=None: torch.set_rng_state(state)
    torch.cuda.get_rng_state_all = lambda: [torch.get_rng_state()]
    torch.cuda.set_rng_state_all = lambda states: torch.set_rng_state(states[0])
    torch.accelerator.current_stream = lambda device=None: SimpleNamespace(is_capturing=lambda: False)
    torch.backends.cudnn.is_acceptable = lambda tensor: False
    torch.serialization.register_package(5, _location, _restored)
    torch._C._nn._parse_to = parse_to  # Module.to reads its arguments with it
    torch.Generator = Generator
    run = threading.Thread.run

    def run_with_stand_in(thread):
        with StandIn(float64):
            run(thread)

    threading.Thread.run = run_with_stand_in
    StandIn(float64).__enter__()


def on_device(tensor: torch.Tensor) -> bool:
    """Whether a tensor is said to be on the device; under ``vmap`` and ``grad``, the tensor inside."""
    with DisableTorchFunction():
        return _on(tensor)


def _on(tensor) -> bool:
    return getattr(_storage(tensor), "on_device", False)


def _storage(tensor):
    try:
        return tensor.untyped_storage()
    except (NotImplementedError, RuntimeError):  # a sparse tensor has none, and one of vmap has it inside
        inside = _functorch.is_functorch_wrapped_tensor(tensor)
        return _storage(_functorch.get_unwrapped(tensor)) if inside else None


def _tensors(value, found=None) -> list:
    """All tensors in nested lists, tuples and dicts."""
    found = [] if found is None else found
    if isinstance(value, torch.Tensor):
        found.append(value)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _tensors(item, found)
    elif isinstance(value, dict):
        _tensors(list(value.values()), found)
    return found


def _is_ours(device: torch.device | str | int) -> bool:
    """Whether a device argument means the stand-in. Raises RuntimeError for another number than 0."""
    device = torch.device("cuda", device) if isinstance(device, int) else torch.device(device)
    if device.type == "cuda" and device.index not in (None, 0):
        raise RuntimeError("CUDA error: invalid device ordinal (the stand-in is cuda:0)")
    return device.type == "cuda"


class StandIn(TorchFunctionMode):
    """Looks at every call of torch from Python; a mode holds for one thread."""

    def __init__(self, float64: bool = True):
        self.float64 = float64

    def __torch_function__(self, func, types, args=(), kwargs=None):
        name = getattr(func, "__name__", "")
        with DisableTorchFunction():
            if name in ("__get__", "__set__"):
                return self._attribute(func, *args)
            if name in ("to", "cuda", "cpu"):
                return self._move(name, *args, **(kwargs or {}))
            return self._call(func, name, args, dict(kwargs or {}))

    def _call(self, func, name, args, kwargs):
        constructor = func in _device._device_constructors()
        source = constructor and args and isinstance(args[0], torch.Tensor)  # as in torch.tensor(x)
        given = [] if constructor and not source else _tensors((args, kwargs))  # else they are numbers
        where = [_on(tensor) for tensor in given]
        on, mixed = any(where), len(set(where)) > 1
        if on and (name == "__array__" or (name == "numpy" and not kwargs.get("force"))):
            raise TypeError(NUMPY)
        if name in ("get_device", "is_pinned", "pin_memory"):
            return {"get_device": on - 1, "is_pinned": False, "pin_memory": args[0]}[name]
        if name == "type_as":
            return self._move("to", *args)
        if mixed and name not in MIXED:
            _refuse_mixed(name, args, given)
        device = kwargs.get("device")
        if constructor and device is None:
            device = _device.CURRENT_DEVICE  # `with torch.device("cuda")`: its mode lies below this one
        on = on if device is None else _is_ours(device)
        if constructor or device is not None:
            kwargs["device"] = HOST if on or device is None else device
        for generator in (*args, *kwargs.values()):
            if type(generator) in (torch._C.Generator, Generator) and on != (generator.device == DEVICE):
                raise RuntimeError(GENERATOR.format(*(("cuda", "cpu") if on else ("cpu", "cuda"))))
        if source:
            args = (self._move("to", args[0], DEVICE if on else HOST), *args[1:])
        result = func(*args, **kwargs)
        if func is torch.autograd.grad:  # a gradient is where its input is
            inputs = _tensors(args[1] if len(args) > 1 else kwargs["inputs"])
            return tuple(self._mark(g, name) if _on(x) else g for x, g in zip(inputs, result, strict=True))
        return self._mark(result, name, given if mixed else ()) if on else result

    def _attribute(self, func, tensor, *value):
        """Read a property of a tensor, or write it."""
        name = getattr(func.__self__, "__name__", "")
        on = _on(tensor)
        if name == "grad" and value and isinstance(value[0], torch.Tensor) and _on(value[0]) != on:
            raise RuntimeError(GRADIENT.format(*(("cpu", "cuda") if on else ("cuda", "cpu"))))
        if on and name in ("device", "is_cuda", "is_cpu"):
            return {"device": DEVICE, "is_cuda": True, "is_cpu": False}[name]
        result = func(tensor, *value)
        return self._mark(result, name) if on else result  # .grad comes from autograd, without a mark

    def _move(self, name, tensor, *args, **kwargs):
        """``to``, ``cuda``, ``cpu``: a move to the other device copies, one to the same does not."""
        if name in ("cuda", "cpu"):
            device = HOST if name == "cpu" else kwargs.get("device", *args[:1])
            args, kwargs = (), {"device": DEVICE if device is None else device}
        copy = kwargs.pop("copy", False)
        device, dtype, _, layout = parse_to(*args, **kwargs)
        on = _on(tensor) if device is None else _is_ours(device)
        copy = copy or on != _on(tensor)
        real = None if device is None or device.type in ("cpu", "cuda") else device
        moved = tensor.to(real, dtype, False, copy, memory_format=layout or torch.preserve_format)
        return self._mark(moved, name) if on else moved

    def _mark(self, result, name, given=()):
        """The result, said to be on the device, except where it is an argument that isn't."""
        host = [_storage(t) for t in given if not _on(t)]
        for tensor in _tensors(result):
            storage = _storage(tensor)
            if storage is None or any(storage is other for other in host):
                continue
            if tensor.dtype == torch.float64 and not self.float64:
                raise TypeError(FLOAT64.format(name))
            storage.on_device = True
        return result


def _refuse_mixed(name, args, given) -> None:
    """Raise what torch raises where a call is given tensors of two devices, if it may not be."""
    first, foreign = _on(given[0]), [t.dim() for t in given if not _on(t)]
    in_place = name.startswith("__i") or (name.endswith("_") and not name.endswith("__"))
    refused = any(foreign) or name in JOINS or (in_place and not first)  # total += x would leave the CPU
    if name in INDEXING:
        index = args[1] if isinstance(args[1], tuple) else (args[1],)
        indices = [t for t in _tensors(index) if t.dim() or t.dtype == torch.bool]  # others are numbers
        if not first and any(map(_on, indices)):
            raise RuntimeError(INDEX)
        copies = name == "__setitem__" and not indices and not any(isinstance(i, list) for i in index)
        refused = not copies and any(t.dim() and _on(t) != first for t in _tensors(args[2:]))
    elif name.startswith("_foreach_"):  # lists of one length: each call of the loop has one device
        lists = [a for a in args if isinstance(a, (list, tuple)) and _tensors(a)]
        refused = any(len({_on(t) for t in call if t.dim()}) > 1 for call in zip(*lists, strict=True))
    if refused:
        raise RuntimeError(SAME.format(name))


_parse_to = torch._C._nn._parse_to


def parse_to(*args, **kwargs):
    """The (device, dtype, non_blocking, memory_format) that ``to`` and ``Module.to`` are given."""
    args = (torch.device("cuda", args[0]), *args[1:]) if args and type(args[0]) is int else args
    device, *rest = _parse_to(*args, **kwargs)
    like = _tensors((args, kwargs))
    return ((DEVICE if on_device(like[0]) else HOST) if like else device, *rest)


class _Kind(type(torch._C.Generator)):
    def __instancecheck__(cls, value):
        return isinstance(value, torch._C.Generator)


class Generator(torch._C.Generator, metaclass=_Kind):
    """``torch.Generator``; one for the device draws the CPU's numbers."""

    device = DEVICE

    def __new__(cls, device="cpu"):
        return super().__new__(cls) if _is_ours(device) else torch._C.Generator(device)


def _location(storage) -> str | None:
    """For ``torch.save``: the device that a file remembers."""
    return str(DEVICE) if getattr(storage, "on_device", False) else None


def _restored(storage, location: str):
    """For ``torch.load``: a storage that was saved on the device, or is mapped there."""
    if not location.startswith("cuda"):
        return None
    storage.on_device = _is_ours(location)
    return storage


if __name__ == "__main__":
    sys.exit(main())
