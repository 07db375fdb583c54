"""A local server that refuses, breaks off, lies or falls silent, and what a download must do then."""

import contextlib
import socket
import struct
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from unittest import mock

import pytest

from vae_course.data.images import DataError
from vae_course.data.loading import load

# what the server does -> words that the sentence must have
FAILURES = {
    "refuse": "HTTP Error 403: Forbidden",
    "busy": "HTTP Error 503: Service Unavailable",
    "cut": "is not the whole file",
    "reset": "",
    "lie": "is not the whole file",
    "silent": "timed out",
    "page": "it sent a web page instead",
}
PAGE = b"<html><title>Google Drive - Quota exceeded</title></html>"  # its way of saying no
LINGER = "hh" if sys.platform == "win32" else "ii"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        name = self.path.rsplit("/", 1)[-1]
        mode = self.server.modes.get(name, self.server.mode)
        content = self.server.files[name]
        self.server.asked.append(name)
        if mode in ("refuse", "busy"):
            return self.send_error(403 if mode == "refuse" else 503)
        if mode == "page":
            content = PAGE
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if mode == "lie":
            content = content[:-1] + bytes([content[-1] ^ 1])
        elif mode in ("cut", "reset", "silent"):
            content = content[: len(content) // 2]
        self.wfile.write(content)
        self.wfile.flush()
        if mode == "reset":  # closing with this option set sends a reset instead of an orderly end
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(LINGER, 1, 0))
            self.connection.close()
        elif mode == "silent":
            self.server.released.wait(20)
        self.close_connection = True
        return None

    def finish(self):
        with contextlib.suppress(OSError, ValueError):
            super().finish()

    def log_message(self, *arguments):
        pass


class LocalServer(ThreadingHTTPServer):
    """Serves `files` (name to bytes) as `mode` says, or `modes` for single names; notes what was `asked`."""

    daemon_threads = True

    def __init__(self, files=None, mode="work"):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.mode, self.modes, self.asked = files or {}, mode, {}, []
        self.released = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}/"

    def handle_error(self, *arguments):
        pass

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *arguments):
        self.released.set()
        self.shutdown()
        self.server_close()


def patience(failure):
    """A short timeout where the server will fall silent, the ordinary one elsewhere."""
    if failure == "silent":
        return mock.patch("vae_course.data.download.TIMEOUT", 0.5)
    return contextlib.nullcontext()


def files_below(root):
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def refused(name, root, **more):
    """Load, expect one sentence that ends with the way out, without a traceback above it, and return it."""
    with pytest.raises(DataError) as caught:
        load(name, root=root, **more)
    text = str(caught.value)
    assert "\n" not in text and text.endswith("for a whole chapter set OFFLINE = True."), text
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    return text
