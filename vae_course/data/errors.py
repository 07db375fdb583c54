"""The one error of the data layer, and the sentence that names the way around it."""

from __future__ import annotations

OFFLINE_ALTERNATIVE = 'load("digits") needs no files and no network'
OFFLINE_PICTURES = 'load("faces_synthetic") needs no files and no network'


class DataError(RuntimeError):
    """Data that cannot be loaded: one sentence saying what is wrong, what was expected and what to do."""
