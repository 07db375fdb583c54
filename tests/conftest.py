"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest


@pytest.fixture
def data_root() -> Path:
    """The folder of real data sets, or a skip where there is none."""
    root = os.environ.get("VAE_COURSE_DATA")
    if not root or not Path(root).is_dir():
        pytest.skip("needs real data: set VAE_COURSE_DATA to a folder with MNIST/raw and the others")
    return Path(root)
