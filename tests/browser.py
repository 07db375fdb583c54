"""A headless Chromium driven through its own DevTools protocol, and a JupyterLab server for it to open."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tools.chromium import INSTALL, SWITCHES, find_chromium

__all__ = ["chromium", "find_chromium", "jupyterlab", "needed_chromium"]
MORE = (
    *SWITCHES,
    "--disable-quic",
    "--window-size=1300,1000",
    "--remote-debugging-port=0",
    "--remote-allow-origins=*",
)


def needed_chromium() -> str:
    """Path of the browser; skips the test where one, or what drives it, is missing."""
    pytest.importorskip("websocket", reason="needs websocket-client, which comes with JupyterLab")
    return find_chromium() or pytest.skip(f"needs a browser: {INSTALL}")


@contextmanager
def jupyterlab(folder: Path):
    """A JupyterLab server on a free port that shows `folder`; gives its address, no slash at the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home = folder / ".jupyter-home"
    home.mkdir()
    places = {f"JUPYTER_{name}_DIR": str(home / name.lower()) for name in ("CONFIG", "RUNTIME")}
    environment = os.environ | places | {"JUPYTERLAB_SETTINGS_DIR": str(home), "OMP_NUM_THREADS": "1"}
    environment["JUPYTERLAB_WORKSPACES_DIR"] = str(home)
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.open_browser": False,
        "ServerApp.allow_root": True,
        "ServerApp.root_dir": folder,
        "IdentityProvider.token": "",
        "LabApp.expose_app_in_browser": True,
        "LabApp.collaborative": False,
        "LabApp.news_url": "",
    }
    log = (home / "log.txt").open("wb")
    command = [sys.executable, "-m", "jupyterlab", *(f"--{name}={value}" for name, value in options.items())]
    server = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: answers(f"{address}/api"), 60, "JupyterLab to answer", server)
        yield address
    finally:
        server.terminate()
        with suppress(subprocess.TimeoutExpired):
            server.wait(10)
        server.kill()
        log.close()


def answers(address: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with suppress(OSError), opener.open(address, timeout=5) as response:
        return response.status == 200
    return False


def wait_for(condition, seconds: float, what: str, process: subprocess.Popen | None = None):
    """What `condition()` gives once it is true; AssertionError after `seconds`."""
    end = time.monotonic() + seconds
    while not (result := condition()):
        assert process is None or process.poll() is None, f"while waiting for {what}, the process ended"
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.2)
    return result


class Page:
    """One tab: evaluates JavaScript and presses keys."""

    def __init__(self, socket) -> None:
        self.socket, self.number = socket, 0

    def call(self, method: str, **parameters):
        """One DevTools command; events that arrive meanwhile are dropped."""
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": parameters}))
        while (answer := json.loads(self.socket.recv())).get("id") != self.number:
            pass
        assert "error" not in answer, answer
        return answer["result"]

    def value(self, expression: str):
        """The value of a JavaScript expression; a promise is awaited."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def until(self, expression: str, seconds: float, what: str):
        """Wait until an expression is true, and give its value."""
        return wait_for(lambda: self.value(expression), seconds, what)

    def press(self, key: str, code: int) -> None:
        for kind in ("rawKeyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)


@contextmanager
def chromium(program: str, profile: Path, address: str):
    """A headless browser whose first tab opens `address`; gives its Page."""
    import websocket

    with (profile.parent / "chromium.log").open("wb") as log:
        browser = subprocess.Popen(
            [program, *MORE, f"--user-data-dir={profile}", address], stdout=log, stderr=subprocess.STDOUT
        )
        try:
            port_file = profile / "DevToolsActivePort"
            wait_for(lambda: port_file.is_file() and port_file.read_text().strip(), 30, "Chromium", browser)
            port = port_file.read_text().split()[0]
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

            def first_tab():
                with suppress(OSError), opener.open(f"http://127.0.0.1:{port}/json", timeout=5) as reply:
                    pages = [tab for tab in json.load(reply) if tab["type"] == "page"]
                    return pages and pages[0]["webSocketDebuggerUrl"]

            url = wait_for(first_tab, 30, "the first tab", browser)
            socket = websocket.create_connection(url, timeout=120, http_no_proxy=["127.0.0.1"])
            try:
                yield Page(socket)
            finally:
                socket.close()
        finally:
            browser.terminate()
            with suppress(subprocess.TimeoutExpired):
                browser.wait(10)
            browser.kill()
