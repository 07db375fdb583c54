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


# What takes longest on two cores, longest first: begun last, it would keep one core idle at the end.
LONGEST = (
    "test_classroom_apart", "test_course_execute", "test_weights", "test_site_browser", "test_devices",
    "test_sweep_jobs", "test_distributed", "test_classroom_assignments", "test_cli_train", "test_browser_lab",
    "test_browser_beta_latent", "test_site_pdf", "test_replicate", "test_stand_in_device",
    "test_widgets_chapters",
)  # fmt: skip


def pytest_collection_modifyitems(items):
    """The longest files come first; `make test` gives each process whole files, in this order."""
    place = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.stem, len(LONGEST)))


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
def whole_site(tmp_path_factory) -> Path:
    """The course's site, built once from all notebooks; a warning of Sphinx would be an error."""
    from tools import site
    from tools.project import CourseError, Project

    try:
        site.require()
    except CourseError as missing:
        pytest.skip(str(missing))
    return site.build(Project.here(), tmp_path_factory.mktemp("site") / "site")
