"""Own pictures on the command line: a file instead of a data set's name.

A run remembers a name that is made of the file's name and content, never where the file lies: whoever goes on
with it gives the file again, and another file is noticed.
"""

from __future__ import annotations

import argparse

from vae_course.cli.options import UsageError, add
from vae_course.cli.shared import DATASETS


def add_images(group: argparse._ActionsContainer) -> None:
    text = ".npy file of own images, uint8 (N, H, W) or (N, C, H, W), instead of --dataset"
    add(group, "--images", text, shown="none", metavar="FILE")


def check_one_source(arguments: argparse.Namespace) -> None:
    """Raise UsageError where both a file and a data set were asked for."""
    if arguments.images and arguments.dataset:
        raise UsageError("--images and --dataset exclude each other; give one of them.")


def learned_from(arguments: argparse.Namespace) -> str:
    """The name of what a new run learns from. Raises UsageError, DataError."""
    check_one_source(arguments)
    if not arguments.images:
        return arguments.dataset or "digits"
    from vae_course.data.own_images import load_own_parts

    return load_own_parts(arguments.images)["train"].name


def check_same_source(arguments: argparse.Namespace, name: str, run: str) -> None:
    """Raise UsageError unless the options give what a run learned from.

    Args:
        arguments: of a run that is resumed; ``images`` is a file or None.
        name: recorded by that run.
        run: where it lies, for the sentence.
    """
    if arguments.images:
        from vae_course.data.own_images import read_own_images

        given, _ = read_own_images(arguments.images)
        if given != name:
            raise UsageError(
                f"--images: the run in {run} learned from {name}, and {arguments.images} is {given}; give "
                "the file that it learned from, or choose another --output for a new run."
            )
    else:
        check_named(name)


def check_named(name: str) -> None:
    """Raise UsageError where ``name`` is that of own pictures, which only their file can bring back."""
    if name not in DATASETS:
        raise UsageError(f"--images is missing: the model learns from own images ({name}); give their file.")
