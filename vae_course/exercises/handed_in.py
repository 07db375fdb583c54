"""What the assignments share: the student's own draws, and how the form of what is handed in is checked.

Nothing here knows an answer. Marks are given later, by the lecturer, from the functions, numbers and files.
"""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vae_course.randomness import base_seeded, seeded
from vae_course.teaching.exercise import CONTRACT, CORRECT, NOT_ANSWERED, Exercise, Verdict
from vae_course.teaching.grading import ContractBroken, contract_problem

IN_ORDER = "In order, as far as can be seen here. It is marked after you hand in."
LARGEST = 20_000_000  # bytes of a file
ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU, "tanh": nn.Tanh}


class Bad(ContractBroken):
    """Something handed in that cannot be marked; one sentence."""


def draws_of(assignment: str, student: int, what: str) -> torch.Generator:
    """The generator of a student's draws called ``what``; the base seed of a replication does not move it."""
    if isinstance(student, bool) or not isinstance(student, int) or student < 0:
        raise ValueError(f"STUDENT is {student!r}; write the whole number that your lecturer gave you.")
    with base_seeded(0):
        return seeded(f"{assignment}/{student}/{what}")


def pick(assignment: str, student: int, what: str, choices: tuple) -> Any:
    """One of the choices, the student's own."""
    return choices[int(torch.randint(len(choices), (), generator=draws_of(assignment, student, what)))]


def numbers(*names: str, whole: tuple[str, ...] = ()) -> Callable[[Any], Verdict | None]:
    """The check of a dict of plain finite numbers with these names; those in ``whole`` are counts."""

    def check(answer: Any) -> Verdict | None:
        if not isinstance(answer, Mapping):
            return Verdict(CONTRACT, f"Expected a dict with {', '.join(map(repr, names))}.")
        for name in names:
            if answer.get(name) is None or answer[name] is Ellipsis:
                return Verdict(NOT_ANSWERED, f"Not answered yet: {name!r} is still open.")
            try:
                value = float(answer[name])
            except (TypeError, ValueError, RuntimeError):
                return Verdict(CONTRACT, f"{name!r}: expected a number; got a {type(answer[name]).__name__}.")
            if not math.isfinite(value) or (name in whole and value != int(value)):
                return Verdict(
                    CONTRACT, f"{name!r}: expected a {'whole' if name in whole else 'finite'} number."
                )
        return None

    return check


def file_of(read: Callable[[Mapping], Any]) -> Callable[[Any], Verdict | None]:
    """The check of a file's name: ``read(content)`` raises :class:`Bad` when it cannot be marked."""

    def check(answer: Any) -> Verdict | None:
        if not isinstance(answer, str | Path):
            return Verdict(CONTRACT, "Expected the name of a file, as text.")
        if not Path(answer).is_file():
            return Verdict(NOT_ANSWERED, f"Not answered yet: there is no file {str(answer)!r} here.")
        try:
            read(plain_file(Path(answer)))
        except Bad as bad:
            return Verdict(CONTRACT, f"{answer}: {bad}")
        return None

    return check


def later(identifier: str, title: str, contract: str, stub: str, check: Callable, *hints: str) -> Exercise:
    """A question that is marked after handing in: here only its form and its properties are checked."""

    def grade(answer: Any) -> Verdict:
        return check(answer) or Verdict(CORRECT, IN_ORDER)

    return Exercise(identifier, title, contract, stub, hints or ("Read the contract again.",), grade=grade)


def plain_file(path: Path) -> Mapping:
    """The dict in a file of tensors, numbers and text; no code from it runs."""
    if path.stat().st_size > LARGEST:
        raise Bad(f"more than {LARGEST // 1_000_000} MB; hand in weights alone.")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise Bad("it cannot be read with weights_only=True; save a dict of state dicts.") from error
    if not isinstance(content, Mapping):
        raise Bad(f"it must hold a dict; it holds a {type(content).__name__}.")
    return content


def tensor_in(content: Mapping, name: str, dims: int) -> Tensor:
    """A finite float tensor with so many dimensions."""
    value = content.get(name)
    if not isinstance(value, Tensor) or value.dim() != dims or not value.is_floating_point():
        raise Bad(f"{name!r} must be a float tensor with {dims} dimensions.")
    if value.numel() > LARGEST or not torch.isfinite(value).all():
        raise Bad(f"{name!r} holds NaN, infinity or too many numbers.")
    return value.detach().float()


def with_weights(model: nn.Module, state: object) -> nn.Module:
    """The model with the weights of a state dict, in evaluation mode; Bad when they do not fit."""
    wanted = model.state_dict()
    if not isinstance(state, Mapping) or set(state) != set(wanted):
        raise Bad("a state dict of new_model(...) was expected, with all its names.")
    for name, weight in wanted.items():
        if tensor_in(state, name, weight.dim()).shape != weight.shape:
            raise Bad(f"{name!r} must have shape {tuple(weight.shape)}.")
    model.load_state_dict(dict(state))
    return model.eval()


def stack_in(content: Mapping, name: str, n_in: int | None, n_out: int | None) -> nn.Sequential:
    """Linear layers with the named activation between them, from the state dict of an ``nn.Sequential``."""
    state = content.get(name)
    kind = ACTIVATIONS.get(str(content.get("activation", "relu")))
    if not isinstance(state, Mapping) or kind is None:
        raise Bad(f"it needs a state dict {name!r} and an 'activation' among {', '.join(ACTIVATIONS)}.")
    places = sorted(
        {int(key.partition(".")[0]) for key in state if re.fullmatch(r"\d+\.(weight|bias)", str(key))}
    )
    if len(state) != 2 * len(places) or not 1 <= len(places) <= 8:
        raise Bad(f"{name!r} must be the state dict of an nn.Sequential of linear layers.")
    layers: list[nn.Module] = []
    for place in places:
        weight, bias = (tensor_in(state, f"{place}.{part}", n) for part, n in (("weight", 2), ("bias", 1)))
        n_in = n_in or weight.shape[1]
        if weight.shape != (len(bias), n_in):
            raise Bad(f"layer {place} of {name!r} has shape {tuple(weight.shape)}, and {n_in} come in.")
        layer = nn.Linear(*reversed(weight.shape))
        layer.weight.data, layer.bias.data = weight, bias
        layers += [layer, kind()]
        n_in = len(bias)
    if n_out and n_in != n_out:
        raise Bad(f"{name!r} puts out {n_in} numbers; expected {n_out}.")
    return nn.Sequential(*layers[:-1]).requires_grad_(False)


def formed(
    sample: tuple, form: Any, low: float | None = None, high: float | None = None
) -> Callable[[Callable], Verdict | None]:
    """The check of a function's form: what it returns for ``sample`` must look like ``form``."""

    def check(answer: Callable) -> Verdict | None:
        problem = contract_problem(answer(*copy.deepcopy(sample)), form, low, high)
        return Verdict(CONTRACT, problem[0].upper() + problem[1:]) if problem else None

    return check


def chosen(codes: Sequence, *names: str) -> Callable[[Any], Verdict | None]:
    """The check of a dict with one of the codes for each name; which is right, it does not know."""

    def check(answer: Any) -> Verdict | None:
        if not isinstance(answer, Mapping):
            return Verdict(CONTRACT, f"Expected a dict with {', '.join(map(repr, names))}.")
        for name in names:
            given = answer.get(name)
            if given is None or given is Ellipsis:
                return Verdict(NOT_ANSWERED, f"Not answered yet: {name!r} is still open.")
            if str(given).strip().lower() not in {str(code).lower() for code in codes}:
                allowed = ", ".join(map(str, codes))
                return Verdict(CONTRACT, f"{name!r}: expected one of {allowed}; got {str(given)[:40]!r}.")
        return None

    return check
