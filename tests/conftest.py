"""Fixtures shared by all tests."""

import os
import socket
from pathlib import Path

import pytest
import torch
from failing_server import LocalServer
from hypothesis import settings

# The same examples in every run: a test that passes here passes elsewhere. HYPOTHESIS_PROFILE=search looks
# for new ones; a failure that it finds is then written down as a test of its own.
settings.register_profile("repeat", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeat"))


@pytest.fixture
def data_root() -> Path:
    """The folder of real data sets, or a skip where there is none."""
    root = os.environ.get("VAE_COURSE_DATA")
    if not root or not Path(root).is_dir():
        pytest.skip("needs real data: set VAE_COURSE_DATA to a folder with MNIST/raw and the others")
    return Path(root)


@pytest.fixture
def server(monkeypatch):
    """A local server for downloads, working until told otherwise."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with LocalServer() as running:
        yield running


@pytest.fixture
def dead_url():
    """An address where nobody listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{unused.getsockname()[1]}/"


@pytest.fixture(autouse=True)
def matrix_products_as_before():
    """Commands may choose torch's arithmetic for their process; a test leaves it as it found it."""
    before = torch.get_float32_matmul_precision()
    yield
    torch.set_float32_matmul_precision(before)
