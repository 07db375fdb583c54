"""The parameters cell of a chapter: its values are checked at once, before anything is trained."""

import math
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any


class ParameterError(ValueError):
    """A value of the parameters cell cannot be used; the message names it and what it may be."""


def check_parameters(scope: Mapping[str, Any], **rules: Any) -> dict[str, Any]:
    """The chapter's parameters as a dict, if each follows its rule, else a ParameterError names the others.

    >>> parameters = check_parameters(globals(), DATASET=("mnist", "digits"), EPOCHS=1, BETAS=[0.0])

    ``scope`` is ``globals()`` of the notebook, after the parameters cell and what papermill set. A rule is a
    tuple of the allowed values; an int n for a whole number of at least n; a float x for a number above x; a
    bool for True or False; or a list with one of these for a list of at least one such value.
    """
    missing = [name for name in rules if name not in scope]
    if missing:
        raise ParameterError(f"{', '.join(missing)} is not set; run the parameters cell first.")
    wrong = [
        f"{name} is {scope[name]!r}; expected {_words(rule)}."
        for name, rule in rules.items()
        if not _follows(scope[name], rule)
    ]
    if wrong:
        text = any(isinstance(scope[name], str) and not _follows(scope[name], rules[name]) for name in rules)
        after = " (A number must come as a number: papermill's -p, not -r.)" if text else ""
        raise ParameterError("In the parameters cell: " + " ".join(wrong) + after)
    return {name: scope[name] for name in rules}


def _follows(value: Any, rule: Any) -> bool:
    if isinstance(rule, list):
        return isinstance(value, list | tuple) and len(value) > 0 and all(_follows(v, rule[0]) for v in value)
    if isinstance(rule, tuple):
        return any(type(value) is type(allowed) and value == allowed for allowed in rule)
    if isinstance(rule, bool) or isinstance(value, bool):
        return isinstance(rule, bool) and isinstance(value, bool)
    if isinstance(rule, int):
        return isinstance(value, Integral) and value >= rule
    return isinstance(value, Real) and math.isfinite(value) and value > rule


def _words(rule: Any) -> str:
    if isinstance(rule, list):
        return f"a list, each of it {_words(rule[0])}"
    if isinstance(rule, tuple):
        return " or ".join(map(repr, rule))
    if isinstance(rule, bool):
        return "True or False"
    return f"a whole number of at least {rule}" if isinstance(rule, int) else f"a number above {rule:g}"
