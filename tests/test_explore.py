"""The page of explorers without the site: what is served, and one sentence for every mistake."""

import functools
import re
import signal
import socket
import subprocess
import sys
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tools.__main__ import main
from tools.explore import explore, served, write_page
from tools.project import CourseError, Project
from tools.site_play import explorers
from vae_course import cli

PROJECT = Project.here()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explore")
    write_page(PROJECT, folder, explorers(PROJECT), lambda folder: folder.mkdir())
    return folder


def test_every_explorer_of_the_page_has_its_module(folder):
    with served(folder) as address:
        page = urlopen(address, timeout=20).read().decode()
        names = re.findall(r'data-explorer="(\w+)"', page)
        assert names == [explorer.name for explorer in explorers(PROJECT)]
        for name in [*names, "start"]:
            answer = urlopen(f"{address}play/{name}.js", timeout=20)
            assert answer.headers["Content-Type"] == "text/javascript"
            for imported in re.findall(r'from "\./(\w+\.js)"', answer.read().decode()):
                assert urlopen(f"{address}play/{imported}", timeout=20).status == 200
        with pytest.raises(HTTPError):
            urlopen(f"{address}../pyproject.toml", timeout=20)


def test_no_other_machine_is_asked(folder):
    for path in [folder / "index.html", *(folder / "play").glob("*.*")]:
        text = path.read_text(encoding="utf-8")
        found = set(re.findall(r"https?://[^\s\"'`)]+", text)) - {"http://www.w3.org/2000/svg"}
        assert not found, path


def test_an_unknown_explorer_and_a_taken_port_get_a_sentence(capsys):
    with pytest.raises(CourseError, match=r"There is no explorer betak; there are pad, beta-k, "):
        explore(PROJECT, "betak", browse=False)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(CourseError, match=f"Port {port} cannot be had; give another"),
            served(PROJECT.root, port),
        ):
            pass
    assert main(["explore", "betak"]) == 1
    assert "there are pad, beta-k" in capsys.readouterr().err


def test_the_command_serves_until_it_is_interrupted():
    command = [sys.executable, "-m", "tools", "explore", "beta_k", "--no-browser"]
    listen = functools.partial(
        signal.signal, signal.SIGINT, signal.SIG_DFL
    )  # a test run in the background does not
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=PROJECT.root, preexec_fn=listen
    ) as process:
        try:
            line = process.stdout.readline()
            address = re.match(r"(http://127\.0\.0\.1:\d+/)#beta-k: explorers of pad, beta-k", line)[1]
            weights = urlopen(f"{address}play/weights/one_model_digits.bin", timeout=20)
            assert weights.status == 200
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
        finally:
            process.kill()


def test_the_package_s_command_line_opens_the_checkout_s_explorers(capfd, monkeypatch, tmp_path):
    assert cli.main(["explore", "betak", "--no-browser"]) == 1
    assert "There is no explorer betak; there are pad, beta-k" in capfd.readouterr().err
    monkeypatch.setattr(cli.course, "__file__", str(tmp_path / "vae_course" / "__init__.py"))
    assert cli.main(["explore"]) == 2
    assert "the explorers come with a checkout" in capfd.readouterr().err
