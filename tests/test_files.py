"""Files are complete or not there, and a line of text fails on no terminal."""

import io
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from vae_course import files
from vae_course.files import say, write_atomically


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_writes_replaces_and_makes_folders(tmp_path):
    path = tmp_path / "a" / "b" / "file.bin"
    write_atomically(path, b"first")
    write_atomically(str(path), b"second")
    assert path.read_bytes() == b"second"
    assert names(tmp_path) == ["file.bin"]


@pytest.mark.parametrize("error", [OSError("no space left"), KeyboardInterrupt()], ids=["disk", "interrupt"])
@pytest.mark.parametrize("moment", ["writing", "renaming"])
def test_a_crash_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, moment, error):
    path = tmp_path / "file.bin"
    write_atomically(path, b"old")

    def crash(*_):
        assert len(list(tmp_path.iterdir())) == 2, "the temporary file must be in the same folder"
        raise error

    if moment == "renaming":
        monkeypatch.setattr(os, "replace", crash)
    else:
        plain = os.fdopen

        class Stream:
            def __init__(self, handle, mode):
                self.stream = plain(handle, mode)

            def __enter__(self):
                return self

            def write(self, content):
                self.stream.write(content[: len(content) // 2])
                self.stream.flush()
                crash()

            def __exit__(self, *_):
                self.stream.close()

        monkeypatch.setattr(files.os, "fdopen", Stream)
    with pytest.raises(type(error)):
        write_atomically(path, b"new content")
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file.bin"]


def test_the_old_file_is_there_until_the_new_one_is_complete(tmp_path, monkeypatch):
    path = tmp_path / "file.bin"
    write_atomically(path, b"old")
    seen = []
    plain = os.replace
    monkeypatch.setattr(
        os, "replace", lambda a, b: seen.append((path.read_bytes(), open(a, "rb").read())) or plain(a, b)
    )
    write_atomically(path, b"new")
    assert seen == [(b"old", b"new")]


@pytest.mark.skipif(os.name != "posix", reason="rights as on Unix")
def test_the_file_has_the_rights_of_an_ordinary_one(tmp_path):
    ordinary, ours = tmp_path / "ordinary", tmp_path / "ours"
    ordinary.write_bytes(b"")
    write_atomically(ours, b"")
    assert stat.S_IMODE(ours.stat().st_mode) == stat.S_IMODE(ordinary.stat().st_mode)


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("utf-8", "−ELBO −3.2 ± 0.1, β = 1"),
        ("cp1252", "-ELBO -3.2 ± 0.1, ? = 1"),
        ("ascii", "-ELBO -3.2 ? 0.1, ? = 1"),
    ],
)
def test_a_line_fails_on_no_terminal(monkeypatch, encoding, shown):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="\n")
    monkeypatch.setattr(sys, "stdout", stream)
    say("−ELBO −3.2 ± 0.1,", "β = 1")
    assert stream.buffer.getvalue() == (shown + "\n").encode(encoding)


def test_training_and_predictions_fail_on_no_terminal():
    """As on Windows, where the output of a script that goes to a file has the encoding of old.

    One that lacks both β and the minus; others are tried in this process, above and for `fit`.
    """
    encoding = "cp1252"
    program = (
        "from vae_course import VAE, fit, load; from vae_course.teaching import predict; "
        "d = load('digits', subset=60); fit(VAE.for_data(d, latent_dim=2, hidden_dims=[4]), d, epochs=1); "
        "predict('Does β matter?', ['−', 'ẑ'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[1],
        env={**os.environ, "PYTHONIOENCODING": encoding},
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    out = done.stdout.decode(encoding)
    assert "epoch 1/1" in out and "ELBO" in out and "matter?" in out
