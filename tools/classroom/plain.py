"""What goes through the pipe between the grader and a student's program: JSON, and nothing that can run.

Both sides import this file; the student's side has nothing else of this folder. Numbers, texts, lists,
tuples, dicts, arrays, tensors, torch generators and simple networks have a plain form. Any other thing that
can be called becomes a number by which its side knows it.
"""

import base64
import json
import math
import struct
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

MOST_BYTES = 40_000_000  # of one message: weights of 20 MB, as text; JSON takes twenty times that in memory
DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64, torch.complex128,
        torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64,
    )
}  # fmt: skip
ACTIVATIONS = {
    name: getattr(nn, name)
    for name in (
        "ReLU",
        "LeakyReLU",
        "ELU",
        "GELU",
        "SiLU",
        "Tanh",
        "Sigmoid",
        "Softplus",
        "Identity",
        "Flatten",
    )
}


class NotPlain(ValueError):
    """A value without a plain form, or a message that is none; one sentence."""


def encode(value: Any, tensors: list[Tensor], others: list[Any]) -> Any:
    """The plain form. Tensors on the way are appended to ``tensors``; generators and whatever can only be
    called, to ``others``."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, np.generic):
        return encode(value.item(), tensors, others)
    if isinstance(value, int | float):
        return float(value) if isinstance(value, float) or abs(value) >= 2**63 else int(value)
    if isinstance(value, complex):
        return {"complex": [value.real, value.imag]}
    if isinstance(value, Tensor):
        tensors.append(value)
        return {"tensor": raw(value), "grad": value.requires_grad}
    if isinstance(value, np.ndarray):
        try:
            return {"array": raw(torch.from_numpy(np.ascontiguousarray(value)).reshape(value.shape))}
        except TypeError:
            raise NotPlain(f"an array of {value.dtype} cannot be handed over") from None
    if isinstance(value, Mapping):
        pairs = [[encode(k, tensors, others), encode(v, tensors, others)] for k, v in value.items()]
        return {"dict": pairs}
    if isinstance(value, tuple | list):
        kind = "tuple" if isinstance(value, tuple) else "list"
        return {kind: [encode(item, tensors, others) for item in value]}
    if isinstance(value, torch.Generator):
        others.append(value)
        return {"generator": raw(value.get_state())}
    if type(value) is nn.Linear:
        return {"linear": [encode(one, tensors, others) for one in (value.weight, value.bias)]}
    if type(value) is nn.Sequential:
        return {"sequential": [encode(one, tensors, others) for one in value]}
    if ACTIVATIONS.get(type(value).__name__) is type(value):
        return {"activation": type(value).__name__}
    if value is Ellipsis:
        return {"ellipsis": None}
    if callable(value):
        others.append(value)
        return {"callable": len(others) - 1}
    raise NotPlain(f"a {type(value).__name__} cannot be handed over; give numbers, tensors, lists or dicts")


def decode(form: Any, tensors: list[Tensor], others: list[Any], callables: Callable[[int], Any]) -> Any:
    """The value of a plain form; ``callables`` says what stands for a thing that is called on the other side.

    NotPlain: the form is damaged.
    """
    if form is None or isinstance(form, bool | int | float | str):
        return form
    if not isinstance(form, dict) or not form:
        raise NotPlain("a message is damaged.")

    def inner(one: Any) -> Any:
        return decode(one, tensors, others, callables)

    kind, content = next(iter(form.items()))
    if kind == "tensor":
        tensors.append(from_raw(content).requires_grad_(form["grad"] is True))
        return tensors[-1]
    if kind == "array":
        return from_raw(content).numpy()
    if kind == "complex":
        return complex(*content)
    if kind == "dict":
        return {inner(key): inner(item) for key, item in content}
    if kind in ("list", "tuple"):
        return {"list": list, "tuple": tuple}[kind](inner(item) for item in content)
    if kind == "generator":
        others.append(torch.Generator())
        others[-1].set_state(from_raw(content))
        return others[-1]
    if kind == "linear":
        weight, bias = (inner(one) for one in content)
        made = nn.Linear(weight.shape[1], weight.shape[0], bias is not None)
        # The tensors themselves, not copies: their gradients are asked for.
        made._parameters.update(weight=weight, bias=bias)
        return made
    if kind == "sequential":
        return nn.Sequential(*(inner(one) for one in content))
    if kind == "activation":
        return ACTIVATIONS[content]()
    if kind == "ellipsis":
        return ...
    if kind == "callable":
        return callables(int(content))
    raise NotPlain(f"a message holds a {kind!r}.")


def raw(tensor: Tensor) -> list:
    """dtype, shape and bytes."""
    flat = tensor.detach().cpu().resolve_conj().resolve_neg().to_dense().reshape(-1)
    flat = torch.empty(len(flat), dtype=flat.dtype).copy_(flat)  # one number may lie there with a stride of 0
    name = str(flat.dtype).removeprefix("torch.")
    if name not in DTYPES:
        raise NotPlain(f"a tensor of {name} cannot be handed over")
    data = flat.view(torch.uint8).numpy().tobytes() if len(flat) else b""
    return [name, list(tensor.shape), base64.b64encode(data).decode()]


def from_raw(content: list) -> Tensor:
    name, shape, text = content
    data = bytearray(base64.b64decode(text, validate=True))
    if not data:
        if math.prod(shape):
            raise NotPlain("a message is damaged.")
        return torch.zeros(shape, dtype=DTYPES[name])
    return torch.frombuffer(data, dtype=DTYPES[name]).reshape(shape)


def pack(message: Mapping) -> bytes:
    """A message as bytes, its length first."""
    data = json.dumps(message).encode()
    if len(data) > MOST_BYTES:
        raise NotPlain(f"{len(data) / 1e6:.0f} MB are too much.")
    return struct.pack(">Q", len(data)) + data


def read(receive: Callable[[int], bytes]) -> dict:
    """The next message; ``receive(n)`` gives exactly n bytes. NotPlain: it is none."""
    (length,) = struct.unpack(">Q", receive(8))
    if length > MOST_BYTES:
        raise NotPlain(f"{length / 1e6:.0f} MB are too much.")
    try:
        message = json.loads(receive(length))
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        raise NotPlain("a message is damaged.")
    return message
