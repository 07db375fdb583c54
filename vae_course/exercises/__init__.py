"""The exercises' content: one file for each chapter and assignment."""
