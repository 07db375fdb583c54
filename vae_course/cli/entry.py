"""Where the command line begins, and how it ends: the exit code and the last sentence."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import partial

from vae_course.cli.options import UsageError
from vae_course.cli.parser import COMMANDS, build_parser, parse
from vae_course.cli.shared import PROGRAM

FAILED, MISUSED, INTERRUPTED = 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the words after ``python -m vae_course`` (default: those of this process).

    Returns:
        0: done. 1: the data could not be had, training diverged, or a file could not be written. 2: the
        command line is wrong. 130: interrupted. Errors are one sentence on standard error.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without "−" or "±" shows "?" and nothing fails
    if not argv:
        build_parser()[0].print_help()
        return MISUSED
    try:
        arguments = parse(argv)
        return _run(arguments, argv)
    except UsageError as error:
        known = argv[0] in COMMANDS
        return _end(MISUSED, argv, f"{error}" + ("" if known else f" See {PROGRAM} --help."))
    except SystemExit as end:  # argparse, after --help
        return int(end.code or 0)
    except KeyboardInterrupt as interruption:
        return _end(INTERRUPTED, argv, str(interruption) or "interrupted; nothing was written.")


def _run(arguments, argv: Sequence[str]) -> int:
    from vae_course.data.images import DataError
    from vae_course.training import distributed as processes
    
    from vae_course.training.loop import TrainingDiverged

    if processes.started() > 1 and arguments.command != "train":
        raise UsageError(f"torchrun shares one training run among processes; run {argv[0]} without it.")
    try:
        COMMANDS[arguments.command].run(arguments, partial(parse, argv))
    except (DataError, TrainingDiverged, CompilationFailed, processes.ProcessLost) as error:
        return _end(FAILED, argv, str(error))
    except OSError as error:
        return _end(
            FAILED, argv, f"{error.filename or 'a file'} cannot be written or read: {error.strerror}."
        )
    return 0


def _end(code: int, argv: Sequence[str], sentence: str) -> int:
    name = f"{PROGRAM} {argv[0]}" if argv[0] in COMMANDS else PROGRAM
    # What is wrong with the command is wrong in every process that torchrun started: one of them says so.
    if code == FAILED or os.environ.get("LOCAL_RANK", "0") == "0":
        print(f"{name}: {sentence}", file=sys.stderr)
    return code
