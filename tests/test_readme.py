"""What the README and the page of the command line tell people to type works."""

import re
import shlex
from pathlib import Path

import pytest
import torch
from PIL import Image

from vae_course.cli import parse

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMAND_LINE = (ROOT / "docs" / "command_line.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_readme_is_short():
    assert len(README.encode()) <= 12_000


def test_own_pictures_take_five_lines(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("my_pictures").mkdir()
    shades = torch.arange(60) * 4
    for shade in shades.tolist():
        Image.new("L", (40, 40), shade).save(f"my_pictures/{shade:03}.png")
    (script,) = blocks(README, "python")
    assert len([line for line in script.splitlines() if line]) == 5
    found = {}
    with torch.random.fork_rng():
        exec(script.replace("epochs=50", "epochs=1, progress=False"), found)
    parts = [found[name] for name in ("train", "validation", "test")]
    assert [(part.split, len(part), part.shape) for part in parts] == [
        ("train", 48, (1, 32, 32)),
        ("validation", 6, (1, 32, 32)),
        ("test", 6, (1, 32, 32)),
    ]
    seen = [int(image.max()) for part in parts for image in part.images]
    assert sorted(seen) == shades.tolist()
    value, error = capsys.readouterr().out.splitlines()[-1].split(" ± ")
    assert float(value) > 0 and float(error) > 0


COMMANDS = [
    line
    for block in blocks(COMMAND_LINE, "bash")
    for line in block.replace("\\\n", " ").splitlines()
    if "-m vae_course " in line
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_line_is_understood(command):
    words = shlex.split(command, comments=True)
    words = words[words.index("vae_course") + 1 :]
    assert parse(words).command == words[0]


def test_the_commands_are_all_there():
    found = [shlex.split(command.split("-m vae_course ")[1])[0] for command in COMMANDS]
    assert found == ["train", "evaluate", "sample", "interpolate", "explore", "train", "sweep"]


def test_links_of_the_pages_lead_somewhere():
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:\s]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
