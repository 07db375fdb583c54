"""Tests have the same names in the same order in every process, as running them on several cores needs."""

import os
import subprocess
import sys


def test_another_process_collects_the_same_tests(request):
    """In another order of sets, and with another clock."""
    files = sorted({str(item.path) for item in request.session.items})
    environment = {**os.environ, "PYTHONHASHSEED": "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"}
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *files],
        cwd=request.config.rootpath,
        env=environment,
        capture_output=True,
        text=True,
    )
    here = [item.nodeid.partition("@")[0] for item in request.session.items]  # xdist adds the name of a group
    there = ended.stdout.splitlines()
    assert set(here) <= set(there), ended.stdout[-2000:]
    chosen = set(here)
    assert here == [name for name in there if name in chosen]
