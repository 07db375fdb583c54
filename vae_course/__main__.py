"""``python -m vae_course``."""

from vae_course.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
