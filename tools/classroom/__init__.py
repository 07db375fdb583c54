"""Assignments for a class: from one source to a student's notebook, and back with marks."""
