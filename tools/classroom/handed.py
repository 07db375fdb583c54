"""What a hidden test sees of a submission: values, and stand-ins for functions of another process."""

import builtins
import random
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from tools.classroom import plain
from tools.classroom.apart import ALL_CELLS, INTERRUPTED, LONGEST_CELL, ONE_CALL, Gone, Process
from vae_course.teaching.grading import ContractBroken

MOST_STARTS = 4  # of one submission: a program that ends again and again is not started for ever


class Handed:
    """One submission under grading.

    Args:
        cells: the code cells that grading runs, in order.
        folder: what was handed in beside the notebook.
        number: the student's own, from which the data and questions of his own are drawn.
        seconds: for all cells together.

    ``seed``, of hidden cases and hidden data, is set anew for each question; ``raised`` holds each
    cell that stopped with an exception, and what it said.
    """

    def __init__(self, cells: list[str], folder: Path, number: int = 0, seconds: float = ALL_CELLS) -> None:
        self.cells, self.folder, self.number, self.seconds = cells, folder, number, seconds
        self.seed, self.starts, self.stopped = 0, 0, ""
        self.calls, self.raised = 0, []
        self._process: Process | None = None
        self._twin: Handed | None = None

    alive = property(lambda self: self._process is not None)

    def answer(self, name: str) -> Any:
        """What the notebook defines under a name (None if nothing): plain data, or a function's stand-in."""
        return self._value(self._ask({"do": "look", "name": name}), name)

    def weights(self, file: str = "weights.pt") -> dict[str, Any]:
        """What `torch.save` wrote beside the notebook: tensors, numbers and texts in a dict, maybe nested.
        It is loaded in the other process, where no pickled object comes to life either.

        ContractBroken: there is no such file, or it holds something else.
        """
        try:
            found = self._value(self._ask({"do": "weights", "file": file}))
        except Exception:
            found = None
        if not isinstance(found, dict):
            raise ContractBroken(f"{file} is missing or holds no dict of tensors, numbers and texts.")
        return found

    def apart(self) -> "Handed":
        """The same submission in a second process that shares nothing with this one."""
        if self._twin is None:
            self._twin = Handed(self.cells, self.folder, self.number, self.seconds)
        return self._twin

    def close(self) -> None:
        """End its processes; the next question starts them anew."""
        for one in (self._process, self._twin):
            if one is not None:
                one.close()
        self._process = self._twin = None

    def _ask(self, request: dict, seconds: float = ONE_CALL) -> dict:
        if self._process is None:
            self._process = self._started()
        try:
            return self._process.ask(request, seconds)
        except Gone:
            self._process = None
            raise

    def _started(self) -> Process:
        if self.starts == MOST_STARTS:
            self.stopped = "Your code ended the program too often; this question was not tried any more."
        if self.stopped:
            raise Gone(self.stopped)
        self.starts += 1
        process, left, self.raised = Process(self.folder), self.seconds, []
        try:
            for number, cell in enumerate(self.cells, start=1):
                begun = time.monotonic()
                request = {"do": "run", "cell": cell, "seconds": min(INTERRUPTED, left / 3)}
                told = process.ask(request, min(LONGEST_CELL, left)).get("raised")
                left = max(1.0, left - (time.monotonic() - begun))
                if told:
                    kind, where = type(error := _error(told)).__name__, f"code cell {number}"
                    self.raised.append((cell, f"{where} stops with {kind}: {error}"))
        except Gone as gone:
            first = next(iter(cell.strip().splitlines()), "")
            self.stopped = f"The notebook stops at code cell {number} ({first[:60]!r}): {gone}"
            raise Gone(self.stopped) from None
        return process

    def _value(self, reply: dict, name: str | None = None, outputs: list[Tensor] | None = None) -> Any:
        if reply.get("raised"):
            raise _error(reply["raised"])
        try:
            first = int(reply["first"])
            if name is not None and reply["result"] == {"callable": 0}:
                return Function(self, name)  # by its name it is found again after a new start
            tensors = [] if outputs is None else outputs
            return plain.decode(reply["result"], tensors, [], lambda number: Function(self, first + number))
        except (KeyError, TypeError, ValueError, RuntimeError, OverflowError, RecursionError) as error:
            raise Gone(f"Your code handed over nonsense ({type(error).__name__}).") from None


class Function:
    """Stands for a student's function: takes and gives plain data, and lets gradients pass."""

    def __init__(self, handed: Handed, thing: str | int) -> None:
        self.handed, self.thing = handed, thing
        self.__name__ = str(thing)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        inputs: list[Tensor] = []
        box = {"others": []}
        box["form"] = plain.encode([list(arguments), named], inputs, box["others"])
        if any(callable(one) for one in box["others"]):
            raise TypeError("A function cannot be handed to a student's function; give a network or data.")
        box["inputs"] = inputs
        flat = _Call.apply(box, self, *inputs)
        given = iter(flat)
        return _with(box["value"], {id(old): next(given) for old in box["outputs"]})

    def ask(self, box: dict) -> None:
        """Do the call; what it changed of arguments and random states is changed here, too."""
        self.handed.calls += 1
        other = hash((random.getstate(), self.handed.calls)) % 2**32
        states = [plain.raw(torch.get_rng_state()), other]
        dtype = str(torch.get_default_dtype()).removeprefix("torch.")
        request = {"do": "call", "thing": self.thing, "form": box["form"], "states": states, "dtype": dtype}
        reply = self.handed._ask({**request, "grad": box["grad"]})
        tensors: list[Tensor] = []
        box["value"] = self.handed._value(reply, outputs=tensors)
        box["outputs"] = [one for one in tensors if one.requires_grad]
        for one in box["outputs"]:
            one.requires_grad_(False)
        try:
            box["call"] = int(reply["call"])
            torch.set_rng_state(plain.from_raw(reply["states"]))
            torch.set_default_dtype(plain.DTYPES[reply["dtype"]])
            for generator, state in zip(box["others"], reply["generators"], strict=False):
                generator.set_state(plain.from_raw(state))
            with torch.no_grad():
                for place, value in reply["changed"].items():
                    box["inputs"][int(place)].copy_(plain.from_raw(value))
        except Exception as error:
            raise Gone(f"Your code handed over nonsense ({type(error).__name__}).") from None


class _Call(torch.autograd.Function):
    """One call as a step of autograd: backward asks the other process for vector–Jacobian products."""

    @staticmethod
    def forward(ctx, box: dict, function: Function, *inputs: Tensor) -> tuple[Tensor, ...]:
        box["grad"] = any(one.requires_grad for one in inputs)
        function.ask(box)
        ctx.box, ctx.function = box, function
        return tuple(box["outputs"])

    @staticmethod
    @once_differentiable
    def backward(ctx, *cotangents: Tensor) -> tuple:
        request = {
            "do": "pull",
            "call": ctx.box["call"],
            "cotangents": [plain.raw(one) for one in cotangents],
        }
        reply = ctx.function.handed._ask(request)
        if reply.get("raised"):
            raise _error(reply["raised"])
        try:
            found = [None if one is None else plain.from_raw(one) for one in reply["gradients"]]
        except (KeyError, TypeError, ValueError, RuntimeError):
            raise Gone("Your code handed over nonsense.") from None
        return None, None, *found


def _with(value: Any, changed: dict[int, Tensor]) -> Any:
    """``value`` with tensors exchanged for those that autograd knows."""
    if isinstance(value, Tensor):
        return changed.get(id(value), value)
    if isinstance(value, dict):
        return {key: _with(item, changed) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(_with(item, changed) for item in value)
    return value


def _error(told: Any) -> Exception:
    """The exception that was raised over there, as far as a name and a text can be one."""
    try:
        kind, text, line, own = told
        kind, text, line = str(kind)[:60], str(text), str(line)[:120]
    except (TypeError, ValueError):
        raise Gone("Your code handed over nonsense.") from None
    found = getattr(builtins, kind, None)
    if not (isinstance(found, type) and issubclass(found, Exception)):
        found = type(kind if kind.isidentifier() else "Exception", (Exception,), {})
    try:
        error = found(text)
    except Exception:  # UnicodeDecodeError wants five things
        error = Exception(f"{kind}: {text}")
    error.where, error.own = line, own is True
    return error
