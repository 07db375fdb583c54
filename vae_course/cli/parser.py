"""From the words of a command line to its settings."""

from __future__ import annotations

import argparse
import re
import shutil
from collections.abc import Sequence
from typing import NoReturn

from vae_course.cli import (
    collect,
    evaluate,
    interpolate,
    sample,
    sweep,
    train,
    train_classifier,
    train_one_model,
)
from vae_course.cli.options import UsageError, suggestion
from vae_course.cli.shared import PROGRAM

_NEGATIVE = re.compile(r"-(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
COMMANDS = {
    "train": train,
    "evaluate": evaluate,
    "sample": sample,
    "interpolate": interpolate,
    "train-classifier": train_classifier,
    "sweep": sweep,
    "train-one-model": train_one_model,
    "collect": collect,
}


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one sentence, without a page of usage in front of it."""

    def error(self, message: str) -> NoReturn:
        message = message.removeprefix("argument ").replace("expected one argument", "its value is missing")
        raise UsageError(message if message.endswith(".") or "?" in message else f"{message}.")


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Keeps the line breaks of descriptions and gives the names of options room."""

    def __init__(self, prog: str, **more: object) -> None:
        width = min(100, shutil.get_terminal_size().columns - 2)
        super().__init__(prog, **{**more, "max_help_position": 30, "width": width})
        self._action_max_length = 22  # argparse forgets to count the indent of commands


def build_parser() -> tuple[Parser, dict[str, Parser]]:
    """The parser and, by name, that of each command."""
    parser = Parser(
        prog=PROGRAM,
        formatter_class=HelpFormatter,
        description="Train and examine variational autoencoders without a notebook.",
        epilog="`train --help` explains a command and all of its options, with an example.\n"
        "Losses are in nats per example. Options may be spelled with - or with _.",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", metavar="command", title="commands")
    by_name = {}
    for name, module in COMMANDS.items():
        own = commands.add_parser(
            name,
            help=module.SUMMARY,
            usage=f"{PROGRAM} {name} [options]",
            formatter_class=HelpFormatter,
            allow_abbrev=False,
        )
        module.describe(own)
        by_name[name] = own
    return parser, by_name


def parse(argv: Sequence[str], defaults: dict | None = None) -> argparse.Namespace:
    """Read the command line; ``defaults`` replace those of the command. Raises UsageError."""
    parser, by_name = build_parser()
    argv = _tidy(argv)
    name = argv[0] if argv and not argv[0].startswith("-") else None
    if name is not None and name not in by_name:
        guess = suggestion(name, tuple(by_name)) or f"; the commands are {', '.join(by_name)}."
        raise UsageError(f"there is no command {name}{guess}")
    if defaults and name:
        by_name[name].set_defaults(**defaults)
    arguments, unknown = parser.parse_known_args(argv)
    if unknown:
        own = by_name.get(arguments.command, parser)
        known = [option for action in own._actions for option in action.option_strings]
        guess = unknown[0].startswith("-") and suggestion(unknown[0], known)
        guess = guess or "; --help lists the options."
        raise UsageError(f"{unknown[0]} is not understood{guess}")
    return arguments


def _tidy(argv: Sequence[str]) -> list[str]:
    """--latent_dim 2 becomes --latent-dim 2, and --beta -1e-3, for argparse two options, one word."""
    words: list[str] = []
    for word in argv:
        previous = words[-1] if words else ""
        if previous.startswith("--") and "=" not in previous and _NEGATIVE.fullmatch(word):
            words[-1] += f"={word}"
        elif word.startswith("--"):
            name, equals, value = word.partition("=")
            words.append(name.replace("_", "-") + equals + value)
        else:
            words.append(word)
    return words
