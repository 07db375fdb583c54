"""The command line, ``python -m vae_course``."""

from vae_course.cli.entry import main

__all__ = ["main"]
