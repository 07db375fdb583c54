"""The course's own tooling: notebooks from their sources, execution, normalization, checks and tables.

It works in a checkout of the repository, through ``python -m vae_course.course`` or the Makefile. The
course's readers need none of it.
"""
