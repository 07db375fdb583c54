"""The command line, ``python -m vae_course``: train, evaluate, sample and interpolate without a notebook."""

from vae_course.cli.entry import main

__all__ = ["main"]
