"""``python -m vae_course``: the command line, see docs/command_line.md."""

from vae_course.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
