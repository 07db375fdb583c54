"""The student's side of the pipe: runs the cells of a notebook, then calls what they define.

Started by `apart.Process` under limits, with the package from a known copy and none of the references. All
of it is in the student's hands once the cells have run: what it says is an answer, and no more.
"""

import os
import resource
import shutil
import signal
import sys
import traceback
from collections import OrderedDict

REMEMBERED = 64  # calls whose gradients can still be asked for
WORDS = 400  # characters of an exception's text


def limit(limits: dict[str, int], user: int | None) -> None:
    """Take on the limits, and the rights of an unused account where we have those of the administrator."""
    if user is not None:
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
    for name, most in limits.items():
        which = getattr(resource, f"RLIMIT_{name}", None)
        if which is not None:
            _, hard = resource.getrlimit(which)
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            try:
                resource.setrlimit(which, (most, most))
            except (ValueError, OSError):  # macOS has no limit of the address space
                pass


def main(
    package: str, handed_in: str, scratch: str, limits: dict[str, int], user: int | None, alone: bool
) -> None:
    # Own ends of the pipe; what a student prints goes nowhere.
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for place in (0, 1, 2):
        os.dup2(nothing, place)
    limit(limits, user)
    # At the end: nothing that lies beside the notebook may hide a library.
    shutil.copytree(handed_in, scratch, dirs_exist_ok=True, copy_function=shutil.copyfile)
    os.chdir(scratch)
    sys.path.insert(0, package)
    sys.path.append(scratch)
    import plain
    import torch

    torch.set_num_threads(1)
    side, me = Side(), os.getpid()
    while True:
        request = plain.read(lambda n: _exactly(requests, n))
        number = request.pop("number")
        try:
            reply = plain.pack({**side.answer(request), "number": number})
        except BaseException as error:  # SystemExit, KeyboardInterrupt and what a student makes of them
            reply = plain.pack({"raised": _told(error), "number": number})
        if os.getpid() != me:
            os._exit(0)  # a copy that the student's code made: one answer is enough
        if alone:
            _sweep()
        answers.write(reply)
        answers.flush()


def _sweep() -> None:
    """End what the student's code left running: a fork bomb must not slow the next question."""
    try:
        os.waitpid(-1, os.WNOHANG)
        os.kill(-1, signal.SIGKILL)  # all of this sandbox or account, but not the caller
    except OSError:  # no children, or none alive
        pass


def _exactly(stream, length: int) -> bytes:
    data = stream.read(length)
    if len(data) < length:
        os._exit(0)  # the grader has gone
    return data


class Side:
    """Names, functions and last calls of one student's program."""

    def __init__(self) -> None:
        from IPython.core.interactiveshell import InteractiveShell

        self.shell = InteractiveShell.instance()
        self.shell.history_manager.enabled = False
        self.things: list = []  # that can only be called, by their numbers
        self.calls: OrderedDict[int, tuple[list, list]] = OrderedDict()

    def answer(self, request: dict) -> dict:
        return getattr(self, request.pop("do"))(**request)

    def run(self, cell: str, seconds: float = 0) -> dict:
        """Execute a cell as a notebook does; what it raises is told, and stops nothing. After its seconds it
        is interrupted: a student's own cell that trains must not cost the questions that do not need it."""

        def stop(*_: object) -> None:
            raise TimeoutError(f"this cell was interrupted after {seconds:.0f} s")

        signal.signal(signal.SIGALRM, stop)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            result = self.shell.run_cell(cell, silent=True)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        error = result.error_before_exec or result.error_in_exec
        return {"raised": _told(error)} if error else {}

    def look(self, name: str) -> dict:
        """The value of a name."""
        return self._result(self.shell.user_ns.get(name))

    def weights(self, file: str) -> dict:
        import torch

        return self._result(torch.load(file, map_location="cpu", weights_only=True))

    def call(self, thing, form: list, states: list, dtype: str, grad: bool) -> dict:
        """Call a function, and tell its result and what became of its arguments and of torch's state."""
        import random

        import numpy as np
        import plain
        import torch

        tensors, others = [], []
        arguments, named = plain.decode(form, tensors, others, lambda number: self.things[number])
        before = [tensor.detach().clone() for tensor in tensors]
        torch.set_rng_state(plain.from_raw(states[0]))
        np.random.seed(states[1])
        random.seed(states[1])
        torch.set_default_dtype(plain.DTYPES[dtype])
        function = self.things[thing] if isinstance(thing, int) else self.shell.user_ns[thing]
        with torch.set_grad_enabled(grad):
            result = function(*arguments, **named)
        reply = self._result(result, tensors)
        reply["states"] = plain.raw(torch.get_rng_state())
        reply["dtype"] = str(torch.get_default_dtype()).removeprefix("torch.")
        torch.set_default_dtype(torch.float32)
        reply["generators"] = [plain.raw(g.get_state()) for g in others if isinstance(g, torch.Generator)]
        pairs = enumerate(zip(before, tensors, strict=True))
        reply["changed"] = {
            i: plain.raw(new)
            for i, (old, new) in pairs
            if new.shape != old.shape or not torch.equal(old.nan_to_num(), new.detach().nan_to_num())
        }
        return reply

    def pull(self, call: int, cotangents: list) -> dict:
        """Vector–Jacobian products of an earlier call, for each tensor among its arguments."""
        import plain
        import torch

        inputs, outputs = self.calls[call]
        wanted = [tensor for tensor in inputs if tensor.requires_grad]
        vectors = [plain.from_raw(one) for one in cotangents]
        found = iter(torch.autograd.grad(outputs, wanted, vectors, retain_graph=True, allow_unused=True))
        gradients = [next(found) if tensor.requires_grad else None for tensor in inputs]
        return {"gradients": [None if one is None else plain.raw(one) for one in gradients]}

    def _result(self, value, inputs=()) -> dict:
        import plain

        tensors, others = [], []
        form = plain.encode(value, tensors, others)
        first = len(self.things)
        self.things += others
        number = len(self.calls) and next(reversed(self.calls)) + 1
        self.calls[number] = (list(inputs), [tensor for tensor in tensors if tensor.requires_grad])
        while len(self.calls) > REMEMBERED:
            self.calls.popitem(last=False)
        return {"result": form, "first": first, "call": number}


def _told(error: BaseException) -> list:
    """Kind, text, the student's own line, and whether the function called raised it itself."""
    try:
        text = " ".join(str(error).split())[:WORDS]
    except BaseException:
        text = "its message cannot be shown"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "ipython-input" in frame.filename or "ipykernel" in frame.filename]
    line = f"line {own[-1].lineno}: {own[-1].line}"[:120] if own else ""
    return [type(error).__name__[:60], text, line, bool(own) and own[-1] is frames[-1]]


if __name__ == "__main__":
    import json

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    main(**json.loads(sys.argv[1]))
