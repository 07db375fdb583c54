"""Measurements of speed and memory, and the record."""
