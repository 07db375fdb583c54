"""``python -m vae_course``: read the words, do the work, and end with an exit code and a sentence."""

import sys
from collections.abc import Sequence
from functools import partial

from vae_course.cli import COMMANDS, MISUSED, PROGRAM, UsageError, build_parser, finish, parse


def main(words: Sequence[str] | None = None) -> int:
    """Run one command, the words after ``python -m vae_course``; the exit code is that of ``cli.finish``."""
    words = list(sys.argv[1:] if words is None else words)
    if not words:
        build_parser()[0].print_help()
        return MISUSED
    known = words[0] in COMMANDS
    return finish(f"{PROGRAM} {words[0]}" if known else PROGRAM, partial(_run, words, known))


def _run(words: Sequence[str], known: bool) -> None:
    try:
        arguments = parse(words)
    except UsageError as error:
        raise UsageError(f"{error}" + ("" if known else f" See {PROGRAM} --help.")) from None
    # Only now: --help and a misspelled option do not wait for torch.
    from vae_course.cli_runs import RUN
    from vae_course.cli_train import run_train
    from vae_course.training.distributed import started

    if started() > 1 and arguments.command != "train":
        raise UsageError(f"torchrun shares one training run among processes; run {words[0]} without it.")
    {"train": run_train, **RUN}[arguments.command](arguments, partial(parse, words))


if __name__ == "__main__":
    raise SystemExit(main())
