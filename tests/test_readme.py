"""What the README tells people to type works."""

import re
from pathlib import Path

import torch
from PIL import Image

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_script_runs_and_prints_nats_with_an_error(capsys):
    script, _ = blocks("python")
    assert len([line for line in script.splitlines() if line]) == 5
    with torch.random.fork_rng():
        exec(script.replace("epochs=20", "epochs=1, progress=False"), {})
    value, error = capsys.readouterr().out.split(" ± ")
    assert 90 < float(value) < 250 and float(error) < 10


def test_own_pictures_become_three_parts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("pictures").mkdir()
    for value in range(20):
        Image.new("L", (16, 16), value).save(f"pictures/{value:02}.png")
    found = {}
    exec(blocks("python")[1], found)
    parts = [found[name] for name in ("train", "validation", "test")]
    assert [(part.split, len(part), part.shape) for part in parts] == [
        ("train", 16, (1, 28, 28)),
        ("validation", 2, (1, 28, 28)),
        ("test", 2, (1, 28, 28)),
    ]
    shades = [int(image.max()) for part in parts for image in part.images]
    assert sorted(shades) == list(range(20))
